"""Probit regression by Newton's method on the log-likelihood, which is concave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distributions import normal_log_density, normal_log_share
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import GRADIENT_TOLERANCE, MAX_STEPS, SEPARATED, Regressors, check_rank, triangle

KEY = "estimator.options.covariates"
LEAST = 2.0**-30
"""Smallest share of a Newton step."""


@dataclass(frozen=True, slots=True, eq=False)
class Probit:
    """A probit fit: coefficients (k,) and the number of steps."""

    coefficients: Floats
    steps: int


def probit(x: Regressors, d: Floats) -> Probit:
    """Maximise Σ log Φ((2d − 1)·xb), to a mean score of 1e-13 on orthonormal columns.

    Raises RunError: RUN_COLLINEAR, RUN_SEPARATION (no maximum exists), RUN_NO_CONVERGENCE.
    """
    n = float(d.shape[0])
    check_rank(x, np.ones(d.shape[0]), "the units compared")
    r = triangle(x.matrix / np.sqrt(n))
    basis = linalg.solve_triangular(r, x.matrix.T, trans="T").T
    sign = 2.0 * d - 1.0
    b: Floats = np.zeros(basis.shape[1])
    value = _log_likelihood(sign * (basis @ b))
    for step in range(1, MAX_STEPS + 1):
        eta = sign * (basis @ b)
        mills = np.exp(normal_log_density(eta) - normal_log_share(eta))
        gradient = basis.T @ (sign * mills) / n
        information = (basis * (mills * (eta + mills))[:, None]).T @ basis / n
        if float(np.linalg.eigvalsh(information)[0]) < SEPARATED:
            raise _no_maximum(x.where)
        if float(np.max(np.abs(gradient))) <= GRADIENT_TOLERANCE:
            return Probit(coefficients=linalg.solve_triangular(r, b), steps=step)
        move = linalg.solve(information, gradient, assume_a="pos")
        b, value = _half_until_better(basis, sign, b, move, value)
    raise RunError(
        Fault(
            code="RUN_NO_CONVERGENCE",
            cause=f"The probit in {x.where} did not converge in {MAX_STEPS} steps.",
            fix="Check the covariates for extreme values.",
            place=Place(key=KEY),
        )
    )


def _log_likelihood(eta: Floats) -> float:
    """Mean of log Φ."""
    return float(np.mean(normal_log_share(eta)))


def _half_until_better(basis: Floats, sign: Floats, b: Floats, move: Floats, value: float) -> tuple[Floats, float]:
    """The Newton step, halved until the likelihood does not fall beyond rounding."""
    slack, step = 1e-14 * (1.0 + abs(value)), 1.0
    while True:
        candidate = b + step * move
        reached = _log_likelihood(sign * (basis @ candidate))
        if reached >= value - slack or step < LEAST:
            return candidate, reached
        step /= 2.0


def _no_maximum(where: str) -> RunError:
    """The refusal when the groups can be told apart."""
    return RunError(
        Fault(
            code="RUN_SEPARATION",
            cause=f"In {where}, the covariates separate treated from comparison units: there is no score.",
            fix="Leave the covariate out, or choose comparable units.",
            place=Place(key=KEY),
        )
    )
