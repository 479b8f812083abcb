"""The pooled test over cohorts: weighted mean, its standard error and its lower bound.

ρ = Σ w_c · ρ_c / W with W = Σ w_c; standard error sqrt(Σ w_c² · se_c²) / W, for independent cohorts (the trace
says so), when every cohort has one. The lower bound is ρ − c · se, where c is the largest critical value
(ρ_c − lower_c) / se_c among the cohorts: conservative when their degrees of freedom differ.
"""

from __future__ import annotations

from decimal import Decimal

from evaltool.payment.basis import Absent, Figure, figure
from evaltool.payment.trace import Value, step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import EstimateKey, Evidence
from evaltool.records.mechanism import RuleRequest

POOLED = "pooled"
INDEPENDENT = "independent_cohorts"
"""The assumption behind the pooled standard error, as the trace names it."""


def pool(request: RuleRequest, *, equal_weights: bool) -> tuple[Figure, tuple[TraceStep, ...]] | Absent:
    """The pooled figure of all the request's estimates and the steps that lead to it, or why there is none.

    Weights are the plan's, or equal where the rule says so; they need not sum to one, and nothing is divided
    before the end, so that equal cohorts pool to exactly their own figure.
    """
    pooled = pooled_estimate(request.rule.id, request.rule.subject, request.evidence, equal_weights=equal_weights)
    if isinstance(pooled, Absent):
        return pooled
    evidence, steps = pooled
    found = figure(request, evidence)
    return found if isinstance(found, Absent) else (found, steps)


def pooled_estimate(
    rule: str, outcome: str, evidence: tuple[Evidence, ...], *, equal_weights: bool
) -> tuple[Evidence, tuple[TraceStep, ...]] | Absent:
    """The cohorts' weighted mean as an estimate of its own, and the steps that lead to it, or why there is none."""
    weights = _weights(rule, evidence, equal_weights=equal_weights)
    if isinstance(weights, Absent):
        return weights
    steps: list[TraceStep] = []
    total, summed = sum(weights, Decimal(0)), Decimal(0)
    for weight, item in zip(weights, evidence, strict=True):
        summed += weight * item.point
        product: dict[str, Value] = {"weight": weight, "value": item.point, "product": weight * item.point}
        steps.append(step("pooled.weight", {"rule": rule, "cohort": item.key.cohort, **product}))
    value = summed / total
    error = _standard_error(weights, evidence)
    critical = critical_value(evidence)
    lower = None if error is None or critical is None else value - critical * error
    upper = None if error is None or critical is None else value + critical * error
    ends = [_tie_end(weights, evidence, upper=upper) for upper in (False, True)]
    pooled = Evidence(
        key=EstimateKey(outcome=outcome, cohort=POOLED),
        kind=evidence[0].kind,
        point=value,
        lower=lower,
        upper=upper,
        standard_error=error,
        is_exact=all(item.is_exact for item in evidence),
        absent="a cohort has no standard error" if error is None else None,
        spread=_spread(weights, evidence),
        tie_lower=ends[0],
        tie_upper=ends[1],
    )
    values: dict[str, Value] = {"rule": rule, "total_weight": total, "value": value, "standard_error": error}
    values |= {"critical_value": critical, "lower": lower, "equal_weights": equal_weights}
    steps.append(step("pooled.value", {**values, "assumption": None if error is None else INDEPENDENT}))
    return pooled, tuple(steps)


def _tie_end(weights: tuple[Decimal, ...], evidence: tuple[Evidence, ...], *, upper: bool) -> Decimal | None:
    """The pooled figure when every cohort's choices between equals go the same way; None when no cohort has any."""
    ends = [item.tie_upper if upper else item.tie_lower for item in evidence]
    if all(end is None for end in ends):
        return None
    moved = (item.point if end is None else end for item, end in zip(evidence, ends, strict=True))
    return sum((w * end for w, end in zip(weights, moved, strict=True)), Decimal(0)) / sum(weights, Decimal(0))


def _spread(weights: tuple[Decimal, ...], evidence: tuple[Evidence, ...]) -> tuple[Decimal, ...]:
    """Quantiles of the pooled error when all cohorts err together; empty when one has none."""
    if not all(item.spread for item in evidence):
        return ()
    columns = ([weight * one for one in item.spread] for weight, item in zip(weights, evidence, strict=True))
    return tuple(sum(one, Decimal(0)) / sum(weights, Decimal(0)) for one in zip(*columns, strict=True))


def _weights(rule: str, evidence: tuple[Evidence, ...], *, equal_weights: bool) -> tuple[Decimal, ...] | Absent:
    """The agreed weights, one per cohort, none negative and not all zero."""
    if equal_weights:
        return (Decimal(1),) * len(evidence)
    agreed = tuple(item.weight for item in evidence if item.weight is not None)
    if len(agreed) < len(evidence) or min(agreed) < 0 or max(agreed) == 0:
        return Absent("weights_not_agreed", rule)
    return agreed


def _standard_error(weights: tuple[Decimal, ...], evidence: tuple[Evidence, ...]) -> Decimal | None:
    """sqrt(Σ w² se²) / Σ w, or None when a cohort has no standard error."""
    errors = [item.standard_error for item in evidence if item.standard_error is not None]
    if len(errors) < len(evidence):
        return None
    parts = ((weight * error) ** 2 for weight, error in zip(weights, errors, strict=True))
    return sum(parts, Decimal(0)).sqrt() / sum(weights, Decimal(0))


def critical_value(evidence: tuple[Evidence, ...]) -> Decimal | None:
    """The largest (point − lower) / se among the cohorts, or None when one has no bound."""
    values = [
        (item.point - item.lower) / item.standard_error
        for item in evidence
        if item.lower is not None and item.standard_error
    ]
    return max(values) if len(values) == len(evidence) else None
