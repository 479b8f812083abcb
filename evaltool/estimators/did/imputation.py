"""Imputation: a model fitted on untreated rows says what would have been; the effect is what was, less that.

Estimand
    The effect averaged over treated rows (``simple``, weighted by unit weights), by time since the start (``dynamic``),
    by cohort (``group``) or by period (``calendar``), among treated rows whose unit and period the untreated rows
    reach. Rows that are not reached are counted and left out.

Equation as implemented
    1. y_it = a_i + l_t + x_it'c + e_it by weighted least squares on the rows before a unit's start (less the
    anticipation) and those of the never-treated. 2. gap_it = y_it − a_i − l_t − x_it'c. 3. The effect is Σ ω_it gap_it.
    ``singletons = "drop"`` leaves out units and periods with one untreated row, and so every later row of such units (R
    didimputation's default through fixest); ``keep`` uses them. Leads before the start come from a regression on the
    untreated rows alone and are measured from the base period; effects from the start on are measured from the model,
    that is from all periods before the start, so that the path can bend at the start under a trend (Roth 2024).

Uncertainty
    The effect is Σ v_it y_it with v known from the design. se² = Σ_g (Σ_{it in g} v_it e_it)² over clusters, e the
    residual on untreated rows and the gap less the mean gap of its cohort and period on treated ones (weights v²),
    which is conservative. ``variance = "leave_out"`` takes the mean of the others. No small-sample factor, normal.
    Leads: CR1 with the choices of R fixest.

Assumptions
    Parallel trends in every period (conditional on covariates that vary over time), no anticipation beyond the
    stated periods, covariates that treatment does not move.

Refuses when
    Nobody starts within the data; no treated row is reached; a covariate is unknown or explained by the effects; the
    cluster changes within a unit; ``leave_out`` is asked for and a cohort has one row in a period.

Source
    Borusyak, Jaravel & Spiess 2024 (Review of Economic Studies 91), equation 5 (imputation), proposition 3 (weights),
    equations 7–8 and theorem 3 (variance), appendix A.6 (leave-out), section 4.4 (leads).

Reference implementation and agreed tolerance
    R didimputation (with fixest 0.14.2), both singleton conventions: averages and standard errors 1e-7 relative, event
    times 1e-8 absolute (fixest iterates to 1e-6). The leave-out variance is not in R; it is checked by formula.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._effects import Piece
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._imputed import Imputed, Residual, imputed, path_of
from evaltool.estimators.did._paths import averaged, kind_of
from evaltool.estimators.did._rows import arrange_rows
from evaltool.estimators.did._second_rows import imputation_again
from evaltool.numerics.cell_averages import Average
from evaltool.numerics.imputation import centred, without_singletons
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.imputation"
FORMULA = "imputation: sum over clusters of squared sums of v times residual"


class ImputationOptions(Record):
    """``[estimator.options]`` of ``did.imputation``."""

    covariates: tuple[str, ...] = ()
    anticipation: int = Field(default=0, ge=0)
    singletons: Literal["keep", "drop"] = "keep"
    """Units with a single untreated row: used, or left out as R didimputation does unless told otherwise."""
    variance: Literal["average", "leave_out"] = "average"


def options_of(request: EstimationRequest) -> ImputationOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, ImputationOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every cohort and period, all four averages, and the plan's as the headline. Raises RunError."""
    options = options_of(request)
    rows = arrange_rows(request, options.anticipation, options.covariates)
    used = rows.untouched
    if options.singletons == "drop":
        used = without_singletons(rows.unit, rows.period, used)
    found = imputed(rows, used)
    if options.variance == "leave_out":
        _check_others(found)
    terms = found.terms(_residual(found, leave_out=options.variance == "leave_out"))
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
                "singletons": options.singletons,
                "variance": options.variance,
                "untreated_rows": int(np.sum(used)),
                "untreated_rows_dropped": int(np.sum(rows.untouched & ~used)),
                "treated_rows_without_comparison": found.left_out,
            },
            notes=tuple(notes),
            path=path,
            groups=averages.groups,
            calendar=averages.calendar,
            cells=averages.cells,
        ),
    )


def _residual(found: Imputed, *, leave_out: bool) -> Residual:
    """Gaps of treated rows less the mean gap of their cohort and period."""

    def residual(gap: FloatArray, omega: FloatArray, _average: Average) -> FloatArray:
        return centred(gap, omega**2, found.row_cell, leave_out=leave_out)

    return residual


def _check_others(found: Imputed) -> None:
    """Refuse a leave-out variance where somebody has no others. Raises RunError (RUN_COHORT_OF_ONE)."""
    sizes = np.bincount(found.row_cell[found.row_cell >= 0])
    alone = np.flatnonzero(sizes == 1)
    if not alone.shape[0]:
        return
    labels = dict(zip(found.rows.periods, found.rows.labels, strict=True))
    start, time = int(found.table.start[alone[0]]), int(found.table.time[alone[0]])
    raise RunError(
        Fault(
            code="RUN_COHORT_OF_ONE",
            cause=f"The cohort that starts in {labels.get(start, start)} has a single unit in period {labels[time]}: "
            "there are no others to take a mean of.",
            fix='Use variance = "average", or leave the unit out.',
            place=Place(key="estimator.options.variance"),
        )
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from sparse least squares on indicators and pandas means. Raises RunError."""
    options = options_of(request)
    return imputation_again(
        request, options.covariates, options.anticipation, drop_singletons=options.singletons == "drop"
    )


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        title="Imputation of untreated outcomes",
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
    options=ImputationOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
