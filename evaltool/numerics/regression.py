"""Weighted least squares and logistic regression on arrays, with refusals that name the covariate.

Columns are scaled to unit norm before anything is solved, so that results do not depend on units of measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats

RANK_TOLERANCE = 1e-10
"""A column whose part not explained by the others is below this share of its length is collinear."""
MAX_STEPS = 60
GRADIENT_TOLERANCE = 1e-13
SHOWN = 5
"""How many units a message names."""
Names = np.ndarray[tuple[int, ...], np.dtype[np.object_]]
SEPARATED = 1e-10
"""Information per unit, in the flattest direction, below which the likelihood rises for ever: no maximum exists."""


PLAINLY_FULL = 1e-6
"""Smallest eigenvalue of the columns' correlations from which full rank needs no closer look."""


def triangle(x: Floats) -> Floats:
    """The triangular factor (k, k) of ``x`` (n, k) in QR; the orthogonal one is not made."""
    return cast("Floats", np.linalg.qr(x, mode="r"))


def smallest(symmetric: Floats) -> float:
    """The smallest eigenvalue of a symmetric matrix (k, k)."""
    return float(np.linalg.eigvalsh(symmetric)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Regressors:
    """A design matrix (n, k) whose first column is the constant, with column names and where it is used."""

    matrix: Floats
    names: tuple[str, ...]
    where: str
    """Completes "in …", for messages: "cohort 2006, period 2007"."""
    ids: Names | None = None
    """(n,) names of the rows' units, for messages."""

    def rows(self, keep: slice[int, int, None] | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Regressors:
        """The same regressors on some rows."""
        ids = None if self.ids is None else self.ids[keep]
        return Regressors(matrix=self.matrix[keep], names=self.names, where=self.where, ids=ids)

    @property
    def units(self) -> str:
        """The first few units by name: ``: a, b, …``; empty where they have none."""
        if self.ids is None:
            return ""
        known = list(dict.fromkeys(str(name) for name in self.ids))
        return f": {', '.join(known[:SHOWN])}{', …' if len(known) > SHOWN else ''}"


def _named(names: list[str]) -> str:
    """``'a'``, ``'a' and 'b'``: for a sentence."""
    quoted = [f"'{name}'" if name != "constant" else "the constant" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def check_rank(x: Regressors, weights: Floats, who: str) -> None:
    """Raise RunError (RUN_COLLINEAR) naming the covariates that are linear combinations of the others.

    ``who`` says whose rows these are ("the comparison units").
    """
    rows, k = x.matrix.shape
    root = x.matrix * np.sqrt(weights)[:, None]
    products = root.T @ root
    length = np.sqrt(np.diag(products))
    # The part of a column beyond the others is at least as long as the root of the smallest eigenvalue.
    if rows >= k and np.min(length) > 0.0 and smallest(products / np.outer(length, length)) > PLAINLY_FULL:
        return
    kept: list[int] = []
    basis = np.zeros((rows, 0))
    for j in range(k):
        column = root[:, j] / length[j] if length[j] > 0.0 else root[:, j]
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        size = float(np.sqrt(rest @ rest))
        if size > RANK_TOLERANCE and len(kept) < rows:
            basis = np.column_stack([basis, rest / size])
            kept.append(j)
            continue
        others = [i for i in kept if length[i] > 0.0]
        solution = np.linalg.lstsq(root[:, others] / length[others], column, rcond=None)[0]
        partners = [x.names[i] for i, b in zip(others, solution, strict=True) if abs(b) > RANK_TOLERANCE]
        equals = f"is a linear combination of {_named(partners)}" if partners else "does not vary"
        size_told = f"{rows} units, {k} terms{x.units}"
        raise RunError(
            Fault(
                code="RUN_COLLINEAR",
                cause=f"Among {who} in {x.where}, covariate '{x.names[j]}' {equals} ({size_told}).",
                fix="Leave one of them out of the estimator's covariates.",
                place=Place(key="estimator.options.covariates", column=x.names[j]),
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A weighted least squares fit: coefficients (k,) and (X'WX / n)⁻¹ (k, k) over the n rows given."""

    coefficients: Floats
    bread: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """√W X over column lengths (k,) as q (n, k) times r (k, k): any outcome on the same rows is then fitted quickly."""

    q: Floats
    r: Floats
    length: Floats
    root: Floats
    bread: Floats

    def fit(self, y: Floats) -> Linear:
        """Minimise Σ w (y − xb)²."""
        coefficients = linalg.solve_triangular(self.r, self.q.T @ (y * self.root)) / self.length
        return Linear(coefficients=coefficients, bread=self.bread)


def factor(x: Regressors, weights: Floats, who: str) -> Factor:
    """Prepare least squares. Raises RunError (RUN_COLLINEAR)."""
    check_rank(x, weights, who)
    root = np.sqrt(weights)
    scaled = x.matrix * root[:, None]
    length = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    q, r = np.linalg.qr(scaled / length)
    inverse = linalg.solve_triangular(r, np.eye(r.shape[0]))
    bread = (inverse @ inverse.T) / np.outer(length, length) * float(root.shape[0])
    return Factor(q, r, length, root, bread)


def weighted_least_squares(x: Regressors, y: Floats, weights: Floats, who: str) -> Linear:
    """Minimise Σ w (y − xb)² by QR. Raises RunError (RUN_COLLINEAR)."""
    return factor(x, weights, who).fit(y)


@dataclass(frozen=True, slots=True, eq=False)
class Logit:
    """A logistic fit: coefficients (k,), fitted probabilities (n,) and (X'WX / n)⁻¹, W = w·p·(1 − p)."""

    coefficients: Floats
    fitted: Floats
    bread: Floats
    steps: int


def logit(x: Regressors, d: Floats, weights: Floats) -> Logit:
    """Maximise Σ w [d log p + (1 − d) log(1 − p)] by Newton's method with step halving.

    Runs to a score of 1e-13 on unit-length columns. Raises RunError: RUN_COLLINEAR, RUN_SEPARATION (the groups can
    be told apart perfectly, so that no maximum exists), RUN_NO_CONVERGENCE.
    """
    check_rank(x, weights, "the units compared")
    weight = weights / float(np.sum(weights))
    root = np.sqrt(weight)
    scaled = x.matrix * root[:, None]
    r = triangle(scaled)
    basis = linalg.solve_triangular(r, x.matrix.T, trans="T").T
    b: Floats = np.zeros(basis.shape[1])
    value = _log_likelihood(basis @ b, d, weight)
    for step in range(1, MAX_STEPS + 1):
        eta = basis @ b
        p = _probability(eta)
        gradient = basis.T @ (weight * (d - p))
        information = (basis * (weight * p * (1.0 - p))[:, None]).T @ basis
        if smallest(information) < SEPARATED:
            raise _separation(x, d)
        if float(np.max(np.abs(gradient))) <= GRADIENT_TOLERANCE:
            coefficients = linalg.solve_triangular(r, b)
            w_info = weights * p * (1.0 - p)
            bread = _inverse_information(x.matrix, w_info) * float(d.shape[0])
            return Logit(coefficients=coefficients, fitted=p, bread=bread, steps=step)
        move = linalg.solve(information, gradient, assume_a="pos")
        b, value = _half_until_better(basis, d, weight, b, move, value)
    raise RunError(
        Fault(
            code="RUN_NO_CONVERGENCE",
            cause=f"The propensity score in {x.where} did not converge in {MAX_STEPS} steps.",
            fix='Check the covariates for extreme values, or use method = "reg".',
            place=Place(key="estimator.options.covariates"),
        )
    )


def _probability(eta: Floats) -> Floats:
    """1 / (1 + e^−eta) without overflow."""
    small = np.exp(-np.abs(eta))
    return np.where(eta >= 0.0, 1.0 / (1.0 + small), small / (1.0 + small))


def _log_likelihood(eta: Floats, d: Floats, weight: Floats) -> float:
    """Σ w [d·eta − log(1 + e^eta)]."""
    return float(weight @ (d * eta - np.logaddexp(0.0, eta)))


def _half_until_better(
    basis: Floats, d: Floats, weight: Floats, b: Floats, move: Floats, value: float
) -> tuple[Floats, float]:
    """The Newton step, halved until the likelihood does not fall beyond rounding."""
    slack = 1e-14 * (1.0 + abs(value))
    step = 1.0
    while True:
        candidate = b + step * move
        reached = _log_likelihood(basis @ candidate, d, weight)
        if reached >= value - slack or step < 2.0**-30:
            return candidate, reached
        step /= 2.0


def _inverse_information(matrix: Floats, weights: Floats) -> Floats:
    """(X'WX)⁻¹ through the triangular factor of √W X."""
    scaled = matrix * np.sqrt(weights)[:, None]
    length = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    r = triangle(scaled / length)
    inverse = linalg.solve_triangular(r, np.eye(r.shape[0]))
    return (inverse @ inverse.T) / np.outer(length, length)


def _separation(x: Regressors, d: Floats) -> RunError:
    """The refusal when treated and comparison units can be told apart: names the covariate that does it alone."""
    treated, comparison = x.matrix[d == 1.0], x.matrix[d == 0.0]
    low, high = treated.min(axis=0), treated.max(axis=0)
    other_low, other_high = comparison.min(axis=0), comparison.max(axis=0)
    alone = [
        name
        for j, name in enumerate(x.names)
        if name != "constant" and (high[j] <= other_low[j] or low[j] >= other_high[j])
    ]
    who = f"covariate {_named(alone)} separates" if alone else f"the covariates {_named(list(x.names[1:]))} separate"
    return RunError(
        Fault(
            code="RUN_SEPARATION",
            cause=f"In {x.where}, {who} treated from comparison units completely: there is no propensity score.",
            fix='Leave the covariate out, choose comparable units, or use method = "reg".',
            place=Place(key="estimator.options.covariates", column=alone[0] if alone else None),
        )
    )
