"""Segmented regression of a series: least squares or a log-linear count model, and covariances that allow dependence.

Families: Gaussian (identity link), Poisson, quasi-Poisson and negative binomial (log link, offset). Count models are
fitted by iterated weighted least squares to the maximum; the dispersion of the negative binomial (variance μ + αμ²) by
the profile likelihood. Covariances: the model's own; HAC with Bartlett weights over stated lags (scores of the
likelihood for count models); for Gaussian errors that follow an autoregression of order one, iterated generalised least
squares.

Source: Bernal, Cummins & Gasparrini 2017 (IJE 46); Newey & West 1987 (Econometrica 55); Prais & Winsten 1954 and
Cochrane & Orcutt 1949 (GLSAR; the first observation is left out); McCullagh & Nelder 1989, sections 2.5 and 9.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special
from scipy.optimize import minimize_scalar

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats

Family = Literal["gaussian", "poisson", "quasi_poisson", "negative_binomial"]
Errors = Literal["hac", "glsar", "model"]
STEPS = 200
STOP = 1e-13


@dataclass(frozen=True, slots=True)
class Rule:
    """Family, kind of errors, lags of a HAC covariance, and how many series of equal length are stacked.

    Scores of stacked series are added period by period, so that errors may hang together between them too
    (Driscoll & Kraay 1998).
    """

    family: Family
    errors: Errors
    lags: int
    stacked: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """Coefficients (k,), their covariance (k, k), fitted means and response residuals (n,)."""

    coefficients: Floats
    covariance: Floats
    mean: Floats
    residuals: Floats
    dispersion: float
    """σ² (Gaussian), Pearson χ² over n − k (quasi-Poisson), 1 (Poisson), α (negative binomial)."""
    rho: float | None
    lags: int | None
    scaled: Floats
    """Residuals over their model standard deviation (innovations for GLSAR), for tests of dependence."""


def fit_segmented(y: Floats, x: Floats, offset: Floats, rule: Rule) -> Segmented:
    """Fit ``y`` (n,) on ``x`` (n, k) of full rank. Raises RunError (RUN_NOT_CONVERGED)."""
    if rule.family == "gaussian":
        return _gaussian(y - offset, x, offset, rule)
    if rule.family == "negative_binomial":
        return _negative_binomial(y, x, offset, rule)
    beta = _scored(y, x, offset, 0.0)
    mean = np.exp(x @ beta + offset)
    pearson = (y - mean) / np.sqrt(mean)
    phi = float(pearson @ pearson) / (x.shape[0] - x.shape[1]) if rule.family == "quasi_poisson" else 1.0
    bread = _inverse((x * mean[:, None]).T @ x)
    covariance = phi * bread if rule.errors == "model" else bread @ _meat(x * (y - mean)[:, None], rule) @ bread
    kept = None if rule.errors == "model" else rule.lags
    return Segmented(beta, covariance, mean, y - mean, phi, None, kept, pearson / math.sqrt(phi))


def _gaussian(y: Floats, x: Floats, offset: Floats, rule: Rule) -> Segmented:
    """Least squares with HAC or classical errors, or iterated GLSAR(1)."""
    if rule.errors == "glsar":
        return _glsar(y, x, offset)
    beta = _least_squares(x, y)
    residuals = y - x @ beta
    variance = float(residuals @ residuals) / (x.shape[0] - x.shape[1])
    bread = _inverse(x.T @ x)
    if rule.errors == "model":
        covariance, kept = variance * bread, None
    else:
        covariance, kept = bread @ _meat(x * residuals[:, None], rule) @ bread, rule.lags
    scaled = residuals / math.sqrt(variance) if variance > 0.0 else residuals
    return Segmented(beta, covariance, x @ beta + offset, residuals, variance, None, kept, scaled)


def _glsar(y: Floats, x: Floats, offset: Floats) -> Segmented:
    """Cochrane and Orcutt's iteration until ρ (Yule–Walker, adjusted) settles; refused when it reaches one."""
    rho = 0.0
    for _ in range(STEPS * 10):
        moved_y, moved_x = y[1:] - rho * y[:-1], x[1:] - rho * x[:-1]
        beta = _least_squares(moved_x, moved_y)
        residuals = y - x @ beta
        centred, n = residuals - residuals.mean(), residuals.shape[0]
        below = float(centred @ centred) * (n - 1) / n
        new = float(centred[1:] @ centred[:-1]) / below if below > 0.0 else 0.0
        if abs(new) >= 1.0:
            break
        if abs(new - rho) <= STOP:
            innovations = moved_y - moved_x @ beta
            variance = float(innovations @ innovations) / (moved_x.shape[0] - moved_x.shape[1])
            covariance = variance * _inverse(moved_x.T @ moved_x)
            scaled = innovations / math.sqrt(variance) if variance > 0.0 else innovations
            return Segmented(beta, covariance, x @ beta + offset, residuals, variance, new, None, scaled)
        rho = new
    what = "the autocorrelation of the errors"
    raise unsettled(what)


def _negative_binomial(y: Floats, x: Floats, offset: Floats, rule: Rule) -> Segmented:
    """α by the profile likelihood, then the coefficients for it; their covariance takes α as known."""

    def loss(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        return -_likelihood(y, np.exp(x @ _scored(y, x, offset, alpha) + offset), alpha)

    grid = np.linspace(-14.0, 4.0, 37)
    place = int(np.argmin([loss(float(point)) for point in grid]))
    if place in {0, grid.shape[0] - 1}:
        cause = (
            "The counts vary no more than Poisson counts do: the dispersion of the negative binomial has no maximum."
        )
        fix = 'Use family = "poisson" or "quasi_poisson".'
        raise RunError(Fault("RUN_NOT_CONVERGED", cause, fix, Place(key="estimator.options.family")))
    ends = (float(grid[place - 1]), float(grid[place + 1]))
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10, "maxiter": 500})
    alpha = math.exp(float(found.x))
    beta = _scored(y, x, offset, alpha)
    mean = np.exp(x @ beta + offset)
    spread = mean + alpha * mean**2
    bread = _inverse((x * (mean**2 / spread)[:, None]).T @ x)
    scores = x * ((y - mean) * mean / spread)[:, None]
    covariance = bread if rule.errors == "model" else bread @ _meat(scores, rule) @ bread
    kept = None if rule.errors == "model" else rule.lags
    return Segmented(beta, covariance, mean, y - mean, alpha, None, kept, (y - mean) / np.sqrt(spread))


def _scored(y: Floats, x: Floats, offset: Floats, alpha: float) -> Floats:
    """Fisher scoring for a log link and variance μ + αμ² until the score vanishes. Raises RunError."""
    eta = np.log(np.maximum(y, 0.5))
    beta = _least_squares(x, eta - offset)
    for _ in range(STEPS):
        mean = np.exp(np.clip(x @ beta + offset, -700.0, 700.0))
        weight = mean / (1.0 + alpha * mean)
        score = x.T @ ((y - mean) / (1.0 + alpha * mean))
        step = np.linalg.lstsq((x * weight[:, None]).T @ x, score, rcond=None)[0]
        beta = beta + step * min(1.0, 5.0 / max(float(np.max(np.abs(x @ step))), 1e-300))
        if float(np.max(np.abs(x @ step))) <= STOP * max(1.0, float(np.max(np.abs(x @ beta)))):
            return beta
    what = "the count model"
    raise unsettled(what)


def _likelihood(y: Floats, mean: Floats, alpha: float) -> float:
    """Log likelihood of negative binomial counts, without terms free of the parameters."""
    size = 1.0 / alpha
    parts = special.gammaln(y + size) - special.gammaln(size) - (y + size) * np.log1p(alpha * mean)
    parts = parts + y * np.log(alpha * mean)
    return math.fsum(parts.tolist())


def _meat(scores: Floats, rule: Rule) -> Floats:
    """Σ of Bartlett-weighted products of scores up to ``lags`` periods apart, stacked series added by period."""
    summed = scores.reshape(rule.stacked, -1, scores.shape[1]).sum(axis=0)
    total: Floats = summed.T @ summed
    for lag in range(1, rule.lags + 1):
        crossed = summed[lag:].T @ summed[:-lag]
        total = total + (1.0 - lag / (rule.lags + 1.0)) * (crossed + crossed.T)
    return total


def _inverse(matrix: Floats) -> Floats:
    """The inverse of a matrix of full rank."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _least_squares(x: Floats, y: Floats) -> Floats:
    """(k,) coefficients of a regression of full rank."""
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)


def unsettled(what: str) -> RunError:
    """The refusal when an iteration does not settle."""
    cause, fix = f"The iteration for {what} did not settle.", "Choose a simpler model, or another family."
    return RunError(Fault("RUN_NOT_CONVERGED", cause, fix, Place(key="estimator.options")))


def automatic_lags(periods: int) -> int:
    """⌊4 (T/100)^(2/9)⌋, at least one (Newey & West 1994, table II)."""
    return max(1, math.floor(4.0 * math.pow(periods / 100.0, 2.0 / 9.0)))


def ljung_box(residuals: Floats, lags: int) -> tuple[float, float]:
    """Q = n(n + 2) Σ r_k² / (n − k) and its p-value on χ² with ``lags`` degrees of freedom."""
    n = residuals.shape[0]
    centred = residuals - residuals.mean()
    below = float(centred @ centred)
    if below == 0.0:
        return 0.0, 1.0
    rs = [float(centred[k:] @ centred[:-k]) / below for k in range(1, lags + 1)]
    q = n * (n + 2.0) * math.fsum(r * r / (n - k) for k, r in enumerate(rs, start=1))
    return q, float(special.gammaincc(lags / 2.0, q / 2.0))
