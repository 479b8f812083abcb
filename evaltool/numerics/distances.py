"""Coordinates whose Euclidean distance is a Mahalanobis, robust rank Mahalanobis or scaled Euclidean distance.

Conventions are those of R MatchIt 4.7: the covariance is pooled within the groups (n − 2); a singular one is inverted
in the Moore–Penrose sense, so that dummies with or without their reference give the same distance. Coordinates
come from a Cholesky factor with pivoting and are added up column by column: equal covariates give equal coordinates.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from evaltool.numerics.distinct import mean_ranks, row_order
from evaltool.numerics.inference import Floats

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Metric = Literal["mahalanobis", "robust_mahalanobis", "scaled_euclidean"]
SINGULAR = 1e-9
"""Eigenvalues below this share of the largest are taken as zero."""


def coordinates(x: Floats, treated: Bools, metric: Metric) -> Floats:
    """(n, p) coordinates of the columns of ``x`` (n, k), none of them constant."""
    order = row_order(x, treated)
    sorted_x, sorted_d = x[order], treated[order]
    if metric == "scaled_euclidean":
        spread = np.array([_pooled_sd(sorted_x[:, j], sorted_d) for j in range(x.shape[1])], dtype=np.float64)
        return np.asarray(x / spread, dtype=np.float64)
    if metric == "robust_mahalanobis":
        ranks = np.column_stack([mean_ranks(x[:, j]) for j in range(x.shape[1])])
        return _turned(ranks, _pinv(_untied(ranks[order])))
    scaled = x / np.std(sorted_x, axis=0, ddof=1)
    return _turned(scaled, _pinv(_pooled_covariance(scaled[order], sorted_d)))


def _centred(x: Floats, treated: Bools) -> Floats:
    """Deviations from the own group's mean."""
    both = np.where(treated[:, None], x - x[treated].mean(axis=0), x - x[~treated].mean(axis=0))
    return np.asarray(both, dtype=np.float64)


def _pooled_covariance(x: Floats, treated: Bools) -> Floats:
    """(k, k) covariance within groups, n − 2."""
    deviations = _centred(x, treated)
    return (deviations.T @ deviations) / max(x.shape[0] - 2, 1)


def _pooled_sd(x: Floats, treated: Bools) -> float:
    """Standard deviation within groups: n − 2, or n for a column of 0 and 1."""
    squares = float(np.sum(_centred(x[:, None], treated) ** 2))
    zero_one = bool(np.all((x == 0.0) | (x == 1.0)))
    return float(np.sqrt(squares / (x.shape[0] if zero_one else max(x.shape[0] - 2, 1))))


def _untied(ranks: Floats) -> Floats:
    """Covariance of ranks, every variance raised to that of ranks without ties (Rosenbaum 2010, chapter 8)."""
    covariance = np.atleast_2d(np.cov(ranks, rowvar=False))
    n = float(ranks.shape[0])
    factor = np.sqrt(n * (n + 1.0) / 12.0) / np.sqrt(np.diag(covariance))
    return covariance * np.outer(factor, factor)


def _pinv(covariance: Floats) -> Floats:
    """The Moore–Penrose inverse of a symmetric matrix."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > SINGULAR * values[-1]
    return np.asarray((vectors[:, kept] / values[kept]) @ vectors[:, kept].T, dtype=np.float64)


def _turned(x: Floats, inverse: Floats) -> Floats:
    """Coordinates x U' with inverse = U'U by Cholesky steps on the largest remaining diagonal."""
    left = inverse.copy()
    first = float(np.max(np.diag(left)))
    found = []
    for _ in range(left.shape[0]):
        pivot = int(np.argmax(np.diag(left)))
        if float(left[pivot, pivot]) <= SINGULAR * first:
            break
        row = left[pivot] / np.sqrt(left[pivot, pivot])
        left -= np.outer(row, row)
        coordinate = np.zeros(x.shape[0])
        for j in range(x.shape[1]):
            coordinate += float(row[j]) * x[:, j]
        found.append(coordinate)
    return np.column_stack(found)
