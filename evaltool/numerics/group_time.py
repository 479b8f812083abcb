"""Group-time effects on arrays (Callaway & Sant'Anna 2021): cells, weights of every aggregation, influence values.

Units are sorted by cohort, never-treated last, so that a cell is a slice and a comparison group is the tail of the
array (without the cohort itself). Influence values are kept per cell, on the units of the cell only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Names, Regressors
from evaltool.numerics.two_period import Method, Shared, TwoPeriod, contrast
from evaltool.numerics.uneven_cells import Bools, Sampling, TwoPeriods, uneven_contrast

ControlGroup = Literal["never_treated", "not_yet_treated"]
BasePeriod = Literal["universal", "varying"]
Moment = Literal["att", "observed", "baseline"]
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Choices:
    """What decides which cells exist and how each is computed."""

    control: ControlGroup
    base: BasePeriod
    anticipation: int
    method: Method


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Units by period. ``outcome`` (units, periods); ``weights`` (units,); ``covariates`` (units, periods, k) or None.

    Where ``sampling`` is not ``balanced``, outcomes are NaN in periods in which a unit was not seen. ``starts``
    (cohorts,) ascending, inf last when somebody is never treated; cohort c holds the units
    ``offsets[c]:offsets[c + 1]``. ``periods`` ascending.
    """

    outcome: Floats
    weights: Floats
    starts: tuple[float, ...]
    offsets: tuple[int, ...]
    periods: tuple[int, ...]
    covariates: Floats | None
    names: tuple[str, ...]
    sampling: Sampling = "balanced"
    ids: Names | None = None
    """(units,) names of the units, for messages."""

    @property
    def units(self) -> int:
        """Number of units."""
        return self.offsets[-1]

    def slice_of(self, cohort: int) -> slice[int, int, None]:
        """Rows of a cohort."""
        return slice(self.offsets[cohort], self.offsets[cohort + 1])

    def mass(self) -> Floats:
        """(cohorts,) mean over all units of weight × membership: the estimated cohort shares."""
        sums = [float(np.sum(self.weights[self.slice_of(c)])) for c in range(len(self.starts))]
        return np.array(sums) / self.units


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """ATT(g, t). ``comparison`` lists the cohorts compared with; None influence: the base period, zero by construction.

    ``influence`` is over the treated and then the comparison cohorts in order, for all units of the layout. ``used``,
    of the same length, says which of them took part; None means all.
    """

    cohort: int
    period: int
    base: int
    att: float
    comparison: tuple[int, ...]
    influence: Floats | None
    trimmed: int
    observed: float
    baseline: float
    used: Bools | None = None


def base_period(periods: tuple[int, ...], start: float, anticipation: int) -> int | None:
    """Index of the last period before the cohort can have been affected; None when there is none."""
    before = [i for i, p in enumerate(periods) if p + anticipation < start]
    return before[-1] if before else None


def comparison_cohorts(layout: Layout, cohort: int, until: int, choices: Choices) -> tuple[int, ...]:
    """Cohorts untouched up to period index ``until`` (Callaway & Sant'Anna 2021, assumptions 4 and 5)."""
    if choices.control == "never_treated":
        return tuple(c for c, g in enumerate(layout.starts) if g == NEVER)
    bound = layout.periods[until] + choices.anticipation
    return tuple(c for c, g in enumerate(layout.starts) if g > bound and c != cohort)


def estimable_cohorts(layout: Layout, choices: Choices) -> tuple[int, ...]:
    """Cohorts with a base period and at least one treated period that has a comparison."""
    found = []
    for c, start in enumerate(layout.starts):
        base = base_period(layout.periods, start, choices.anticipation)
        post = [i for i, p in enumerate(layout.periods) if p >= start]
        if base is not None and any(comparison_cohorts(layout, c, max(i, base), choices) for i in post):
            found.append(c)
    return tuple(found)


def missing_cells(layout: Layout, choices: Choices) -> tuple[tuple[int, int], ...]:
    """(cohort, period index) of treated periods that nobody can be compared with."""
    return tuple(
        (c, i)
        for c, start in enumerate(layout.starts)
        for i, p in enumerate(layout.periods)
        if p >= start and not comparison_cohorts(layout, c, i, choices)
    )


def all_cells(layout: Layout, choices: Choices, labels: tuple[str, ...]) -> tuple[Cell, ...]:
    """Every estimable ATT(g, t), by cohort and period. ``labels`` (periods,) are for messages.

    Raises RunError from the regressions.
    """
    cells: list[Cell | None] = []
    shared = Shared()
    for cohort in estimable_cohorts(layout, choices):
        start = layout.starts[cohort]
        fixed = base_period(layout.periods, start, choices.anticipation)
        if fixed is None:  # pragma: no cover - estimable_cohorts has seen to it
            continue
        for i, period in enumerate(layout.periods):
            varying = choices.base == "varying" and period < start
            base = i - 1 if varying else fixed
            if base < 0:
                continue
            comparison = comparison_cohorts(layout, cohort, max(i, base), choices)
            if i == base:
                cells.append(reference_cell(layout, cohort, i) if _seen_in_base(layout, cohort, i) else None)
            elif comparison:
                where = f"cohort {start:g}, period {labels[i]}"
                index = (cohort, i, base)
                cells.append(two_period_cell(layout, index, comparison, choices.method, where, shared=shared))
    return tuple(cell for cell in cells if cell is not None)


def _treated_mean(layout: Layout, cohort: int, period: int) -> float:
    """Weighted mean outcome of the units of a cohort that were seen in a period."""
    rows = layout.slice_of(cohort)
    w, y = layout.weights[rows], layout.outcome[rows, period]
    if layout.sampling != "balanced":
        seen = np.isfinite(y)
        w, y = w[seen], y[seen]
    return float(w @ y) / float(np.sum(w))


def _seen_in_base(layout: Layout, cohort: int, period: int) -> bool:
    """Whether anybody of the cohort was seen in the period."""
    return bool(np.any(np.isfinite(layout.outcome[layout.slice_of(cohort), period])))


def reference_cell(layout: Layout, cohort: int, period: int) -> Cell:
    """The base period of the universal convention, in which somebody was seen: zero by construction."""
    seen = np.isfinite(layout.outcome[layout.slice_of(cohort), period])
    mean = _treated_mean(layout, cohort, period)
    return Cell(cohort, period, period, 0.0, (), None, 0, mean, mean, used=None if bool(np.all(seen)) else seen)


def _uneven_cell(
    layout: Layout, index: tuple[int, int, int], comparison: tuple[int, ...], method: Method, where: str
) -> Cell | None:
    """One ATT(g, t) where not every unit has every period; None where one side was not seen."""
    cohort, period, base = index
    rows = np.concatenate([np.arange(layout.units)[layout.slice_of(c)] for c in (cohort, *comparison)])
    values = layout.covariates
    data = TwoPeriods(
        outcome=layout.outcome[rows, period],
        base=layout.outcome[rows, base],
        treated=layout.offsets[cohort + 1] - layout.offsets[cohort],
        weights=layout.weights[rows],
        covariates=None if values is None else (values[rows, period], values[rows, base]),
        before=period < base,
        names=layout.names,
        where=where,
        ids=None if layout.ids is None else layout.ids[rows],
    )
    found = uneven_contrast(data, layout.sampling, method)
    if found is None:
        return None
    influence = found.influence * (layout.units / rows.shape[0])
    ends = found.means
    return Cell(
        cohort, period, base, found.att, comparison, influence, found.trimmed, ends[0], ends[1], used=found.used
    )


def two_period_cell(
    layout: Layout,
    index: tuple[int, int, int],
    comparison: tuple[int, ...],
    method: Method,
    where: str,
    *,
    shared: Shared | None = None,
) -> Cell | None:
    """One ATT(g, t) from its (cohort, period, base) indices: two periods, Callaway & Sant'Anna (2021), theorem 1."""
    if layout.sampling != "balanced":
        return _uneven_cell(layout, index, comparison, method, where)
    cohort, period, base = index
    slices = [layout.slice_of(c) for c in (cohort, *comparison)]
    change = np.concatenate([layout.outcome[s, period] - layout.outcome[s, base] for s in slices])
    weights = np.concatenate([layout.weights[s] for s in slices])
    regressors = None
    if layout.covariates is not None:
        earlier = min(period, base)
        values = np.concatenate([layout.covariates[s, earlier] for s in slices])
        matrix = np.column_stack([np.ones(values.shape[0]), values])
        ids = None if layout.ids is None else np.concatenate([layout.ids[s] for s in slices])
        regressors = Regressors(matrix=matrix, names=("constant", *layout.names), where=where, ids=ids)
    size = slices[0].stop - slices[0].start
    result = contrast(TwoPeriod(change=change, treated=size, weights=weights, regressors=regressors), method, shared)
    return Cell(
        cohort=cohort,
        period=period,
        base=base,
        att=result.att,
        comparison=comparison,
        influence=result.influence * (layout.units / change.shape[0]),
        trimmed=result.trimmed,
        observed=_treated_mean(layout, cohort, period),
        baseline=_treated_mean(layout, cohort, base),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """A weighted sum of cells. ``weights`` (cells,); ``slopes`` (cohorts, cells): ∂ weights / ∂ cohort share.

    Weights depend on estimated cohort shares only through their ratios, so the constant part of their influence
    cancels: unit i of cohort g contributes ``w_i · Σ_k slopes[g, k] · a_k``.
    """

    weights: Floats
    slopes: Floats


def by_share(cells: tuple[Cell, ...], chosen: list[int], mass: Floats) -> Combination:
    """Cells ``chosen`` weighted by cohort shares: ω_k = p_g(k) / Σ p (Callaway & Sant'Anna 2021, table 1)."""
    weights = np.zeros(len(cells))
    slopes = np.zeros((mass.shape[0], len(cells)))
    groups = np.array([cells[k].cohort for k in chosen])
    total = float(np.sum(mass[groups]))
    weights[chosen] = mass[groups] / total
    for g in distinct(groups):
        times = float(np.sum(groups == g))
        slopes[g, chosen] = (groups == g) / total - mass[groups] * times / total**2
    return Combination(weights, slopes)


def equally(cells: tuple[Cell, ...], chosen: list[int], cohorts: int) -> Combination:
    """The plain mean of cells ``chosen``; nothing estimated in the weights."""
    weights = np.zeros(len(cells))
    weights[chosen] = 1.0 / len(chosen)
    return Combination(weights, np.zeros((cohorts, len(cells))))


def mean_of(parts: list[Combination]) -> Combination:
    """The plain mean of several combinations."""
    return Combination(
        np.mean([p.weights for p in parts], axis=0),
        np.mean([p.slopes for p in parts], axis=0),
    )


def mean_by_share(parts: list[Combination], cohorts: list[int], mass: Floats) -> Combination:
    """Combinations, one per cohort, weighted by the estimated cohort shares."""
    share = mass[cohorts] / float(np.sum(mass[cohorts]))
    total = float(np.sum(mass[cohorts]))
    weights = np.sum([s * p.weights for s, p in zip(share, parts, strict=True)], axis=0)
    slopes = np.sum([s * p.slopes for s, p in zip(share, parts, strict=True)], axis=0)
    for part, cohort in zip(parts, cohorts, strict=True):
        slopes[cohort] += (part.weights - weights) / total
    return Combination(weights, slopes)


def moment_of(cell: Cell, moment: Moment) -> float:
    """One of a cell's three numbers."""
    return {"att": cell.att, "observed": cell.observed, "baseline": cell.baseline}[moment]


def value_of(cells: tuple[Cell, ...], combination: Combination, moment: Moment = "att") -> float:
    """Σ ω_k a_k for the effect, the treated's observed mean or their mean in the base period."""
    used = np.flatnonzero(combination.weights)
    return float(sum(combination.weights[k] * moment_of(cells[k], moment) for k in used))


def influence_of(layout: Layout, cells: tuple[Cell, ...], combination: Combination, moment: Moment = "att") -> Floats:
    """(units,) influence values of a combination, the estimation of the cohort shares included."""
    total = np.zeros(layout.units)
    for k in np.flatnonzero(combination.weights):
        cell, weight = cells[k], float(combination.weights[k])
        if moment == "att":
            _add_effect(layout, cell, weight, total)
        else:
            _add_mean(layout, cell, weight, moment, total)
    values = np.array([moment_of(cell, moment) for cell in cells])
    per_cohort = combination.slopes @ values
    for cohort in np.flatnonzero(per_cohort):
        rows = layout.slice_of(int(cohort))
        total[rows] += layout.weights[rows] * per_cohort[cohort]
    return total


def _add_effect(layout: Layout, cell: Cell, weight: float, total: Floats) -> None:
    """Add a cell's influence values to its own units."""
    if cell.influence is None:
        return
    at = 0
    for cohort in (cell.cohort, *cell.comparison):
        rows = layout.slice_of(cohort)
        size = rows.stop - rows.start
        total[rows] += weight * cell.influence[at : at + size]
        at += size


def _add_mean(layout: Layout, cell: Cell, weight: float, moment: Moment, total: Floats) -> None:
    """Add the influence values of the treated cohort's weighted mean outcome."""
    rows = layout.slice_of(cell.cohort)
    w = layout.weights[rows]
    period, mean = (cell.period, cell.observed) if moment == "observed" else (cell.base, cell.baseline)
    if layout.sampling != "balanced":
        seen = np.isfinite(layout.outcome[rows, period])
        if layout.sampling == "pairs" and cell.used is not None:
            seen = seen & cell.used[: w.shape[0]]
        own = np.flatnonzero(seen) + rows.start
        w = w[seen]
        total[own] += weight * layout.units / float(np.sum(w)) * w * (layout.outcome[own, period] - mean)
        return
    total[rows] += weight * layout.units / float(np.sum(w)) * w * (layout.outcome[rows, period] - mean)
