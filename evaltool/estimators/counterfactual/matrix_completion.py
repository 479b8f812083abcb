"""Matrix completion: the treated unit's untreated outcomes as the missing cells of a matrix of low rank.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    Over all cells but the treated unit's from its start (less the anticipation) on, minimise ½ Σ (Y_it − α_i − δ_t −
    L_it)² + λ ‖L‖_*, the counterfactual being α_1 + δ_t + L_1t. λ is stated as a share of the smallest penalty at
    which L vanishes (``penalty``), or chosen among 13 shares from 1 to 10⁻² by the error in the treated unit's fitted
    periods, left out in ``folds`` sets of every folds-th period; among equals the larger. The fixed point is found to
    10⁻¹¹ of the outcome's spread.

Uncertainty
    No standard error. Exhaustive placebos in space (RMSPE ratios, not squared) with the treated unit's λ; ``inference
    = "conformal"`` adds the moving-block test and the interval that inverts it, λ held.

Assumptions
    Outcomes are near a matrix of low rank plus unit and period effects; what is missing does not depend on errors.

Refuses when
    Not exactly one unit is treated; fewer than two donors, or fitted periods than folds (two at least); cells are
    missing before the start; a donor never varies; the fit does not settle.

Source
    Athey, Bayati, Doudchenko, Imbens & Khosravi 2021 (JASA 116), equation 4.3, section 4.2 (fixed effects).

Reference implementation and agreed tolerance
    R MCPanel and fect in concept (their folds are drawn). λ = 1 is difference-in-differences with two-way effects
    (Proposition 99: −27.349111083615, synthdid 0.0.9, 1e-9). scipy's L-BFGS on the convex problem in the missing cells
    gives the same effect to 1e-7 of the spread, and plain filling steps to 1e-9.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, residual_said
from evaltool.estimators.counterfactual._checks import Checks
from evaltool.estimators.counterfactual._layout import Layout, layout_of
from evaltool.estimators.counterfactual._options import DonorOptions
from evaltool.estimators.counterfactual._second_opinion import pivoted
from evaltool.numerics.fits import Fit, Fitter, fit_from_path
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.nuclear_norm import completed, largest_penalty
from evaltool.numerics.simplex_control import Bools, Windows, mean_of
from evaltool.records.base import Exact
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.matrix_completion"
SHARES: tuple[float, ...] = tuple(10.0 ** (-k / 6) for k in range(13))
FILLING_STEPS = 200_000


class CompletionOptions(DonorOptions):
    """``[estimator.options]`` of ``counterfactual.matrix_completion``."""

    penalty: Annotated[Exact, Field(gt=0, le=1)] | None = None
    """λ as a share of the smallest one at which L vanishes; chosen by cross-validation when absent."""
    folds: int = Field(default=5, ge=2)
    """Sets of the treated unit's fitted periods that are left out in turn."""


def options_of(request: EstimationRequest) -> CompletionOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, CompletionOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def low_rank(values: Floats, penalty: float) -> Fitter:
    """Complete the target's cells outside the fitted periods, with a stated λ."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        columns = np.append(pool, target)
        chosen = values[:, columns]
        found = completed(chosen, _missing(chosen, ~windows.before), penalty)
        figures = {"rank": found.rank, "fixed_point_residual": found.residual}
        return fit_from_path(values[:, target], found.fitted[:, -1], windows, figures=figures)

    return fit


def _missing(values: Floats, hidden: Bools) -> Bools:
    """(T, N) marks: the last column's ``hidden`` periods."""
    marks = np.zeros(values.shape, dtype=bool)
    marks[:, -1] = hidden
    return marks


def penalty_of(layout: Layout, options: CompletionOptions) -> float:
    """λ: the stated share, or the one with the smallest error in periods left out. Raises RunError."""
    hidden = ~layout.windows.before
    values = layout.values
    top = largest_penalty(values, _missing(values, hidden))
    if options.penalty is not None:
        return float(options.penalty) * top
    history = np.flatnonzero(layout.windows.before)
    if history.shape[0] < max(options.folds, 3):
        cause = f"{history.shape[0]} fitted periods cannot be left out in {options.folds} sets."
        fix = "State the penalty, fewer folds, or include earlier periods."
        raise RunError(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="estimator.options.folds")))
    errors = np.zeros(len(SHARES))
    for fold in range(options.folds):
        out = history[fold :: options.folds]
        marks = hidden.copy()
        marks[out] = True
        start: Floats | None = None
        for place, share in enumerate(SHARES):
            found = completed(values, _missing(values, marks), share * top, start)
            start = found.fitted
            gap = values[out, -1] - found.fitted[out, -1]
            errors[place] += math.fsum((gap * gap).tolist())
    return SHARES[int(np.argmin(errors))] * top


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    held = penalty_of(layout, options)

    def same_penalty(values: Floats) -> Fitter:
        return low_rank(values, held)

    baseline = Baseline(NAME, layout, low_rank(layout.values, held), options, conformal=same_penalty)
    found = checked(request, baseline)
    said: Said = {
        "solver": "singular values shrunk, Anderson's acceleration over the missing cells",
        "penalty": held,
        "penalty_choice": f"{options.folds} sets of periods left out" if options.penalty is None else "stated share",
        "rank": found[0].fit.figures["rank"],
        "fixed_point_residual": _largest_residual(found[0]),
        "fixed_effects": "unit and period",
        **residual_said(layout, found[0]),
    }
    return assembled(request, baseline, found, said=said)


def _largest_residual(checks: Checks) -> float:
    """The worst certificate of all fits."""
    fits = [checks.fit, *checks.placebos, *checks.without.values()]
    return max(float(fit.figures["fixed_point_residual"] or 0.0) for fit in fits)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """Plain filling steps on pandas' pivot until nothing moves. Raises RunError (RUN_NOT_CONVERGED)."""
    options = options_of(request)
    penalty = penalty_of(layout_of(request, options.anticipation), options)
    found = pivoted(request, options.anticipation)
    wide = found.wide[[*found.donors, found.treated]]
    values = wide.to_numpy(dtype=float, copy=True)
    hidden = ~np.asarray(wide.index.isin(found.history.index), dtype=bool)
    late = np.asarray(wide.index.isin(found.later.index), dtype=bool)
    level = values[~hidden, -1].mean()
    values -= level
    cells = np.zeros(int(hidden.sum()))
    spread = float(values[~hidden].std()) or 1.0
    for _ in range(FILLING_STEPS):
        values[hidden, -1] = cells
        grand = values.mean()
        effects = values.mean(axis=0) + values.mean(axis=1)[:, None] - grand
        left, sizes, right = np.linalg.svd(values - effects, full_matrices=False)
        fitted = effects[:, -1] + (left * np.maximum(sizes - penalty, 0.0)) @ right[:, -1]
        moved = float(np.max(np.abs(fitted[hidden] - cells)))
        cells = fitted[hidden]
        if moved <= 1e-13 * spread:
            gap = found.wide[found.treated].to_numpy(dtype=float)[late] - (fitted[late] + level)
            return SecondOpinion(
                value=mean_of(gap), by="plain filling steps of singular values shrunk, on pandas' pivot"
            )
    cause, fix = "The second computation of the completed matrix did not settle.", "State a larger penalty."
    raise RunError(Fault("RUN_NOT_CONVERGED", cause, fix, Place(key="estimator.options.penalty")))


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Matrix completion for one treated unit",
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
    options=CompletionOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
