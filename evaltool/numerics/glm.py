"""Poisson and logit regression with weights on arrays, to the maximum, and the influence of each row on a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors, check_rank, triangle

Family = Literal["poisson", "logit"]
MAX_STEPS = 100
DECREMENT = 1e-20
"""Newton's decrement, as a share of the log likelihood's size, at which one last step is taken."""
FLAT = 1e-11
"""Information in the flattest direction, as a share of the largest, below which no maximum exists."""


@dataclass(frozen=True, slots=True, eq=False)
class Glm:
    """Coefficients (k,), linear predictor and mean (n,), and (X'W V X)⁻¹ (k, k)."""

    coefficients: Floats
    eta: Floats
    mean: Floats
    bread: Floats


def mean_of(eta: Floats, family: Family) -> Floats:
    """The mean at a linear predictor."""
    if family == "poisson":
        return np.exp(eta)
    small = np.exp(-np.abs(eta))
    return np.where(eta >= 0.0, 1.0 / (1.0 + small), small / (1.0 + small))


def slope_of(mean: Floats, family: Family) -> Floats:
    """Derivative of the mean by the linear predictor; both links are canonical, so it is the variance too."""
    return mean if family == "poisson" else mean * (1.0 - mean)


def _log_likelihood(eta: Floats, y: Floats, weights: Floats, family: Family) -> float:
    """Up to a constant."""
    curve = np.exp(eta) if family == "poisson" else np.logaddexp(0.0, eta)
    return float(weights @ (y * eta - curve))


def fit_glm(x: Regressors, y: Floats, weights: Floats, family: Family) -> Glm:
    """Maximise the quasi-likelihood by Newton's method with step halving.

    Raises RunError: RUN_OUTCOME_RANGE, RUN_COLLINEAR, RUN_SEPARATION (no maximum exists), RUN_NO_CONVERGENCE.
    """
    _check_range(y, family)
    check_rank(x, weights, "the rows")
    share = weights / float(np.sum(weights))
    r = triangle(x.matrix * np.sqrt(share)[:, None])
    basis = linalg.solve_triangular(r, x.matrix.T, trans="T").T
    scale = float(share @ y)
    start = np.full(y.shape[0], np.log(scale) if family == "poisson" else np.log(scale / (1.0 - scale)))
    b = basis.T @ (share * start)
    value = _log_likelihood(basis @ b, y, share, family)
    done = False
    for _ in range(MAX_STEPS):
        mean = mean_of(basis @ b, family)
        gradient = basis.T @ (share * (y - mean))
        information = (basis * (share * slope_of(mean, family))[:, None]).T @ basis
        spectrum = np.linalg.eigvalsh(information)
        if float(spectrum[0]) <= FLAT * float(spectrum[-1]):
            raise _separated(x, family)
        move = linalg.solve(information, gradient, assume_a="pos")
        if done:
            return _finished(x, basis @ (b + move), linalg.solve_triangular(r, b + move), (weights, family))
        done = float(gradient @ move) <= DECREMENT * (1.0 + abs(value))
        b, value = _better(basis, (y, share, family), b, move, value)
    raise RunError(
        Fault(
            code="RUN_NO_CONVERGENCE",
            cause=f"The {family} regression in {x.where} did not converge in {MAX_STEPS} steps.",
            fix='Check outcome and covariates for extreme values, or use family = "linear".',
            place=Place(key="estimator.options.family"),
        )
    )


def _better(
    basis: Floats, data: tuple[Floats, Floats, Family], b: Floats, move: Floats, value: float
) -> tuple[Floats, float]:
    """The Newton step, halved until the likelihood does not fall beyond rounding."""
    y, share, family = data
    slack, step = 1e-13 * (1.0 + abs(value)), 1.0
    while True:
        candidate = b + step * move
        with np.errstate(over="ignore"):
            reached = _log_likelihood(basis @ candidate, y, share, family)
        if reached >= value - slack or step < 2.0**-40:
            return candidate, reached
        step /= 2.0


def _finished(x: Regressors, eta: Floats, coefficients: Floats, made: tuple[Floats, Family]) -> Glm:
    """The fit, with the inverse of its information through a triangular factor."""
    weights, family = made
    mean = mean_of(eta, family)
    root = np.sqrt(weights * slope_of(mean, family))
    scaled = x.matrix * root[:, None]
    length = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    r = triangle(scaled / length)
    inverse = linalg.solve_triangular(r, np.eye(r.shape[0]))
    return Glm(coefficients, eta, mean, (inverse @ inverse.T) / np.outer(length, length))


def _check_range(y: Floats, family: Family) -> None:
    """Refuse outcomes that the family cannot hold. Raises RunError (RUN_OUTCOME_RANGE)."""
    low, high = float(np.min(y)), float(np.max(y))
    fits = low >= 0.0 and high > 0.0 if family == "poisson" else low >= 0.0 and high <= 1.0 and low < high
    if fits:
        return
    wanted = "zero or positive, and not all zero" if family == "poisson" else "between 0 and 1, and not all the same"
    raise RunError(
        Fault(
            code="RUN_OUTCOME_RANGE",
            cause=f'The outcome runs from {low:g} to {high:g}; family = "{family}" needs outcomes {wanted}.',
            fix='Use family = "linear", or another outcome.',
            place=Place(key="estimator.options.family"),
        )
    )


def _separated(x: Regressors, family: Family) -> RunError:
    """The refusal where some coefficient runs away."""
    return RunError(
        Fault(
            code="RUN_SEPARATION",
            cause=f"In {x.where}, some combination of cohort, period and covariates predicts the outcome without "
            f"error: the {family} likelihood has no maximum.",
            fix='Use family = "linear", or pool the cohorts or periods in which every outcome is the same.',
            place=Place(key="estimator.options.family"),
        )
    )
