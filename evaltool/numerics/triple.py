"""Triple differences on arrays (Ortiz-Villavicencio & Sant'Anna 2025): three two-period effects make one.

A layout whose cohorts are groups by start *and* eligibility. One comparison group gives

    DDD = DiD(treated, ineligible of the same start) + DiD(treated, eligible of the comparison)
          − DiD(treated, ineligible of the comparison),

each adjusted to the covariates of the treated, which a difference of two differences-in-differences does not do.
Several comparison groups are not pooled: each gives its own DDD, and the DDDs are averaged with the weights of the
smallest variance. Where not every unit has every period, each of the three effects is that of ``uneven_cells``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.group_time import Cell, Layout
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.regression import Regressors
from evaltool.numerics.two_period import Method, TwoPeriod, contrast
from evaltool.numerics.uneven_cells import Bools, TwoPeriods, UnevenContrast, uneven_contrast


@dataclass(frozen=True, slots=True)
class TripleGroups:
    """Cohort codes of a layout: the treated, the ineligible of the same start, and (eligible, ineligible) compared."""

    treated: int
    ineligible: int
    compared: tuple[tuple[int, int], ...]

    @property
    def others(self) -> tuple[int, ...]:
        """Everybody but the treated, in the order of a cell's influence values."""
        return (self.ineligible, *(code for pair in self.compared for code in pair))


@dataclass(frozen=True, slots=True)
class Periods:
    """Indices of the period and of its base, and where in words."""

    period: int
    base: int
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class Triples:
    """One DDD for each group in ``compared`` (m,), influence values (units, m), how many units a score trimmed.

    ``used`` (units,) says who took part.
    """

    effects: Floats
    influence: Floats
    trimmed: int
    compared: tuple[tuple[int, int], ...]
    used: Bools


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """The two-period effect of the treated against one other group, influence values and who took part (units,)."""

    att: float
    influence: Floats
    trimmed: int
    used: Bools


def triples(layout: Layout, groups: TripleGroups, at: Periods, method: Method) -> Triples | None:
    """The DDD against each comparison group that was seen as the layout's rule for gaps asks; None without any.

    Raises RunError from the regressions.
    """
    own = _piece(layout, groups, groups.ineligible, at, method)
    pairs = []
    for eligible, ineligible in groups.compared if own is not None else ():
        plus = _piece(layout, groups, eligible, at, method)
        minus = _piece(layout, groups, ineligible, at, method)
        if plus is not None and minus is not None:
            pairs.append(((eligible, ineligible), plus, minus))
    if own is None or not pairs:
        return None
    return Triples(
        effects=np.array([own.att + plus.att - minus.att for _, plus, minus in pairs]),
        influence=np.column_stack([own.influence + plus.influence - minus.influence for _, plus, minus in pairs]),
        trimmed=own.trimmed + sum(plus.trimmed + minus.trimmed for _, plus, minus in pairs),
        compared=tuple(codes for codes, _, _ in pairs),
        used=np.any([own.used, *(one.used for _, plus, minus in pairs for one in (plus, minus))], axis=0),
    )


def _piece(layout: Layout, groups: TripleGroups, other: int, at: Periods, method: Method) -> _Piece | None:
    """The treated against one other group; None where one side was not seen."""
    slices = [layout.slice_of(code) for code in (groups.treated, other)]
    rows = np.concatenate([np.arange(layout.units)[s] for s in slices])
    size = slices[0].stop - slices[0].start
    weights, values = layout.weights[rows], layout.covariates
    ids = None if layout.ids is None else layout.ids[rows]
    if layout.sampling != "balanced":
        data = TwoPeriods(
            outcome=layout.outcome[rows, at.period],
            base=layout.outcome[rows, at.base],
            treated=size,
            weights=weights,
            covariates=None if values is None else (values[rows, at.period], values[rows, at.base]),
            before=at.period < at.base,
            names=layout.names,
            where=at.where,
            ids=ids,
        )
        uneven = uneven_contrast(data, layout.sampling, method)
        if uneven is None:
            return None
        return _spread(layout, rows, uneven)
    regressors = None
    if values is not None:
        matrix = np.column_stack([np.ones(rows.shape[0]), values[rows, min(at.period, at.base)]])
        regressors = Regressors(matrix=matrix, names=("constant", *layout.names), where=at.where, ids=ids)
    change = layout.outcome[rows, at.period] - layout.outcome[rows, at.base]
    found = contrast(TwoPeriod(change=change, treated=size, weights=weights, regressors=regressors), method)
    everybody = np.ones(rows.shape[0], dtype=np.bool_)
    return _spread(layout, rows, UnevenContrast(found.att, found.influence, everybody, found.trimmed, (0.0, 0.0)))


def _spread(layout: Layout, rows: Ints, found: UnevenContrast) -> _Piece:
    """What was found on some rows (n,) as values of all units."""
    influence, used = np.zeros(layout.units), np.zeros(layout.units, dtype=np.bool_)
    influence[rows] = found.influence * (layout.units / rows.shape[0])
    used[rows] = found.used
    return _Piece(found.att, influence, found.trimmed, used)


def smallest_variance_weights(influence: Floats) -> Floats:
    """(m,) weights Ω⁻¹1 / 1'Ω⁻¹1 with Ω the covariance of influence values (units, m); equal where Ω is singular."""
    m = influence.shape[1]
    omega = influence.T @ influence / influence.shape[0]
    scale = np.sqrt(np.diag(omega))
    if m == 1 or not bool(np.all(scale > 0.0)):
        return np.full(m, 1.0 / m)
    correlation = omega / np.outer(scale, scale)
    if float(np.linalg.eigvalsh(correlation)[0]) < SINGULAR:
        return np.full(m, 1.0 / m)
    raw = np.linalg.solve(correlation, 1.0 / scale) / scale
    weights: Floats = raw / float(np.sum(raw))
    return weights


SINGULAR = 1e-10
"""Smallest eigenvalue of the correlation of the DDDs below which no weights are formed from it."""


def triple_cell(layout: Layout, groups: TripleGroups, at: Periods, method: Method) -> Cell | None:
    """ATT(g, t) of the eligible who start in g, as a cell of the layout; None where a group was not seen.

    Raises RunError from the regressions.
    """
    found = triples(layout, groups, at, method)
    if found is None:
        return None
    weights = smallest_variance_weights(found.influence)
    whole = found.influence @ weights
    members = (groups.treated, *TripleGroups(groups.treated, groups.ineligible, found.compared).others)
    used = None if bool(np.all(found.used)) else np.concatenate([found.used[layout.slice_of(c)] for c in members])
    return Cell(
        cohort=groups.treated,
        period=at.period,
        base=at.base,
        att=float(weights @ found.effects),
        comparison=members[1:],
        influence=np.concatenate([whole[layout.slice_of(code)] for code in members]),
        trimmed=found.trimmed,
        observed=_mean(layout, groups.treated, at, found.used, base=False),
        baseline=_mean(layout, groups.treated, at, found.used, base=True),
        used=used if layout.sampling != "balanced" else None,
    )


def _mean(layout: Layout, cohort: int, at: Periods, used: Bools, *, base: bool) -> float:
    """Weighted mean outcome of the treated in the period or its base, of those who were seen and took part."""
    rows = layout.slice_of(cohort)
    y, w = layout.outcome[rows, at.base if base else at.period], layout.weights[rows]
    if layout.sampling != "balanced":
        seen = np.isfinite(y) & used[rows]
        y, w = y[seen], w[seen]
    return float(w @ y) / float(np.sum(w))
