"""Several treated units: a synthetic control for each, averaged by time since the start, and placebos for that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._layout import Layout
from evaltool.numerics.assignments import Draws, assignments, ways
from evaltool.numerics.fits import Fit, Fitter, effect_rank, placebo_spread, ratio_rank
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex_control import Rank, Windows, mean_of, rmspe_of

DRAWS = Draws(most=2000, draws=1000, seed=1)
"""Placebo averages: all of them up to 2,000, else 1,000 drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Averaged:
    """The mean gap by event time, and who is in it.

    ``events`` (E,) periods since the start; ``observed`` and ``path`` (E,) means over the units seen then; ``seen``
    (E,) how many; ``fit`` holds them as one fit whose effect is the mean over treated unit-periods.
    """

    events: tuple[int, ...]
    observed: Floats
    seen: tuple[int, ...]
    fit: Fit


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """Everything computed for several treated units."""

    layouts: tuple[Layout, ...]
    fits: tuple[Fit, ...]
    averaged: Averaged
    placebos: tuple[tuple[tuple[str, ...], Fit], ...]
    possible: int
    rank: Rank
    by_effect: Rank
    spread: float
    without: dict[str, Fit]


def several_of(layouts: tuple[Layout, ...], method: Callable[[Layout], Fitter]) -> Several:
    """Fit all. ``method`` makes the fitter of a layout. Raises RunError (RUN_TOO_FEW_DONORS, RUN_NOT_OPTIMAL)."""
    fitters = [method(layout) for layout in layouts]
    fits = tuple(f(one.target, one.pool, one.windows) for f, one in zip(fitters, layouts, strict=True))
    averaged = average(layouts, fits)
    placebos, possible = _placebos(layouts, fitters)
    others = tuple(fit for _, fit in placebos)
    return Several(
        layouts=layouts,
        fits=fits,
        averaged=averaged,
        placebos=placebos,
        possible=possible,
        rank=ratio_rank(averaged.fit, others),
        by_effect=effect_rank(averaged.fit, others),
        spread=placebo_spread(others),
        without=_without_each(layouts, fitters, fits),
    )


def average(layouts: Sequence[Layout], fits: Sequence[Fit]) -> Averaged:
    """Means by event time; the effect is the mean gap over all treated unit-periods."""
    firsts = [int(np.argmax(layout.windows.after)) for layout in layouts]
    sizes = [len(layout.periods) for layout in layouts]
    events = tuple(range(-max(firsts), max(n - k for n, k in zip(sizes, firsts, strict=True))))
    gaps, observed, seen, before = [], [], [], []
    for event in events:
        at = [(k, first + event) for k, first in enumerate(firsts) if 0 <= first + event < sizes[k]]
        gaps.append(math.fsum(float(fits[k].gap[place]) for k, place in at) / len(at))
        observed.append(math.fsum(float(layouts[k].y[place]) for k, place in at) / len(at))
        seen.append(len(at))
        before.append(all(bool(layouts[k].windows.before[place]) for k, place in at))
    late = [float(g) for fit, one in zip(fits, layouts, strict=True) for g in fit.gap[one.windows.after]]
    gap, own = np.array(gaps), np.array(observed)
    windows = Windows(before=np.array(before), after=np.array([event >= 0 for event in events]))
    fit = Fit(
        path=own - gap,
        gap=gap,
        effect=math.fsum(late) / len(late),
        rmspe_before=rmspe_of(gap[windows.before], own),
        rmspe_after=rmspe_of(gap[windows.after], own),
    )
    return Averaged(events=events, observed=own, seen=tuple(seen), fit=fit)


def _placebos(
    layouts: tuple[Layout, ...], fitters: list[Fitter]
) -> tuple[tuple[tuple[tuple[str, ...], Fit], ...], int]:
    """Different donors in the places of the treated, none of them donor to another; and how many ways there are.

    Raises RunError (RUN_TOO_FEW_DONORS).
    """
    donors = len(layouts[0].names)
    if donors <= len(layouts):
        cause = f"{donors} donors cannot stand in for {len(layouts)} treated units with another left for each."
        fix = "Include more units that were never treated, or use did.group_time."
        raise RunError(Fault("RUN_TOO_FEW_DONORS", cause, fix, Place(key="design.options")))
    starts = sorted({layout.start for layout in layouts})
    sizes = [sum(layout.start == start for layout in layouts) for start in starts]
    first = [next(k for k, layout in enumerate(layouts) if layout.start == start) for start in starts]
    stand_ins = [_StandIns(layouts[k], fitters[k]) for k in first]
    names = layouts[0].names
    found = []
    for groups in assignments(donors, sizes, DRAWS):
        everybody = frozenset(int(j) for group in groups for j in group)
        chosen = [(int(j), cohort) for cohort, group in enumerate(groups) for j in group]
        pairs = [stand_ins[cohort].fit(j, everybody) for j, cohort in chosen]
        found.append((tuple(names[j] for j, _ in chosen), average([a for a, _ in pairs], [b for _, b in pairs]).fit))
    return tuple(found), ways(donors, sizes)


class _StandIns:
    """Donors in the place of a treated unit, without those who stand in for the others; each fit is made once.

    Leaving out a donor that carries no weight changes no fit: it stays the best, and the smallest among the best.
    """

    def __init__(self, layout: Layout, fitter: Fitter) -> None:
        self.layout, self.fitter = layout, fitter
        self.made: dict[tuple[int, frozenset[int]], Fit] = {}

    def fit(self, place: int, group: frozenset[int]) -> tuple[Layout, Fit]:
        """The donor as treated, and its fit to the donors outside of the group."""
        alone = self._made(place, frozenset((place,)))
        if alone.weights is None or group.intersection(self._pool(frozenset((place,)))[alone.weights != 0.0].tolist()):
            alone = self._made(place, group)
        return _as_treated(self.layout, place), alone

    def _pool(self, without: frozenset[int]) -> Ints:
        """(pool,) places of the donors that are left."""
        pool = self.layout.pool
        return pool[~np.isin(pool, list(without))]

    def _made(self, place: int, without: frozenset[int]) -> Fit:
        key = (place, without)
        if key not in self.made:
            self.made[key] = self.fitter(place, self._pool(without), self.layout.windows)
        return self.made[key]


def _as_treated(layout: Layout, place: int) -> Layout:
    """The layout with a donor in the place of the treated unit."""
    return Layout(
        unit=layout.names[place],
        y=layout.donors[:, place],
        names=layout.names,
        donors=layout.donors,
        periods=layout.periods,
        labels=layout.labels,
        start=layout.start,
        windows=layout.windows,
        weight_treated=layout.weight_treated,
        weight_donors=layout.weight_donors,
    )


def _without_each(layouts: tuple[Layout, ...], fitters: list[Fitter], fits: tuple[Fit, ...]) -> dict[str, Fit]:
    """The average without each donor that carries weight for anybody; those it has none for stay as they are."""
    used = [
        {one.names[j] for j in np.flatnonzero(fit.weights)} if fit.weights is not None else set(one.names)
        for one, fit in zip(layouts, fits, strict=True)
    ]
    found = {}
    for name in layouts[0].names:
        if not any(name in members for members in used):
            continue
        again = []
        for one, fitter, fit, members in zip(layouts, fitters, fits, used, strict=True):
            left = np.array([j for j in one.pool if one.names[j] != name], dtype=np.int64)
            again.append(fitter(one.target, left, one.windows) if name in members else fit)
        found[name] = average(layouts, again).fit
    return found


def levels(layouts: tuple[Layout, ...]) -> tuple[float, float]:
    """Mean outcome over treated unit-periods, and over units in the last period fitted on."""
    late = np.concatenate([one.y[one.windows.after] for one in layouts])
    last = np.array([one.y[one.windows.before][-1] for one in layouts])
    return mean_of(late), mean_of(last)
