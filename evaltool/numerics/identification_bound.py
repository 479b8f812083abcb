"""How far an effect can move among weights that fit nearly as well: the range over ‖Cw‖ ≤ (1 + δ) times the least.

Estimates that rest on one vector of weights hide that others fit almost equally. Over the simplex, the smallest and
largest mean counterfactual within the allowance solve a linear objective under one quadratic constraint. For a
multiplier κ the inner problem is ``simplex_linear``; κ is bisected until the allowance is used up. Without allowance
(δ = 0, or a perfect fit) the equal fits form a polytope and the ends solve linear programmes. Every end comes with two
values: one that some weights attain, and a bound that no weights can pass (weak duality); they must agree.

Source: own construction; Boyd & Vandenberghe 2004 (Convex Optimization), section 5.2.2 for the duality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution
from evaltool.numerics.simplex_linear import priced_least_squares

AGREES = 1e-6
"""Largest distance between the attained value and the bound, as a share of the spread of the objective."""
PERFECT = 1e-8
"""A best fit below this share of the largest column is perfect: only other perfect fits are allowed beside it."""
DOUBLINGS, BISECTIONS = 80, 80
FIRST = 1e-8
"""First multiplier tried, as a share of scale over spread."""


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """Weights (J,) that attain ``value``, and the ``bound`` beyond which no allowed weights go."""

    value: float
    bound: float
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class BoundRange:
    """Smallest and largest objective among the allowed weights; ``allowed`` is the largest ‖Cw‖."""

    lower: End
    upper: End
    allowed: float


def objective_range(c: Floats, objective: Floats, best: SimplexSolution, delta: float) -> BoundRange:
    """The range of ``objective``ᵀw over weights with ‖Cw‖ ≤ (1 + ``delta``) · the least, for C (m, J), ``delta`` ≥ 0.

    Raises RunError (RUN_NOT_OPTIMAL) when an end's value and bound do not agree.
    """
    least = float(np.linalg.norm(c @ best.weights))
    floor = PERFECT * float(np.sqrt(best.scale))
    allowed = (1.0 + delta) * max(least, floor)
    spread = float(np.max(objective) - np.min(objective))
    if spread == 0.0:
        end = End(value=float(objective[0]), bound=float(objective[0]), weights=best.weights)
        return BoundRange(lower=end, upper=end, allowed=allowed)
    exact = delta == 0.0 or least <= floor
    largest = _largest_of_equal_fits if exact else _largest
    upper = largest(c, objective, best, allowed)
    turned = largest(c, -objective, best, allowed)
    lower = End(value=-turned.value, bound=-turned.bound, weights=turned.weights)
    if max(upper.bound - upper.value, lower.value - lower.bound) > AGREES * spread:
        raise RunError(
            Fault(
                code="RUN_NOT_OPTIMAL",
                cause="The range of effects over nearly equal fits could not be certified.",
                fix="State a larger bound_delta; report this with the plan and the versions.",
                place=Place(key="estimator.options.bound_delta"),
            )
        )
    return BoundRange(lower=lower, upper=upper, allowed=allowed)


def _largest(c: Floats, objective: Floats, best: SimplexSolution, allowed: float) -> End:
    """Bisect the multiplier: the larger, the more the objective counts against the fit."""
    low, inside = 0.0, best.weights
    high = best.scale / float(np.max(objective) - np.min(objective)) * FIRST
    outside: Floats | None = None
    for _ in range(DOUBLINGS):
        found = priced_least_squares(c, -high * objective).weights
        if float(np.linalg.norm(c @ found)) > allowed:
            outside = found
            break
        low, inside, high = high, found, 2.0 * high
    if outside is None:
        return End(value=float(objective @ inside), bound=float(np.max(objective)), weights=inside)
    bound = np.inf
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        found = priced_least_squares(c, -middle * objective).weights
        size = float(np.linalg.norm(c @ found))
        bound = min(bound, float(objective @ found) + (allowed**2 - size**2) / (2.0 * middle))
        if size > allowed:
            high, outside = middle, found
        else:
            low, inside = middle, found
        if high - low <= 1e-15 * high:
            break
    weights = _between(c, inside, outside, allowed)
    return End(value=float(objective @ weights), bound=float(bound), weights=weights)


def _largest_of_equal_fits(c: Floats, objective: Floats, best: SimplexSolution, _allowed: float) -> End:
    """The largest objective among all weights with the same Cw: a linear programme, its dual value as the bound.

    Raises RunError (RUN_NOT_OPTIMAL) when the programme is not solved.
    """
    rows = np.vstack([c / np.sqrt(best.scale), np.ones(c.shape[1])])
    target = rows @ best.weights
    found = linprog(-objective, A_eq=rows, b_eq=target, method="highs")
    if found.status != 0:
        cause, fix = "The range over equal fits could not be found.", "State a bound_delta above zero."
        raise RunError(Fault("RUN_NOT_OPTIMAL", cause, fix, Place(key="estimator.options.bound_delta")))
    weights = np.maximum(np.asarray(found.x, dtype=np.float64), 0.0)
    dual = -float(np.asarray(found.eqlin.marginals, dtype=np.float64) @ target)
    weights /= float(np.sum(weights))
    return End(value=float(objective @ weights), bound=dual, weights=weights)


def _between(c: Floats, inside: Floats, outside: Floats, allowed: float) -> Floats:
    """The point of the segment at which the allowance is just used up."""
    start, step = c @ inside, c @ (outside - inside)
    a, b, rest = float(step @ step), float(start @ step), float(start @ start) - allowed**2
    if a == 0.0:
        return inside
    share = (-b + float(np.sqrt(max(b * b - a * rest, 0.0)))) / a
    mixed: Floats = inside + min(max(share, 0.0), 1.0) * (outside - inside)
    return mixed
