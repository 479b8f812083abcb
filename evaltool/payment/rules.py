"""Every rule of the contract applied to the estimates of one specification, on one basis (step 4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.basis import Absent, absent_result
from evaltool.payment.request import DecisionRequest
from evaltool.payment.trace import step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import ALL, PRIMARY, Evidence
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest
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


def basis_of(rule: Rule, plugin: MechanismPlugin) -> Basis | None:
    """The rule's basis. A tariff on verified units counts what was verified: its basis is the point."""
    return "point_estimate" if rule.basis is None and plugin.uses == "count" else rule.basis


def apply_rules(request: DecisionRequest, selection: Selection) -> tuple[RuleOutcome, ...]:
    """What each rule triggers, in the plan's order. Raises PlanError for terms the mechanism refuses."""
    return tuple(_apply(request, selection, number, rule) for number, rule in enumerate(request.plan.payment.rule))


def _apply(request: DecisionRequest, selection: Selection, number: int, rule: Rule) -> RuleOutcome:
    """One rule."""
    plugin = request.mechanisms(rule.mechanism)
    terms = parse_options(plugin.terms, rule.terms, f"payment.rule[{number}].terms")
    own = basis_of(rule, plugin)
    basis: Basis = own or "point_estimate"
    if selection.basis is not None and plugin.uses != "count":
        basis = selection.basis
    evidence = evidence_for(request, rule, plugin, selection.specification)
    cohorts = tuple(cohort.id for cohort in request.plan.population.cohort)
    asked = RuleRequest(rule=rule, terms=terms, basis=basis, evidence=evidence, cohorts=cohorts)
    if own is None:
        result = absent_result(asked, Absent("basis_not_stated", rule.id))
    elif selection.specification != PRIMARY and not evidence:
        result = absent_result(asked, Absent("specification_missing", selection.specification))
    else:
        result = plugin.pay(asked)
    given = (_start(rule, basis), *(_given(rule, item) for item in evidence))
    maximum = plugin.maximum(terms) if result.absent else result.maximum
    whole = result.model_copy(update={"trace": (*given, *result.trace), "maximum": maximum})
    return RuleOutcome(rule, basis, evidence, whole, plugin.continuous)


def evidence_for(
    request: DecisionRequest, rule: Rule, plugin: MechanismPlugin, specification: str
) -> tuple[Evidence, ...]:
    """The estimates of the rule's outcome under one specification.

    One per cohort in the plan's order for cohort mechanisms, else the one of all cohorts (or the only one there
    is). A specification that re-estimates other outcomes only leaves this rule on its primary estimates; one
    that covers fewer cohorts than the primary is absent.
    """
    primary = _ordered(request, rule.subject, plugin, PRIMARY)
    if specification == PRIMARY:
        return primary
    found = _ordered(request, rule.subject, plugin, specification)
    if found:
        return found if len(found) >= len(primary) else ()
    return primary if any(item.key.specification == specification for item in request.evidence) else ()


def _ordered(
    request: DecisionRequest, outcome: str, plugin: MechanismPlugin, specification: str
) -> tuple[Evidence, ...]:
    """The estimates with this outcome and specification, as the mechanism wants them."""
    found = {
        item.key.cohort: item
        for item in request.evidence
        if item.key.outcome == outcome and item.key.specification == specification
    }
    if plugin.per_cohort:
        return tuple(found[cohort.id] for cohort in request.plan.population.cohort if cohort.id in found)
    if ALL in found:
        return (found[ALL],)
    return tuple(found.values()) if len(found) == 1 else ()


def _start(rule: Rule, basis: Basis) -> TraceStep:
    """The rule as it was applied."""
    return step(
        "rule.start",
        {
            "rule": rule.id,
            "mechanism": rule.mechanism,
            "outcome": rule.outcome,
            "basis": basis,
            "inclusive": rule.inclusive,
        },
    )


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


def nearest(outcomes: tuple[RuleOutcome, ...]) -> tuple[Decimal | None, Decimal | None]:
    """The threshold nearest to a figure that met it, and figure minus threshold; (None, None) without one.

    Of several figures within one rule the last counts: the pooled one, or the cohort measured last. Of two
    equally near thresholds the lower one.
    """
    met = [c for o in outcomes for c in o.result.comparisons if c.cohort == o.result.comparisons[-1].cohort]
    if not met:
        return None, None
    found = min(met, key=lambda c: (abs(c.value - c.threshold), c.threshold))
    return found.threshold, found.value - found.threshold
