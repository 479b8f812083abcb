"""The largest linear objective over the simplex among weights that fit well enough: max xᵀw, ‖Cw‖ ≤ r, w ≥ 0, Σw = 1.

The edge between fit and objective is traced by min ‖Cw‖² + m²(xᵀw − θ)² over the simplex, whose solutions are those
of every multiplier of the objective; non-negative least squares finds the face for a θ, and on a face the solution is
affine in θ, so that the θ with ‖Cw‖ = r is a root of a quadratic. A bracket guards the steps. The value found is
attained by feasible weights; weak duality bounds what any weights attain (min over y of r‖y‖ + max_j (x_j − C_jᵀy), y
along Cw).

Source: own construction; Lawson & Hanson 1974, chapter 23 (faces); Boyd & Vandenberghe 2004, section 5.2.2 (duality).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from evaltool.numerics.inference import Floats, Ints

STEPS = 100
REACHED = 1e-10
"""How near ‖Cw‖ must come to r, as a share of the largest column."""


@dataclass(frozen=True, slots=True)
class BallEnd:
    """The objective some allowed weights attain, a bound that none passes, and the θ at which it was found.

    θ is in spreads of x above its least, and a good first one for a like problem.
    """

    value: float
    bound: float
    theta: float


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    """Weights for one θ: (J,), their objective and ‖Cw‖."""

    weights: Floats
    value: float
    size: float


def largest_within(c: Floats, x: Floats, radius: float, inside: Floats, theta: float | None = None) -> BallEnd:
    """For C (m, J), x (J,), r > 0 and weights (J,) with ‖Cw‖ ≤ r. Never raises: a bad end has a distant bound."""
    spread, least = float(np.max(x) - np.min(x)), float(np.min(x))
    if spread == 0.0:
        return BallEnd(least, least, 0.0)
    scale = float(np.sqrt(np.max(np.einsum("ij,ij->j", c, c)))) or 1.0
    unit, cost, r = c / scale, (x - least) / spread, radius / scale
    best = _Point(inside, float(cost @ inside), float(np.linalg.norm(unit @ inside)))
    low, high, bound = best.value, np.inf, np.inf
    here = low + 0.5 if theta is None or theta <= low else theta
    for _ in range(STEPS):
        found = _solve(unit, cost, here)
        bound = min(bound, _bound(unit, cost, r, found, here))
        if found.size > r * (1.0 + REACHED):
            high = here
        else:
            low, best = here, found if found.value > best.value else best
        if bound - best.value <= REACHED or best.value >= 1.0:
            break
        here, guess = _next(unit, cost, r, found, (low, high))
        if guess is not None:
            bound = min(bound, _bound(unit, cost, r, guess, here))
            best = guess if guess.value > best.value else best
            if bound - best.value <= REACHED:
                break
    return BallEnd(least + spread * best.value, least + spread * min(max(bound, best.value), 1.0), here)


def _solve(c: Floats, x: Floats, theta: float) -> _Point:
    """The weights for one θ."""
    rows = np.vstack([c, x - theta, np.ones(c.shape[1])])
    target = np.zeros(rows.shape[0])
    target[-1] = 1.0
    found = np.asarray(nnls(rows, target)[0], dtype=np.float64)
    weights = found / float(np.sum(found))
    return _Point(weights, float(x @ weights), float(np.linalg.norm(c @ weights)))


def _bound(c: Floats, x: Floats, r: float, point: _Point, theta: float) -> float:
    """The dual value at the point's own multiplier: Cw over θ − xᵀw."""
    price = theta - point.value
    if price <= 0.0:
        return float(np.max(x))
    y = c @ point.weights / price
    return r * float(np.linalg.norm(y)) + float(np.max(x - c.T @ y))


def _next(c: Floats, x: Floats, r: float, point: _Point, bracket: tuple[float, float]) -> tuple[float, _Point | None]:
    """The θ at which this point's face has ‖Cw‖ = r, and the weights there; else a step into the bracket, and None."""
    low, high = bracket
    members = np.flatnonzero(point.weights)
    line = _line(c[:, members], x[members]) if members.shape[0] > 1 else None
    if line is not None:
        start, slope = line
        a, b = c[:, members] @ start, c[:, members] @ slope
        aa, ab, rest = float(b @ b), float(a @ b), float(a @ a) - r * r
        inner = ab * ab - aa * rest
        if aa > 0.0 and inner >= 0.0:
            root = (-ab + float(np.sqrt(inner))) / aa
            if low < root < high:
                return root, _on_face(c, x, members, start + root * slope)
    return (2.0 * low + 1.0 if not np.isfinite(high) else 0.5 * (low + high)), None


def _on_face(c: Floats, x: Floats, members: Ints, found: Floats) -> _Point | None:
    """These weights of the members as a point; None where one is negative."""
    if float(np.min(found)) < 0.0:
        return None
    weights = np.zeros(c.shape[1])
    weights[members] = found / float(np.sum(found))
    return _Point(weights, float(x @ weights), float(np.linalg.norm(c @ weights)))


def _line(c: Floats, x: Floats) -> tuple[Floats, Floats] | None:
    """Weights on a face as start + θ · slope, of any sign; None where the face has several solutions."""
    k = c.shape[1]
    system, sides = np.zeros((k + 1, k + 1)), np.zeros((k + 1, 2))
    system[:k, :k] = c.T @ c + np.outer(x, x)
    system[k, :k] = system[:k, k] = 1.0
    sides[k, 0], sides[:k, 1] = 1.0, x
    try:
        found: Floats = np.asarray(np.linalg.solve(system, sides), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return np.ascontiguousarray(found[:k, 0]), np.ascontiguousarray(found[:k, 1])
