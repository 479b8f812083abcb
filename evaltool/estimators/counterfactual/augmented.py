"""Augmented synthetic control: simplex weights, corrected by ridge regression for what they leave before the start.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    w = w_sc + (x₁ − X w_sc)ᵀ (X Xᵀ + λI)⁻¹ X, with w_sc the synthetic control's weights on the outcomes before the
    start and X, x₁ those outcomes less the donors' mean in each period; Σw = 1, weights may be negative. λ is stated,
    or the largest whose leave-one-period-out error is within one standard error of the smallest. With
    ``fixed_effects`` every unit's mean before the start is taken off first. With ``covariates`` outcomes are
    replaced, period by period, by residuals of a regression on the units' covariate means before the start, fitted on
    the donors.

Uncertainty
    No standard error. Exhaustive placebos in space (RMSPE ratios, not squared), each with a penalty of its own;
    ``inference = "conformal"`` adds the moving-block test and the interval that inverts it, the penalty held.

Assumptions
    As for the synthetic control, with outcomes near to linear in the history: the correction may leave the donors'
    hull.

Refuses when
    Not exactly one unit is treated; fewer than two donors, or two periods to fit on (three where λ is chosen); cells
    are missing; a donor never varies; covariates are unknown or as many as donors; the certificate of the simplex
    fails.

Source
    Ben-Michael, Feller & Rothstein 2021 (JASA 116), equations 7 and 8, lemma 1, sections 5.2 (fixed effects), 5.3 (λ)
    and 6 (covariates by residuals).

Reference implementation and agreed tolerance
    R augsynth in concept; no reference numbers. Identities: λ → ∞ is the synthetic control, λ = 0 fits the past
    exactly where donors allow it; the ridge outcome model with the bias correction gives the same effect to 1e-9.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.estimators.counterfactual._assembly import Baseline, Said, assembled, checked, residual_said
from evaltool.estimators.counterfactual._checks import Checks, liberal
from evaltool.estimators.counterfactual._layout import Layout, layout_of, outcomes_of
from evaltool.estimators.counterfactual._options import DonorOptions, as_float
from evaltool.estimators.counterfactual._second_opinion import Pivoted, mean_gap, pivoted
from evaltool.numerics.fits import Fit, Fitter, fit_from_path, weighted_path
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.ridge_control import augmented_weights
from evaltool.numerics.simplex_control import Windows, mean_of
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.records.base import Exact, Json, Text
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.augmented"


class AugmentedOptions(DonorOptions):
    """``[estimator.options]`` of ``counterfactual.augmented``."""

    penalty: Annotated[Exact, Field(ge=0)] | None = None
    """λ of the ridge; chosen by leaving out one period at a time when absent."""
    fixed_effects: bool = False
    """Take every unit's mean before the start off its outcomes."""
    covariates: tuple[Text, ...] = ()
    """Columns whose means before the start are taken out of the outcomes."""


def options_of(request: EstimationRequest) -> AugmentedOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, AugmentedOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def ridge(values: Floats, penalty: float | None, *, fixed_effects: bool, covariates: Floats | None) -> Fitter:
    """Augmented weights; the path is of the outcomes themselves: weights sum to one, effects and means are added."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        y, donors = values[:, target], values[:, pool]
        added = np.zeros(y.shape[0])
        if covariates is not None:
            slopes = _slopes(donors, covariates[pool])
            added = covariates[target] @ slopes
            donors = donors - (covariates[pool] @ slopes).T
        before = windows.before
        level = 0.0
        if fixed_effects:
            level = mean_of((y - added)[before])
            donors = donors - np.array([mean_of(donors[before, j]) for j in range(pool.shape[0])])
        found = augmented_weights(donors[before], (y - added)[before] - level, penalty)
        path = weighted_path(donors, found.weights) + level + added
        figures = {
            "penalty": found.penalty,
            "negative_weights": int(np.sum(found.weights < 0.0)),
            "smallest_weight": float(np.min(found.weights)),
            "largest_weight": float(np.max(found.weights)),
            "simplex_relative_gap": found.simplex.relative_gap,
        }
        return fit_from_path(y, path, windows, weights=found.weights, figures=figures)

    return fit


def _slopes(donors: Floats, z: Floats) -> Floats:
    """(K, T) slopes of the donors' outcomes on their covariates, with a constant that is not returned."""
    centred = z - z.mean(axis=0)
    found: Floats = np.linalg.lstsq(centred, (donors - donors.mean(axis=1)[:, None]).T, rcond=None)[0]
    return found


def covariate_means(request: EstimationRequest, layout: Layout, names: tuple[str, ...]) -> Floats | None:
    """(J + 1, K) means before the start in the order of ``Layout.values``; None without any. Raises RunError."""
    if not names:
        return None
    panel, rows = outcomes_of(request)
    faults = []
    for name in names:
        if name not in panel.covariates:
            cause, fix = f"The data have no covariate '{name}'.", "Give the column the role covariate, or correct it."
            near = did_you_mean(name, list(panel.covariates))
            place = Place(key="estimator.options.covariates")
            faults.append(Fault("RUN_UNKNOWN_COVARIATE", cause, fix, place, near))
    if not faults and len(names) >= len(layout.names) - 1:
        cause = f"{len(names)} covariates for {len(layout.names)} donors explain every outcome."
        place = Place(key="estimator.options.covariates")
        faults.append(Fault("RUN_TOO_FEW_DONORS", cause, "Name fewer covariates, or include more donors.", place))
    if faults:
        raise RunError(faults)
    early = rows[rows["period"].isin([p for p, b in zip(layout.periods, layout.windows.before, strict=True) if b])]
    means = early.groupby(early["unit"].astype(str))[[f"x.{name}" for name in names]].mean()
    return means.loc[[*layout.names, layout.unit]].to_numpy(dtype=np.float64)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    _enough_periods(layout, options.penalty)
    z = covariate_means(request, layout, options.covariates)
    effects = options.fixed_effects
    fitter = ridge(layout.values, as_float(options.penalty), fixed_effects=effects, covariates=z)
    held = as_float(options.penalty)
    if held is None and options.inference == "conformal":
        held = float(fitter(layout.target, layout.pool, layout.windows).figures["penalty"] or 0.0)

    def same_penalty(values: Floats) -> Fitter:
        return ridge(values, held, fixed_effects=effects, covariates=z)

    baseline = Baseline(NAME, layout, fitter, options, conformal=same_penalty)
    found = checked(request, baseline)
    checks = found[0]
    said: Said = {
        "solver": "exact simplex weights, ridge correction by singular values",
        **{k: checks.fit.figures[k] for k in ("penalty", "negative_weights", "smallest_weight", "largest_weight")},
        "penalty_choice": "stated" if options.penalty is not None else "leave one period out, one standard error",
        "fixed_effects": effects,
        "covariates": ", ".join(options.covariates) or None,
        **residual_said(layout, checks),
    }
    return assembled(request, baseline, found, said=said, evidence=_evidence(checks), notes=liberal(layout))


def _enough_periods(layout: Layout, penalty: Decimal | None) -> None:
    """Leaving a period out needs three."""
    if penalty is None and int(np.sum(layout.windows.before)) < 3:  # noqa: PLR2004 - one out, two to fit on
        cause = "The penalty is chosen by leaving out one period, and fewer than three are fitted on."
        fix = "State the penalty, or include earlier periods."
        raise RunError(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="estimator.options.penalty")))


def _evidence(checks: Checks) -> dict[str, Json]:
    """The certificate of the simplex weights the correction starts from."""
    fits = [checks.fit, *checks.placebos, *checks.without.values()]
    gaps = [float(fit.figures["simplex_relative_gap"] or 0.0) for fit in fits]
    return {"simplex_optimum": {"relative_gap": gaps[0], "largest_relative_gap_of_all_fits": max(gaps)}}


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The ridge outcome model and its bias correction, on pandas' pivot. Raises RunError."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    z = covariate_means(request, layout, options.covariates)
    fitter = ridge(layout.values, as_float(options.penalty), fixed_effects=options.fixed_effects, covariates=z)
    penalty = float(fitter(layout.target, layout.pool, layout.windows).figures["penalty"] or 0.0)
    found = pivoted(request, options.anticipation)
    if z is not None:
        table = pd.DataFrame(z, index=[*layout.names, layout.unit])
        found = _residuals(found, table)
    if options.fixed_effects:
        wide = found.wide - found.history.mean()
        found = Pivoted(wide, found.treated, wide.loc[found.history.index], wide.loc[found.later.index])
    return SecondOpinion(
        value=_bias_corrected(found, penalty),
        by="Wolfe's weights, then the bias correction of a ridge regression of every later period on the history",
    )


def _residuals(found: Pivoted, z: pd.DataFrame) -> Pivoted:
    """Outcomes less their regression on covariates, fitted on the donors by normal equations."""
    own = z.set_axis([str(name) for name in z.index])
    x = np.column_stack([np.ones(len(found.wide.columns)), own.loc[[str(c) for c in found.wide.columns]].to_numpy()])
    donor = np.array([c != found.treated for c in found.wide.columns])
    y = found.wide.to_numpy(dtype=float)
    slopes = np.linalg.solve(x[donor].T @ x[donor], x[donor].T @ y[:, donor].T)
    wide = pd.DataFrame(y - (x[:, 1:] @ slopes[1:]).T, index=found.wide.index, columns=found.wide.columns)
    return Pivoted(wide, found.treated, wide.loc[found.history.index], wide.loc[found.later.index])


def _bias_corrected(found: Pivoted, penalty: float) -> float:
    """Simplex gap less what a ridge regression says of the difference in histories."""
    history = found.history[found.donors]
    own = found.history[found.treated]
    weights = pd.Series(nearest_point_weights(history.sub(own, axis=0).to_numpy(dtype=float)), index=found.donors)
    x = history.sub(history.mean(axis=1), axis=0).to_numpy(dtype=float).T
    later = found.later[found.donors]
    y = later.sub(later.mean(axis=1), axis=0).to_numpy(dtype=float).T
    slopes = np.linalg.lstsq(
        np.vstack([x, np.sqrt(penalty) * np.eye(x.shape[1])]),
        np.vstack([y, np.zeros((x.shape[1], y.shape[1]))]),
        rcond=None,
    )[0]
    unexplained = (own - (history * weights).sum(axis=1)).to_numpy(dtype=float)
    return mean_gap(found, weights) - float((unexplained @ slopes).mean())


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        beside=False,
        title="Ridge-augmented synthetic control of one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("donors.pool",),
        standard_error="never",
        covariates=True,
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=2,
    ),
    options=AugmentedOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
