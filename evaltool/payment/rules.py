"""Every rule of the contract applied to the estimates of one specification, on one basis (step 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from evaltool.errors import Fault, Place, PlanError
from evaltool.payment.basis import Absent, absent_result
from evaltool.payment.request import DecisionRequest
from evaltool.payment.trace import step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import ALL, PRIMARY, Evidence
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest, Tier
from evaltool.records.options import parse_options
from evaltool.records.plan.payment import Basis, Rule


@dataclass(frozen=True, slots=True)
class Selection:
    """Which figures to decide on: another basis than the rule's (None: the rule's own), another specification."""

    basis: Basis | None = None
    specification: str = PRIMARY


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule, the estimates it was given, its basis and what it triggered."""

    rule: Rule
    basis: Basis
    evidence: tuple[Evidence, ...]
    result: MechanismResult
    continuous: bool = False
    """Whether its mechanism pays along a line."""
    leading: bool = True
    """False for a part of another rule: it pays nothing by itself."""
    compares: bool = True
    """Whether another basis could give another answer; tariffs on verified units and combinations have none."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """What one rule is given."""

    own: tuple[Evidence, ...] = ()
    outcomes: Mapping[str, Evidence] = field(default_factory=dict)
    specifications: Mapping[str, Evidence] = field(default_factory=dict)

    @property
    def everything(self) -> tuple[Evidence, ...]:
        """Each estimate once, in the order given."""
        given = (*self.own, *self.outcomes.values(), *self.specifications.values())
        return tuple({item.key: item for item in given}.values())


def basis_of(rule: Rule, plugin: MechanismPlugin) -> Basis | None:
    """The rule's basis. What is counted or combined stands on the figures as they are: its basis is the point."""
    return "point_estimate" if rule.basis is None and plugin.uses in {"count", "parts"} else rule.basis


def apply_rules(request: DecisionRequest, selection: Selection) -> tuple[RuleOutcome, ...]:
    """What each rule triggers; parts of other rules stand before them.

    Raises PlanError for terms the mechanism refuses, and for rules that are parts of each other in a circle.
    """
    leading = {rule.id for rule in request.plan.payment.leading}
    found: dict[str, RuleOutcome] = {}
    for number, rule in in_order_of_parts(request.plan.payment.rule):
        parts = {name: after_cap(found[name]) for name in rule.parts if name in found}
        found[rule.id] = _apply(request, selection, (number, rule, rule.id in leading), parts)
    return tuple(found.values())


def in_order_of_parts(rules: tuple[Rule, ...]) -> tuple[tuple[int, Rule], ...]:
    """Rules with their number in the plan, every part before the rule that names it, else in the plan's order.

    Raises PlanError (PLAN_RULE_CIRCLE) when rules are parts of each other.
    """
    waiting = dict(enumerate(rules))
    known = {rule.id for rule in rules}
    done: dict[int, Rule] = {}
    while waiting:
        placed = {rule.id for rule in done.values()}
        ready = next((n for n, rule in waiting.items() if {p for p in rule.parts if p in known} <= placed), None)
        if ready is None:
            names = ", ".join(rule.id for rule in waiting.values())
            cause = f"The rules {names} are parts of each other in a circle: none can be computed first."
            fix = "Let a rule name only rules that stand without it."
            raise PlanError(Fault("PLAN_RULE_CIRCLE", cause, fix, Place(key=f"payment.rule[{min(waiting)}].terms")))
        done[ready] = waiting.pop(ready)
    return tuple(done.items())


def after_cap(outcome: RuleOutcome) -> MechanismResult:
    """The rule's result under the rule's own cap."""
    cap, result = outcome.rule.cap, outcome.result
    if cap is None:
        return result
    top = cap if result.maximum is None else min(result.maximum, cap)
    amount = min(result.amount, cap)
    tier: Tier = result.tier if amount == 0 else "full" if amount >= top else "partial"
    update: dict[str, object] = {"amount": amount, "maximum": top, "tier": tier}
    if amount < result.amount:
        kept = {name: part * cap / result.amount for name, part in result.by_payer.items()}
        update |= {"capped": True, "by_payer": kept, "offset": min(result.offset, amount)}
    return result.model_copy(update=update)


def _apply(
    request: DecisionRequest,
    selection: Selection,
    placed: tuple[int, Rule, bool],
    parts: Mapping[str, MechanismResult],
) -> RuleOutcome:
    """One rule, with what its parts triggered."""
    number, rule, leading = placed
    plugin = request.mechanisms(rule.mechanism)
    terms = parse_options(plugin.terms, rule.terms, f"payment.rule[{number}].terms")
    own = basis_of(rule, plugin)
    compares = plugin.uses not in {"count", "parts"}
    basis: Basis = own or "point_estimate"
    if selection.basis is not None and compares:
        basis = selection.basis
    figures = _figures(request, rule, plugin, selection.specification)
    asked = RuleRequest(
        rule=rule,
        terms=terms,
        basis=basis,
        evidence=figures.own,
        cohorts=tuple(cohort.id for cohort in request.plan.population.cohort),
        outcomes=figures.outcomes,
        specifications=figures.specifications,
        covariances=request.covariances_of(rule.subject),
        parts=parts,
        payers=tuple(authority.name for authority in request.plan.parties.authorities),
        as_of=request.as_of,
        pooled_only=request.pooled_only,
    )
    result = _result(asked, plugin, selection, own)
    given = (_start(rule, basis), *(_given(rule, item) for item in figures.everything))
    maximum = plugin.maximum(terms) if result.absent else result.maximum
    whole = result.model_copy(update={"trace": (*given, *result.trace), "maximum": maximum})
    return RuleOutcome(rule, basis, figures.everything, whole, plugin.continuous, leading, compares)


def _result(asked: RuleRequest, plugin: MechanismPlugin, selection: Selection, own: Basis | None) -> MechanismResult:
    """What the mechanism triggers, or why it cannot be computed."""
    rule = asked.rule
    missing = next((name for name in rule.parts if name not in asked.parts), None)
    broken = next((part.absent for part in asked.parts.values() if part.absent is not None), None)
    if own is None:
        return absent_result(asked, Absent("basis_not_stated", rule.id))
    if missing is not None:
        return absent_result(asked, Absent("part_missing", missing))
    if broken is not None:
        return absent_result(asked, Absent(broken, ", ".join(rule.parts)))
    if selection.specification != PRIMARY and rule.outcome is not None and not asked.evidence:
        return absent_result(asked, Absent("specification_missing", selection.specification))
    return plugin.pay(asked)


def _figures(request: DecisionRequest, rule: Rule, plugin: MechanismPlugin, specification: str) -> _Figures:
    """The estimates of the rule's outcomes under one specification, and of the specifications its terms name."""
    if plugin.uses == "parts":
        return _Figures()
    own = () if rule.outcome is None else evidence_for(request, rule, plugin, specification)
    outcomes: dict[str, Evidence] = {}
    for name in rule.outcomes:
        found = _ordered(request, name, specification, per_cohort=False) or _ordered(
            request, name, PRIMARY, per_cohort=False
        )
        outcomes |= {name: found[0]} if found else {}
    named = rule.specifications if specification == PRIMARY else ()
    specifications = {name: _ordered(request, rule.subject, name, per_cohort=False) for name in named}
    return _Figures(own, outcomes, {name: found[0] for name, found in specifications.items() if found})


def evidence_for(
    request: DecisionRequest, rule: Rule, plugin: MechanismPlugin, specification: str
) -> tuple[Evidence, ...]:
    """The estimates of the rule's outcome under one specification.

    One per cohort in the plan's order for cohort mechanisms, else the one of all cohorts (or the only one there
    is). A specification that re-estimates other outcomes only leaves this rule on its primary estimates; one
    that covers fewer cohorts than the primary is absent.
    """
    primary = _ordered(request, rule.subject, PRIMARY, per_cohort=plugin.per_cohort)
    if specification == PRIMARY:
        return primary
    found = _ordered(request, rule.subject, specification, per_cohort=plugin.per_cohort)
    if found:
        return found if len(found) >= len(primary) else ()
    return primary if any(item.key.specification == specification for item in request.evidence) else ()


def _ordered(request: DecisionRequest, outcome: str, specification: str, *, per_cohort: bool) -> tuple[Evidence, ...]:
    """The estimates with this outcome and specification, one per cohort in the plan's order or one for all."""
    found = {
        item.key.cohort: item
        for item in request.evidence
        if item.key.outcome == outcome and item.key.specification == specification
    }
    if per_cohort:
        return tuple(found[cohort.id] for cohort in request.plan.population.cohort if cohort.id in found)
    if ALL in found:
        return (found[ALL],)
    return tuple(found.values()) if len(found) == 1 else ()


def _start(rule: Rule, basis: Basis) -> TraceStep:
    """The rule as it was applied."""
    values = {"rule": rule.id, "mechanism": rule.mechanism, "outcome": ", ".join(rule.outcomes) or None}
    return step("rule.start", {**values, "basis": basis, "inclusive": rule.inclusive})


def _given(rule: Rule, item: Evidence) -> TraceStep:
    """One estimate the rule was given."""
    return step(
        "rule.evidence",
        {
            "rule": rule.id,
            "cohort": item.key.cohort,
            "specification": item.key.specification,
            "kind": item.kind,
            "point": item.point,
            "lower": item.lower,
            "standard_error": item.standard_error,
            "units": item.units,
        },
    )


@dataclass(frozen=True, slots=True)
class Nearest:
    """The threshold nearest to a figure that met it."""

    rule: Rule
    value: Decimal
    threshold: Decimal
    reached: bool

    @property
    def distance(self) -> Decimal:
        """Figure minus threshold."""
        return self.value - self.threshold


def nearest(outcomes: Iterable[RuleOutcome]) -> Nearest | None:
    """The threshold nearest to a figure that met it; None without one.

    Of several figures within one rule the last counts: the pooled one, or the cohort measured last. Of two
    equally near thresholds the lower one.
    """
    met = [
        Nearest(o.rule, c.value, c.threshold, c.reached)
        for o in outcomes
        for c in o.result.comparisons
        if c.cohort == o.result.comparisons[-1].cohort
    ]
    return min(met, key=lambda one: (abs(one.distance), one.threshold), default=None)
