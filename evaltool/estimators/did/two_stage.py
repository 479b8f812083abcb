"""Two stages: unit and period effects from untreated rows, then a regression of what they leave on being treated.

Estimand
    The effect averaged over treated rows (``simple``), by time since the start (``dynamic``), by cohort (``group``) or
    by period (``calendar``), among treated rows whose unit and period the untreated rows reach. The point estimates
    are those of ``did.imputation``.

Equation as implemented
    1. y_it = a_i + l_t + x_it'c + e_it by weighted least squares on untreated rows. 2. What that leaves of y_it, the
    gap, on indicators: one for being treated (``simple``), or one for each event time, cohort, period or cell. Leads
    as in ``did.imputation``; treated rows' gaps are measured from all periods before the start, so that the path can
    bend at the start under a trend (Roth 2024).

Uncertainty
    Both stages are one generalised method of moments estimator: with u the second-stage residuals of treated rows and
    e the first-stage residuals, the contribution of a cluster is its sum of ω u plus v e, v the weights that carry the
    first stage's error. No small-sample factor, normal. An average over several coefficients is linear in them.

Assumptions
    Parallel trends in every period (conditional on covariates that vary over time), no anticipation beyond the
    stated periods, covariates that treatment does not move.

Refuses when
    Nobody starts within the data; no treated row is reached; a covariate is unknown or explained by the effects; the
    cluster changes within a unit.

Source
    Gardner 2022 (Two-stage differences in differences), section 3 and equation 6; Newey & McFadden 1994, theorem 6.1
    (two-step variance); Butts & Gardner 2022 (R Journal 14).

Reference implementation and agreed tolerance
    R did2s (with fixest 0.14.2): effect and standard error 1e-7 relative. Point estimates are did.imputation's: 1e-12.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from evaltool.estimators.did._effects import Piece
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._imputed import Imputed, Residual, imputed, path_of
from evaltool.estimators.did._paths import averaged, kind_of
from evaltool.estimators.did._rows import arrange_rows
from evaltool.estimators.did._second_rows import imputation_again
from evaltool.numerics.cell_averages import Average
from evaltool.numerics.imputation import centred
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.two_stage"
FORMULA = "two stages: sum over clusters of squared sums of both stages' contributions"


class TwoStageOptions(Record):
    """``[estimator.options]`` of ``did.two_stage``."""

    covariates: tuple[str, ...] = ()
    anticipation: int = Field(default=0, ge=0)


def options_of(request: EstimationRequest) -> TwoStageOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, TwoStageOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every cohort and period, all four averages, and the plan's as the headline. Raises RunError."""
    options = options_of(request)
    rows = arrange_rows(request, options.anticipation, options.covariates)
    found = imputed(rows, rows.untouched)
    terms = found.terms(_residual(found))
    averages, kind = averaged(rows, found.table, terms), kind_of(request)
    path, identified = path_of(found, averages)
    notes = [
        note
        for note, holds in (("periods_without_comparison", found.left_out > 0), ("no_leads", not identified))
        if holds
    ]
    return finish(
        request,
        NAME,
        Found(
            rows=rows,
            headline=Piece(terms, averages.headline(request)),
            estimand=f"ATT ({kind})",
            se=FORMULA,
            conventions={
                "control_group": "not_yet_treated",
                "fixed_effects": "unit and period",
                "covariates": ", ".join(options.covariates) or None,
                "untreated_rows": int(np.sum(rows.untouched)),
                "treated_rows_without_comparison": found.left_out,
            },
            notes=tuple(notes),
            path=path,
            groups=averages.groups,
            calendar=averages.calendar,
            cells=averages.cells,
        ),
    )


def _residual(found: Imputed) -> Residual:
    """Second-stage residuals: gaps of treated rows less the coefficient of their indicator."""

    def residual(gap: FloatArray, omega: FloatArray, average: Average) -> FloatArray:
        code = np.unique(average.partition, return_inverse=True)[1]
        group = np.where(omega != 0.0, code[found.row_cell], -1).astype(np.int64)
        return centred(gap, np.where(omega != 0.0, found.rows.weights, 0.0), group, leave_out=False)

    return residual


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from sparse least squares on indicators and pandas means. Raises RunError."""
    options = options_of(request)
    return imputation_again(request, options.covariates, options.anticipation)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        title="Two-stage difference-in-differences",
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
    options=TwoStageOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
