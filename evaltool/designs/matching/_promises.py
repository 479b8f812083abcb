"""What a matching promised, checked on the finished sets with the raw values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from evaltool.designs.matching._sets import Matches
from evaltool.designs.matching._units import Units
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.matching import GRID
from evaltool.records.panel import FloatArray

ROUNDING = 2.0 / GRID
"""Two scores, each rounded to the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Promises:
    """(n, p) coordinates distances are measured on, (n,) scores with their caliper, further calipers and anti-exact.

    ``widths`` and ``apart``: column → ((n,) values, width) and (n,) values.
    """

    points: FloatArray
    score: FloatArray
    caliper: float | None = None
    widths: dict[str, tuple[FloatArray, float]] = field(default_factory=dict)
    apart: dict[str, FloatArray] = field(default_factory=dict)


def check_promises(units: Units, made: Matches, promised: Promises) -> None:
    """Raise RunError (RUN_PROMISE_BROKEN), one fault per promise that does not hold."""
    kept([*of_pairs(units, made, promised), *_of_sets(made)])


def kept(broken: Iterable[str]) -> None:
    """Raise RunError (RUN_PROMISE_BROKEN), one fault for each of ``broken``."""
    if found := list(broken):
        raise RunError(
            Fault(
                code="RUN_PROMISE_BROKEN",
                cause=f"The matching broke a promise: {what}.",
                fix="This is a fault of evaltool, not of the plan or the data: report it with the plan.",
                place=Place(key="design"),
            )
            for what in found
        )


def of_pairs(units: Units, made: Matches, promised: Promises) -> Iterator[str]:
    """Distances, calipers, equal and unequal columns."""
    one, two = made.first, made.second
    distance = np.sqrt(np.sum((promised.points[one] - promised.points[two]) ** 2, axis=1))
    if float(np.max(np.abs(distance - made.distance / GRID))) > ROUNDING * max(1.0, float(np.max(distance))):
        yield "the distances recorded are not the distances of the scores"
    apart = np.abs(promised.score[one] - promised.score[two])
    if promised.caliper is not None and float(np.max(apart)) > promised.caliper + ROUNDING:
        yield f"a pair is {float(np.max(apart)):.6g} apart, beyond the caliper of {promised.caliper:.6g}"
    for name, (values, width) in promised.widths.items():
        if (far := float(np.max(np.abs(values[one] - values[two])))) > width:
            yield f"a pair is {far:.6g} apart in {name}, beyond the caliper of {width:.6g}"
    for name, values in promised.apart.items():
        if bool(np.any(values[one] == values[two])):
            yield f"a pair is equal in {name}, which must differ"
    if units.exact.shape[1] and bool(np.any(units.exact[one] != units.exact[two])):
        yield f"a pair differs in {', '.join(units.exact_names)}, which must be equal"


def _of_sets(made: Matches) -> Iterator[str]:
    """How many match how many, and that nobody stands where they may not."""
    sizes = np.bincount(made.first, minlength=made.focal.shape[0])
    over = sizes > made.wanted
    if not made.replace and bool(np.any(over)):
        yield f"a unit has {int(np.max(sizes[over]))} matches, more than {int(np.min(made.wanted[over]))}"
    if not made.replace and int(np.max(np.bincount(made.second))) > 1:
        yield "a comparison unit was used twice without replacement"
    if len({*zip(made.first.tolist(), made.second.tolist(), strict=True)}) != made.first.shape[0]:
        yield "a pair stands twice among the matches"
    if bool(np.any(~made.focal[made.first])) or bool(np.any(made.focal[made.second])):
        yield "two units of one group were matched with each other"
