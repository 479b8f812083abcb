"""Which figure of an estimate meets the thresholds, and whether it reaches one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.arithmetic import round_places
from evaltool.payment.trace import Value, step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import Evidence
from evaltool.records.mechanism import Comparison, MechanismResult, RuleRequest

TIE = Decimal("1e-8")
"""Half-width of the zone round a threshold in which floating-point digits decide, in max(|estimate|, se)."""


@dataclass(frozen=True, slots=True)
class TieEnd:
    """The figure and the lower bound that must exceed zero under one choice between equals."""

    value: Decimal
    lower: Decimal | None


@dataclass(frozen=True, slots=True)
class Figure:
    """The figure a rule compares: rounded when the contract says so, with the zone its last digits span."""

    cohort: str
    value: Decimal
    low: Decimal
    high: Decimal
    rounded: bool
    lower: Decimal | None
    """What must exceed zero besides: the lower bound, or the room left inside the margin; None when nothing must."""
    tolerance: Decimal
    trace: tuple[TraceStep, ...]
    over_ties: tuple[TieEnd, ...] = ()
    """The figure at both ends of the range over choices between equals; empty where the design leaves none open."""

    @property
    def qualifies(self) -> bool:
        """Whether the significance the basis asks for is there (always, when it asks for none)."""
        return self.lower is None or self.lower > 0


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there is no figure: a key of ``trace.ABSENT`` and the particulars."""

    reason: str
    detail: str


def figure(request: RuleRequest, evidence: Evidence) -> Figure | Absent:
    """The figure of ``evidence`` on the request's basis, or why there is none.

    ``point_estimate`` compares the point, ``lower_bound`` the bound towards "no good done";
    ``significant_and_point`` compares the point and asks besides that the lower bound exceeds zero; ``probability``
    compares the value that the effect exceeds with the agreed probability, given prior and estimate; ``equivalence``
    compares the point and asks besides that the whole interval lies inside the agreed margin on both sides of zero.
    """
    before = _before(request, evidence)
    if isinstance(before, Absent):
        return before
    besides = _besides(request, evidence, Decimal(0))
    tolerance = Decimal(0) if evidence.is_exact else TIE * max(abs(before), evidence.standard_error or Decimal(0))
    rule, cohort = request.rule.id, evidence.key.cohort
    trace = [step("rule.basis_value", {"rule": rule, "cohort": cohort, "basis": request.basis, "value": before})]
    value, low, high = before, before - tolerance, before + tolerance
    rounding = request.rule.estimate_rounding
    if rounding is not None:
        value, low, high = (round_places(v, rounding.places, rounding.mode) for v in (value, low, high))
        stated: dict[str, Value] = {"before": before, "places": rounding.places, "mode": rounding.mode, "after": value}
        trace.append(step("rule.estimate_rounding", {"rule": rule, "cohort": cohort, **stated}))
    trace += _conditions(request, evidence, besides)
    return Figure(
        cohort=cohort,
        value=value,
        low=low,
        high=high,
        rounded=rounding is not None,
        lower=besides,
        tolerance=tolerance,
        trace=tuple(trace),
        over_ties=_over_ties(request, evidence, before),
    )


def _before(request: RuleRequest, evidence: Evidence) -> Decimal | Absent:
    """The figure on the request's basis before any rounding, or why there is none."""
    if request.basis == "probability":
        found = [e.value for e in evidence.posterior if e.probability == request.rule.probability]
        return found[0] if found else Absent("no_posterior", evidence.absent or str(evidence.key))
    if request.basis == "equivalence" and request.rule.margin is None:
        return Absent("margin_not_stated", request.rule.id)
    if request.basis == "equivalence" and evidence.upper is None:
        return Absent("no_lower_bound", evidence.absent or str(evidence.key))
    if request.basis != "point_estimate" and evidence.lower is None:
        return Absent("no_lower_bound", evidence.absent or str(evidence.key))
    return evidence.lower if request.basis == "lower_bound" and evidence.lower is not None else evidence.point


def _besides(request: RuleRequest, evidence: Evidence, moved: Decimal) -> Decimal | None:
    """What must exceed zero besides, had the estimate come out ``moved`` higher; None when the basis asks nothing."""
    if evidence.lower is None:
        return None
    if request.basis == "significant_and_point":
        return evidence.lower + moved
    if request.basis == "equivalence" and request.rule.margin is not None and evidence.upper is not None:
        return request.rule.margin - max(abs(evidence.lower + moved), abs(evidence.upper + moved))
    return None


def _conditions(request: RuleRequest, evidence: Evidence, besides: Decimal | None) -> list[TraceStep]:
    """The steps that say how sure the basis asks to be."""
    named: dict[str, Value] = {"rule": request.rule.id, "cohort": evidence.key.cohort}
    if request.basis == "probability":
        return [step("rule.probability", {**named, "probability": request.rule.probability})]
    if besides is None:
        return []
    if request.basis == "significant_and_point":
        return [step("rule.significance", {**named, "lower": besides, "significant": besides > 0})]
    stated: dict[str, Value] = {"lower": evidence.lower, "upper": evidence.upper, "margin": request.rule.margin}
    return [step("rule.equivalence", {**named, **stated, "inside": besides > 0})]


def _over_ties(request: RuleRequest, evidence: Evidence, before: Decimal) -> tuple[TieEnd, ...]:
    """The figure at both ends of the point's range over choices between equals; bounds move with the point."""
    ends = []
    for end in (evidence.tie_lower, evidence.tie_upper):
        if end is None:
            return ()
        moved = end - evidence.point
        rounding = request.rule.estimate_rounding
        value = before + moved if rounding is None else round_places(before + moved, rounding.places, rounding.mode)
        ends.append(TieEnd(value=value, lower=_besides(request, evidence, moved)))
    return tuple(ends)


def compare(request: RuleRequest, found: Figure, threshold: Decimal) -> Comparison:
    """The figure against one threshold: inclusive or strict as the rule says, significance included.

    A tie is a floating-point figure whose zone of ± ``tolerance`` holds the threshold (after the contract's
    rounding, where that zone straddles a rounding boundary at the threshold), or whose lower bound lies as near
    to zero. It is crossed when the ends of its range over choices between equals are not both on the same side.
    """
    beyond = _beyond(request, found.value, threshold)
    inside = found.low <= threshold <= found.high
    unsure = inside and found.low != found.high if found.rounded else inside and found.tolerance > 0
    edge = found.lower is not None and found.tolerance > 0 and abs(found.lower) <= found.tolerance
    return Comparison(
        cohort=found.cohort,
        value=found.value,
        threshold=threshold,
        reached=beyond and found.qualifies,
        tie=unsure or edge,
        crossed=len({_reached(request, end, threshold) for end in found.over_ties}) > 1,
    )


def _beyond(request: RuleRequest, value: Decimal, threshold: Decimal) -> bool:
    """Whether a value reaches the threshold, inclusive or strict as the rule says."""
    return value >= threshold if request.rule.inclusive else value > threshold


def _reached(request: RuleRequest, end: TieEnd, threshold: Decimal) -> bool:
    """Whether the figure under one choice between equals would count as having reached the threshold."""
    return _beyond(request, end.value, threshold) and (end.lower is None or end.lower > 0)


def compared(request: RuleRequest, comparison: Comparison) -> TraceStep:
    """The trace step of a comparison."""
    return step(
        "rule.threshold",
        {
            "rule": request.rule.id,
            "cohort": comparison.cohort,
            "value": comparison.value,
            "operator": ">=" if request.rule.inclusive else ">",
            "threshold": comparison.threshold,
            "distance": comparison.value - comparison.threshold,
            "reached": comparison.reached,
        },
    )


def absent_result(request: RuleRequest, absent: Absent) -> MechanismResult:
    """The result of a rule whose inputs are absent."""
    values = {"rule": request.rule.id, "reason": absent.reason, "detail": absent.detail}
    trace = (step("rule.absent", values),)
    return MechanismResult(amount=Decimal(0), tier="none", maximum=None, trace=trace, absent=absent.reason)


def only_figure(request: RuleRequest) -> Figure | Absent:
    """The figure of the single estimate a threshold rule pays on, or why there is none."""
    if request.rule.inclusive is None:
        return Absent("inclusive_not_stated", request.rule.id)
    if not request.evidence:
        return Absent("no_estimate", request.rule.subject)
    return figure(request, request.evidence[0])
