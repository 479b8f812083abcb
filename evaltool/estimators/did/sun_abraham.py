"""Interaction-weighted event study: one coefficient for each cohort and period, averaged by cohort shares.

Estimand
    The effect on cohort g in period t, CATT(g, e) with e = t − g, and its averages: ``dynamic`` (plain mean over e ≥ 0
    of the effect at e, cohorts weighed by their rows), ``simple`` (all treated rows), ``group``, ``calendar``.

Equation as implemented
    y_it = a_i + l_t + Σ_g Σ_t b_gt 1[G_i = g] 1[period t] + x_it'c + e_it over units that start, all periods but each
    cohort's base (its last period before the start, less the anticipation), by weighted least squares; effects as in
    ``did.twfe``. The comparison are the never-treated; where nobody is, the last cohort, and the periods from its start
    on are left out (``periods_without_comparison``).

Uncertainty
    As in ``did.twfe`` on the b_gt; shares are taken as known, as in R fixest. Averages are linear in the b_gt.

Assumptions
    Parallel trends with respect to the comparison cohort, no anticipation beyond the stated periods, covariates whose
    slopes are the same with and without treatment.

Refuses when
    Nobody starts within the data; everybody starts in the same period; a covariate is unknown or explained by the
    effects; the cluster changes within a unit or would be ignored.

Source
    Sun & Abraham 2021 (Journal of Econometrics 225), equations 22–23 and definition 4; last cohort as comparison:
    assumption 1 and section 4.1.

Reference implementation and agreed tolerance
    R fixest 0.14.2, sunab: event times, their standard errors, and the average over all treated rows: 1e-7.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from evaltool.estimators.did._effects import (
    Piece,
    Terms,
    base_cells,
    cell_table,
    compared_cohorts,
    involved_cohorts,
    regression_influence,
    with_never,
)
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._paths import averaged, kind_of
from evaltool.estimators.did._regression import (
    FORMULAS,
    Regression,
    RegressionOptions,
    check_clusters,
    conventions_of,
    headline_regression,
    regress,
)
from evaltool.estimators.did._rows import arrange_rows
from evaltool.estimators.did._second_rows import sun_abraham_again
from evaltool.numerics.group_time import NEVER
from evaltool.numerics.regression_methods import HeadlineRegression
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class SunAbrahamOptions(RegressionOptions):
    """``[estimator.options]`` of ``did.sun_abraham``."""

    anticipation: int = Field(default=0, ge=0)


def options_of(request: EstimationRequest) -> SunAbrahamOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, SunAbrahamOptions):
        message = f"did.sun_abraham was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every cohort and period, all four averages, and the plan's as the headline. Raises RunError."""
    return finish(request, "did.sun_abraham", _found(request)[0])


def regression_of(request: EstimationRequest) -> HeadlineRegression:
    """The regression whose coefficients the headline averages. Raises RunError."""
    found, regression, loading = _found(request)
    return headline_regression(found.rows, regression, loading @ found.headline.average.weights)


def _found(request: EstimationRequest) -> tuple[Found, Regression, FloatArray]:
    """Every effect, the regression, and the loading (k, cells) of its coefficients. Raises RunError."""
    options = options_of(request)
    check_clusters(request, options)
    whole = arrange_rows(request, options.anticipation, options.covariates)
    rows = with_never(whole)
    table, row_cell = cell_table(rows, np.isfinite(rows.start))
    reference = base_cells(rows, table)
    moving = np.flatnonzero(~reference)
    indicators = (row_cell[:, None] == moving[None, :]).astype(np.float64)
    names = tuple(f"cohort {table.start[k]}, period {table.time[k]}" for k in moving)
    regression = regress(rows, indicators, names, options)
    loading = np.zeros((regression.fit.coefficients.shape[0], reference.shape[0]))
    loading[np.arange(moving.shape[0]), moving] = 1.0
    terms = Terms(
        values=regression.fit.coefficients @ loading,
        row_term=row_cell,
        involved=involved_cohorts(rows, table),
        compared=compared_cohorts(rows, table, "never_treated"),
        reference=reference,
        influence=regression_influence(rows, regression.fit, loading),
        factor=regression.covariance.factor,
        matrix=regression.matrix(loading),
    )
    kind = kind_of(request)
    parts = averaged(rows, table, terms)
    last = NEVER not in whole.starts
    found = Found(
        rows=rows,
        headline=Piece(terms, parts.headline(request)),
        estimand=f"ATT ({kind})",
        se=FORMULAS[options.se],
        conventions=conventions_of(regression, options)
        | {"control_group": "last_cohort" if last else "never_treated", "base_period": "universal"},
        notes=("no_never_treated_group", "periods_without_comparison") if last else (),
        path=parts.events,
        groups=parts.groups,
        calendar=parts.calendar,
        cells=parts.cells,
        df=regression.covariance.df,
    )
    return found, regression, loading


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from a regression on indicators, averaged with pandas. Raises RunError."""
    options = options_of(request)
    return sun_abraham_again(request, options.covariates, options.anticipation)


PLUGIN = EstimatorPlugin(
    name="did.sun_abraham",
    capabilities=Capabilities(
        family="did",
        title="Interaction-weighted event study",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("groups.adoption",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        clusters=True,
        path=True,
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "dynamic", "group", "calendar"),
        event_times=True,
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=SunAbrahamOptions,
    estimate=estimate,
    second_opinion=second_opinion,
    regression=regression_of,
)
