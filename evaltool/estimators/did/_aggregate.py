"""The four averages of group-time effects, as weights on cells (Callaway & Sant'Anna 2021, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.group_time import (
    Cell,
    Combination,
    Layout,
    by_share,
    equally,
    mean_by_share,
    mean_of,
)
from evaltool.records.panel import IntArray

Kind = Literal["simple", "dynamic", "group", "calendar"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One element of a path: its event time, start or period, its weights, and the cells behind it."""

    element: int
    combination: Combination
    chosen: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """Every element of every aggregate, and the four overall averages."""

    simple: Combination
    events: tuple[Part, ...]
    groups: tuple[Part, ...]
    calendar: tuple[Part, ...]
    dynamic_overall: Combination
    group_overall: Combination
    calendar_overall: Combination
    cohorts: tuple[int, ...]
    """Indices of the cohorts with at least one treated cell."""

    def headline(self, kind: Kind) -> Combination:
        """The overall average of one kind."""
        return {
            "simple": self.simple,
            "dynamic": self.dynamic_overall,
            "group": self.group_overall,
            "calendar": self.calendar_overall,
        }[kind]


def treated_events(layout: Layout, cells: tuple[Cell, ...]) -> IntArray:
    """(cells,) the event time of every treated cell."""
    events = [layout.periods[cell.period] - int(layout.starts[cell.cohort]) for cell in cells]
    return np.array([event for event in events if event >= 0], dtype=np.int64)


def aggregate(
    layout: Layout, cells: tuple[Cell, ...], balance: int | None = None, within: tuple[int, int] | None = None
) -> Aggregates:
    """All averages over ``cells``; every estimable cohort has at least one treated cell.

    ``balance`` keeps, for the event times, the cohorts observed at least so many periods after their start and the
    event times that all of them have (Callaway & Sant'Anna 2021, section 3.1.1). At least one cohort must remain.
    ``within`` keeps, for the overall averages, the treated cells from its first to its last event time.
    """
    mass = layout.mass()
    starts = [int(layout.starts[cell.cohort]) for cell in cells]
    times = [layout.periods[cell.period] for cell in cells]
    treated = [k for k in range(len(cells)) if times[k] >= starts[k]]
    cohorts = sorted({cells[k].cohort for k in treated})

    def shared(element: int, chosen: list[int]) -> Part:
        return Part(element, by_share(cells, chosen, mass), tuple(chosen))

    first, last = layout.periods[0], layout.periods[-1]
    long = [k for k in range(len(cells)) if balance is None or last - starts[k] >= balance]
    seen = sorted({times[k] - starts[k] for k in long})
    events = tuple(
        shared(e, [k for k in long if times[k] - starts[k] == e])
        for e in seen
        if balance is None or balance - last + first <= e <= balance
    )
    own = [[k for k in treated if cells[k].cohort == c] for c in cohorts]
    groups = tuple(
        Part(int(layout.starts[c]), equally(cells, chosen, mass.shape[0]), tuple(chosen))
        for c, chosen in zip(cohorts, own, strict=True)
    )
    calendar = tuple(shared(t, [k for k in treated if times[k] == t]) for t in sorted({times[k] for k in treated}))
    inside = [k for k in treated if within is None or within[0] <= times[k] - starts[k] <= within[1]]
    reached = sorted({cells[k].cohort for k in inside})
    return Aggregates(
        simple=by_share(cells, inside, mass),
        events=events,
        groups=groups,
        calendar=calendar,
        dynamic_overall=mean_of(
            [
                part.combination
                for part in events
                if part.element >= 0 and (within is None or within[0] <= part.element <= within[1])
            ]
        ),
        group_overall=mean_by_share(
            [equally(cells, [k for k in inside if cells[k].cohort == c], mass.shape[0]) for c in reached], reached, mass
        ),
        calendar_overall=mean_of(
            [by_share(cells, [k for k in inside if times[k] == t], mass) for t in sorted({times[k] for k in inside})]
        ),
        cohorts=tuple(cohorts),
    )
