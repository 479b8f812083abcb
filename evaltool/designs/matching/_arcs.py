"""Distances between those who may be matched, as whole multiples of 10⁻⁹."""

from __future__ import annotations

import numpy as np

from evaltool.designs.matching._nearest_rules import Ground
from evaltool.designs.matching._units import Bools
from evaltool.records.panel import FloatArray, IntArray

FINE = 10**9
"""Costs are whole multiples of 1 / FINE."""


def distance(ground: Ground, one: IntArray, two: IntArray) -> FloatArray:
    """Distances of units ``one`` and ``two``, broadcast, added up coordinate by coordinate."""
    if ground.points.shape[1] == 1:
        return np.asarray(np.abs(ground.points[one, 0] - ground.points[two, 0]), dtype=np.float64)
    squares = np.zeros(np.broadcast_shapes(one.shape, two.shape))
    for p in range(ground.points.shape[1]):
        squares += (ground.points[one, p] - ground.points[two, p]) ** 2
    return np.sqrt(squares)


def costs(ground: Ground, mine: IntArray, theirs: IntArray) -> tuple[IntArray, Bools]:
    """(m, n) whole distances, and which pairs the calipers allow; equal columns are the caller's."""
    one, two = mine[:, None], theirs[None, :]
    allowed = np.ones((mine.shape[0], theirs.shape[0]), dtype=np.bool_)
    if ground.rule.caliper is not None:
        allowed &= np.abs(ground.grid[one] - ground.grid[two]) <= ground.rule.caliper
    for q, width in enumerate(ground.rule.widths):
        allowed &= np.abs(ground.limited[one, q] - ground.limited[two, q]) <= width
    return np.rint(distance(ground, one, two) * FINE).astype(np.int64), allowed
