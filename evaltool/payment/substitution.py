"""What a fallback puts in the place of the primary estimates: the path taken, as trace steps (step 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from evaltool.payment.basis import Absent
from evaltool.payment.blending import blend
from evaltool.payment.pooling import pooled_estimate
from evaltool.payment.request import DecisionRequest
from evaltool.payment.trace import Value, step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import ALL, PRIMARY, REPLACED, EstimateKey, Evidence
from evaltool.records.plan.analysis import Fallback

FALLBACK = "fallback"
"""Stands for the rule's name in steps that belong to no rule."""


@dataclass(frozen=True, slots=True)
class Path:
    """What is decided on instead: the estimates, the specification among them, and the steps that led there."""

    request: DecisionRequest
    specification: str = PRIMARY
    trace: tuple[TraceStep, ...] = ()


def path_of(request: DecisionRequest, fallback: Fallback | None, reasons: str) -> Path:
    """The path the contract takes. Where it needs a figure that is not there, the estimate is left out.

    ``reasons`` are the codes that led to the fallback, as one text.
    """
    if fallback is None:
        return Path(request)
    named: dict[str, Value] = {"action": fallback.action, "reasons": reasons}
    if fallback.action == "other_estimator" and fallback.specification is not None:
        opening = step("fallback.specification", {**named, "specification": fallback.specification})
        return Path(request, fallback.specification, (opening,))
    if fallback.action == "blend":
        return _blended(request, fallback, named)
    if fallback.action == "pooled_test":
        return _pooled(request, named)
    return _at_fixed_rate(request, fallback, named) if fallback.action == "fixed_rate" else Path(request)


def _blended(request: DecisionRequest, fallback: Fallback, named: dict[str, Value]) -> Path:
    """Every outcome paid on: the blend of its estimates takes the place of its primary one."""
    weights = {part.specification: part.weight for part in fallback.blend}
    trace = [step("fallback.blend", named)]
    new: dict[str, Evidence] = {}
    for outcome in request.plan.payment.outcomes:
        found = {name: _named(request, outcome, name) for name in weights}
        estimates = {name: item for name, item in found.items() if item is not None}
        if len(estimates) == len(weights):
            known = request.covariances_of(outcome)
            blended = blend(FALLBACK, estimates, weights, fallback.correlation, known)
            trace += blended.trace
            new[outcome] = blended.evidence
    return Path(_instead(request, new), PRIMARY, tuple(trace))


def _pooled(request: DecisionRequest, named: dict[str, Value]) -> Path:
    """Every outcome paid on: the weighted mean of all cohorts takes the place of its estimate for all."""
    cohorts = [cohort.id for cohort in request.plan.population.cohort]
    trace = [step("fallback.pooled", named)]
    new: dict[str, Evidence] = {}
    for outcome in request.plan.payment.outcomes:
        found = tuple(
            item
            for cohort in cohorts
            for item in request.evidence
            if item.key == EstimateKey(outcome=outcome, cohort=cohort)
        )
        pooled = pooled_estimate(FALLBACK, outcome, found, equal_weights=False) if len(found) == len(cohorts) else None
        if pooled is not None and not isinstance(pooled, Absent):
            new[outcome] = pooled[0]
            trace += pooled[1]
    kept = replace(_instead(request, new, keep_cohorts=True), pooled_only=True)
    return Path(kept, PRIMARY, tuple(trace))


def _at_fixed_rate(request: DecisionRequest, fallback: Fallback, named: dict[str, Value]) -> Path:
    """The headline outcome: the treated against the agreed rate. No comparison group stands behind it."""
    plan, rate = request.plan, fallback.rate
    outcome = plan.estimand.outcome
    primary = _named(request, outcome, PRIMARY)
    if primary is None or primary.observed is None or rate is None:
        return Path(_instead(request, {}, only=outcome), PRIMARY, ())
    good = 1 if plan.outcome_named(outcome).direction == "increase" else -1
    value = good * (primary.observed - rate)
    if plan.estimand.scale == "relative":
        value = value / rate if rate != 0 else Decimal(0)
    figures: dict[str, Value] = {"outcome": outcome, "rate": rate, "observed": primary.observed, "value": value}
    bare = Evidence(
        key=EstimateKey(outcome=outcome),
        kind="change",
        point=value,
        units=primary.units,
        observed=primary.observed,
        absent="AGREED_RATE",
    )
    return Path(
        _instead(request, {outcome: bare}, only=outcome), PRIMARY, (step("fallback.rate", {**named, **figures}),)
    )


def _named(request: DecisionRequest, outcome: str, specification: str) -> Evidence | None:
    """The estimate for all cohorts of one outcome under one specification."""
    key = EstimateKey(outcome=outcome, cohort=ALL, specification=specification)
    return next((item for item in request.evidence if item.key == key), None)


def _instead(
    request: DecisionRequest, new: dict[str, Evidence], *, only: str | None = None, keep_cohorts: bool = False
) -> DecisionRequest:
    """``request`` with ``new`` in the place of the primary estimates of all paid outcomes (or of ``only`` one).

    An outcome without a new estimate has none: the fallback could not be carried out for it. What was agreed stays
    among the evidence as REPLACED, on which no rule pays.
    """
    concerned = set(request.plan.payment.outcomes) if only is None else {only}
    kept = [
        item
        for item in request.evidence
        if item.key.specification != PRIMARY
        or item.key.outcome not in concerned
        or (keep_cohorts and item.key.cohort != ALL)
    ]
    placed = [item.model_copy(update={"key": EstimateKey(outcome=name)}) for name, item in new.items()]
    agreed = [
        item.model_copy(update={"key": EstimateKey(outcome=name, specification=REPLACED)})
        for name in new
        if (item := _named(request, name, PRIMARY)) is not None
    ]
    return replace(request, evidence=(*placed, *kept, *agreed), replaced=True)
