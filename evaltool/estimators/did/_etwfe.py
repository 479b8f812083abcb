"""Columns of the extended two-way regression, and its fit: linear, Poisson or logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._effects import Influence, regression_influence
from evaltool.estimators.did._regression import Regression
from evaltool.estimators.did._rows import BoolArray, Rows
from evaltool.numerics.cell_averages import Average, CellTable
from evaltool.numerics.effects_regression import Clustering, Columns, Fit, covariance_of, least_squares
from evaltool.numerics.glm import Family, fit_glm, mean_of, slope_of
from evaltool.numerics.regression import Regressors
from evaltool.numerics.small_sample import SmallSample
from evaltool.numerics.two_way import two_way
from evaltool.records.panel import FloatArray, IntArray

SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Extended:
    """Rows, the cells with a coefficient (``moving`` of ``table``), and what the regression holds.

    ``cells`` (n, m) indicators and ``slopes`` (n, m·k) their products with centred covariates; ``adjusting`` (n, q)
    covariates by cohort and period.
    """

    rows: Rows
    table: CellTable
    row_cell: IntArray
    moving: IntArray
    cells: FloatArray
    slopes: FloatArray
    adjusting: FloatArray
    names: tuple[str, ...]
    """Of adjusting, cells and slopes, in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Effects of all cells of the table, influence values, and the covariance's factor, K and degrees of freedom."""

    values: FloatArray
    influence: Influence
    factor: float
    parameters: int
    df: float | None
    regression: tuple[Regression, FloatArray] | None = None
    """The linear regression, and the loading (k, cells) of its coefficients."""


def check_constant(rows: Rows) -> None:
    """Refuse covariates that vary within a unit. Raises RunError (RUN_COVARIATE_VARIES), one fault for each."""
    first = rows.covariates[rows.first_rows][rows.unit]
    varying = np.flatnonzero(np.any(rows.covariates != first, axis=0))
    if varying.shape[0]:
        raise RunError(
            [
                Fault(
                    code="RUN_COVARIATE_VARIES",
                    cause=f"Covariate '{rows.names[j]}' changes over time within units.",
                    fix="Give each unit one value, for example its value before anybody's start.",
                    place=Place(key="estimator.options.covariates", column=rows.names[j]),
                )
                for j in varying
            ]
        )


def extended(rows: Rows, table: CellTable, row_cell: IntArray, reference: BoolArray) -> Extended:
    """The columns: cells but the references, their covariate slopes, covariates by cohort and by period."""
    moving = np.flatnonzero(~reference)
    cells = (row_cell[:, None] == moving[None, :]).astype(np.float64)
    cell_names = [f"cohort {table.start[k]}, period {table.time[k]}" for k in moving]
    adjusting, names, slopes, slope_names = [], [], [], []
    for j, name in enumerate(rows.names):
        x = rows.covariates[:, j]
        adjusting.append(x)
        names.append(name)
        for c in range(len(rows.starts) - 1):
            adjusting.append(x * (rows.cohort == c))
            names.append(f"{name} in cohort {rows.starts[c]:g}")
        for t in range(1, len(rows.periods)):
            adjusting.append(x * (rows.period == t))
            names.append(f"{name} in period {rows.labels[t]}")
        for k in moving:
            inside = row_cell == k
            mean = float(rows.weights[inside] @ x[inside]) / float(np.sum(rows.weights[inside]))
            slopes.append(np.where(inside, x - mean, 0.0))
            slope_names.append(f"{name} in cohort {table.start[k]}, period {table.time[k]}")
    empty = np.zeros((rows.unit.shape[0], 0))
    return Extended(
        rows=rows,
        table=table,
        row_cell=row_cell,
        moving=moving,
        cells=cells,
        slopes=np.column_stack(slopes) if slopes else empty,
        adjusting=np.column_stack(adjusting) if adjusting else empty,
        names=(*names, *cell_names, *slope_names),
    )


def solve_linear(design: Extended, choice: SmallSample, effects: Literal["cohort", "unit"]) -> Solved:
    """Least squares with cohort (or unit) and period effects. Raises RunError (RUN_COLLINEAR)."""
    rows = design.rows
    own = rows.cohort if effects == "cohort" else rows.unit
    both = two_way(own, rows.period, rows.weights, (int(own.max()) + 1, len(rows.periods)))
    matrix = np.column_stack([design.adjusting, design.cells, design.slopes])
    names = design.names
    if effects == "unit":  # what is constant within units is absorbed: covariates and their products with cohorts
        first_rows = design.adjusting[rows.first_rows][rows.unit]
        kept = np.ones(matrix.shape[1], dtype=np.bool_)
        kept[: design.adjusting.shape[1]] = np.any(design.adjusting != first_rows, axis=0)
        matrix, names = matrix[:, kept], tuple(n for n, k in zip(names, kept, strict=True) if k)
    columns = Columns(matrix, both.residual(matrix), names)
    fit = least_squares(columns, both.residual(rows.outcome), rows.weights)
    first = matrix.shape[1] - design.cells.shape[1] - design.slopes.shape[1]
    loading = np.zeros((matrix.shape[1], design.table.mass.shape[0]))
    loading[first + np.arange(design.moving.shape[0]), design.moving] = 1.0
    codes = rows.cluster_rows
    covariance = covariance_of(fit, Clustering("cluster", codes, codes, (own, rows.period), both.rank), choice)
    return Solved(
        values=fit.coefficients @ loading,
        influence=regression_influence(rows, fit, loading),
        factor=covariance.factor,
        parameters=covariance.parameters,
        df=covariance.df,
        regression=(Regression(both, fit, covariance, "cluster", columns), loading),
    )


def solve_glm(design: Extended, choice: SmallSample, family: Family) -> Solved:
    """Quasi-maximum likelihood with cohort and period indicators; effects are differences of means.

    Effect of a cell: mean over its rows of μ(η) − μ(η without the cell's terms); the delta method carries the
    covariance of the coefficients, clustered, to it. Raises RunError (see ``fit_glm``).
    """
    rows = design.rows
    cohorts = (rows.cohort[:, None] == np.arange(len(rows.starts) - 1)[None, :]).astype(np.float64)
    periods = (rows.period[:, None] == np.arange(1, len(rows.periods))[None, :]).astype(np.float64)
    base = np.column_stack([np.ones(rows.unit.shape[0]), cohorts, periods, design.adjusting])
    treated = np.column_stack([design.cells, design.slopes])
    plain = (*(f"cohort {g:g}" for g in rows.starts[:-1]), *(f"period {label}" for label in rows.labels[1:]))
    matrix = np.column_stack([base, treated])
    fit = fit_glm(
        Regressors(matrix, ("constant", *plain, *design.names), "the extended regression"),
        rows.outcome,
        rows.weights,
        family,
    )
    without = fit.eta - treated @ fit.coefficients[base.shape[1] :]
    mean = mean_of(without, family)
    change, slope, slope_without = fit.mean - mean, slope_of(fit.mean, family), slope_of(mean, family)
    size = design.table.mass.shape[0]
    values, gradients = np.zeros(size), np.zeros((matrix.shape[1], size))
    for k in design.moving:
        inside = np.flatnonzero(design.row_cell == k)
        share = rows.weights[inside] / design.table.mass[k]
        values[k] = float(share @ change[inside])
        gradients[:, k] = (share * slope[inside]) @ matrix[inside]
        gradients[: base.shape[1], k] -= (share * slope_without[inside]) @ base[inside]
    linear = Fit(fit.coefficients, fit.bread, matrix, rows.outcome - fit.mean, rows.weights)
    codes = rows.cluster_rows
    covariance = covariance_of(linear, Clustering("cluster", codes, codes, (), 0), choice)

    def influence(average: Average) -> FloatArray:
        return rows.by_unit(linear.influence(gradients @ average.weights)) * rows.units

    return Solved(values, influence, covariance.factor, covariance.parameters, None)
