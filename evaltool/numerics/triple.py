"""Triple differences on arrays (Ortiz-Villavicencio & Sant'Anna 2025): three two-period effects make one.

A layout whose cohorts are groups by start *and* eligibility. One comparison group gives

    DDD = DiD(treated, ineligible of the same start) + DiD(treated, eligible of the comparison)
          − DiD(treated, ineligible of the comparison),

each adjusted to the covariates of the treated, which a difference of two differences-in-differences does not do.
Several comparison groups are not pooled: each gives its own DDD, and the DDDs are averaged with the weights of the
smallest variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.group_time import Cell, Layout
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors
from evaltool.numerics.two_period import Method, TwoPeriod, contrast


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
    """One DDD for each comparison group (m,), influence values (units, m) and how many units a score trimmed."""

    effects: Floats
    influence: Floats
    trimmed: int


def triples(layout: Layout, groups: TripleGroups, at: Periods, method: Method) -> Triples:
    """The DDD against each comparison group. Raises RunError from the regressions."""
    own, columns, trimmed = _piece(layout, groups, groups.ineligible, at, method), [], 0
    effects = []
    trimmed += own[2]
    for eligible, ineligible in groups.compared:
        plus = _piece(layout, groups, eligible, at, method)
        minus = _piece(layout, groups, ineligible, at, method)
        effects.append(own[0] + plus[0] - minus[0])
        columns.append(own[1] + plus[1] - minus[1])
        trimmed += plus[2] + minus[2]
    return Triples(np.array(effects), np.column_stack(columns), trimmed)


def _piece(layout: Layout, groups: TripleGroups, other: int, at: Periods, method: Method) -> tuple[float, Floats, int]:
    """The two-period effect of the treated against one other group, influence values (units,), units trimmed."""
    slices = [layout.slice_of(code) for code in (groups.treated, other)]
    change = np.concatenate([layout.outcome[s, at.period] - layout.outcome[s, at.base] for s in slices])
    weights = np.concatenate([layout.weights[s] for s in slices])
    regressors = None
    if layout.covariates is not None:
        earlier = min(at.period, at.base)
        values = np.concatenate([layout.covariates[s, earlier] for s in slices])
        matrix = np.column_stack([np.ones(values.shape[0]), values])
        ids = None if layout.ids is None else np.concatenate([layout.ids[s] for s in slices])
        regressors = Regressors(matrix=matrix, names=("constant", *layout.names), where=at.where, ids=ids)
    size = slices[0].stop - slices[0].start
    found = contrast(TwoPeriod(change=change, treated=size, weights=weights, regressors=regressors), method)
    influence = np.zeros(layout.units)
    scaled = found.influence * (layout.units / change.shape[0])
    influence[slices[0]] = scaled[:size]
    influence[slices[1]] = scaled[size:]
    return found.att, influence, found.trimmed


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


def triple_cell(layout: Layout, groups: TripleGroups, at: Periods, method: Method) -> Cell:
    """ATT(g, t) of the eligible who start in g, as a cell of the layout. Raises RunError from the regressions."""
    found = triples(layout, groups, at, method)
    weights = smallest_variance_weights(found.influence)
    whole = found.influence @ weights
    rows = layout.slice_of(groups.treated)
    w = layout.weights[rows]
    means = [float(w @ layout.outcome[rows, period]) / float(np.sum(w)) for period in (at.period, at.base)]
    return Cell(
        cohort=groups.treated,
        period=at.period,
        base=at.base,
        att=float(weights @ found.effects),
        comparison=groups.others,
        influence=np.concatenate([whole[layout.slice_of(code)] for code in (groups.treated, *groups.others)]),
        trimmed=found.trimmed,
        observed=means[0],
        baseline=means[1],
    )
