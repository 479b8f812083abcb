"""Imputation on arrays: a model fitted on untreated rows, its prediction for treated ones, and who carries the error.

Any weighted sum of treated rows' (outcome less prediction) is Σ v y with v the given weights on treated rows and
v = −Z₀(Z₀'WZ₀)⁻¹ h on untreated ones, h the sum of the treated rows' regressors by those weights (Borusyak, Jaravel &
Spiess 2024, proposition 3). v needs one solve of the two-way equations, never a matrix of units by terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.effects_regression import Columns, Fit, least_squares
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.two_way import TwoWay, two_way

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Untreated:
    """The model of untreated outcomes, fitted on the rows ``used`` (n,).

    ``effects``: unit and period effects of those rows; ``slopes`` (k,) of the covariates and their ``fit`` (None
    without); ``gap`` (n,) outcome less prediction in every row, NaN where there is no prediction.
    """

    used: Bools
    unit: Ints
    period: Ints
    weights: Floats
    covariates: Floats
    effects: TwoWay
    fit: Fit | None
    gap: Floats

    @property
    def predicted(self) -> Bools:
        """(n,) rows that have a prediction."""
        found: Bools = np.isfinite(self.gap)
        return found

    def carried(self, omega: Floats) -> Floats:
        """(n,) weights v on untreated rows of the effect Σ ``omega`` · gap; zero in the rows not used.

        ``omega`` (n,) is zero wherever there is no prediction.
        """
        by_unit, by_period = self._sums(np.ones_like(self.used), omega)
        found = np.zeros(omega.shape[0])
        slopes = np.zeros(self.covariates.shape[1])
        inside = self.covariates[self.used]
        weights = self.weights[self.used]
        if self.fit is not None:
            mean = self._effects_of(by_unit, by_period)
            target = self.covariates.T @ omega - inside.T @ (weights * mean)
            slopes = self.fit.bread @ target
            less_unit, less_period = self._sums(self.used, weights * (inside @ slopes))
            by_unit, by_period = by_unit - less_unit, by_period - less_period
        found[self.used] = -weights * (self._effects_of(by_unit, by_period) + inside @ slopes)
        return found

    def _sums(self, rows: Bools, values: Floats) -> tuple[Floats, Floats]:
        """Sums by unit and by period of ``values`` on some rows."""
        units, periods = self.effects.units, self.effects.period_mass.shape[0]
        return (
            np.bincount(self.unit[rows], weights=values, minlength=units).astype(np.float64),
            np.bincount(self.period[rows], weights=values, minlength=periods).astype(np.float64),
        )

    def _effects_of(self, by_unit: Floats, by_period: Floats) -> Floats:
        """(used rows,) the solution of the two-way equations, read off at each row; refined once."""
        unit, period = self.effects.solve(by_unit, by_period)
        values = unit[self.effects.unit] + period[self.effects.period]
        sums = self._sums(self.used, self.effects.weights * values)
        more_unit, more_period = self.effects.solve(by_unit - sums[0], by_period - sums[1])
        return values + more_unit[self.effects.unit] + more_period[self.effects.period]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Rows: outcome, weights, unit and period codes (n,), covariates (n, k) with names."""

    outcome: Floats
    weights: Floats
    unit: Ints
    period: Ints
    covariates: Floats
    names: tuple[str, ...]


def fit_untreated(data: Outcomes, used: Bools) -> Untreated:
    """Fit outcome = unit + period + covariates on the rows ``used``; predict every row the effects reach.

    A row is reached when its unit and its period have used rows in one connected set. Raises RunError (RUN_COLLINEAR).
    """
    sizes = (int(data.unit.max()) + 1, int(data.period.max()) + 1)
    effects = two_way(data.unit[used], data.period[used], data.weights[used], sizes)
    fit = None
    rest = data.outcome
    if data.names:
        columns = Columns(data.covariates[used], effects.residual(data.covariates[used]), data.names)
        fit = least_squares(columns, effects.residual(data.outcome[used]), data.weights[used])
        rest = data.outcome - data.covariates @ fit.coefficients
    unit, period = effects.fit(rest[used])
    component = effects.component
    own, other = component[: sizes[0]][data.unit], component[sizes[0] :][data.period]
    reached = (own >= 0) & (own == other)
    gap = np.where(reached, rest - unit[data.unit] - period[data.period], np.nan)
    return Untreated(used, data.unit, data.period, data.weights, data.covariates, effects, fit, gap)


def without_singletons(unit: Ints, period: Ints, used: Bools) -> Bools:
    """The ``used`` rows without units and periods that have one used row only, repeated until none is left."""
    kept = used.copy()
    while True:
        alone = np.zeros_like(kept)
        for codes in (unit, period):
            counts = np.bincount(codes[kept], minlength=int(codes.max()) + 1)
            alone |= kept & (counts[codes] == 1)
        if not bool(np.any(alone)):
            return kept
        kept &= ~alone


def centred(gap: Floats, squares: Floats, group: Ints, *, leave_out: bool) -> Floats:
    """Each row's gap less its group's mean, the mean weighed by ``squares`` (n,); groups are codes, −1 outside.

    With ``leave_out`` the mean is that of the others: gap less mean is divided by one minus the row's own share
    (Borusyak, Jaravel & Spiess 2024, appendix A.6). A row alone in its group with ``leave_out`` has no mean: the caller
    refuses it. Rows without weight get zero.
    """
    inside = (group >= 0) & (squares > 0.0)
    size = int(group.max()) + 1 if group.shape[0] else 0
    mass = np.bincount(group[inside], weights=squares[inside], minlength=size)
    sums = np.bincount(group[inside], weights=squares[inside] * gap[inside], minlength=size)
    found = np.zeros(gap.shape[0])
    found[inside] = gap[inside] - (sums / np.where(mass > 0.0, mass, 1.0))[group[inside]]
    if leave_out:
        found[inside] /= 1.0 - squares[inside] / mass[group[inside]]
    return found
