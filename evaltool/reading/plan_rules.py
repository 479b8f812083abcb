"""Faults that show only when the plan's tables are read together.

A rule runs as soon as the tables it needs obey their own models, so that its faults are told together with those of
the other tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.plan_data_rules import DATA_RULES
from evaltool.records.decision import REASONS
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
        *(PlanRule(frozenset(needs), faults) for needs, faults in DATA_RULES),
    ]
    return [fault for rule in rules if rule.needs <= present for fault in rule.faults(plan)]


def _repeated(values: Sequence[str], table: str, key: str) -> list[Fault]:
    """A fault at every later use of a value that must be unique."""
    seen: Counter[str] = Counter()
    faults: list[Fault] = []
    for number, value in enumerate(values):
        seen[value] += 1
        if seen[value] > 1:
            faults.append(
                Fault(
                    code="PLAN_DUPLICATE_ID",
                    cause=f"'{value}' is used more than once as {key} in [[{table}]].",
                    fix="Give each its own.",
                    place=Place(key=f"{table}[{number}].{key}"),
                )
            )
    return faults


def _order(first: date, last: date, keys: tuple[str, str]) -> list[Fault]:
    """A fault when ``last`` lies before ``first``."""
    if first <= last:
        return []
    return [
        Fault(
            code="PLAN_DATES_REVERSED",
            cause=f"{keys[1]} ({last}) lies before {keys[0]} ({first}).",
            fix="Correct one of the two dates.",
            place=Place(key=keys[1]),
        )
    ]


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
    yield from _repeated([payer.name for payer in plan.parties.authorities], "parties.authorities", "name")


def _ids(plan: EvaluationPlan) -> Iterable[Fault]:
    """Outcome ids."""
    return _repeated([outcome.id for outcome in plan.outcome], "outcome", "id")


def _rule_ids(plan: EvaluationPlan) -> Iterable[Fault]:
    """Payment rule ids."""
    return _repeated([rule.id for rule in plan.payment.rule], "payment.rule", "id")


def _previous(plan: EvaluationPlan) -> Iterable[Fault]:
    """Earlier runs enter once."""
    return _repeated([paid.manifest for paid in plan.payment.previous], "payment.previous", "manifest")


def _cohorts(plan: EvaluationPlan) -> Iterable[Fault]:
    """Cohort ids, entry windows and pooled weights."""
    cohorts = plan.population.cohort
    yield from _repeated([cohort.id for cohort in cohorts], "population.cohort", "id")
    for number, cohort in enumerate(cohorts):
        key = f"population.cohort[{number}]"
        yield from _order(cohort.entry_from, cohort.entry_to, (f"{key}.entry_from", f"{key}.entry_to"))
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
    yield from _order(people.entry_from, people.entry_to, ("population.entry_from", "population.entry_to"))
    if people.minimum_n is not None and people.target_n is not None and people.minimum_n > people.target_n:
        yield Fault(
            code="PLAN_MINIMUM_ABOVE_TARGET",
            cause=f"minimum_n ({people.minimum_n}) is larger than target_n ({people.target_n}).",
            fix="The smallest accepted number cannot exceed the agreed number: correct one of the two.",
            place=Place(key="population.minimum_n"),
        )


def _programme(plan: EvaluationPlan) -> Iterable[Fault]:
    """Dates of the contract."""
    return _order(plan.programme.start, plan.programme.end, ("programme.start", "programme.end"))


def _windows(plan: EvaluationPlan) -> Iterable[Fault]:
    """Measurement windows, and maturity after them."""
    for number, outcome in enumerate(plan.outcome):
        key = f"outcome[{number}]"
        yield from _order(outcome.window_from, outcome.window_to, (f"{key}.window_from", f"{key}.window_to"))
        if outcome.matures_on is not None:
            yield from _order(outcome.window_to, outcome.matures_on, (f"{key}.window_to", f"{key}.matures_on"))


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


def _known_outcome(plan: EvaluationPlan, name: str, key: str) -> list[Fault]:
    """A fault when no ``[[outcome]]`` has this id."""
    known = [outcome.id for outcome in plan.outcome]
    if name in known:
        return []
    return [
        Fault(
            code="PLAN_UNKNOWN_OUTCOME",
            cause=f"No [[outcome]] has the id '{name}'.",
            fix=f"Use one of: {', '.join(known)}.",
            place=Place(key=key),
            suggestion=did_you_mean(name, known),
        )
    ]


def _headline(plan: EvaluationPlan) -> Iterable[Fault]:
    """The estimand's outcome exists."""
    return _known_outcome(plan, plan.estimand.outcome, "estimand.outcome")


def _rules(plan: EvaluationPlan) -> Iterable[Fault]:
    """Every rule pays on an outcome that exists."""
    for number, rule in enumerate(plan.payment.rule):
        for name in rule.outcomes:
            key = "outcome" if name == rule.outcome else "terms"
            yield from _known_outcome(plan, name, f"payment.rule[{number}].{key}")


def _caps(plan: EvaluationPlan) -> Iterable[Fault]:
    """A cap leaves something to pay."""
    stated = [(plan.payment.cap, "payment.cap")]
    stated += [(rule.cap, f"payment.rule[{number}].cap") for number, rule in enumerate(plan.payment.rule)]
    for cap, key in stated:
        if cap is not None and cap < plan.payment.quantum:
            yield Fault(
                code="PLAN_BELOW_QUANTUM",
                cause=f"The cap of {cap} lies below the smallest unit that is paid ({plan.payment.quantum}).",
                fix="Write the cap that was agreed, or leave it out; under this one nothing could ever be paid.",
                place=Place(key=key),
            )


def _gates(plan: EvaluationPlan) -> Iterable[Fault]:
    """A changed default has a reason; a gate is named once."""
    yield from _repeated([gate.name for gate in plan.gate], "gate", "name")
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
    yield from _repeated([one.id for one in plan.sensitivity], "sensitivity", "id")
    for number, one in enumerate(plan.sensitivity):
        if one.id == "primary":
            yield Fault(
                code="PLAN_RESERVED_ID",
                cause="'primary' is the name of the headline specification.",
                fix="Give the sensitivity another id.",
                place=Place(key=f"sensitivity[{number}].id"),
            )


def _fallbacks(plan: EvaluationPlan) -> Iterable[Fault]:
    """Reason codes exist, each is answered once, and every action has what it needs and nothing else."""
    answered: set[str] = set()
    for number, fallback in enumerate(plan.fallback):
        key = f"fallback[{number}]"
        for reason in fallback.on:
            if reason not in REASONS:
                yield Fault(
                    code="PLAN_UNKNOWN_REASON",
                    cause=f"'{reason}' is not a reason code.",
                    fix=f"Use one of: {', '.join(REASONS)}.",
                    place=Place(key=f"{key}.on"),
                    suggestion=did_you_mean(reason, REASONS),
                )
            elif reason in answered:
                yield Fault(
                    code="PLAN_DUPLICATE_FALLBACK",
                    cause=f"The reason code {reason} has more than one fallback.",
                    fix="Keep one answer for each reason code.",
                    place=Place(key=f"{key}.on"),
                )
            answered.add(reason)
        yield from _terms(key, fallback.action, "pay_floor", "amount", fallback.amount is not None)
        yield from _terms(key, fallback.action, "other_estimator", "specification", fallback.specification is not None)


def _terms(key: str, action: str, owner: str, term: str, stated: bool) -> Iterable[Fault]:
    """The term belongs to one action: it must be there with it and not without."""
    if action == owner and not stated:
        yield Fault(
            code="PLAN_FALLBACK_INCOMPLETE",
            cause=f"The fallback '{action}' needs '{term}'.",
            fix=f"Add {term} = ….",
            place=Place(key=key),
        )
    if action != owner and stated:
        yield Fault(
            code="PLAN_FALLBACK_NEEDLESS",
            cause=f"The fallback '{action}' has no use for '{term}'.",
            fix=f'Remove {term}, or write action = "{owner}".',
            place=Place(key=f"{key}.{term}"),
        )


def _fallback_specifications(plan: EvaluationPlan) -> Iterable[Fault]:
    """``other_estimator`` names a pre-registered sensitivity."""
    known = [one.id for one in plan.sensitivity]
    for number, fallback in enumerate(plan.fallback):
        if fallback.specification is not None and fallback.specification not in known:
            yield Fault(
                code="PLAN_UNKNOWN_SPECIFICATION",
                cause=f"No [[sensitivity]] has the id '{fallback.specification}'.",
                fix=f"Use one of: {', '.join(known)}." if known else "Add the [[sensitivity]] that was agreed.",
                place=Place(key=f"fallback[{number}].specification"),
                suggestion=did_you_mean(fallback.specification, known),
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
        ("estimand outcome", _headline),
        ("payment", _rule_ids),
        ("payment", _previous),
        ("payment", _caps),
        ("payment outcome", _rules),
        ("gate", _gates),
        ("sensitivity", _sensitivities),
        ("fallback", _fallbacks),
        ("fallback sensitivity", _fallback_specifications),
    )
)
