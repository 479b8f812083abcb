"""Matching with replacement on one score: the effect and the standard errors of Abadie & Imbens (2006, 2016).

J(i) is everybody of the other group within the distance of the M-th nearest to unit i, an interval on the sorted line
of scores; K(i) = Σ 1/#J(j) and K'(i) = Σ 1/#J(j)² over the j that use i. σ²(i) is the variance among the two units of
the own group nearest to i, itself and all tied included. All are sums over intervals: the cost is that of sorting.

2006, theorem 7: ATE Σ[(Y₁ − Y₀ − τ)² + σ²(K² + 2K − K')]/n²; ATT Σ_D (Y − Y₀ − τ)²/n₁² + Σ_{1−D} σ²(K² − K')/n₁².
2016, theorem 1 and section 3, ATE with a logit score: less c'I⁻¹c/n, c the mean of f(x'θ)[cov(x, Y₁)/e + cov(x, Y₀)/
(1 − e)], covariances among the two nearest of the own and of the other group; I the information per unit. Theorem 2,
ATT: less (c'I⁻¹c − d'I⁻¹d)/n with c = [Σ x f (Y₁ − Y₀ − τ) + Σ f {cov(x, Y₁) + e/(1 − e) cov(x, Y₀)}]/n₁, the other
outcome by matching on the score, and d = Σ x f (Y₁ − Y₀ − τ)/n₁, the other outcome by matching on the covariates. For
the ATC the groups change places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from evaltool.numerics.inference import Floats, Ints

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
NEIGHBOURS = 2
"""Units of a group whose spread stands for the variance at a score, ties aside."""
SLACK = 1e-9
"""Distances this close are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """(n,) scores on the grid, outcomes, and who is treated; ``matches`` is M."""

    score: Ints
    outcome: Floats
    treated: Bools
    matches: int


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """For (m,) units asked about, the slice [low, high) of a sorted pool, and the pool's members in that order."""

    pool: Ints
    low: Ints
    high: Ints

    @property
    def size(self) -> Floats:
        """(m,) members of each interval."""
        return (self.high - self.low).astype(np.float64)

    def sums(self, values: Floats) -> Floats:
        """(m,) or (m, k) sums of the pool's values over each interval."""
        total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values[self.pool], axis=0)])
        return np.asarray(total[self.high] - total[self.low], dtype=np.float64)

    def spread_back(self, values: Floats, n: int) -> Floats:
        """(n,) for every member of the pool the sum of ``values`` (m,) over the intervals it lies in."""
        steps = np.zeros(self.pool.shape[0] + 1)
        np.add.at(steps, self.low, values)
        np.add.at(steps, self.high, -values)
        found = np.zeros(n)
        found[self.pool] = np.cumsum(steps)[:-1]
        return found


def spread_on_line(score: Ints, outcome: Floats, asked: Ints, pool: Ints, count: int) -> Floats:
    """(a,) variance of the outcome among the ``count`` of the pool nearest to each unit asked about, ties included."""
    near = nearest_on_line(score, asked, pool, count)
    mean = near.sums(outcome) / near.size
    squares = near.sums(outcome**2) - near.size * mean**2
    return np.asarray(np.maximum(squares, 0.0) / np.maximum(near.size - 1.0, 1.0), dtype=np.float64)


def nearest_on_line(score: Ints, asked: Ints, pool: Ints, count: int) -> Intervals:
    """Everybody of the pool within the distance of the ``count``-th nearest to each unit asked about."""
    order = pool[np.argsort(score[pool], kind="stable")]
    line = score[order]
    count = min(count, line.shape[0])
    at = np.searchsorted(line, score[asked])
    window = np.arange(-count, count)[None, :] + at[:, None]
    inside = (window >= 0) & (window < line.shape[0])
    far = np.abs(line[np.clip(window, 0, line.shape[0] - 1)] - score[asked][:, None])
    far = np.where(inside, far, np.iinfo(np.int64).max)
    reach = np.partition(far, count - 1, axis=1)[:, count - 1]
    low = np.searchsorted(line, score[asked] - reach, side="left")
    high = np.searchsorted(line, score[asked] + reach, side="right")
    return Intervals(order, low.astype(np.int64), high.astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """(n,) imputed outcome of the other state, K, K', and variances at each unit's score."""

    imputed: Floats
    used: Floats
    used_squared: Floats
    variance: Floats


def matched(line: Line) -> Matched:
    """Impute everybody's other outcome. Centre ``outcome`` first: sums over intervals are differences of totals."""
    n = line.outcome.shape[0]
    imputed, used, squared, variance = (np.zeros(n) for _ in range(4))
    for own in (line.treated, ~line.treated):
        mine, theirs = np.flatnonzero(own), np.flatnonzero(~own)
        near = nearest_on_line(line.score, mine, theirs, line.matches)
        imputed[mine] = near.sums(line.outcome) / near.size
        used += near.spread_back(1.0 / near.size, n)
        squared += near.spread_back(1.0 / near.size**2, n)
        variance[mine] = spread_on_line(line.score, line.outcome, mine, mine, NEIGHBOURS)
    return Matched(imputed, used, squared, variance)


def variance_2006(line: Line, found: Matched, effect: float, target: str) -> float:
    """Variance of the effect with the score taken as known. ``target`` is ATT, ATC or ATE."""
    gap = np.where(line.treated, line.outcome - found.imputed, found.imputed - line.outcome)
    if target == "ATE":
        parts = (gap - effect) ** 2 + found.variance * (found.used**2 + 2.0 * found.used - found.used_squared)
        return float(np.sum(parts)) / line.outcome.shape[0] ** 2
    focal = line.treated if target == "ATT" else ~line.treated
    own = float(np.sum((gap[focal] - effect) ** 2))
    other = float(np.sum((found.variance * (found.used**2 - found.used_squared))[~focal]))
    return (own + other) / float(np.sum(focal)) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class ScoreModel:
    """(n, k) regressors of a logit score, the constant first, and (n,) fitted probabilities."""

    x: Floats
    probability: Floats

    @property
    def density(self) -> Floats:
        """(n,) f(x'θ)."""
        return np.asarray(self.probability * (1.0 - self.probability), dtype=np.float64)

    def quadratic(self, gradient: Floats) -> float:
        """g'I⁻¹g / n for the information I per unit."""
        n = float(self.x.shape[0])
        information = (self.x * self.density[:, None]).T @ self.x / n
        return float(gradient @ np.linalg.solve(information, gradient)) / n


def saved_2016(line: Line, model: ScoreModel) -> float:
    """How much smaller the variance of the ATE is because the score was estimated: c'I⁻¹c / n."""
    return model.quadratic(_pulls(line, model).mean(axis=0))


def saved_2016_treated(line: Line, found: Matched, model: ScoreModel, near: Floats, effect: float) -> float:
    """The same for the ATT: (c'I⁻¹c − d'I⁻¹d) / n, below zero where the target moves more than the matching gains.

    ``near`` (n,) is everybody's other outcome imputed from those alike in the covariates themselves.
    """
    treated = float(np.sum(line.treated))
    sign = np.where(line.treated, 1.0, -1.0)
    by_score = sign * (line.outcome - found.imputed) - effect
    by_covariates = sign * (line.outcome - near) - effect
    c = model.x.T @ (model.density * by_score) + model.probability @ _pulls(line, model)
    d = model.x.T @ (model.density * by_covariates)
    return model.quadratic(c / treated) - model.quadratic(d / treated)


def imputed_by_covariates(line: Line, points: Floats) -> Floats:
    """(n,) mean outcome of everybody of the other group at the least Euclidean distance of ``points`` (n, p)."""
    found = np.zeros(line.outcome.shape[0])
    for own in (line.treated, ~line.treated):
        places, code = np.unique(points[~own], axis=0, return_inverse=True)
        code = code.reshape(-1)
        total, size = np.bincount(code, weights=line.outcome[~own]), np.bincount(code).astype(np.float64)
        tree = cKDTree(places)
        least = tree.query(points[own])[0]
        balls = tree.query_ball_point(points[own], least * (1.0 + SLACK) + SLACK, return_sorted=True)
        found[own] = [float(np.sum(total[one])) / float(np.sum(size[one])) for one in balls]
    return found


def _pulls(line: Line, model: ScoreModel) -> Floats:
    """(n, k) f [cov(x, Y₁)/e + cov(x, Y₀)/(1 − e)] at each unit's score."""
    pulls = np.zeros_like(model.x)
    for own in (line.treated, ~line.treated):
        mine, theirs = np.flatnonzero(own), np.flatnonzero(~own)
        for pool in (mine, theirs):
            near = nearest_on_line(line.score, mine, pool, NEIGHBOURS)
            share = model.probability[mine] if bool(line.treated[pool[0]]) else 1.0 - model.probability[mine]
            size = near.size[:, None]
            mean_x, mean_y = near.sums(model.x) / size, near.sums(line.outcome)[:, None] / size
            together = near.sums(model.x * line.outcome[:, None]) - size * mean_x * mean_y
            covariance = together / np.maximum(size - 1.0, 1.0)
            pulls[mine] += covariance * (model.density[mine] / share)[:, None]
    return pulls
