"""Interactive fixed effects: the treated unit's loadings on factors that move the donors, carried past its start.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    Donors: Y_jt = α_j + δ_t + λ_j'f_t + ε_jt by least squares (means, then the leading left singular vectors of what
    is left). Treated: its α and λ by least squares of Y_1t − δ_t on a constant and f_t over the fitted periods. The
    counterfactual is δ_t + α_1 + λ_1'f_t. The rank is stated, or the one of 0 … ``most_factors`` with the smallest
    leave-one-period-out error of the treated unit (the smaller among equals).

Uncertainty
    No standard error. Exhaustive placebos in space (RMSPE ratios, not squared), each with a rank of its own;
    ``inference = "conformal"`` adds the moving-block test and the interval that inverts it, the rank held.

Assumptions
    Outcomes follow a linear factor model with few factors; the treated unit loads on the donors' factors; errors are
    not so strong that loadings from a short history mislead.

Refuses when
    Not exactly one unit is treated; fewer than two donors; fewer fitted periods than two more than the factors; no
    rank leaves a period out; cells are missing; a donor never varies.

Source
    Bai 2009 (Econometrica 77), section 3; Xu 2017 (Political Analysis 25), section 3.1 and algorithm 1.

Reference implementation and agreed tolerance
    R gsynth in concept (its rank depends on the seed of its cross-validation; this one draws nothing). Exact factor
    data are recovered to 1e-8; covariance eigenvectors and statsmodels' OLS give the same effect to 1e-9.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, residual_said
from evaltool.estimators.counterfactual._layout import Layout, layout_of
from evaltool.estimators.counterfactual._options import DonorOptions
from evaltool.estimators.counterfactual._second_opinion import pivoted
from evaltool.numerics.factor_model import factor_path
from evaltool.numerics.fits import Fit, Fitter, fit_from_path
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex_control import Windows
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.interactive_effects"


class InteractiveOptions(DonorOptions):
    """``[estimator.options]`` of ``counterfactual.interactive_effects``."""

    factors: int | None = Field(default=None, ge=0)
    """Number of factors; chosen by leaving out one period at a time when absent."""
    most_factors: int = Field(default=5, ge=0, le=20)
    """Largest number tried."""


def options_of(request: EstimationRequest) -> InteractiveOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, InteractiveOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def factors(values: Floats, stated: int | None, most: int) -> Fitter:
    """The factor model; where the rank is not stated every target chooses its own."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        y, donors = values[:, target], values[:, pool]
        room = min(int(np.sum(windows.before)) - 2, pool.shape[0] - 1, values.shape[0] - 1)
        ranks = tuple(range(min(most, room) + 1)) if stated is None else (stated,)
        if room < ranks[-1] or room < 0:
            cause = f"{ranks[-1]} factors need more donors and fitted periods than there are."
            fix = "State fewer factors, or include earlier periods."
            raise RunError(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="estimator.options.factors")))
        found = factor_path(y, donors, windows.before, ranks)
        error = found.errors[ranks.index(found.rank)]
        if stated is None and not math.isfinite(error):
            cause, fix = "No number of factors leaves a period to judge it by.", "State the number of factors."
            raise RunError(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="estimator.options.factors")))
        figures = {"factors": found.rank, "error_left_out": math.sqrt(error) if math.isfinite(error) else None}
        return fit_from_path(y, found.path, windows, figures=figures)

    return fit


def _rank_of(layout: Layout, options: InteractiveOptions) -> int:
    """The rank as stated, or as the treated unit's own fit chooses it."""
    if options.factors is not None:
        return options.factors
    found = factors(layout.values, None, options.most_factors)(layout.target, layout.pool, layout.windows)
    return int(found.figures["factors"] or 0)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    held = _rank_of(layout, options)

    def same_rank(values: Floats) -> Fitter:
        return factors(values, held, held)

    fitter = factors(layout.values, options.factors, options.most_factors)
    baseline = Baseline(NAME, layout, fitter, options, conformal=same_rank)
    found = checked(request, baseline)
    said: Said = {
        "solver": "singular values of the donors, least squares for the loadings",
        "factors": held,
        "factors_choice": "leave one period out" if options.factors is None else "stated",
        "error_left_out": found[0].fit.figures["error_left_out"],
        "fixed_effects": "unit and period",
        **residual_said(layout, found[0]),
    }
    return assembled(request, baseline, found, said=said)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """Eigenvectors of the donors' covariance over time, loadings by statsmodels' OLS. Raises RunError."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    options = options_of(request)
    rank = _rank_of(layout_of(request, options.anticipation), options)
    found = pivoted(request, options.anticipation)
    donors = found.wide[found.donors]
    shared = donors.mean(axis=1)
    left = donors.sub(shared, axis=0)
    left = left - left.mean()
    _, vectors = np.linalg.eigh((left @ left.T).to_numpy(dtype=float))
    x = sm.add_constant(vectors[:, ::-1][:, :rank], has_constant="add") if rank else np.ones((len(donors), 1))
    early = np.asarray(donors.index.isin(found.history.index), dtype=bool)
    own = (found.wide[found.treated] - shared).to_numpy(dtype=float)
    loadings = cast("Floats", sm.OLS(own[early], x[early]).fit().params)
    gap = own - x @ loadings
    late = np.asarray(donors.index.isin(found.later.index), dtype=bool)
    return SecondOpinion(
        value=float(gap[late].mean()),
        by="eigenvectors of the donors' covariance over time, loadings from statsmodels' least squares",
    )


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Interactive fixed effects for one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("donors.pool",),
        standard_error="never",
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=2,
    ),
    options=InteractiveOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
