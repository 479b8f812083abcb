"""What imputation and two-stage estimation share: the untreated model, its cells, and the leads before the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaltool.errors import RunError
from evaltool.estimators.did._effects import Piece, Terms, cell_table, compared_cohorts, involved_cohorts
from evaltool.estimators.did._paths import Averages
from evaltool.estimators.did._rows import BoolArray, Rows, no_comparison
from evaltool.numerics.cell_averages import Average, CellTable
from evaltool.numerics.distinct import distinct
from evaltool.numerics.effects_regression import Clustering, Columns, covariance_of, least_squares
from evaltool.numerics.group_time import NEVER
from evaltool.numerics.imputation import Outcomes, Untreated, fit_untreated
from evaltool.numerics.small_sample import SmallSample
from evaltool.records.panel import FloatArray, IntArray

Residual = Callable[[FloatArray, FloatArray, Average], FloatArray]
"""(gap, row weights ω, average) → (n,) what is left of the gaps of treated rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Imputed:
    """The untreated model, cells of the rows it predicts from the start (less anticipation) on, and rows left out."""

    rows: Rows
    model: Untreated
    table: CellTable
    row_cell: IntArray
    left_out: int

    def omega(self, average: Average) -> FloatArray:
        """(n,) weight of each row in an average of cells."""
        inside = self.row_cell >= 0
        found = np.zeros(inside.shape[0])
        cell = self.row_cell[inside]
        found[inside] = average.weights[cell] * self.rows.weights[inside] / self.table.mass[cell]
        return found

    def terms(self, residual: Residual) -> Terms:
        """The cells' effects, with influence values from the stated residuals of treated rows."""
        rows, gap = self.rows, np.nan_to_num(self.model.gap)
        inside = self.row_cell >= 0
        sums = np.bincount(
            self.row_cell[inside], weights=(rows.weights * gap)[inside], minlength=self.table.mass.shape[0]
        )

        def influence(average: Average) -> FloatArray:
            omega = self.omega(average)
            left = np.where(self.model.used, self.model.carried(omega) * gap, 0.0)
            return rows.by_unit(omega * residual(gap, omega, average) + left) * rows.units

        return Terms(
            values=sums / self.table.mass,
            row_term=self.row_cell,
            involved=involved_cohorts(rows, self.table),
            compared=compared_cohorts(rows, self.table, "not_yet_treated"),
            reference=np.zeros(self.table.mass.shape[0], dtype=np.bool_),
            influence=influence,
        )


def imputed(rows: Rows, used: BoolArray) -> Imputed:
    """Fit on the ``used`` untreated rows and impute the rest. Raises RunError (RUN_COLLINEAR, RUN_NO_COMPARISON)."""
    data = Outcomes(rows.outcome, rows.weights, rows.unit, rows.period, rows.covariates, rows.names)
    model = fit_untreated(data, used)
    affected = ~rows.untouched
    chosen = affected & model.predicted
    if not bool(np.any(chosen & rows.treated)):
        cause = "No treated row has an untreated unit to be compared with in its period."
        raise no_comparison(cause, "Include units that never start, or that start later than the others.")
    table, row_cell = cell_table(rows, chosen)
    return Imputed(rows, model, table, row_cell, int(np.sum(affected & ~model.predicted)))


def path_of(found: Imputed, averages: Averages) -> tuple[tuple[Piece, ...], bool]:
    """Leads, the base and the imputed event times; and whether the leads could be identified.

    Leads come from a regression on the untreated rows used, with unit and period effects, and CR1 standard errors:
    one coefficient for each event time before the base. Where nobody is never treated, the last cohort has none.
    """
    rows, base = found.rows, -1 - found.rows.anticipation
    last = rows.starts[-1]
    own = found.model.used & np.isfinite(rows.start) & ((last == NEVER) | (rows.start < last))
    leads = distinct(rows.event[own & (rows.event <= base)]).astype(np.int64)
    if not leads.shape[0] or leads[-1] != base:
        return averages.events, leads.shape[0] == 0
    index = np.searchsorted(leads, np.where(own, rows.event, float(base)))
    row_term = np.where(own, index, -1).astype(np.int64)
    try:
        terms = _leads(found, row_term, leads)
    except RunError:
        return averages.events, False
    partition = np.arange(leads.shape[0])
    alone = [Average(int(e), np.eye(1, leads.shape[0], k)[0], partition) for k, e in enumerate(leads)]
    return (*(Piece(terms, average) for average in alone), *averages.events), True


def _leads(found: Imputed, row_term: IntArray, leads: IntArray) -> Terms:
    """Coefficients of the event times before the base among untreated rows. Raises RunError (RUN_COLLINEAR)."""
    rows, used = found.rows, found.model.used
    moving = np.arange(leads.shape[0] - 1)
    indicators = (row_term[used][:, None] == moving[None, :]).astype(np.float64)
    matrix = np.column_stack([indicators, rows.covariates[used]])
    effects = found.model.effects
    names = (*(f"event time {leads[k]:+d}" for k in moving), *rows.names)
    columns = Columns(matrix, effects.residual(matrix), names)
    fit = least_squares(columns, effects.residual(rows.outcome[used]), rows.weights[used])
    codes = rows.cluster_rows[used]
    clustering = Clustering("cluster", codes, codes, (rows.unit[used], rows.period[used]), effects.rank)
    covariance = covariance_of(fit, clustering, SmallSample())
    loading = np.zeros((fit.coefficients.shape[0], leads.shape[0]))
    loading[moving, moving] = 1.0
    whole = _on_all_rows(found, fit.influence)
    table = cell_table(rows, row_term >= 0)[0]
    involved = np.zeros((leads.shape[0], len(rows.starts)), dtype=np.bool_)
    compared = np.zeros_like(involved)
    against = compared_cohorts(rows, table, "not_yet_treated")
    for k, event in enumerate(leads):
        cells = table.event == event
        involved[k, table.cohort[cells]] = True
        compared[k] = np.any(against[cells], axis=0)
    return Terms(
        values=fit.coefficients @ loading,
        row_term=row_term,
        involved=involved,
        compared=compared,
        reference=np.arange(leads.shape[0]) == leads.shape[0] - 1,
        influence=lambda average: rows.by_unit(whole(loading @ average.weights)) * rows.units,
        factor=covariance.factor,
    )


def _on_all_rows(found: Imputed, influence: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
    """Row contributions of a fit on the used rows, with zeros in the others."""

    def spread(contrast: FloatArray) -> FloatArray:
        values = np.zeros(found.rows.unit.shape[0])
        values[found.model.used] = influence(contrast)
        return values

    return spread
