"""Optimal fixed-length confidence intervals under smoothness (Armstrong & Kolesár 2018; Rambachan & Roth 2023, § 4).

The centre is l'β_post + v'β_pre, its half-length the 1 − α quantile of |N(b, h²)| with b the largest bias over Δ^SD(M)
and h the standard deviation; v is chosen to make it shortest. A straight trend must cancel. Written in the bends
w_j = δ_(j+1) − 2δ_j + δ_(j−1), with a_j = Σ_(t>j) (t − j) v_t for j ≥ 1 free and a_0 fixed by the straight trend,

    b = M · (Σ_(j≥0) |Σ_(t>j) (t − j) l_t| + Σ_(j≥1) |a_j|)

so b is an ℓ1 norm and h² a quadratic in a. The half-length is convex and rises in both, so the best a lies on the exact
lasso path; along it the half-length has one minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from evaltool.numerics.honest_sets import EventStudy
from evaltool.numerics.inference import Floats
from evaltool.numerics.lasso_path import lasso_path


@dataclass(frozen=True, slots=True, eq=False)
class FixedLength:
    """Centre ± half_length, the weights (before,) on the periods before, largest bias and standard deviation."""

    centre: float
    half_length: float
    weights: Floats
    bias: float
    sd: float


def folded_critical(ratio: float, level: float) -> float:
    """The ``level`` quantile of |N(ratio, 1)|, for ratio ≥ 0."""

    def short(c: float) -> float:
        return float(special.ndtr(c - ratio) - special.ndtr(-c - ratio)) - level

    low, high = ratio + float(special.ndtri(level)) - 1e-9, ratio + float(special.ndtri((1.0 + level) / 2.0)) + 1e-9
    return float(optimize.brentq(short, max(low, 0.0), high, xtol=1e-13, rtol=1e-14))


def fixed_length(study: EventStudy, bound: float, level: float) -> FixedLength:
    """The shortest fixed-length interval for bends of at most ``bound`` ≥ 0. Raises RunError (RUN_NOT_OPTIMAL)."""
    before, after = study.before, study.weights.shape[0]
    # (j, t) max(t − j, 0): how a coefficient t periods from the base loads on the bend at distance j
    ahead = _ramp(after) @ study.weights
    to_weights = np.linalg.inv(_ramp(before))
    to_weights = to_weights[::-1]  # coefficients before the base are stored farthest first
    loading = np.zeros((before + after, before))
    loading[:before] = to_weights
    start = loading[:, 0] * float(np.arange(1, after + 1) @ study.weights)
    start[before:] = study.weights
    free = loading[:, 1:]
    quadratic, linear = free.T @ study.covariance @ free, free.T @ study.covariance @ start
    path = lasso_path(quadratic, linear)

    def at(penalty: float) -> tuple[float, float, Floats]:
        a = path.at(penalty)
        weights = start + free @ a
        sd = float(weights @ study.covariance @ weights) ** 0.5
        return bound * float(np.sum(np.abs(ahead)) + np.sum(np.abs(a))), sd, weights

    def half(penalty: float) -> float:
        bias, sd, _ = at(penalty)
        return sd * folded_critical(bias / sd, level)

    best = 0.0
    if bound > 0.0 and path.penalties[0] > 0.0:
        best = _lowest(half, path.penalties)
    bias, sd, weights = at(best)
    return FixedLength(float(weights @ study.coefficients), half(best), weights[:before], bias, sd)


def _ramp(size: int) -> Floats:
    """(size, size) max(t − j, 0) for j = 0 … size − 1, t = 1 … size."""
    distance = np.arange(1, size + 1)[None, :] - np.arange(size)[:, None]
    ramp: Floats = np.maximum(distance, 0).astype(np.float64)
    return ramp


def _lowest(half: Callable[[float], float], knots: Floats) -> float:
    """The penalty with the smallest half-length: the best knot, then a bounded search on its two neighbours."""
    values = [half(float(k)) for k in knots]
    i = int(np.argmin(values))
    low, high = float(knots[min(i + 1, len(values) - 1)]), float(knots[max(i - 1, 0)])
    if high <= low:
        return float(knots[i])
    found = optimize.minimize_scalar(half, bounds=(low, high), method="bounded", options={"xatol": 1e-12 * high})
    return float(found.x) if float(found.fun) < values[i] else float(knots[i])
