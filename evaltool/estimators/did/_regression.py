"""What the regression estimators share: options of their standard errors, and a fit with unit and period effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._rows import Rows
from evaltool.numerics.effects_regression import Clustering, Columns, Covariance, Fit, covariance_of, least_squares
from evaltool.numerics.regression_methods import HeadlineRegression, TwoWayError
from evaltool.numerics.small_sample import SmallSample, Variance
from evaltool.numerics.two_way import TwoWay, two_way
from evaltool.records.base import Record
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest

FORMULAS: dict[Variance, str] = {
    "cluster": "CR1: sandwich with scores summed within clusters",
    "two_way": "two-way clusters (first and period): sum of both sandwiches less that of their intersection",
    "hc1": "HC1: sandwich with squared residuals",
    "iid": "iid: residual variance times the inverse cross product",
}


class RegressionOptions(Record):
    """Options of every regression with fixed effects; the defaults are those of R fixest with clusters."""

    covariates: tuple[str, ...] = ()
    se: Literal["cluster", "two_way", "hc1", "iid"] = "cluster"
    """``two_way`` clusters by unit (or inference.cluster) and by period."""
    k_adj: bool = True
    """Multiply by (n − 1)/(n − K)."""
    k_fixef: Literal["nonnested", "full", "none"] = "nonnested"
    """Which effects count in K: those not nested in the clusters, all, or none."""
    k_exact: bool = False
    """Count the rank of the effects, not their levels less one."""
    g_adj: bool = True
    """Multiply by G/(G − 1)."""
    t_df: Literal["min", "conventional", "normal"] = "min"
    """``min``: G − 1 (n − K without clusters); ``conventional``: n − K; ``normal``: no t."""

    def small_sample(self) -> SmallSample:
        """The choices as the numerics take them."""
        return SmallSample(self.k_adj, self.k_fixef, self.k_exact, self.g_adj, self.t_df)


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A fit with its covariance, and the effects partialled out."""

    effects: TwoWay
    fit: Fit
    covariance: Covariance
    variance: Variance
    columns: Columns

    def matrix(self, loading: FloatArray) -> FloatArray | None:
        """(terms, terms) covariance of terms with ``loading`` (k, terms); None where it follows from the influence."""
        return None if self.variance == "cluster" else loading.T @ self.covariance.matrix @ loading


def check_clusters(request: EstimationRequest, options: RegressionOptions) -> None:
    """Refuse a standard error that would ignore the cluster the plan names. Raises RunError (RUN_CLUSTER_IGNORED)."""
    if options.se in {"hc1", "iid"} and request.inference.cluster is not None:
        raise RunError(
            Fault(
                code="RUN_CLUSTER_IGNORED",
                cause=f'se = "{options.se}" knows no clusters, but inference.cluster names '
                f"'{request.inference.cluster}'.",
                fix='Use se = "cluster", or leave inference.cluster out.',
                place=Place(key="estimator.options.se"),
            )
        )


def regress(rows: Rows, terms: FloatArray, names: tuple[str, ...], options: RegressionOptions) -> Regression:
    """Outcome on ``terms`` (n, k) and the covariates with unit and period effects. Raises RunError (RUN_COLLINEAR)."""
    effects = two_way(rows.unit, rows.period, rows.weights, (rows.units, len(rows.periods)))
    matrix = np.column_stack([terms, rows.covariates])
    columns = Columns(matrix, effects.residual(matrix), (*names, *rows.names))
    fit = least_squares(columns, effects.residual(rows.outcome), rows.weights)
    clustering = Clustering(
        variance=options.se,
        codes=rows.cluster_rows,
        second=rows.period,
        effects=(rows.unit, rows.period),
        rank=effects.rank,
    )
    return Regression(effects, fit, covariance_of(fit, clustering, options.small_sample()), options.se, columns)


def headline_regression(rows: Rows, regression: Regression, contrast: FloatArray) -> HeadlineRegression:
    """What inference on the average ``contrast`` (k,) of the coefficients is made from."""
    own = regression.effects.unit
    clustering = Clustering(
        variance="two_way",
        codes=rows.cluster_rows,
        second=rows.period,
        effects=(own, rows.period),
        rank=regression.effects.rank,
    )
    both = covariance_of(regression.fit, clustering, SmallSample())
    variance = float(contrast @ both.matrix @ contrast)
    return HeadlineRegression(
        outcome=rows.outcome,
        columns=regression.columns.matrix,
        names=regression.columns.names,
        contrast=contrast,
        effects=regression.effects,
        clusters=rows.cluster_rows,
        start=rows.start,
        covariates=bool(rows.names),
        both=TwoWayError(variance**0.5, both.df, both.factor) if variance > 0.0 else None,
        cohorts=not np.array_equal(own, rows.unit),
    )


def conventions_of(regression: Regression, options: RegressionOptions) -> dict[str, bool | int | float | str | None]:
    """Every choice of a regression that changes a digit."""
    return {
        "fixed_effects": "unit and period",
        "covariates": ", ".join(options.covariates) or None,
        "k_adj": options.k_adj,
        "k_fixef": options.k_fixef,
        "k_exact": options.k_exact,
        "g_adj": options.g_adj,
        "t_df": options.t_df,
        "parameters": regression.covariance.parameters,
        "df": regression.covariance.df,
        "small_sample_factor": regression.covariance.factor,
        "connected_sets": regression.effects.components,
    }
