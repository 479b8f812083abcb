"""The exact path of a small lasso: minimise ½a'Qa + q'a + λ Σ|a_j| for every λ ≥ 0 at once.

The solution is piecewise linear in λ (Osborne, Presnell & Turlach 2000; Efron et al. 2004). Starting where all a are 0,
coordinates enter when their gradient reaches λ and leave when they reach 0. Every knot is checked against the
conditions of optimality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats

KNOTS = 50
"""Most knots per coordinate before the search is given up."""
OPTIMAL = 1e-8
"""Largest violation of the optimality conditions, as a share of the gradient at 0."""
NEXT = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Knots λ (m,) descending to 0 and the solutions there (m, p); linear in between."""

    penalties: Floats
    solutions: Floats

    def at(self, penalty: float) -> Floats:
        """(p,) the solution at a penalty; 0 above the first knot."""
        ascending = self.penalties[::-1]
        return np.array([np.interp(penalty, ascending, column[::-1]) for column in self.solutions.T])


def lasso_path(q: Floats, linear: Floats) -> Path:
    """The path for positive definite ``q`` (p, p) and ``linear`` (p,). Raises RunError (RUN_NOT_OPTIMAL)."""
    size = linear.shape[0]
    penalty = float(np.max(np.abs(linear))) if size else 0.0
    scale = penalty
    knots, solutions = [penalty], [np.zeros(size)]
    active: list[int] = [int(np.argmax(np.abs(linear)))] if penalty > 0.0 else []
    signs = -np.sign(linear)
    left: int | None = None
    for _ in range(KNOTS * max(size, 1)):
        if penalty <= 0.0:
            break
        base, turn = np.zeros(size), np.zeros(size)
        block = q[np.ix_(active, active)]
        base[active] = -np.linalg.solve(block, linear[active])
        turn[active] = -np.linalg.solve(block, signs[active])
        gradient, slope = linear + q @ base, q @ turn
        penalty, changed, sign = _event((base, turn), (gradient, slope), (penalty, active, left))
        knots.append(penalty)
        solutions.append(base + penalty * turn)
        _check(q @ solutions[-1] + linear, solutions[-1], penalty, scale)
        left = None
        if changed in active:
            active.remove(changed)
            left = changed
        elif changed is not None:
            active.append(changed)
            signs[changed] = sign
    return Path(np.array(knots), np.array(solutions))


def _event(
    solution: tuple[Floats, Floats], gradient: tuple[Floats, Floats], now: tuple[float, list[int], int | None]
) -> tuple[float, int | None, float]:
    """The next smaller penalty at which a coordinate leaves or enters, which one, and the sign it enters with."""
    penalty, active, left = now
    best, which, sign = 0.0, None, 0.0
    for j in range(solution[0].shape[0]):
        if j in active:
            meets = [(-solution[0][j] / solution[1][j], 0.0)] if solution[1][j] != 0.0 else []
        else:
            # gradient = ±λ; a coordinate that has just left does not come back with the sign it had
            meets = [(gradient[0][j] / (s - gradient[1][j]), -s) for s in (1.0, -1.0) if abs(s - gradient[1][j]) > NEXT]
        for value, enters in meets:
            just_left = j == left and value > penalty * (1.0 - NEXT**0.5)
            if best < value < penalty * (1.0 - NEXT) and not just_left:
                best, which, sign = float(value), j, enters
    return best, which, sign


def _check(gradient: Floats, solution: Floats, penalty: float, scale: float) -> None:
    """Raise RunError unless |gradient| ≤ λ, with −λ·sign where a coordinate is not 0."""
    slack = OPTIMAL * scale
    outside = float(np.max(np.abs(gradient))) - penalty
    moving = np.abs(solution) > slack
    off = np.abs(gradient + penalty * np.sign(solution))[moving]
    if outside > slack or (off.shape[0] and float(np.max(off)) > slack):
        raise RunError(
            Fault(
                code="RUN_NOT_OPTIMAL",
                cause="The weights of the fixed-length interval could not be certified as optimal.",
                fix="Check the covariance of the event study: it is close to singular.",
                place=Place(key="honest"),
            )
        )
