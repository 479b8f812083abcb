"""Group-time effects where not every unit has every period: repeated cross-sections, and panels with gaps.

``rows`` takes every row of the two periods as an independent draw from its cohort and period (Sant'Anna & Zhao 2020,
repeated cross-section case; R did with ``panel = FALSE`` or ``allow_unbalanced_panel = TRUE``). ``pairs`` takes the
units seen in both periods and differences them (the panel case on those units). Either way influence values are summed
within units, so that a unit seen often counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.cross_sections import CrossSections, cross_section_contrast
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.regression import Names, Regressors
from evaltool.numerics.two_period import Method, TwoPeriod, contrast

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Sampling = Literal["balanced", "pairs", "rows"]


@dataclass(frozen=True, slots=True, eq=False)
class TwoPeriods:
    """Units of one cell, the treated first: outcomes (n,) in the period asked for and in its base, NaN where not seen.

    ``covariates`` are (n, k) in the period and in its base, None without; ``before`` says that the period lies before
    its base.
    """

    outcome: Floats
    base: Floats
    treated: int
    weights: Floats
    covariates: tuple[Floats, Floats] | None
    before: bool
    names: tuple[str, ...]
    where: str
    ids: Names | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UnevenContrast:
    """ATT, influence values (n,) of the units given, who took part, how many were trimmed, the treated's two means."""

    att: float
    influence: Floats
    used: Bools
    trimmed: int
    means: tuple[float, float]


def uneven_contrast(data: TwoPeriods, sampling: Sampling, method: Method) -> UnevenContrast | None:
    """The effect of two periods; None when the treated or the compared were not seen as the rule asks.

    Raises RunError from the regressions.
    """
    seen, seen_base = np.isfinite(data.outcome), np.isfinite(data.base)
    arm = np.arange(data.outcome.shape[0]) < data.treated
    if sampling == "pairs":
        both = seen & seen_base
        return _pairs(data, both, method) if _all_seen(both & arm, both & ~arm) else None
    groups = [there & who for there in (seen, seen_base) for who in (arm, ~arm)]
    return _rows(data, (seen, seen_base), arm, method) if _all_seen(*groups) else None


def _all_seen(*groups: Bools) -> bool:
    """Whether there is somebody in each."""
    return all(bool(np.any(group)) for group in groups)


def _regressors(values: Floats | None, data: TwoPeriods, unit: Ints) -> Regressors | None:
    """A constant and the covariates (n, k) of rows of these units (n,)."""
    if values is None:
        return None
    matrix = np.column_stack([np.ones(values.shape[0]), values])
    ids = None if data.ids is None else data.ids[unit]
    return Regressors(matrix=matrix, names=("constant", *data.names), where=data.where, ids=ids)


def _mean(values: Floats, weights: Floats) -> float:
    """Weighted."""
    return float(weights @ values) / float(np.sum(weights))


def _pairs(data: TwoPeriods, both: Bools, method: Method) -> UnevenContrast:
    """Units seen in both periods, differenced; covariates from the earlier of the two."""
    n, own = both.shape[0], np.flatnonzero(both)
    values = None if data.covariates is None else data.covariates[0 if data.before else 1][own]
    treated = int(np.sum(both[: data.treated]))
    pair = TwoPeriod(data.outcome[own] - data.base[own], treated, data.weights[own], _regressors(values, data, own))
    found = contrast(pair, method)
    influence = np.zeros(n)
    influence[own] = found.influence * (n / own.shape[0])
    mine, weights = own[:treated], data.weights[own[:treated]]
    means = _mean(data.outcome[mine], weights), _mean(data.base[mine], weights)
    return UnevenContrast(found.att, influence, both, found.trimmed, means)


def _rows(data: TwoPeriods, seen: tuple[Bools, Bools], arm: Bools, method: Method) -> UnevenContrast:
    """Every row of either period, with its own covariates; influence values summed within units."""
    n, (there, in_base) = arm.shape[0], seen
    unit = np.concatenate([np.flatnonzero(in_base), np.flatnonzero(there)])
    after = np.arange(unit.shape[0]) >= int(np.sum(in_base))
    outcome = np.concatenate([data.base[in_base], data.outcome[there]])
    values = None
    if data.covariates is not None:
        values = np.concatenate([data.covariates[1][in_base], data.covariates[0][there]])
    rows = CrossSections(outcome, arm[unit], after, data.weights[unit], _regressors(values, data, unit))
    found = cross_section_contrast(rows, method)
    influence = np.bincount(unit, weights=found.influence, minlength=n) * (n / unit.shape[0])
    own, base = (rows.treated & time for time in (after, ~after))
    means = _mean(outcome[own], rows.weights[own]), _mean(outcome[base], rows.weights[base])
    return UnevenContrast(found.att, influence.astype(np.float64), there | in_base, found.trimmed, means)
