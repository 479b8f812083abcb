"""How an effect of a plan is written on an axis and in a sentence: per cent, percentage points, or its own unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaltool.language.numbers import MINUS, Number, number, percent, points

Kind = Literal["percent", "points", "number"]


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of an effect. ``unit`` is in words and used by ``number`` only."""

    kind: Kind
    unit: str
    lang: str

    def text(self, value: Number, digits: int | None = None) -> str:
        """The value with its unit."""
        bare = self.bare(value, digits)
        return f"{bare} {self.unit}" if self.kind == "number" and self.unit else bare

    def bare(self, value: Number, digits: int | None = None) -> str:
        """The value with a per cent sign where it is a share, without the unit in words."""
        if self.kind == "percent":
            return percent(value, self.lang, 1 if digits is None else digits)
        if self.kind == "points":
            return points(value, self.lang, 1 if digits is None else digits)
        return number(value, self.lang, digits)

    def signed(self, value: Number, digits: int | None = None) -> str:
        """With a plus sign where it is positive."""
        bare = self.bare(value, digits)
        return f"+{bare}" if value > 0 and not bare.startswith(MINUS) else bare

    def apart(self, value: Decimal, thresholds: tuple[Decimal, ...]) -> str:
        """The value with as many digits as it takes not to look like a threshold it does not equal."""
        for digits in (None, 2, 3, 4, 6, 8, 10):
            text = self.bare(value, digits)
            if all(value == t or self.bare(t, digits) != text for t in thresholds):
                return text
        return self.bare(value, 12)

    def tick(self, value: float, step: float) -> str:
        """A tick label with just the digits that ``step`` needs."""
        share = self.kind != "number"
        shown = Decimal(repr(round(step * (100 if share else 1), 10)))
        digits = max(0, -int(shown.normalize().as_tuple().exponent))
        rounded = round(value, 12) + 0.0
        return percent(rounded, self.lang, digits) if share else number(rounded, self.lang, digits)
