"""How far parallel trends may fail before a conclusion does: robust intervals and breakdown values.

Rambachan & Roth (2023). An interval is valid for every trend that the stated bound M allows for; it never treats the
largest deviation seen before the start as known, but tests with its uncertainty. Relative magnitudes are inverted by
the conditional test with a least-favourable first stage; smoothness by that test or by the shortest fixed-length
interval (the default). The breakdown value of a threshold is the smallest M whose interval holds the threshold: zero
for "is there any effect", a payment threshold for "is the payment due".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from evaltool.numerics.honest_conditional import DRAWS, Tested, deciding, hull, is_kept, noise, prepare, roughly
from evaltool.numerics.honest_fixed_length import fixed_length
from evaltool.numerics.honest_sets import EventStudy, Moments, reach, relative_magnitudes, smoothness, straight
from evaltool.numerics.inference import SMALLEST_LEVEL, Floats

Kind = Literal["relative_magnitudes", "smoothness"]
Method = Literal["conditional", "fixed_length"]
FIRST_STEP = {"relative_magnitudes": 0.25, "smoothness": 1.0 / 16.0}
"""First bound tried above 0 in the search for a breakdown value; for smoothness in standard errors of the target."""
DOUBLINGS = 14
PRECISION = 1e-4
"""A breakdown value is found to this (for smoothness times the standard error)."""
FIRST_REACH = 8.0
"""Standard errors on either side of the estimate that are searched first."""


@dataclass(frozen=True, slots=True)
class HonestInterval:
    """The interval for one bound on the deviations."""

    bound: float
    lower: float
    upper: float

    def holds(self, value: float) -> bool:
        """Whether the interval holds a value."""
        return self.lower <= value <= self.upper


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The smallest bound whose interval holds the threshold.

    0 when the interval without any deviation holds it already; None when none up to ``searched_to`` does.
    """

    threshold: float
    value: float | None
    searched_to: float


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """An event study, the kind of deviation, how to invert and at which level."""

    study: EventStudy
    kind: Kind
    method: Method
    level: float
    draws: int = DRAWS
    """Draws of the first stage."""
    _draws: dict[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a level that is no confidence level, or relative magnitudes of fixed length."""
        if not SMALLEST_LEVEL <= self.level < 1.0:
            message = f"level is the confidence level, 0.95 for 95 %; got {self.level!r}"
            raise ValueError(message)
        if self.kind == "relative_magnitudes" and self.method == "fixed_length":
            message = "no fixed-length interval is valid for relative magnitudes; use the conditional test"
            raise ValueError(message)

    def interval(self, bound: float) -> HonestInterval:
        """The interval for deviations of at most ``bound`` ≥ 0."""
        if not bound >= 0.0:
            message = f"a bound on deviations is at least 0, got {bound!r}"
            raise ValueError(message)
        if self.method == "fixed_length":
            found = fixed_length(self.study, bound, self.level)
            return HonestInterval(bound, found.centre - found.half_length, found.centre + found.half_length)
        return HonestInterval(bound, *self._conditional(bound))

    def holds(self, bound: float, value: float) -> bool:
        """Whether ``value`` is not rejected when deviations are at most ``bound``; cheaper than the whole interval.

        A value outside a conditional set may still lie between its ends; ``interval`` reports those.
        """
        if self.method == "fixed_length":
            return self.interval(bound).holds(value)
        return is_kept(self._roughly(bound), self._exactly, value, 1.0 - self.level)

    def breakdown(self, threshold: float, precision: float = PRECISION) -> Breakdown:
        """The bound at which the interval begins to hold ``threshold``: by doubling, then by bisection.

        Single values are tested on the way; the interval just below the bound found is then looked at as a whole.
        """
        unit = 1.0 if self.kind == "relative_magnitudes" else self.study.se
        low, high = 0.0, FIRST_STEP[self.kind] * unit
        if self.interval(0.0).holds(threshold):
            return Breakdown(threshold, 0.0, 0.0)
        for _ in range(DOUBLINGS):
            if self.holds(high, threshold):
                break
            low, high = high, 2.0 * high
        else:
            return Breakdown(threshold, None, low)
        top = high
        low, high = _between(lambda bound: self.holds(bound, threshold), low, high, precision * unit)
        if low > 0.0 and self.method == "conditional" and self.interval(low).holds(threshold):
            high = _between(lambda bound: self.interval(bound).holds(threshold), 0.0, low, precision * unit)[1]
        return Breakdown(threshold, high, top)

    def _conditional(self, bound: float) -> tuple[float, float]:
        """The hull of the conditional confidence set."""
        study, alpha = self.study, 1.0 - self.level
        centre, far = study.estimate, FIRST_REACH * study.se
        if self.kind == "smoothness":
            centre, far = straight(study), far + bound * reach(study)
        members = deciding(self._roughly(bound), self._exactly, centre, far, alpha)
        return hull(members, centre, far, alpha)

    def _roughly(self, bound: float) -> list[Tested]:
        """The members of the union without draws."""
        members = relative_magnitudes if self.kind == "relative_magnitudes" else smoothness
        return [roughly(self.study, moments, 1.0 - self.level) for moments in members(self.study, bound)]

    def _exactly(self, moments: Moments) -> Tested:
        """One member with its drawn critical value."""
        if "noise" not in self._draws:
            self._draws["noise"] = noise(self.study, self.draws)
        return prepare(self.study, moments, self._draws["noise"], 1.0 - self.level)


def _between(holds: Callable[[float], bool], low: float, high: float, width: float) -> tuple[float, float]:
    """A bound that does not hold and one that does, no further apart than ``width``."""
    while high - low > width:
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high
