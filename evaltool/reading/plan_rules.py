"""Faults that show only when the plan's tables are read together.

A rule runs as soon as the tables it needs obey their own models, so that its faults are told together with those of
the other tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal

from evaltool.errors import Fault, Place
from evaltool.reading.plan_data_rules import DATA_RULES
from evaltool.reading.plan_faults import known_outcome, order, repeated
from evaltool.reading.plan_money_rules import MONEY_RULES
from evaltool.reading.plan_payment_rules import PAYMENT_RULES
from evaltool.records.plan.evaluation_plan import EvaluationPlan

WEIGHT_TOLERANCE = Decimal("1e-12")
"""Cohort weights may be thirds written with many digits; they must sum to one within this."""


@dataclass(frozen=True, slots=True)
class PlanRule:
    """One rule and the tables that must be valid before it can be judged."""

    needs: frozenset[str]
    faults: Callable[[EvaluationPlan], Iterable[Fault]]


def broken_rules(plan: EvaluationPlan, present: AbstractSet[str]) -> list[Fault]:
    """Every fault of the rules whose tables are all in ``present``; the other tables of ``plan`` are not looked at."""
    rules = [
        *RULES,
        *(PlanRule(frozenset(needs), faults) for needs, faults in (*DATA_RULES, *PAYMENT_RULES, *MONEY_RULES)),
    ]
    return [fault for rule in rules if rule.needs <= present for fault in rule.faults(plan)]


def _shares(plan: EvaluationPlan) -> Iterable[Fault]:
    """Payers' shares sum to exactly one; payers have different names."""
    total = sum((payer.share for payer in plan.parties.authorities), Decimal(0))
    if total != 1:
        yield Fault(
            code="PLAN_SHARES_NOT_ONE",
            cause=f"The authorities' shares sum to {total}, not to 1.",
            fix="Write shares that sum to exactly 1; give the remainder of a third to one authority.",
            place=Place(key="parties.authorities"),
        )
    yield from repeated([payer.name for payer in plan.parties.authorities], "parties.authorities", "name")


def _ids(plan: EvaluationPlan) -> Iterable[Fault]:
    """Outcome ids."""
    return repeated([outcome.id for outcome in plan.outcome], "outcome", "id")


def _cohorts(plan: EvaluationPlan) -> Iterable[Fault]:
    """Cohort ids, entry windows and pooled weights."""
    cohorts = plan.population.cohort
    yield from repeated([cohort.id for cohort in cohorts], "population.cohort", "id")
    for number, cohort in enumerate(cohorts):
        key = f"population.cohort[{number}]"
        yield from order(cohort.entry_from, cohort.entry_to, (f"{key}.entry_from", f"{key}.entry_to"))
    weights = [cohort.weight for cohort in cohorts if cohort.weight is not None]
    if weights and len(weights) < len(cohorts):
        yield Fault(
            code="PLAN_COHORT_WEIGHTS",
            cause=f"{len(weights)} of {len(cohorts)} cohorts have a weight.",
            fix="Give every cohort a weight, or none.",
            place=Place(key="population.cohort"),
        )
    elif weights and abs(sum(weights, Decimal(0)) - 1) > WEIGHT_TOLERANCE:
        yield Fault(
            code="PLAN_COHORT_WEIGHTS",
            cause=f"The cohorts' weights sum to {sum(weights, Decimal(0))}, not to 1.",
            fix=f"Write weights that sum to 1 within {WEIGHT_TOLERANCE}.",
            place=Place(key="population.cohort"),
        )


def _population(plan: EvaluationPlan) -> Iterable[Fault]:
    """Entry window and agreed sizes."""
    people = plan.population
    yield from order(people.entry_from, people.entry_to, ("population.entry_from", "population.entry_to"))
    if people.minimum_n is not None and people.target_n is not None and people.minimum_n > people.target_n:
        yield Fault(
            code="PLAN_MINIMUM_ABOVE_TARGET",
            cause=f"minimum_n ({people.minimum_n}) is larger than target_n ({people.target_n}).",
            fix="The smallest accepted number cannot exceed the agreed number: correct one of the two.",
            place=Place(key="population.minimum_n"),
        )


def _programme(plan: EvaluationPlan) -> Iterable[Fault]:
    """Dates of the contract."""
    return order(plan.programme.start, plan.programme.end, ("programme.start", "programme.end"))


def _windows(plan: EvaluationPlan) -> Iterable[Fault]:
    """Measurement windows, and maturity after them."""
    for number, outcome in enumerate(plan.outcome):
        key = f"outcome[{number}]"
        yield from order(outcome.window_from, outcome.window_to, (f"{key}.window_from", f"{key}.window_to"))
        if outcome.matures_on is not None:
            yield from order(outcome.window_to, outcome.matures_on, (f"{key}.window_to", f"{key}.matures_on"))


def _scale(plan: EvaluationPlan) -> Iterable[Fault]:
    """A relative effect names its denominator; an absolute one has none."""
    estimand = plan.estimand
    if estimand.scale == "relative" and estimand.denominator is None:
        yield Fault(
            code="PLAN_NO_DENOMINATOR",
            cause="A relative effect needs a denominator: a share of what?",
            fix='Add denominator = "counterfactual" or denominator = "baseline".',
            place=Place(key="estimand.scale"),
        )
    if estimand.scale == "absolute" and estimand.denominator is not None:
        yield Fault(
            code="PLAN_NEEDLESS_DENOMINATOR",
            cause="An absolute effect is not divided by anything, yet a denominator is stated.",
            fix='Remove the denominator, or write scale = "relative".',
            place=Place(key="estimand.denominator"),
        )


def _weights(plan: EvaluationPlan) -> Iterable[Fault]:
    """The weights of the estimand are those the data give."""
    columns = plan.columns("weight")
    if plan.estimand.weights == "column" and not columns:
        yield Fault(
            code="PLAN_WEIGHTS_DISAGREE",
            cause="The estimand weighs units by a column, and no data column has the role 'weight'.",
            fix='Declare the column under [[data.column]] with role = "weight", or write weights = "equal".',
            place=Place(key="estimand.weights"),
        )
    if plan.estimand.weights == "equal" and columns:
        yield Fault(
            code="PLAN_WEIGHTS_DISAGREE",
            cause=f"The estimand weighs units equally, and the data column '{columns[0].name}' has the role 'weight'.",
            fix='Write weights = "column", or leave the weight column out of [data].',
            place=Place(key="estimand.weights"),
        )


def _headline(plan: EvaluationPlan) -> Iterable[Fault]:
    """The estimand's outcome exists."""
    return known_outcome(plan, plan.estimand.outcome, "estimand.outcome")


def _gates(plan: EvaluationPlan) -> Iterable[Fault]:
    """A changed default has a reason; a gate is named once."""
    yield from repeated([gate.name for gate in plan.gate], "gate", "name")
    for number, gate in enumerate(plan.gate):
        if (gate.consequence is not None or gate.options) and gate.reason is None:
            changed = "consequence" if gate.consequence is not None else "options"
            yield Fault(
                code="PLAN_OVERRIDE_WITHOUT_REASON",
                cause=f"The gate '{gate.name}' changes a default ({changed}) without saying why.",
                fix='Add reason = "…" (it is printed in the report) and signed_by = "…".',
                place=Place(key=f"gate[{number}]"),
            )


def _sensitivities(plan: EvaluationPlan) -> Iterable[Fault]:
    """Ids of the alternative specifications; ``primary`` is the headline's own name."""
    yield from repeated([one.id for one in plan.sensitivity], "sensitivity", "id")
    for number, one in enumerate(plan.sensitivity):
        if one.id == "primary":
            yield Fault(
                code="PLAN_RESERVED_ID",
                cause="'primary' is the name of the headline specification.",
                fix="Give the sensitivity another id.",
                place=Place(key=f"sensitivity[{number}].id"),
            )


RULES: tuple[PlanRule, ...] = tuple(
    PlanRule(frozenset(needs.split()), faults)
    for needs, faults in (
        ("programme", _programme),
        ("parties", _shares),
        ("population", _population),
        ("population", _cohorts),
        ("outcome", _ids),
        ("outcome", _windows),
        ("estimand", _scale),
        ("estimand data", _weights),
        ("estimand outcome", _headline),
        ("gate", _gates),
        ("sensitivity", _sensitivities),
    )
)
