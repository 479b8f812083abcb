"""Extended two-way regression: an own coefficient for every cohort and treated period; linear, Poisson or logit.

Estimand
    The effect on each cohort in each period from its start on, and its averages ``simple``, ``dynamic``, ``group``,
    ``calendar`` (cells weigh by their weighted rows). In the Poisson and logit family it is the mean difference between
    fitted means with and without the treatment terms, in the outcome's own unit.

Equation as implemented
    Index: cohort and period effects, Σ_g Σ_t b_gt 1[G_i = g] 1[period t] over t ≥ g (less the anticipation), and with
    covariates x (constant within units): x, x by cohort, x by period and (x − its mean in the cell) by cell. With
    ``control_group = "never_treated"`` every period but each cohort's base has a coefficient. ``effects = "unit"``
    (linear only) replaces cohort by unit effects. Linear: weighted least squares; Poisson and logit: quasi-maximum
    likelihood with canonical link by Newton's method. Where nobody is never treated, the last cohort is the comparison
    until it starts.

Uncertainty
    Sandwich with scores summed within clusters, times (n − 1)/(n − K) and G/(G − 1) as stated; t with G − 1 for the
    linear family, normal otherwise. Poisson and logit: delta method, covariates and cohort shares taken as known.

Assumptions
    Parallel trends on the scale of the index, conditional on covariates; no anticipation beyond the stated periods.

Refuses when
    Nobody starts within the data or nobody can be compared with; covariates are unknown, vary within units or are
    collinear; the outcome is outside the family's range; the likelihood has no maximum; ``effects = "unit"`` with
    another family than linear; ``se`` other than ``cluster``.

Source
    Wooldridge 2021 (Two-way fixed effects, the two-way Mundlak regression, and difference-in-differences estimators),
    equations 5.3 and 6.33; Wooldridge 2023 (Econometrics Journal 26), equations 3.8–3.13 (nonlinear).

Reference implementation and agreed tolerance
    R fixest 0.14.2 (the regression of R etwfe): coefficients and standard errors 1e-7. Poisson and logit: statsmodels,
    coefficients' effects 1e-9 and delta-method standard errors 1e-7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._effects import (
    Piece,
    Terms,
    base_cells,
    cell_table,
    compared_cohorts,
    involved_cohorts,
    with_never,
)
from evaltool.estimators.did._etwfe import Extended, Solved, check_constant, extended, solve_glm, solve_linear
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._paths import averaged, kind_of
from evaltool.estimators.did._regression import FORMULAS, RegressionOptions, headline_regression
from evaltool.estimators.did._rows import arrange_rows
from evaltool.estimators.did._second_etwfe import Choices, extended_again
from evaltool.numerics.group_time import NEVER
from evaltool.numerics.regression_methods import HeadlineRegression
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.extended_twfe"


class ExtendedTwfeOptions(RegressionOptions):
    """``[estimator.options]`` of ``did.extended_twfe``."""

    family: Literal["linear", "poisson", "logit"] = "linear"
    control_group: Literal["never_treated", "not_yet_treated"] = "not_yet_treated"
    effects: Literal["cohort", "unit"] = "cohort"
    anticipation: int = Field(default=0, ge=0)


def options_of(request: EstimationRequest) -> ExtendedTwfeOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, ExtendedTwfeOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every cohort and period, all four averages, and the plan's as the headline. Raises RunError."""
    return finish(request, NAME, _found(request)[0])


def regression_of(request: EstimationRequest) -> HeadlineRegression | None:
    """The linear regression whose coefficients the headline averages. Raises RunError."""
    found, solved = _found(request)
    if solved.regression is None:
        return None
    regression, loading = solved.regression
    return headline_regression(found.rows, regression, loading @ found.headline.average.weights)


def _found(request: EstimationRequest) -> tuple[Found, Solved]:
    """Every effect, and what was solved. Raises RunError."""
    options = options_of(request)
    _check(options)
    whole = arrange_rows(request, options.anticipation, options.covariates)
    check_constant(whole)
    rows = with_never(whole)
    never = options.control_group == "never_treated"
    starts = np.isfinite(rows.start)
    table, row_cell = cell_table(rows, starts if never else starts & ~rows.untouched)
    reference = base_cells(rows, table) if never else np.zeros(table.mass.shape[0], dtype=np.bool_)
    solved = _solved(extended(rows, table, row_cell, reference), options)
    terms = Terms(
        values=solved.values,
        row_term=row_cell,
        involved=involved_cohorts(rows, table),
        compared=compared_cohorts(rows, table, options.control_group),
        reference=reference,
        influence=solved.influence,
        factor=solved.factor,
    )
    averages, kind, last = averaged(rows, table, terms), kind_of(request), NEVER not in whole.starts
    return (
        Found(
            rows=rows,
            headline=Piece(terms, averages.headline(request)),
            estimand=f"ATT ({kind})",
            se=FORMULAS["cluster"] if options.family == "linear" else f"delta method on {FORMULAS['cluster']}",
            conventions=_conventions(options, solved),
            notes=("no_never_treated_group", "periods_without_comparison") if last else (),
            path=averages.events,
            groups=averages.groups,
            calendar=averages.calendar,
            cells=averages.cells,
            df=solved.df,
        ),
        solved,
    )


def _solved(design: Extended, options: ExtendedTwfeOptions) -> Solved:
    """The regression of the stated family. Raises RunError."""
    choice = options.small_sample()
    if options.family == "linear":
        return solve_linear(design, choice, options.effects)
    return solve_glm(design, replace(choice, t_df="normal"), options.family)


def _check(options: ExtendedTwfeOptions) -> None:
    """Refuse combinations that are not offered. Raises RunError (RUN_NOT_OFFERED)."""
    faults = []
    if options.se != "cluster":
        cause, fix = f'se = "{options.se}" is not offered by {NAME}.', 'Use se = "cluster".'
        faults.append(Fault("RUN_NOT_OFFERED", cause, fix, Place(key="estimator.options.se")))
    if options.effects == "unit" and options.family != "linear":
        cause = f'effects = "unit" with family = "{options.family}" has too many parameters for its data.'
        fix = 'Use effects = "cohort".'
        faults.append(Fault("RUN_NOT_OFFERED", cause, fix, Place(key="estimator.options.effects")))
    if faults:
        raise RunError(faults)


def _conventions(options: ExtendedTwfeOptions, solved: Solved) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit."""
    linear = options.family == "linear"
    return {
        "family": options.family,
        "control_group": options.control_group,
        "base_period": "universal" if options.control_group == "never_treated" else None,
        "fixed_effects": f"{options.effects} and period",
        "covariates": ", ".join(options.covariates) or None,
        "k_adj": options.k_adj,
        "k_fixef": options.k_fixef,
        "k_exact": options.k_exact,
        "g_adj": options.g_adj,
        "t_df": options.t_df if linear else "normal",
        "parameters": solved.parameters,
        "df": solved.df,
        "small_sample_factor": solved.factor,
    }


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from statsmodels. Raises RunError."""
    options = options_of(request)
    choices = Choices(options.family, options.control_group, options.effects)
    return extended_again(request, options.covariates, options.anticipation, choices)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        title="Extended two-way regression (linear, Poisson, logit)",
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
    options=ExtendedTwfeOptions,
    estimate=estimate,
    second_opinion=second_opinion,
    regression=regression_of,
)
