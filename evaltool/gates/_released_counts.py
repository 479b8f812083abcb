"""The table of released counts that the disclosure gate fills: counts by name, and the sums among them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from evaltool.numerics.disclosure import ADDS_UP, Sum, name_of

ARMS = ("treated", "comparison")


@dataclass(slots=True)
class Released:
    """Counts by name, the sums among them, and the headline arms."""

    counts: dict[str, float] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)
    headline: tuple[str, ...] = (name_of("arm", "treated"), name_of("arm", "comparison"))
    kept: tuple[str, ...] = (name_of("all", "analysed"),)
    """Not a group, but known from the headline arms: hidden last, like them."""
    derived: set[str] = field(default_factory=set)
    """Names of counts that are printed nowhere and follow from what is: protected, and not counted as released."""

    def add(self, name: str, count: float) -> None:
        """A count under its name."""
        self.counts[name] = float(count)

    def derive(self, name: str, count: float) -> None:
        """A count that only follows from what is released, or repeats it."""
        self.add(name, count)
        self.derived.add(name)

    def relate(self, total: str, parts: list[str]) -> bool:
        """Note an addition where every part is released and it holds; one that does not hold reveals nothing."""
        names = {total, *parts}
        if not parts or not names <= self.counts.keys() or len(names) != len(parts) + 1:
            return False
        if not _equal(sum(self.counts[part] for part in parts), self.counts[total]):
            return False
        self.sums.append(Sum(total, tuple(sorted(parts))))
        return True

    def relate_first(self, total: str, choices: list[list[str]]) -> None:
        """Note the first of several possible additions that holds."""
        any(self.relate(total, parts) for parts in choices)


def _equal(one: float, other: float) -> bool:
    """Equal up to the rounding of sums of weights."""
    return math.isclose(one, other, rel_tol=ADDS_UP, abs_tol=ADDS_UP)
