"""Covariance of least squares coefficients: HC1, CR1, CR2 with Satterthwaite degrees of freedom, CR3, two-way clusters.

All of them are built from one matrix of cluster scores. With X = QR, e the residuals and Q_g the rows of cluster g:

    CR1   s_g = Q_g'e_g                        times the factors that are asked for, none by default
    CR2   s_g = Q_g'(I − H_gg)^(−1/2) e_g      Bell & McCaffrey (2002); unbiased under independent, equal errors
    CR3   s_g = (I − Q_g'Q_g)⁻¹ Q_g'e_g        times (G − 1)/G: the jackknife of leaving out one cluster at a time
    V     = R⁻¹ (Σ_g s_g s_g') R⁻ᵀ

Scores are *sums* over the rows of a cluster, never means. Degrees of freedom beside CR2 are for one linear
combination: Bell & McCaffrey's (errors independent and equal) and those of Imbens & Kolesár (2016, section 4), whose
working model lets errors of one cluster correlate. Fixed effects that are nested in clusters may be taken out of X and
y beforehand; all other terms must stand in X, or CR2 and CR3 are not what they say (Pustejovsky & Tipton 2018).
With weights, X and y are multiplied by their roots, so that the working model has variances inverse to the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import coded
from evaltool.numerics.inference import Floats, Ints, influence_sums
from evaltool.numerics.regression import Regressors, check_rank

SATURATED = 1e-10
"""1 − leverage below this: the direction lives in one cluster alone."""
Correlation = Literal["none", "within_clusters"]


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A fit: coefficients (k,), residuals (n,) and Q (n, k), R (k, k) of the rows as weighted."""

    coefficients: Floats
    residuals: Floats
    q: Floats
    r: Floats

    def back(self, scores: Floats) -> Floats:
        """(k, k) covariance R⁻¹ S'S R⁻ᵀ from scores (m, k) in the basis Q."""
        half = linalg.solve_triangular(self.r, scores.T)
        return half @ half.T


@dataclass(frozen=True, slots=True)
class SmallSample:
    """The factors of CR1, each stated and none implied.

    ``parameters`` K gives (n − 1)/(n − K); None leaves it out. ``groups`` gives G/(G − 1): each clustering its own, all
    of them that of the one with fewest clusters, or none.
    """

    parameters: int | None = None
    groups: Literal["own", "smallest", "none"] = "none"


@dataclass(frozen=True, slots=True, eq=False)
class ClusterCovariance:
    """(k, k) covariance, clusters of the coarsest clustering, its G − 1, and the factor applied.

    ``repaired`` says that a two-way covariance had a negative direction, which was set to zero (Cameron, Gelbach &
    Miller 2011). ``factor`` is None where the clusterings have factors of their own. ``saturated`` counts clusters that
    alone hold some direction of X: their residuals say nothing about it, CR2 counts it as free of error, and a
    coefficient that rests on it (one treated cluster) must not be judged by CR2.
    """

    covariance: Floats
    clusters: int
    df: float
    factor: float | None
    repaired: bool = False
    saturated: int = 0


def least_squares(x: Regressors, y: Floats, weights: Floats | None = None) -> LeastSquares:
    """Fit y (n,) on x (n, k), minimising Σ w (y − xb)². Raises RunError (RUN_COLLINEAR)."""
    ones = np.ones(y.shape[0]) if weights is None else weights
    check_rank(x, ones, "the rows")
    root = np.sqrt(ones)
    scaled = x.matrix * root[:, None]
    length = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    q, triangle = np.linalg.qr(scaled / length)
    projected = q.T @ (y * root)
    coefficients = linalg.solve_triangular(triangle, projected) / length
    return LeastSquares(coefficients, y * root - q @ projected, q, triangle * length)


def hc1(fit: LeastSquares, parameters: int) -> Floats:
    """(k, k) heteroskedasticity-robust covariance, n/(n − K). Raises ValueError unless n > K."""
    rows = fit.q.shape[0]
    _positive(rows - parameters, "more rows than parameters")
    return fit.back(fit.q * fit.residuals[:, None]) * (rows / (rows - parameters))


def cr1(fit: LeastSquares, clusters: Ints, small: SmallSample) -> ClusterCovariance:
    """The cluster-robust covariance with the factors of ``small``; ``clusters`` (n,) are codes 0 … G − 1."""
    count = _count(clusters)
    factor = _factor(fit.q.shape[0], count, small)
    covariance = fit.back(influence_sums(fit.q * fit.residuals[:, None], clusters)) * factor
    return ClusterCovariance(covariance, count, count - 1.0, factor)


def two_way(fit: LeastSquares, first: Ints, second: Ints, small: SmallSample) -> ClusterCovariance:
    """First plus second minus their intersection (Cameron, Gelbach & Miller 2011); t with the smaller G − 1."""
    pair = coded(first * (int(second.max()) + 1) + second)[1]
    fewest = min(_count(first), _count(second))
    factors = [
        _factor(fit.q.shape[0], fewest if small.groups == "smallest" else _count(codes), small)
        for codes in (first, second, pair)
    ]
    score = fit.q * fit.residuals[:, None]
    parts = [
        factor * fit.back(influence_sums(score, codes))
        for factor, codes in zip(factors, (first, second, pair), strict=True)
    ]
    total = parts[0] + parts[1] - parts[2]
    values, vectors = np.linalg.eigh((total + total.T) / 2.0)
    negative = bool(values[0] < -1e-14 * abs(values[-1]))
    if negative:
        total = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return ClusterCovariance(
        total, fewest, fewest - 1.0, factors[0] if small.groups != "own" else None, repaired=negative
    )


def cr2(fit: LeastSquares, clusters: Ints) -> ClusterCovariance:
    """Bell & McCaffrey's covariance. A direction that lives in one cluster alone is left out (pseudo-inverse)."""
    count = _count(clusters)
    blocks = _blocks(fit, clusters)
    scores = np.stack([rows.T @ _lifted(rows, e) for rows, e in blocks])
    alone = sum(1.0 - float(np.linalg.norm(rows, 2)) ** 2 < SATURATED for rows, _ in blocks)
    return ClusterCovariance(fit.back(scores), count, count - 1.0, 1.0, saturated=alone)


def cr2_df(fit: LeastSquares, clusters: Ints, contrast: Floats, correlation: Correlation = "none") -> float | None:
    """Satterthwaite degrees of freedom of the CR2 variance of ``contrast`` (k,)'b; None when that is 0 throughout.

    The variance is e'PP'e with p_g = (I − H)_g'a_g, a_g = (I − H_gg)^(−1/2) Q_g R⁻ᵀc; df = tr(P'ΩP)² / tr((P'ΩP)²).
    ``within_clusters`` takes Ω = σ²I + ρ(11' − I) within clusters, ρ from the residuals and at least 0.
    """
    direction = linalg.solve_triangular(fit.r, contrast, trans="T")
    blocks = _blocks(fit, clusters)
    lifted = [_lifted(rows, rows @ direction) for rows, _ in blocks]
    inner = np.stack([rows.T @ a for (rows, _), a in zip(blocks, lifted, strict=True)])
    gram = np.diag([float(a @ a) for a in lifted]) - inner @ inner.T
    if correlation == "within_clusters":
        total = np.stack([rows.sum(axis=0) for rows, _ in blocks])
        across = np.diag([float(a.sum()) for a in lifted]) - inner @ total.T
        variance, covariance = _moulton(blocks)
        gram = (variance - covariance) * gram + covariance * (across @ across.T)
    size, square = float(np.trace(gram)), float(np.sum(gram * gram))
    return size * size / square if square > 0.0 and size > 0.0 else None


def cr3(fit: LeastSquares, clusters: Ints, *, factor: Literal["jackknife", "none"] = "jackknife") -> ClusterCovariance:
    """Σ_g (b₍g₎ − b)(b₍g₎ − b)' over fits without cluster g, times (G − 1)/G unless ``factor`` is none.

    Raises RunError (RUN_CLUSTER_IDENTIFIES) when a coefficient cannot be estimated without one of the clusters.
    """
    count = _count(clusters)
    scores = np.zeros((count, fit.q.shape[1]))
    for g, (rows, e) in enumerate(_blocks(fit, clusters)):
        left = np.eye(rows.shape[1]) - rows.T @ rows
        if float(np.linalg.eigvalsh(left)[0]) < SATURATED:
            raise _identifies(g, count)
        scores[g] = linalg.solve(left, rows.T @ e, assume_a="pos")
    times = (count - 1.0) / count if factor == "jackknife" else 1.0
    return ClusterCovariance(fit.back(scores) * times, count, count - 1.0, times)


def _blocks(fit: LeastSquares, clusters: Ints) -> list[tuple[Floats, Floats]]:
    """Rows of Q and residuals of each cluster, in the order of the codes."""
    order = np.argsort(clusters, kind="stable")
    ends = np.cumsum(np.bincount(clusters))[:-1]
    return list(zip(np.split(fit.q[order], ends), np.split(fit.residuals[order], ends), strict=True))


def _lifted(rows: Floats, vector: Floats) -> Floats:
    """(I − QQ')^(−1/2) times a vector, through the singular values of Q_g; saturated directions give 0."""
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    rest = 1.0 - values * values
    free = rest > SATURATED
    power = np.where(free, 1.0 / np.sqrt(np.where(free, rest, 1.0)), 0.0)
    return vector + left @ ((power - 1.0) * (left.T @ vector))


def _moulton(blocks: list[tuple[Floats, Floats]]) -> tuple[float, float]:
    """Variance and covariance within clusters of the errors, by the residuals' moments; the latter at least 0."""
    rows = sum(e.shape[0] for _, e in blocks)
    squares = sum(float(e @ e) for _, e in blocks)
    sums = sum(float(e.sum()) ** 2 for _, e in blocks)
    pairs = sum(e.shape[0] ** 2 for _, e in blocks) - rows
    return squares / rows, max((sums - squares) / pairs, 0.0) if pairs else 0.0


def _count(clusters: Ints) -> int:
    """Number of clusters. Raises ValueError unless codes run from 0 to G − 1 without gaps and G ≥ 2."""
    sizes = np.bincount(clusters)
    if sizes.shape[0] < 2 or not bool(np.all(sizes > 0)):  # noqa: PLR2004 - two clusters are the fewest that vary
        message = "cluster codes run from 0 to G − 1 without gaps, and there are at least two"
        raise ValueError(message)
    return int(sizes.shape[0])


def _factor(rows: int, clusters: int, small: SmallSample) -> float:
    """(n − 1)/(n − K) · G/(G − 1), each where it was asked for."""
    groups = 1.0 if small.groups == "none" else clusters / (clusters - 1.0)
    if small.parameters is None:
        return groups
    _positive(rows - small.parameters, "more rows than parameters")
    return groups * (rows - 1.0) / (rows - small.parameters)


def _positive(value: int, what: str) -> None:
    """Raise ValueError unless ``value`` is positive."""
    if value <= 0:
        message = f"there must be {what}"
        raise ValueError(message)


def _identifies(cluster: int, count: int) -> RunError:
    """The refusal of a jackknife that would leave out the only cluster that shows something."""
    return RunError(
        Fault(
            code="RUN_CLUSTER_IDENTIFIES",
            cause=f"Without cluster number {cluster + 1} of {count} a coefficient cannot be estimated: "
            "it rests on that cluster alone.",
            fix="Use randomisation inference, or a method for few treated clusters.",
            place=Place(key="inference.cluster"),
        )
    )
