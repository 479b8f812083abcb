"""Moving-block conformal tests of an effect on one series, and the intervals that invert them.

Under a stated effect θ the treated outcomes less θ are untreated outcomes like the others. The counterfactual is fitted
on all periods together, so that no period is favoured, and the statistic Σ|residual|^q over the treated periods is
compared with its values at every cyclic shift of the residuals: p = share of shifts, the identity among them, with a
statistic at least as large. Blocks keep their order, so dependence over time is allowed. The interval holds every θ
with p > 1 − level; its ends are found on a grid that widens until nothing more is accepted, and then by bisection.

Source: Chernozhukov, Wüthrich & Zhu 2021 (JASA 116), section 2.2 (moving-block permutations) and algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import TIED, Bools

Residuals = Callable[[float], Floats]
"""θ → residuals (T,) of a fit on all periods, had the treated outcomes been lower by θ."""
GRID = 60
"""Points on each side of the estimate, over the width beyond which everything is rejected."""
DOUBLINGS, BISECTIONS = 16, 40


@dataclass(frozen=True, slots=True)
class Shifts:
    """How many of all cyclic shifts have a statistic at least as large as the data's own."""

    larger: int
    shifts: int

    @property
    def p_value(self) -> float:
        """Their share; never below 1 / shifts."""
        return self.larger / self.shifts


@dataclass(frozen=True, slots=True)
class ConformalInterval:
    """Every effect between ``lower`` and ``upper`` that the test does not reject, up to the ``step`` of the grid."""

    lower: float
    upper: float
    level: float
    step: float
    connected: bool
    """False when an effect on the grid between the ends is rejected; the interval is then the hull."""


def shift_test(residuals: Floats, after: Bools, power: int = 1) -> Shifts:
    """The moving-block test on residuals (T,); ``after`` (T,) marks the treated periods."""
    sizes = np.abs(residuals) ** power
    count = residuals.shape[0]
    places = np.flatnonzero(after)
    found = [math.fsum(sizes[(places + shift) % count].tolist()) for shift in range(count)]
    return Shifts(larger=sum(value >= found[0] * (1.0 - TIED) for value in found), shifts=count)


def check_resolution(periods: int, level: float, key: str) -> None:
    """Refuse a level that no result could reach. Raises RunError (RUN_LEVEL_OUT_OF_REACH)."""
    if 1.0 / periods > 1.0 - level + 1e-12:
        raise RunError(
            Fault(
                code="RUN_LEVEL_OUT_OF_REACH",
                cause=f"With {periods} periods p cannot be less than 1/{periods}, and the plan asks for a level of "
                f"{level:g}.",
                fix=f"State a level of at most {1.0 - 1.0 / periods:.4g}, or include more periods.",
                place=Place(key=key),
            )
        )


def invert(residuals: Residuals, after: Bools, start: tuple[float, float], *, level: float) -> ConformalInterval:
    """The interval, searched around ``start`` = (estimate, scale > 0).

    Raises RunError: RUN_EMPTY_INTERVAL when no effect on the grid is accepted, RUN_UNBOUNDED_INTERVAL when the test
    accepts whatever the size.
    """
    centre, scale = start

    def accepts(effect: float) -> bool:
        return shift_test(residuals(effect), after).p_value > 1.0 - level + 1e-12

    width = _width(accepts, centre, scale)
    step = width / GRID
    grid = [centre + step * k for k in range(-GRID, GRID + 1)]
    taken = [accepts(effect) for effect in grid]
    if not any(taken):
        cause = "The test rejects every constant effect that was tried: the fit leaves more than an effect unexplained."
        fix = "Look at the gaps before the start; a constant effect does not describe these data."
        raise RunError(Fault("RUN_EMPTY_INTERVAL", cause, fix, Place(key="estimator.options.inference")))
    first, last = taken.index(True), len(taken) - 1 - taken[::-1].index(True)
    return ConformalInterval(
        lower=_edge(accepts, grid[first], grid[first] - step),
        upper=_edge(accepts, grid[last], grid[last] + step),
        level=level,
        step=step,
        connected=all(taken[first : last + 1]),
    )


def _width(accepts: Callable[[float], bool], centre: float, scale: float) -> float:
    """A distance from the centre beyond which effects are rejected: here, and twice and four times as far."""
    width = scale
    for _ in range(DOUBLINGS):
        if not any(accepts(centre + sign * times * width) for sign in (-1, 1) for times in (1.0, 2.0, 4.0)):
            return width
        width *= 2.0
    cause = "The test accepts effects however large: too few periods tell the treated time from the rest."
    fix = "Include more periods before the start, or use placebo inference."
    raise RunError(Fault("RUN_UNBOUNDED_INTERVAL", cause, fix, Place(key="estimator.options.inference")))


def _edge(accepts: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last accepted effect between an accepted and a rejected one."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (inside + outside)
        if middle in {inside, outside}:
            break
        if accepts(middle):
            inside = middle
        else:
            outside = middle
    return inside
