"""Unit and period effects on arrays: partialling out, fitting and the rank they take, balanced or not.

A balanced panel with weights that are constant within units has a closed form (subtract unit means, then period
means). Otherwise the units are eliminated and the periods' normal equations are solved directly: no iteration, no
tolerance. Solutions are refined once, so that residuals are orthogonal to the effects to machine precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph

from evaltool.numerics.distinct import coded
from evaltool.numerics.inference import Floats, Ints

Table = sparse.csr_array[np.float64, tuple[int, int]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class TwoWay:
    """Rows with their unit and period. Made by ``two_way``.

    ``unit``, ``period`` (n,) codes; ``weights`` (n,) > 0; ``unit_mass`` (units,), ``period_mass`` (periods,) sums of
    weights, zero where a code has no row; ``component`` (units + periods,) connected sets, −1 where a code has no row.
    """

    unit: Ints
    period: Ints
    weights: Floats
    unit_mass: Floats
    period_mass: Floats
    component: Ints
    balanced: bool
    table: Table
    factor: Floats
    free: Ints
    """Periods whose effect is solved for: all with rows but the first of each component, which is set to zero."""

    @property
    def units(self) -> int:
        """Number of unit codes, with and without rows."""
        return int(self.unit_mass.shape[0])

    @property
    def levels(self) -> tuple[int, int]:
        """Units and periods that have rows."""
        return int(np.sum(self.unit_mass > 0.0)), int(np.sum(self.period_mass > 0.0))

    @property
    def components(self) -> int:
        """Connected sets of units and periods."""
        return int(self.component.max()) + 1

    @property
    def rank(self) -> int:
        """Dimension of the space that unit and period effects span."""
        units, periods = self.levels
        return units + periods - self.components

    def solve(self, by_unit: Floats, by_period: Floats) -> tuple[Floats, Floats]:
        """Effects (units,), (periods,) of the normal equations with right-hand sides (units,) and (periods,).

        Codes without rows get zero. The right-hand sides must lie in the span of the equations.
        """
        mass = np.where(self.unit_mass > 0.0, self.unit_mass, 1.0)
        period = np.zeros(self.period_mass.shape[0])
        rest = by_period - self.table.T @ (by_unit / mass)
        if self.free.shape[0]:
            period[self.free] = linalg.cho_solve((self.factor, True), rest[self.free])
        unit = np.where(self.unit_mass > 0.0, (by_unit - self.table @ period) / mass, 0.0)
        return unit, period

    def fit(self, values: Floats) -> tuple[Floats, Floats]:
        """Least-squares unit and period effects (units,), (periods,) of ``values`` (n,)."""
        unit, period = self.solve(*self._sums(values))
        more_unit, more_period = self.solve(*self._sums(values - unit[self.unit] - period[self.period]))
        return unit + more_unit, period + more_period

    def residual(self, values: Floats) -> Floats:
        """What unit and period effects leave of ``values`` (n,) or (n, k)."""
        if values.ndim == 2:  # noqa: PLR2004 - a matrix: column by column
            columns = [self.residual(values[:, k]) for k in range(values.shape[1])]
            return np.column_stack(columns) if columns else values
        if self.balanced:
            return self._balanced_residual(values)
        unit, period = self.fit(values)
        return values - unit[self.unit] - period[self.period]

    def _sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Weighted sums by unit and by period."""
        weighted = self.weights * values
        return (
            np.bincount(self.unit, weights=weighted, minlength=self.unit_mass.shape[0]).astype(np.float64),
            np.bincount(self.period, weights=weighted, minlength=self.period_mass.shape[0]).astype(np.float64),
        )

    def _balanced_residual(self, values: Floats) -> Floats:
        """Subtract unit means, then weighted period means; twice, for the last digits."""
        square = values.reshape(self.units, -1)
        share = self.unit_mass / float(np.sum(self.unit_mass))
        for _ in range(2):
            square = square - np.mean(square, axis=1)[:, None]
            square = square - share @ square
        return square.reshape(-1)


def two_way(unit: Ints, period: Ints, weights: Floats, sizes: tuple[int, int]) -> TwoWay:
    """Prepare rows for partialling out. ``sizes``: number of unit and of period codes."""
    units, periods = sizes
    table = sparse.csr_array((weights, (unit, period)), shape=(units, periods))
    unit_mass = np.bincount(unit, weights=weights, minlength=units).astype(np.float64)
    period_mass = np.bincount(period, weights=weights, minlength=periods).astype(np.float64)
    balanced = _is_balanced(unit, period, weights, sizes)
    present = unit_mass > 0.0, period_mass > 0.0
    component = np.zeros(units + periods, dtype=np.int64) if balanced else _components(table, *present)
    free = _free(component[units:])
    mass = np.where(unit_mass > 0.0, unit_mass, 1.0)
    scaled = sparse.diags_array(1.0 / mass) @ table
    laplacian = np.diag(period_mass) - (table.T @ scaled).toarray()
    factor = linalg.cholesky(laplacian[np.ix_(free, free)], lower=True) if free.shape[0] else np.zeros((0, 0))
    return TwoWay(
        unit=unit,
        period=period,
        weights=weights,
        unit_mass=unit_mass,
        period_mass=period_mass,
        component=component,
        balanced=balanced,
        table=table,
        factor=factor,
        free=free,
    )


def _components(table: Table, has_unit: Bools, has_period: Bools) -> Ints:
    """(units + periods,) number of the connected set, in order of first appearance; −1 without rows."""
    unit, period = table.nonzero()
    size = has_unit.shape[0] + has_period.shape[0]
    links = sparse.csr_array((np.ones(unit.shape[0]), (unit, period + has_unit.shape[0])), shape=(size, size))
    labels = csgraph.connected_components(links, directed=False)[1]
    present = np.concatenate([has_unit, has_period])
    found = np.full(present.shape[0], -1, dtype=np.int64)
    found[present] = coded(labels[present])[1]
    return found


def _free(period_component: Ints) -> Ints:
    """Periods with rows, the first of each component left out."""
    seen: set[int] = set()
    free = []
    for period, component in enumerate(period_component.tolist()):
        if component < 0:
            continue
        if component in seen:
            free.append(period)
        seen.add(component)
    return np.array(free, dtype=np.int64)


def _is_balanced(unit: Ints, period: Ints, weights: Floats, sizes: tuple[int, int]) -> bool:
    """Whether rows are sorted by unit and period, complete, with one weight per unit."""
    units, periods = sizes
    if unit.shape[0] != units * periods:
        return False
    ordered = np.array_equal(unit, np.repeat(np.arange(units), periods)) and np.array_equal(
        period, np.tile(np.arange(periods), units)
    )
    square = weights.reshape(units, periods)
    return ordered and bool(np.all(square == square[:, :1]))
