"""Treatment that can switch on and off, on arrays: effects of a unit's first switch, and of every switch.

de Chaisemartin & D'Haultfœuille (2024) for the first switch: units that leave their treatment of the first period in
period F are compared with units of the same first treatment that have not left theirs by period t. de Chaisemartin &
D'Haultfœuille (2020) for every switch: from one period to the next, with units that stay as both were. Effects are
signed so that they are those of having the treatment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaltool.numerics.group_time import NEVER, Cell, Layout, reference_cell, two_period_cell
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.switching_covariates import adjustment
from evaltool.numerics.uneven_cells import Bools


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Units sorted into cohorts of one kind of path; ``treatment`` (cohorts, periods) is a cohort's, where it is one.

    ``order`` (units,) sorts the units as the layout has them.
    """

    layout: Layout
    treatment: Bools
    order: Ints
    seen: Bools
    """(cohorts, periods) whether a cohort's units were seen, where it is one of whole paths; else all true."""


def known_switches(outcome: Floats, treatment: Floats) -> tuple[Floats, Bools, int]:
    """Outcomes, treatment, and how many first switches have an unknown period, where rows (NaN) are missing.

    A unit that was seen with its first treatment before and after a gap is taken to have kept it. One that came out of
    a gap with another has switched at an unknown time: it is one that has not, up to the gap, and its later outcomes
    are not used.
    """
    seen = np.isfinite(treatment)
    changed = seen & (treatment != treatment[:, :1])
    whole = np.where(changed, treatment, treatment[:, :1]) == 1.0
    first = first_change(whole)
    switching = np.flatnonzero(first < seen.shape[1])
    unknown = switching[~seen[switching, first[switching] - 1]]
    kept = outcome.copy()
    for i in unknown.tolist():
        last = int(np.flatnonzero(seen[i, : first[i]])[-1])
        kept[i, last + 1 :] = np.nan
        whole[i] = whole[i, 0]
    return kept, whole, int(unknown.shape[0])


def _filled(treatment: Bools, seen: Bools) -> Bools:
    """Treatment (units, periods), where not ``seen`` as it was before."""
    place = np.where(seen, np.arange(seen.shape[1])[None, :], 0)
    found: Bools = np.take_along_axis(treatment, np.maximum.accumulate(place, axis=1), axis=1)
    return found


def first_change(treatment: Bools) -> Ints:
    """(units,) index of the first period in which treatment (units, periods) has left its first value; else periods."""
    changed = treatment != treatment[:, :1]
    return np.where(np.any(changed, axis=1), np.argmax(changed, axis=1), treatment.shape[1]).astype(np.int64)


def _starts(first: Ints, periods: tuple[int, ...]) -> tuple[float, ...]:
    """Periods of first changes, inf for never."""
    return tuple(float(periods[i]) if i < len(periods) else NEVER for i in first.tolist())


def by_first_switch(layout: Layout, treatment: Bools) -> Paths:
    """Cohorts by first change and first treatment. ``layout`` holds all units in one cohort."""
    first = first_change(treatment)
    keys, code = np.unique(np.column_stack([first, treatment[:, 0]]), axis=0, return_inverse=True)
    was = keys[:, 1:] == 1
    return _sorted(layout, code.ravel(), _starts(keys[:, 0], layout.periods), was, np.ones_like(was))


def by_path(layout: Layout, treatment: Floats) -> Paths:
    """Cohorts by the whole path of treatment, NaN where not seen. ``layout`` holds all units in one cohort."""
    seen = np.isfinite(treatment)
    keys, code = np.unique(np.column_stack([treatment == 1.0, seen]), axis=0, return_inverse=True)
    on, there = np.split(keys, 2, axis=1)
    opening = np.argmax(there, axis=1)
    from_first = np.where(np.arange(on.shape[1])[None, :] < opening[:, None], on[np.arange(len(on)), opening, None], on)
    kept = there | (np.arange(on.shape[1])[None, :] < opening[:, None])
    return _sorted(layout, code.ravel(), _starts(first_change(_filled(from_first, kept)), layout.periods), on, there)


def _sorted(layout: Layout, code: Ints, starts: tuple[float, ...], treatment: Bools, seen: Bools) -> Paths:
    """The layout with cohorts by ``code`` (units,)."""
    order = np.argsort(code, kind="stable").astype(np.int64)
    sizes = np.bincount(code, minlength=len(starts))
    sorted_layout = replace(
        layout,
        outcome=layout.outcome[order],
        weights=layout.weights[order],
        starts=starts,
        offsets=(0, *(int(c) for c in np.cumsum(sizes))),
        covariates=None if layout.covariates is None else layout.covariates[order],
        ids=None if layout.ids is None else layout.ids[order],
    )
    return Paths(sorted_layout, treatment, order, seen)


def _signed(cell: Cell | None, *, leaves: bool) -> tuple[Cell, ...]:
    """The cell, its effect turned where the treatment was left; nothing where there is none."""
    if cell is None or cell.influence is None or not leaves:
        return () if cell is None else (cell,)
    return (replace(cell, att=-cell.att, influence=-cell.influence),)


def first_switch_cells(paths: Paths, labels: tuple[str, ...]) -> tuple[Cell, ...]:
    """Effects from the first switch on, the base, and placebos before it, by cohort and period.

    The effect ℓ periods after the base compares with units of the same first treatment whose own first switch comes
    later than that; the placebo ℓ periods before the base compares with the same units.
    """
    layout, cells = replace(paths.layout, covariates=None, names=()), []
    size = len(layout.periods)
    first = [layout.periods.index(int(g)) if g != NEVER else size for g in layout.starts]
    named = paths.layout.covariates is not None
    less = adjustment(paths.layout, np.array(first), paths.treatment[:, 0], labels) if named else None
    for cohort, at in enumerate(first):
        if at == size:
            continue
        base, leaves = at - 1, bool(paths.treatment[cohort, 0])
        for period in range(size):
            until = max(period, 2 * base - period)
            comparison = tuple(
                c for c, other in enumerate(first) if other > until and paths.treatment[c, 0] == leaves and c != cohort
            )
            where = f"switch in {labels[at]}, period {labels[period]}"
            if period == base:
                cells.append(reference_cell(layout, cohort, base))
            elif comparison and until < size:
                found = two_period_cell(layout, (cohort, period, base), comparison, "reg", where)
                adjusted = found if found is None or less is None else less.of(found, where)
                cells += _signed(adjusted, leaves=leaves)
    treated = {cell.cohort for cell in cells if cell.period > cell.base}
    return tuple(cell for cell in cells if cell.cohort in treated)


def doses(paths: Paths, treatment: Bools, cell: Cell, *, cumulative: bool) -> float:
    """Mean over a cohort of how far treatment (units, periods) is from the first: in the period, or summed up to it.

    Before the base it is that of the effect as many periods after the base.
    """
    period = max(cell.period, 2 * cell.base - cell.period)
    rows = paths.layout.slice_of(cell.cohort)
    away = treatment[paths.order][rows] != paths.treatment[cell.cohort, 0]
    w = paths.layout.weights[rows]
    values: Floats = (np.sum(away[:, : period + 1], axis=1) if cumulative else away[:, period]).astype(float)
    return float(w @ values) / float(np.sum(w))


def every_switch_cells(paths: Paths, labels: tuple[str, ...]) -> tuple[tuple[Cell, int], ...]:
    """Effects of every switch in its own period (0), and placebos of the periods before it (−1, −2, …).

    The placebo −ℓ of a switch in t is the change from t − ℓ − 1 to t − ℓ of units whose treatment did not change in
    between and before t, against units whose treatment did not change up to t.
    """
    layout, d, seen = paths.layout, paths.treatment, paths.seen
    found: list[tuple[Cell, int]] = []
    for t in range(1, len(layout.periods)):
        for lag in range(t):
            since = t - lag - 1
            steady = np.all((d[:, since:t] == d[:, since : since + 1]) & seen[:, since:t], axis=1) & seen[:, t]
            stays = steady & (d[:, t] == d[:, t - 1])
            for cohort in np.flatnonzero(steady & ~stays).tolist():
                leaves = bool(d[cohort, t - 1])
                comparison = tuple(np.flatnonzero(stays & (d[:, t - 1] == leaves)).tolist())
                if comparison:
                    where = f"switch in {labels[t]}"
                    cell = two_period_cell(layout, (cohort, t - lag, t - lag - 1), comparison, "reg", where)
                    found += [(one, -lag) for one in _signed(cell, leaves=leaves)]
    return tuple(found)
