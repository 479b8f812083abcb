"""Two-way fixed effects: one coefficient on being treated, with unit and period effects.

Estimand
    The coefficient b of D_it = 1[t ≥ G_i]. With one common start it is the ATT averaged over the periods from the start
    on (under parallel trends). With staggered starts it is a weighted average of effects in which some weights can be
    negative (Goodman-Bacon 2021, theorem 1): it then measures no average that anybody would ask for unless
    effects are the same for all and at all times, and the note ``weights_may_be_negative`` is printed.

Equation as implemented
    y_it = a_i + l_t + b D_it + x_it'c + e_it by weighted least squares with unit weights. Unit and period effects are
    partialled out: in closed form when the panel is balanced, else by direct solution of the period equations. Gaps
    need a declared rule (``[data] balance``).

Uncertainty
    V = B (Σ_g s_g s_g') B with B = (D̃'WD̃)⁻¹ and s_g the scores summed within clusters, times (n − 1)/(n − K) and
    G/(G − 1), t with G − 1 degrees of freedom. ``se`` offers clusters, two-way clusters (and period), HC1 and iid;
    ``k_adj``, ``k_fixef``, ``k_exact``, ``g_adj`` and ``t_df`` are the choices of R fixest. All are printed. The
    relative effect has a standard error (delta method) with one-way clusters only.

Assumptions
    Parallel trends and no anticipation; effects that are the same for everybody and at all times, unless there is
    one common start.

Refuses when
    Nobody starts within the data; D is explained by the effects; a covariate is unknown or is explained by the effects;
    the cluster changes within a unit or would be ignored.

Source
    Goodman-Bacon 2021 (Journal of Econometrics 225), equation 2 and theorem 1; Cameron, Gelbach & Miller 2011 (Journal
    of Business & Economic Statistics 29), equation 2.11 (two-way clusters).

Reference implementation and agreed tolerance
    R fixest 0.14.2: coefficient and standard error 1e-8 relative under every small-sample choice.
"""

from __future__ import annotations

import numpy as np

from evaltool.estimators.did._effects import Piece, Terms, never_or_everybody, regression_influence
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._regression import (
    FORMULAS,
    RegressionOptions,
    check_clusters,
    conventions_of,
    headline_regression,
    regress,
)
from evaltool.estimators.did._rows import arrange_rows
from evaltool.estimators.did._second_rows import twfe_again
from evaltool.numerics.cell_averages import Average
from evaltool.numerics.regression_methods import HeadlineRegression
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class TwfeOptions(RegressionOptions):
    """``[estimator.options]`` of ``did.twfe``."""


def options_of(request: EstimationRequest) -> TwfeOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, TwfeOptions):
        message = f"did.twfe was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The coefficient on being treated. Raises RunError."""
    options = options_of(request)
    check_clusters(request, options)
    rows = arrange_rows(request, 0, options.covariates)
    regression = regress(rows, rows.treated.astype(np.float64)[:, None], ("treated",), options)
    within = np.array(rows.starts) <= rows.periods[-1]
    loading = np.eye(regression.fit.coefficients.shape[0], 1)
    terms = Terms(
        values=regression.fit.coefficients[:1],
        row_term=np.where(rows.treated, 0, -1).astype(np.int64),
        involved=within[None, :],
        compared=never_or_everybody(rows)[None, :],
        reference=np.zeros(1, dtype=np.bool_),
        influence=regression_influence(rows, regression.fit, loading),
        factor=regression.covariance.factor,
        matrix=regression.matrix(loading),
    )
    several = int(np.sum(within)) > 1
    found = Found(
        rows=rows,
        headline=Piece(terms, Average(0, np.ones(1), np.zeros(1, dtype=np.int64))),
        estimand="coefficient on treated (two-way fixed effects)" if several else "ATT",
        se=FORMULAS[options.se],
        conventions=conventions_of(regression, options) | {"control_group": "everybody"},
        notes=("weights_may_be_negative",) if several else (),
        df=regression.covariance.df,
    )
    return finish(request, "did.twfe", found)


def regression_of(request: EstimationRequest) -> HeadlineRegression:
    """The regression, whose first coefficient is the headline. Raises RunError."""
    options = options_of(request)
    rows = arrange_rows(request, 0, options.covariates)
    regression = regress(rows, rows.treated.astype(np.float64)[:, None], ("treated",), options)
    return headline_regression(rows, regression, np.eye(1, regression.fit.coefficients.shape[0])[0])


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The coefficient from linearmodels. Raises RunError."""
    return twfe_again(request, options_of(request).covariates)


PLUGIN = EstimatorPlugin(
    name="did.twfe",
    capabilities=Capabilities(
        family="did",
        title="Two-way fixed effects (one coefficient)",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("groups.adoption",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        clusters=True,
        placebo_in_time=True,
        relative=True,
        aggregations=("none",),
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=TwfeOptions,
    estimate=estimate,
    second_opinion=second_opinion,
    regression=regression_of,
)
