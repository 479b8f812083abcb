"""Synthetic controls on predictors: donor weights for given predictor weights V, and V found by a global search.

Predictors stand in rows, each divided by its standard deviation over the target and its pool. For V ≥ 0, ΣV = 1 the
donor weights minimise Σ_k V_k (X_1k − Σ w_j X_jk)² over the simplex, exactly. Data-driven V minimises the mean squared
error of the outcome before the start. That loss has many local minima, so the search starts from V equal, from every
predictor alone, and from a fixed Halton sequence of log weights, and improves the best by a compass search; it draws
nothing and never depends on a starting value somebody chose. No V can beat the fit on outcomes alone: that loss is kept
beside as a lower bound.

Source: Abadie & Gardeazabal 2003 (AER 93), appendix B; Abadie, Diamond & Hainmueller 2010 (JASA 105), section 2.3;
Becker & Klößner 2018 (Econometrics and Statistics 5) on global search and the lower bound; Halton 1960.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution, simplex_least_squares

POINTS = 96
LOWEST = -6.0
"""Smallest log10 of a predictor's weight before weights are made to sum to one."""
STEPS = (1.0, 0.5, 0.25, 0.125, 0.0625)
ROUNDS = 12
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
BETTER = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Predictors:
    """``target`` (k,) and ``pool`` (k, J), each row over its standard deviation (n − 1) over target and pool."""

    target: Floats
    pool: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Predictor weights (k,), the certified donor weights for them, and the mean squared error of the outcome."""

    v: Floats
    solution: SimplexSolution
    loss: float
    evaluations: int


def scaled(target: Floats, pool: Floats) -> Predictors | None:
    """Predictors over their spread; None when one does not vary at all."""
    spread = np.std(np.column_stack([target, pool]), axis=1, ddof=1)
    if bool(np.any(spread == 0.0)):
        return None
    return Predictors(target=target / spread, pool=pool / spread[:, None])


def weighed(x: Predictors, c: Floats, v: Floats) -> Weighed:
    """Donor weights for given V; ``c`` (T0, J) holds outcomes of the pool less the target's. Raises RUN_NOT_OPTIMAL."""
    share = v / math.fsum(v.tolist())
    solution = simplex_least_squares(np.sqrt(share)[:, None] * (x.pool - x.target[:, None]))
    gap = c @ solution.weights
    return Weighed(v=share, solution=solution, loss=math.fsum((gap * gap).tolist()) / c.shape[0], evaluations=1)


def searched(x: Predictors, c: Floats) -> Weighed:
    """V with the smallest loss the search finds; among equals the first in the order tried. Raises RUN_NOT_OPTIMAL."""
    k = x.target.shape[0]
    starts = [np.zeros(k), *(np.where(np.arange(k) == j, 0.0, LOWEST) for j in range(k)), *_halton(k)]
    tried = [weighed(x, c, 10.0**start) for start in starts]
    at = min(range(len(tried)), key=lambda index: (tried[index].loss, index))
    best, point, count = tried[at], starts[at], len(tried)
    for step in STEPS:
        for _ in range(ROUNDS):
            near = [point + sign * step * row for row in np.eye(k) for sign in (1.0, -1.0)]
            moved = [np.clip(move - np.max(move), LOWEST, 0.0) for move in near]
            found = [weighed(x, c, 10.0**move) for move in moved]
            count += len(found)
            index = min(range(len(found)), key=lambda i: (found[i].loss, i))
            if found[index].loss >= best.loss * (1.0 - BETTER):
                break
            best, point = found[index], moved[index]
    return Weighed(v=best.v, solution=best.solution, loss=best.loss, evaluations=count)


def _halton(k: int) -> list[Floats]:
    """``POINTS`` log weights (k,) between ``LOWEST`` and 0 from the Halton sequence; ≤ 25 predictors."""
    return [np.array([LOWEST * (1.0 - _radical_inverse(n, PRIMES[j])) for j in range(k)]) for n in range(1, POINTS + 1)]


def _radical_inverse(n: int, base: int) -> float:
    """The digits of ``n`` in ``base`` behind the point, in reverse."""
    value, unit = 0.0, 1.0
    while n:
        unit /= base
        n, digit = divmod(n, base)
        value += unit * digit
    return value
