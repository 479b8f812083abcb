"""Mean outcomes with and without treatment from outcome models, plain (g-computation) or augmented (doubly robust).

For each arm t a generalised linear model with its canonical link (identity, logit, log) is fitted by Newton's method.
With q the weights of the population the effect is for and m_t the predictions,

    μ_t = Σ q m_t / Σ q,                                       models fitted with the design's weights w;
    μ_t = [Σ q m_t + Σ_{D = t} w (y − m_t)] / Σ q,             models fitted without (AIPW).

The influence values count the models' coefficients, and the weights where their equations are given, as estimated
(Stefanski & Boos 2002): they are those of the stacked estimating equations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors, check_rank
from evaltool.numerics.weighting import Weighting

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Family = Literal["identity", "logit", "log"]
STEPS = 100
TOLERANCE = 1e-12
FARTHEST = 5.0
BEYOND = 35.0
"""A linear predictor beyond this means that no finite coefficients fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """(n,) outcomes, who is treated, design weights w, population weights q; (n, k) regressors, the constant first."""

    x: Regressors
    y: Floats
    treated: Bools
    weights: Floats
    population: Floats
    family: Family
    augmented: bool
    equations: Weighting | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Mean outcome with and without treatment, and (n, 2) influence values: mean minus truth ≈ mean of them."""

    with_treatment: float
    without: float
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Mean outcome in one state with its (n,) influence values, the model's (k,) coefficients, and how they carry on.

    ``carried`` (k,) is the inverse of the model's derivative times the derivative of the mean.
    """

    value: float
    influence: Floats
    coefficients: Floats
    carried: Floats
    family: Family

    def predict(self, x: Floats) -> Floats:
        """(m,) means at (m, k) regressors."""
        return curve(x @ self.coefficients, self.family)[0]


def mean_outcomes(problem: Problem) -> Means:
    """Both means. Raises RunError: RUN_COLLINEAR, RUN_OUTCOME_MODEL (no finite coefficients fit an arm)."""
    found = [arm_means(problem, arm) for arm in (problem.treated, ~problem.treated)]
    return Means(found[0].value, found[1].value, np.column_stack([found[0].influence, found[1].influence]))


def arm_means(problem: Problem, arm: Bools) -> Arm:
    """Mean outcome in one state. Raises RunError."""
    x, y, n = problem.x.matrix, problem.y, float(problem.y.shape[0])
    own = arm.astype(np.float64)
    fit_weights = own if problem.augmented else own * problem.weights
    b = _fit(problem, fit_weights)
    mean, slope = curve(x @ b, problem.family)
    total = float(np.sum(problem.population)) / n
    correction = own * problem.weights * (y - mean) if problem.augmented else np.zeros_like(y)
    value = float(np.mean(problem.population * mean + correction)) / total
    influence = (problem.population * (mean - value) + correction) / total
    pull = problem.population - (own * problem.weights if problem.augmented else 0.0)
    gradient = (x * (pull * slope)[:, None]).mean(axis=0) / total
    bread = (x * (fit_weights * slope)[:, None]).T @ x / n
    carried = np.linalg.solve(bread, gradient)
    influence = influence + (x * (fit_weights * (y - mean))[:, None]) @ carried
    if problem.equations is not None:
        each = own * (y - mean) * ((x @ carried) if not problem.augmented else 1.0 / total)
        moved = (problem.equations.slope * each[:, None]).mean(axis=0)
        influence = influence - problem.equations.psi @ np.linalg.solve(problem.equations.bread.T / n, moved)
    return Arm(value, influence, b, carried, problem.family)


def curve(eta: Floats, family: Family) -> tuple[Floats, Floats]:
    """Mean and its derivative in the linear predictor."""
    if family == "identity":
        return eta, np.ones_like(eta)
    if family == "log":
        mean = np.exp(np.minimum(eta, BEYOND))
        return mean, mean
    mean = 1.0 / (1.0 + np.exp(-np.clip(eta, -BEYOND, BEYOND)))
    return mean, mean * (1.0 - mean)


def coefficients_of(problem: Problem, x: Floats, y: Floats) -> Floats:
    """(k + 1,) coefficients of the problem's model on (m, k) regressors and (m,) outcomes, constant first.

    Raises RunError.
    """
    matrix = np.column_stack([np.ones(x.shape[0]), x])
    rows = Regressors(matrix, problem.x.names, problem.x.where)
    return _fit(replace(problem, x=rows, y=y), np.ones(y.shape[0]))


def _fit(problem: Problem, weights: Floats) -> Floats:
    """(k,) coefficients with Σ w (y − m) x = 0. Raises RunError."""
    inside = weights > 0.0
    rows = Regressors(problem.x.matrix[inside], problem.x.names, problem.x.where)
    check_rank(rows, weights[inside], "the units of one group")
    w, y = weights[inside] / float(np.sum(weights)), problem.y[inside]
    q, r = np.linalg.qr(rows.matrix * np.sqrt(w)[:, None])
    basis = linalg.solve_triangular(r, rows.matrix.T, trans="T").T
    size = float(np.max(np.abs(y)))
    size = size or 1.0 if problem.family == "identity" else max(1.0, size)
    b = np.zeros(q.shape[1])
    for _ in range(STEPS):
        eta = basis @ b
        mean, slope = curve(eta, problem.family)
        gradient = basis.T @ (w * (y - mean))
        if float(np.max(np.abs(gradient))) <= TOLERANCE * size:
            return np.asarray(linalg.solve_triangular(r, b), dtype=np.float64)
        information = (basis * (w * slope)[:, None]).T @ basis
        if float(np.linalg.eigvalsh(information)[0]) < TOLERANCE:
            break
        move = linalg.solve(information, gradient, assume_a="pos")
        b = b + (move if problem.family == "identity" else _damped(move, basis))
        if problem.family != "identity" and float(np.max(np.abs(basis @ b))) > BEYOND:
            break
    raise RunError(
        Fault(
            code="RUN_OUTCOME_MODEL",
            cause=f"No finite {problem.family} model fits the outcome in {problem.x.where}.",
            fix="Leave covariates out, or treat the outcome as a mean.",
            place=Place(key="estimator.options.covariates"),
        )
    )


def _damped(move: Floats, basis: Floats) -> Floats:
    """A Newton step that moves nobody's linear predictor by more than five: links other than identity overshoot."""
    most = float(np.max(np.abs(basis @ move)))
    return move * min(1.0, FARTHEST / most) if most > 0.0 else move
