"""Penalised synthetic control: donors that are far from the treated unit cost, so few and near ones carry weight.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    Weights w ≥ 0, Σw = 1 minimise ‖x₁ − X w‖² + λ Σ w_j ‖x₁ − x_j‖² over outcomes before the start, exactly, with the
    duality gap as certificate. λ is stated, or the value of a fixed grid (0, and 10⁻⁴ to 10² in quarter powers) with
    the smallest error in the last third of the fitted periods (``holdout``) of weights from the earlier ones.

Uncertainty
    No standard error. Exhaustive placebos in space (RMSPE ratios, not squared), each with a penalty of its own;
    ``inference = "conformal"`` adds the moving-block test and the interval that inverts it, the penalty held.

Assumptions
    As for the synthetic control; interpolation between near donors is trusted more than between far ones.

Refuses when
    Not exactly one unit is treated; fewer than two donors, or two periods to fit on (three where λ is chosen); cells
    are missing; a donor never varies; the certificate fails.

Source
    Abadie & L'Hour 2021 (JASA 116), equations 5 and 6, section 3.2.

Reference implementation and agreed tolerance
    None run. Identities: λ = 0 is the synthetic control, λ → ∞ the nearest donor; weights of a second solver (scipy's
    SLSQP for the face, then its linear equations) to 1e-9.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.optimize import Bounds, LinearConstraint, minimize

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, residual_said, weights_said
from evaltool.estimators.counterfactual._layout import Layout, layout_of
from evaltool.estimators.counterfactual._options import DonorOptions, as_float
from evaltool.estimators.counterfactual._second_opinion import mean_gap, pivoted
from evaltool.numerics.fits import Fit, Fitter, fit_of, weighted_path
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.penalised_control import chosen_penalty, mean_distance, penalised_weights
from evaltool.numerics.simplex_control import Control, Windows, mean_of, rmspe_of
from evaltool.records.base import Exact
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.penalised"
ON_FACE = 1e-7
"""A slope this much above the level, relatively, is off the face."""


class PenalisedOptions(DonorOptions):
    """``[estimator.options]`` of ``counterfactual.penalised``."""

    penalty: Annotated[Exact, Field(ge=0)] | None = None
    """λ; chosen on the last fitted periods when absent."""
    holdout: int | None = Field(default=None, ge=1)
    """Fitted periods the choice of λ is judged on; a third of them when absent."""


def options_of(request: EstimationRequest) -> PenalisedOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, PenalisedOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def near(values: Floats, penalty: float | None, holdout: int | None) -> Fitter:
    """Penalised weights; where λ is not stated every target chooses its own."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        y, donors = values[:, target], values[:, pool]
        c = donors[windows.before] - y[windows.before][:, None]
        used = chosen_penalty(c, _held_out(c.shape[0], holdout)) if penalty is None else penalty
        solution = penalised_weights(c, used)
        path = weighted_path(donors, solution.weights)
        gap = y - path
        control = Control(
            solution=solution,
            path=path,
            gap=gap,
            effect=mean_of(gap[windows.after]),
            rmspe_before=rmspe_of(gap[windows.before], y),
            rmspe_after=rmspe_of(gap[windows.after], y),
        )
        return fit_of(control, {"penalty": used, "mean_squared_distance": mean_distance(c, solution.weights)})

    return fit


def _held_out(rows: int, holdout: int | None) -> int:
    """How many fitted periods λ is judged on. Raises RunError (RUN_SHORT_HISTORY)."""
    wanted = max(1, rows // 3) if holdout is None else holdout
    if rows - wanted < 2:  # noqa: PLR2004 - two to fit on
        cause = f"A holdout of {wanted} of {rows} fitted periods leaves fewer than two to fit on."
        fix = "State the penalty, a shorter holdout, or include earlier periods."
        raise RunError(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="estimator.options.holdout")))
    return wanted


def _penalty_of(layout: Layout, options: PenalisedOptions) -> float:
    """λ as stated, or as the treated unit's own fit chooses it."""
    if options.penalty is not None:
        return float(options.penalty)
    fit = near(layout.values, None, options.holdout)(layout.target, layout.pool, layout.windows)
    return float(fit.figures["penalty"] or 0.0)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with certificate, placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    held = _penalty_of(layout, options)

    def same_penalty(values: Floats) -> Fitter:
        return near(values, held, None)

    fitter = near(layout.values, as_float(options.penalty), options.holdout)
    baseline = Baseline(NAME, layout, fitter, options, conformal=same_penalty)
    found = checked(request, baseline)
    said: Said = {
        "solver": "exact (active set, duality certificate)",
        "penalty": held,
        "penalty_choice": _choice(options.penalty),
        "mean_squared_distance": found[0].fit.figures["mean_squared_distance"],
        **weights_said(found[0]),
        **residual_said(layout, found[0]),
    }
    return assembled(request, baseline, found, said=said)


def _choice(penalty: Decimal | None) -> str:
    """How λ came about."""
    return "stated" if penalty is not None else "smallest error in the last fitted periods, held out"


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """Scipy's SLSQP finds the face; the weights on it solve its linear equations. Raises RunError."""
    options = options_of(request)
    penalty = _penalty_of(layout_of(request, options.anticipation), options)
    found = pivoted(request, options.anticipation)
    c = found.history[found.donors].sub(found.history[found.treated], axis=0).to_numpy(dtype=float)
    scale = float(np.max(np.sum(c * c, axis=0))) or 1.0
    weights = pd.Series(_by_slsqp(c / np.sqrt(scale), penalty), index=found.donors)
    return SecondOpinion(
        value=mean_gap(found, weights), by="scipy's SLSQP on the pivoted outcomes, then the equations of its face"
    )


def _by_slsqp(c: Floats, penalty: float) -> Floats:
    """(J,) weights for a scaled C; the mean of the equations' solutions where the face holds several."""
    count = c.shape[1]
    price = 0.5 * penalty * np.sum(c * c, axis=0)
    square = c.T @ c

    def value(w: Floats) -> float:
        return 0.5 * float(w @ square @ w) + float(price @ w)

    def slope(w: Floats) -> Floats:
        found: Floats = square @ w + price
        return found

    found = minimize(
        value,
        np.full(count, 1.0 / count),
        jac=slope,
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(np.ones((1, count)), 1.0, 1.0),
        method="SLSQP",
        options={"maxiter": 2000, "ftol": 1e-16},
    )
    rough = np.asarray(found.x, dtype=np.float64)
    slopes = square @ rough + price
    face = np.flatnonzero((rough > ON_FACE) | (slopes - float(rough @ slopes) < -ON_FACE))
    k = face.shape[0]
    system = np.zeros((k + 1, k + 1))
    system[:k, :k], system[:k, k], system[k, :k] = square[np.ix_(face, face)], 1.0, 1.0
    weights = np.zeros(count)
    weights[face] = np.linalg.lstsq(system, np.append(-price[face], 1.0), rcond=1e-13)[0][:k]
    return weights


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Penalised synthetic control of one treated unit",
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
    options=PenalisedOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
