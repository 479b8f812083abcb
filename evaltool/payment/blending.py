"""Several estimates of one effect as one: weighted mean, and a standard error that knows how they vary together.

est = Σ w_k · est_k and se² = Σ_k Σ_l w_k w_l cov_kl. cov_kl is the agreed correlation times both standard errors where
the contract states one; else the covariance the run computed from the estimates' influence values; else both standard
errors multiplied (correlation one), the largest it can be with positive weights. The lower bound is est − c · se with c
the largest critical value among the estimates, as for pooled cohorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.pooling import critical_value
from evaltool.payment.trace import Value, step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import Evidence

BLEND = "blend"
AGREED, COMPUTED, LARGEST = "agreed", "computed", "largest_possible"


@dataclass(frozen=True, slots=True)
class Blended:
    """The blend as an estimate of its own, and the steps that lead to it."""

    evidence: Evidence
    trace: tuple[TraceStep, ...]


def blend(
    rule: str,
    estimates: Mapping[str, Evidence],
    weights: Mapping[str, Decimal],
    correlation: Decimal | None,
    covariances: Mapping[tuple[str, str], Decimal],
) -> Blended:
    """The weighted mean of ``estimates`` by specification; it has no standard error when one of them has none."""
    trace = []
    value = Decimal(0)
    for name, item in estimates.items():
        product = weights[name] * item.point
        value += product
        values: dict[str, Value] = {"rule": rule, "specification": name, "weight": weights[name]}
        trace.append(step("blend.part", {**values, "value": item.point, "product": product}))
    error, source = _standard_error(estimates, weights, correlation, covariances)
    critical = critical_value(tuple(estimates.values()))
    bounded = error is not None and critical is not None
    lower = value - critical * error if error is not None and critical is not None else None
    upper = value + critical * error if error is not None and critical is not None else None
    first = next(iter(estimates.values()))
    stated: dict[str, Value] = {"value": value, "standard_error": error, "correlation_from": source}
    trace.append(step("blend.value", {"rule": rule, **stated, "critical_value": critical, "lower": lower}))
    update = {
        "point": value,
        "lower": lower,
        "upper": upper,
        "standard_error": error,
        "p_value": None,
        "posterior": (),
        "tie_lower": None,
        "tie_upper": None,
        "is_exact": all(item.is_exact for item in estimates.values()),
        "spread": _spread(estimates, weights) if bounded else (),
        "absent": None if error is not None else "one of the blended estimates has no standard error",
    }
    return Blended(first.model_copy(update=update), tuple(trace))


def _standard_error(
    estimates: Mapping[str, Evidence],
    weights: Mapping[str, Decimal],
    correlation: Decimal | None,
    covariances: Mapping[tuple[str, str], Decimal],
) -> tuple[Decimal | None, str | None]:
    """The blend's standard error and where the covariances come from."""
    errors = {name: item.standard_error for name, item in estimates.items() if item.standard_error is not None}
    if len(errors) < len(estimates):
        return None, None
    names = list(estimates)
    known = all((a, b) in covariances or (b, a) in covariances for a in names for b in names if a < b)
    total = Decimal(0)
    for a in names:
        for b in names:
            if a == b:
                joint = errors[a] ** 2
            elif correlation is not None:
                joint = correlation * errors[a] * errors[b]
            elif known:
                joint = covariances[a, b] if (a, b) in covariances else covariances[b, a]
            else:
                joint = errors[a] * errors[b]
            total += weights[a] * weights[b] * joint
    source = AGREED if correlation is not None else COMPUTED if known else LARGEST
    return (total.sqrt() if total > 0 else None), source


def _spread(estimates: Mapping[str, Evidence], weights: Mapping[str, Decimal]) -> tuple[Decimal, ...]:
    """Quantiles of the blend's error when all estimates err together; empty when one has none."""
    columns = [[weights[name] * one for one in item.spread] for name, item in estimates.items()]
    if not all(columns):
        return ()
    return tuple(sum(together, Decimal(0)) for together in zip(*columns, strict=True))
