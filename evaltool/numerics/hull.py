"""Whether a series lies within reach of donors: the least largest distance from their hull, by linear programming.

min d subject to |Σ w_j Y_jt − y_t| ≤ d for every t, w ≥ 0, Σw = 1. Zero: some weighted mean of donors is the series,
and weights interpolate; above zero no weights follow it, and what is fitted is the nearest there is. The dual value
bounds d from below (weak duality).

Source: Abadie 2021 (Journal of Economic Literature 59), section 4 (convex hull); Boyd & Vandenberghe 2004, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats

INSIDE = 1e-9
"""A distance below this share of the series' size is rounding."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Least largest distance and its lower bound, and in how many periods the series lies beyond every donor."""

    distance: float
    bound: float
    inside: bool
    beyond: int


def reach_of(donors: Floats, y: Floats) -> Reach:
    """For donors (T, J) and the series (T,). Raises RunError (RUN_NOT_OPTIMAL) when the programme is not solved."""
    scale = float(np.max(np.abs(np.column_stack([donors, y])))) or 1.0
    beyond = int(np.sum((y > donors.max(axis=1)) | (y < donors.min(axis=1))))
    a, b = donors / scale, y / scale
    periods, count = a.shape
    above = np.column_stack([a, -np.ones(periods)])
    below = np.column_stack([-a, -np.ones(periods)])
    cost = np.append(np.zeros(count), 1.0)
    found = linprog(
        cost,
        A_ub=np.vstack([above, below]),
        b_ub=np.append(b, -b),
        A_eq=np.append(np.ones(count), 0.0)[None, :],
        b_eq=[1.0],
        method="highs",
    )
    if found.status != 0:
        cause, fix = "The distance from the donors could not be found.", "Check the outcomes for extreme values."
        raise RunError(Fault("RUN_NOT_OPTIMAL", cause, fix, Place(key="design.options")))
    weights = np.maximum(np.asarray(found.x, dtype=np.float64)[:-1], 0.0)
    weights /= float(np.sum(weights))
    distance = float(np.max(np.abs(a @ weights - b)))
    duals = np.asarray(found.ineqlin.marginals, dtype=np.float64)
    bound = float(duals @ np.append(b, -b)) + float(np.asarray(found.eqlin.marginals)[0])
    return Reach(distance * scale, bound * scale, distance <= INSIDE, beyond)
