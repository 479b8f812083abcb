"""Frank–Wolfe with exact line search over the simplex, stopped as R synthdid stops: for replication alone.

min ‖Aw − b‖² + η‖w‖². A hundred steps from equal weights, weights of at most a quarter of the largest set to zero, then
up to ten thousand steps more, until the loss per row falls by less than a stated amount. It may stop above the minimum:
the caller says how far.

Source: Frank & Wolfe 1956 (Naval Research Logistics 3); Jaggi 2013 (ICML), algorithm 3 with line search; the stopping
rule and the pruning are those of Arkhangelsky et al. 2021, as their R package documents them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution

FIRST, MOST = 100, 10_000
PRUNED = 0.25


@dataclass(frozen=True, slots=True)
class Schedule:
    """η, and the smallest fall of the loss per row that goes on."""

    ridge: float
    fall: float


def frank_wolfe_weights(a: Floats, b: Floats, schedule: Schedule) -> Floats:
    """(n,) weights for A (m, n) and b (m,)."""
    quadratic, linear = a.T @ a + schedule.ridge * np.eye(a.shape[1]), a.T @ b
    fall = schedule.fall * a.shape[0]
    weights = _steps(quadratic, linear, np.full(a.shape[1], 1.0 / a.shape[1]), fall, FIRST)
    pruned = np.where(weights <= PRUNED * float(np.max(weights)), 0.0, weights)
    return _steps(quadratic, linear, pruned / float(np.sum(pruned)), fall, MOST)


def _steps(quadratic: Floats, linear: Floats, weights: Floats, fall: float, most: int) -> Floats:
    """At most ``most`` steps towards the vertex with the smallest gradient of wᵀQw − 2lᵀw."""
    weights = weights.copy()
    pulled = quadratic @ weights
    for step in range(most):
        gradient = pulled - linear
        to = int(gradient.argmin())
        slope = float(gradient[to]) - float(gradient @ weights)
        change = quadratic[to] - pulled
        bend = float(change[to]) - float(change @ weights)
        if bend <= 0.0:
            return weights
        length = min(1.0, max(0.0, -slope / bend))
        weights *= 1.0 - length
        weights[to] += length
        pulled += length * change
        if step > 0 and -length * (2.0 * slope + length * bend) <= fall:
            break
    return weights


def measured(c: Floats, weights: Floats) -> SimplexSolution:
    """``weights`` with what certifies them, or fails to, in min ‖Cw‖² over the simplex; C has independent columns."""
    gradient = c.T @ (c @ weights)
    scale = float(np.max(np.einsum("ij,ij->j", c, c)))
    gap = max(float(weights @ gradient) - float(np.min(gradient)), 0.0)
    return SimplexSolution(weights=weights, gap=gap, scale=scale, unique=True, steps=MOST)
