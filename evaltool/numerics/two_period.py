"""Two-period difference-in-differences on arrays: outcome regression, inverse probability weighting, doubly robust.

Sant'Anna & Zhao (2020), panel case; the influence functions count the estimation of the regression and of the
score. Influence values are for the n units given and have mean zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Factor, Regressors, factor, logit

Method = Literal["reg", "ipw", "dr"]

TRIM = 0.995
"""Comparison units whose score reaches this weigh nothing (convention of R DRDID)."""
NO_OVERLAP = 0.999
"""A score that reaches this means that somebody treated has no counterpart (convention of R did)."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoPeriod:
    """Changes of the treated (first ``treated`` entries) and of the comparison units (the rest).

    change: (n,) outcome after minus before; weights: (n,) > 0; regressors: None without covariates.
    """

    change: Floats
    treated: int
    weights: Floats
    regressors: Regressors | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """ATT, its influence values (n,) in the same order, and how many comparison units the score trimmed."""

    att: float
    influence: Floats
    trimmed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Comparison weights w·p/(1 − p) (n,), linear representation of the score (n, k), number trimmed."""

    comparison: Floats
    representation: Floats
    trimmed: int


@dataclass(slots=True, eq=False)
class Shared:
    """What the last two periods had fitted: others of the same units, weights and covariates need not fit it again."""

    data: TwoPeriod | None = None
    score: Score | None = None
    factor: Factor | None = None

    def meet(self, data: TwoPeriod) -> None:
        """Forget the fits unless these units have the same weights and covariates."""
        last, self.data = self.data, data
        if last is None or last.regressors is None or data.regressors is None:
            return
        same = last.treated == data.treated and np.array_equal(last.weights, data.weights)
        if not (same and np.array_equal(last.regressors.matrix, data.regressors.matrix)):
            self.score = self.factor = None


def contrast(data: TwoPeriod, method: Method, shared: Shared | None = None) -> Contrast:
    """The ATT of two periods. Raises RunError (RUN_COLLINEAR, RUN_SEPARATION, RUN_NO_OVERLAP)."""
    if data.regressors is None:
        return difference_in_means(data)
    fits = Shared() if shared is None else shared
    fits.meet(data)
    solve = {"reg": _outcome_regression, "ipw": _inverse_probability, "dr": _doubly_robust}
    return solve[method](data, data.regressors, fits)


def difference_in_means(data: TwoPeriod) -> Contrast:
    """Weighted mean change of the treated minus that of the comparison units.

    All three methods of Sant'Anna & Zhao (2020) reduce to this without covariates.
    """
    n, k = data.change.shape[0], data.treated
    means, parts = [], []
    for arm in (slice(0, k), slice(k, n)):
        w, dy = data.weights[arm], data.change[arm]
        total = float(np.sum(w))
        mean = float(w @ dy) / total
        means.append(mean)
        parts.append(w * (dy - mean) * (n / total))
    return Contrast(att=means[0] - means[1], influence=np.concatenate([parts[0], -parts[1]]))


def _arms(data: TwoPeriod) -> tuple[Floats, Floats]:
    """Weights of the treated and of the comparison, each (n,) and zero in the other arm."""
    d = _indicator(data)
    return data.weights * d, data.weights * (1.0 - d)


def _indicator(data: TwoPeriod) -> Floats:
    """(n,) 1.0 for the treated."""
    d = np.zeros(data.change.shape[0])
    d[: data.treated] = 1.0
    return d


def _regress(data: TwoPeriod, x: Regressors, fits: Shared) -> tuple[Floats, Floats]:
    """Regression of the change on covariates among comparison units.

    Returns predictions (n,) and the asymptotic linear representation of the coefficients (n, k).
    """
    n, k = data.change.shape[0], data.treated
    rest = slice(k, n)
    if fits.factor is None:
        fits.factor = factor(x.rows(rest), data.weights[rest], "the comparison units")
    fit = fits.factor.fit(data.change[rest])
    predicted = x.matrix @ fit.coefficients
    scores = np.zeros_like(x.matrix)
    scores[rest] = (data.weights[rest] * (data.change[rest] - predicted[rest]))[:, None] * x.matrix[rest]
    # the fit's bread is per comparison unit; the representation is per unit of the whole comparison
    return predicted, scores @ (fit.bread * (n / (n - k)))


def _score(data: TwoPeriod, x: Regressors, fits: Shared) -> Score:
    """The propensity score, fitted unless it is known."""
    if fits.score is None:
        fits.score = _fitted_score(data, x)
    return fits.score


def _fitted_score(data: TwoPeriod, x: Regressors) -> Score:
    """The propensity score by logit."""
    d = _indicator(data)
    fit = logit(x, d, data.weights)
    if float(np.max(fit.fitted)) >= NO_OVERLAP:
        raise RunError(
            Fault(
                code="RUN_NO_OVERLAP",
                cause=f"In {x.where}, the propensity score reaches {float(np.max(fit.fitted)):.4f}: "
                "somebody treated has no counterpart among the comparison units.",
                fix='Choose comparable units, leave out a covariate, or use method = "reg".',
                place=Place(key="estimator.options.covariates"),
            )
        )
    kept = (d == 1.0) | (fit.fitted < TRIM)
    comparison = np.where(kept, data.weights * (1.0 - d) * fit.fitted / (1.0 - fit.fitted), 0.0)
    representation = (data.weights * (d - fit.fitted))[:, None] * (x.matrix @ fit.bread)
    return Score(comparison, representation, int(np.sum(~kept)))


def _outcome_regression(data: TwoPeriod, x: Regressors, fits: Shared) -> Contrast:
    """Sant'Anna & Zhao (2020), equation 2.2 with the fitted regression; influence from their appendix A."""
    predicted, representation = _regress(data, x, fits)
    treated, n = _arms(data)[0], data.change.shape[0]
    share = float(np.mean(treated))
    eta = float(np.mean(treated * data.change)) / share
    eta_comparison = float(np.mean(treated * predicted)) / share
    own = treated * (data.change - eta) / share
    gradient = treated @ x.matrix / n
    other = (treated * (predicted - eta_comparison) + representation @ gradient) / share
    return Contrast(att=eta - eta_comparison, influence=own - other)


def _inverse_probability(data: TwoPeriod, x: Regressors, fits: Shared) -> Contrast:
    """Normalised (Hájek) weights: Sant'Anna & Zhao (2020), equation 4.1 and its influence function."""
    score = _score(data, x, fits)
    comparison, representation, trimmed = score.comparison, score.representation, score.trimmed
    treated, n = _arms(data)[0], data.change.shape[0]
    share, mass = float(np.mean(treated)), float(np.mean(comparison))
    eta = float(np.mean(treated * data.change)) / share
    eta_comparison = float(np.mean(comparison * data.change)) / mass
    own = treated * (data.change - eta) / share
    gradient = (comparison * (data.change - eta_comparison)) @ x.matrix / n
    other = (comparison * (data.change - eta_comparison) + representation @ gradient) / mass
    return Contrast(att=eta - eta_comparison, influence=own - other, trimmed=trimmed)


def _doubly_robust(data: TwoPeriod, x: Regressors, fits: Shared) -> Contrast:
    """Sant'Anna & Zhao (2020), equation 2.6 with a logit score and least squares; influence from their equation 3.1.

    These are the "traditional" nuisance fits (maximum likelihood and least squares), as R did uses.
    """
    score = _score(data, x, fits)
    comparison, score_part, trimmed = score.comparison, score.representation, score.trimmed
    predicted, regression_part = _regress(data, x, fits)
    treated, n = _arms(data)[0], data.change.shape[0]
    share, mass = float(np.mean(treated)), float(np.mean(comparison))
    rest = data.change - predicted
    eta = float(np.mean(treated * rest)) / share
    eta_comparison = float(np.mean(comparison * rest)) / mass
    centre = treated @ x.matrix / n
    own = (treated * (rest - eta) - regression_part @ centre) / share
    by_score = (comparison * (rest - eta_comparison)) @ x.matrix / n
    by_regression = comparison @ x.matrix / n
    other = (comparison * (rest - eta_comparison) + score_part @ by_score - regression_part @ by_regression) / mass
    return Contrast(att=eta - eta_comparison, influence=own - other, trimmed=trimmed)
