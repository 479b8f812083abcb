"""From a test to the interval it inverts, for tests without a formula for their critical value."""

from __future__ import annotations

import math
from collections.abc import Callable

ENDS = 1e-7
"""Ends of an interval are found to this share of the step."""
FARTHEST = 1e6
"""Steps from the estimate after which an end counts as infinite."""
STEPS = 24
"""Values tested between the estimate and the first rejected one."""


def farthest_kept(p_value: Callable[[float], float], effect: float, step: float, alpha: float) -> float:
    """The farthest value from ``effect`` in the direction of ``step`` with a p-value above ``alpha``.

    ``p_value`` is asked at ±inf first: infinite when even that is kept. The search doubles from four steps until a
    value is rejected, takes the last value kept on a grid up to there, and bisects.
    """
    if p_value(math.copysign(math.inf, step)) > alpha:
        return math.copysign(math.inf, step)
    reach = 4.0
    while p_value(effect + reach * step) > alpha:
        reach *= 2.0
        if reach > FARTHEST:
            return math.copysign(math.inf, step)
    grid = [reach * i / STEPS for i in range(STEPS + 1)]
    kept = max(i for i, r in enumerate(grid) if i == 0 or (i < STEPS and p_value(effect + r * step) > alpha))
    inside, out = grid[kept], grid[kept + 1]
    while out - inside > ENDS:
        middle = (inside + out) / 2.0
        inside, out = (middle, out) if p_value(effect + middle * step) > alpha else (inside, middle)
    return effect + inside * step
