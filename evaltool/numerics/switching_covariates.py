"""Covariates that change over time in effects of a first switch (de Chaisemartin & D'Haultfœuille 2024, section 4).

Among rows of units that still have their first treatment d, changes of the outcome from one period to the next are
regressed on changes of the covariates and periods. The slopes θ_d are taken off every difference:

    DID(b, F, t) of Y − X'θ_b = DID^Y(b, F, t) − θ_b'DID^X(b, F, t)

so that units with the same first treatment need move in parallel only once what their covariates do is taken off. The
influence of a cell is that of its parts, and of θ_b: −DID^X'ψ^θ over every unit that θ_b was estimated from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaltool.numerics.group_time import Cell, Layout, two_period_cell
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.regression import Regressors, weighted_least_squares
from evaltool.numerics.uneven_cells import Bools


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """θ (k,) of one first treatment, and influence values (units, k) of a layout's units."""

    values: Floats
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """Slopes by first treatment, the first treatment of each cohort (cohorts,), each covariate as an outcome."""

    slopes: Mapping[bool, Slopes]
    baseline: Bools
    layouts: tuple[Layout, ...]

    def of(self, cell: Cell, where: str) -> Cell:
        """A cell of the outcome less what its covariates do. Raises RunError from ``two_period_cell``."""
        first = bool(self.baseline[cell.cohort])
        theta = self.slopes[first]
        index = (cell.cohort, cell.period, cell.base)
        parts = [two_period_cell(one, index, cell.comparison, "reg", where) for one in self.layouts]
        known = [part for part in parts if part is not None and part.influence is not None]
        if cell.influence is None or len(known) < len(parts):  # pragma: no cover - seen whenever the outcome is
            return cell
        differences = np.array([part.att for part in known])
        layout = self.layouts[0]
        members = (cell.cohort, *cell.comparison)
        others = tuple(c for c in range(len(layout.starts)) if self.baseline[c] == first and c not in members)
        by_slope = theta.influence @ differences
        own, rest = ([by_slope[layout.slice_of(c)] for c in group] for group in (members, others))
        gone = np.array([part.influence for part in known]).T @ theta.values
        here = np.ones(cell.influence.shape[0], dtype=np.bool_) if cell.used is None else cell.used
        away = np.concatenate([np.zeros(0), *rest])
        return replace(
            cell,
            att=cell.att - float(theta.values @ differences),
            comparison=(*cell.comparison, *others),
            influence=np.concatenate([cell.influence - gone - np.concatenate(own), -away]),
            used=np.concatenate([here, np.zeros(away.shape[0], dtype=np.bool_)]),
        )


def adjustment(layout: Layout, first: Ints, baseline: Bools, labels: tuple[str, ...]) -> Adjustment:
    """Slopes by first treatment; ``first`` (cohorts,) index of the first change, ``baseline`` (cohorts,) of treatment.

    Raises RunError (RUN_COLLINEAR) naming a covariate whose changes the periods or other covariates explain.
    """
    values = layout.covariates
    if values is None:
        message = "an adjustment needs covariates"
        raise ValueError(message)
    slopes = {
        bool(b): found
        for b in np.unique(baseline)
        if (found := _slopes(layout, first, baseline == b, labels, treated=bool(b))) is not None
    }
    plain = replace(layout, covariates=None, names=())
    unseen = ~np.isfinite(layout.outcome)
    layouts = tuple(replace(plain, outcome=np.where(unseen, np.nan, values[:, :, k])) for k in range(values.shape[2]))
    return Adjustment(slopes, baseline, layouts)


def _slopes(layout: Layout, first: Ints, own: Bools, labels: tuple[str, ...], *, treated: bool) -> Slopes | None:
    """The regression of changes among rows of ``own`` cohorts before their first change; None without a row."""
    if layout.covariates is None:  # pragma: no cover - ``adjustment`` has seen to it
        return None
    sizes = np.diff(layout.offsets)
    until, mine = np.repeat(first, sizes), np.repeat(own, sizes)
    moves, shifts = np.diff(layout.outcome, axis=1), np.diff(layout.covariates, axis=1)
    step = np.arange(1, len(layout.periods))
    kept = mine[:, None] & (step[None, :] < until[:, None]) & np.isfinite(moves)
    unit, at = np.nonzero(kept)
    if unit.shape[0] == 0:
        return None
    present = np.unique(at)
    periods = (at[:, None] == present[None, :]).astype(np.float64)
    x = np.column_stack([periods, shifts[unit, at]])
    names = (*(f"period {labels[t + 1]}" for t in present), *layout.names)
    who = f"those who still are {'treated' if treated else 'untreated'}"
    regressors = Regressors(x, names, "changes from one period to the next")
    weights = layout.weights[unit]
    fit = weighted_least_squares(regressors, moves[unit, at], weights, who)
    rest = weights * (moves[unit, at] - x @ fit.coefficients)
    k = len(layout.names)
    by_row = (x * rest[:, None]) @ fit.bread[:, -k:]
    influence = np.zeros((layout.units, k))
    np.add.at(influence, unit, by_row)
    return Slopes(fit.coefficients[-k:], influence * (layout.units / unit.shape[0]))
