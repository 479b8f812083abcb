"""A weighted difference in means, plain or adjusted, and its robust covariances.

Conventions are R sandwich's on ``lm(y ~ treat + x, weights = w)``: HC1 is n/(n − k); clustered HC1 is
(n − 1)/(n − k) · G/(G − 1) on the summed scores w·e·x of each cluster; HC3 divides every score by 1 − h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats, Ints, influence_sums
from evaltool.numerics.regression import Regressors, weighted_least_squares

FULL_LEVERAGE = 1e-10
"""A row with 1 − h below this decides its own fitted value: HC3 does not exist."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightedFit:
    """A weighted regression of (n,) rows on k columns: (k,) coefficients, (X'WX)⁻¹, (n, k) scores w·e·x, (n,) h."""

    coefficients: Floats
    bread: Floats
    scores: Floats
    leverage: Floats

    @property
    def spare(self) -> int:
        """Rows beyond the number of coefficients."""
        return int(self.scores.shape[0] - self.scores.shape[1])


def weighted_fit(x: Regressors, y: Floats, weights: Floats) -> WeightedFit:
    """Minimise Σ w (y − xb)². Raises RunError (RUN_COLLINEAR) naming the covariate."""
    fit = weighted_least_squares(x, y, weights, "the matched units")
    bread = fit.bread / float(y.shape[0])
    residual = y - x.matrix @ fit.coefficients
    leverage = weights * np.einsum("ij,jk,ik->i", x.matrix, bread, x.matrix)
    return WeightedFit(
        coefficients=fit.coefficients,
        bread=bread,
        scores=x.matrix * (weights * residual)[:, None],
        leverage=leverage,
    )


def hc1(fit: WeightedFit) -> Floats | None:
    """(k, k) HC1 covariance; None without spare rows."""
    n = fit.scores.shape[0]
    return None if fit.spare <= 0 else _sandwich(fit, fit.scores) * (n / fit.spare)


def hc0(fit: WeightedFit) -> Floats | None:
    """(k, k) HC0 covariance; None without spare rows."""
    return None if fit.spare <= 0 else _sandwich(fit, fit.scores)


def stacked(fit: WeightedFit, moved: Floats, psi: Floats, weights: tuple[Floats, Floats]) -> Floats | None:
    """(k, k) covariance that counts the weights as estimated (M-estimation; Stefanski & Boos 2002, equation 10).

    ``moved`` (n, k) is the derivative of the scores in the weights, ``psi`` (n, p) the weights' estimating functions,
    ``weights`` (n, p) their derivative in the parameters and (p, p) that of Σ psi. None without spare rows.
    """
    if fit.spare <= 0:
        return None
    slope, bread = weights
    carried = np.linalg.solve(bread.T, (moved.T @ slope).T)
    return _sandwich(fit, fit.scores - psi @ carried)


def hc3(fit: WeightedFit) -> Floats | None:
    """(k, k) HC3 covariance; None without spare rows or where one row decides its own fitted value."""
    rest = 1.0 - fit.leverage
    if fit.spare <= 0 or float(np.min(rest)) < FULL_LEVERAGE:
        return None
    return _sandwich(fit, fit.scores / rest[:, None])


def clustered(fit: WeightedFit, clusters: Ints) -> Floats | None:
    """(k, k) HC1 covariance, scores summed within clusters (codes 0 … G − 1); None without spare rows or clusters."""
    n, k = fit.scores.shape
    size = int(clusters.max()) + 1
    if fit.spare <= 0 or size <= 1:
        return None
    return _sandwich(fit, influence_sums(fit.scores, clusters)) * ((n - 1) / (n - k)) * (size / (size - 1))


@dataclass(frozen=True, slots=True, eq=False)
class PairRows:
    """The regression on (r,) rows, one for each time a unit stands in a set: place among the units, set, weight."""

    unit: Ints
    set: Ints
    weight: Floats


def clustered_two_ways(fit: WeightedFit, weights: Floats, rows: PairRows) -> Floats | None:
    """(k, k) HC1 covariance clustered by matched set and by unit, for units that stand in several sets.

    ``weights`` (n,) of the fit. V(set) + V(unit) − V(row), each with its own G/(G − 1) and (r − 1)/(r − k) for r rows
    (Cameron, Gelbach & Miller 2011, equation 2.11; Abadie & Spiess 2022, section 4). None without spare rows or
    clusters, or where the treatment's variance is not positive.
    """
    r, k = rows.unit.shape[0], fit.scores.shape[1]
    scores = fit.scores[rows.unit] * (rows.weight / weights[rows.unit])[:, None]
    total = np.zeros((k, k))
    for codes, sign in ((rows.set, 1.0), (rows.unit, 1.0), (np.arange(r), -1.0)):
        used = np.unique(codes, return_inverse=True)[1].reshape(-1)
        size = int(used.max()) + 1
        if r <= k or size <= 1:
            return None
        total += sign * size / (size - 1) * _sandwich(fit, influence_sums(scores, used))
    return total * ((r - 1) / (r - k))


DRAWS = 999
"""Resamples of sets."""


def resampled(x: Floats, y: Floats, weights: Floats, clusters: Ints, seed: int) -> Floats | None:
    """(k, k) covariance of the weighted regression's coefficients over 999 draws of as many clusters with replacement.

    Clusters are codes 0 … G − 1 (Efron & Tibshirani 1993, section 8.6; Austin & Small 2014 for matched sets). The same
    for the same seed. None with one cluster.
    """
    size = int(clusters.max()) + 1
    if size <= 1:
        return None
    k = x.shape[1]
    scale = np.maximum(np.max(np.abs(x), axis=0), np.finfo(np.float64).tiny)
    z = x / scale
    inner, outer = np.zeros((size, k, k)), np.zeros((size, k))
    np.add.at(inner, clusters, weights[:, None, None] * z[:, :, None] * z[:, None, :])
    np.add.at(outer, clusters, (weights * y)[:, None] * z)
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = np.stack([np.bincount(generator.integers(0, size, size), minlength=size) for _ in range(DRAWS)]).astype(
        np.float64
    )
    left = (counts @ inner.reshape(size, -1)).reshape(DRAWS, k, k)
    right = counts @ outer
    found = (np.linalg.pinv(left, hermitian=True) @ right[:, :, None])[:, :, 0] / scale
    return np.atleast_2d(np.cov(found.T))


def _sandwich(fit: WeightedFit, scores: Floats) -> Floats:
    """Bread · Σ s s' · bread."""
    return fit.bread @ (scores.T @ scores) @ fit.bread


def delta_se(gradient: Floats, covariance: Floats) -> float:
    """Standard error of a function of the coefficients; 0.0 where rounding makes the variance negative."""
    return math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))
