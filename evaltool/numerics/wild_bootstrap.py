"""The restricted wild cluster bootstrap of one coefficient: p-value, and the interval that its test inverts.

Cameron, Gelbach & Miller (2008); fast form of Roodman, MacKinnon, Nielsen & Webb (2019). With x̃ the regressor after
the others, ũ(b) the residuals under the hypothesis that the coefficient is b, and v_g one weight per cluster:

    z_g(b) = x̃_g'ũ_g(b)             numerator of draw v: Σ_g v_g z_g(b)
    score of cluster h               v_h z_h(b) − x̃_h'X (X'X)⁻¹ Σ_g v_g X_g'ũ_g(b)
    t(v) = numerator / root of the sum of squared scores

Everything is linear in b, so a test costs a product of (clusters × clusters) with the weights and the interval is found
by testing. Rademacher weights (±1) are enumerated when all 2^G of them are at most the number of draws allowed, Webb's
six values when 6^G are; the identity is then among them and the p-value is exact. Otherwise weights are drawn from a
seed and the sample itself counts as one more draw, so that the p-value is never 0.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.cluster_covariance import least_squares
from evaltool.numerics.inference import Floats, Ints, influence_sums
from evaltool.numerics.inversion import farthest_kept
from evaltool.numerics.regression import Regressors

Weights = Literal["rademacher", "webb"]
POINTS: dict[Weights, tuple[float, ...]] = {
    "rademacher": (-1.0, 1.0),
    "webb": tuple(s * math.sqrt(v) for s in (-1.0, 1.0) for v in (0.5, 1.0, 1.5)),
}
TIED = 1e-9
"""Two statistics this close, relatively, are the same."""
NOTHING = 1e-10
"""A spread of scores below this share of the scores themselves is rounding."""


@dataclass(frozen=True, slots=True)
class WildDraws:
    """Weights, seed, and how many draws are allowed; all combinations are enumerated when they are at most that."""

    weights: Weights = "rademacher"
    most: int = 9_999
    seed: int = 1


@dataclass(frozen=True, slots=True)
class WildTest:
    """The coefficient, its cluster-robust standard error with G/(G − 1), t, the p-value, and the interval's ends.

    An end is infinite when no value on that side is rejected, however far. ``draws`` counts the weights used;
    ``enumerated`` says that they are all there are.
    """

    effect: float
    se: float
    statistic: float
    p_value: float
    lower: float
    upper: float
    level: float
    draws: int
    enumerated: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Sums by cluster: z(b) = z0 − b z1, score matrix W(b) = W0 − b W1, and the scale of the coefficient."""

    effect: float
    z0: Floats
    z1: Floats
    w0: Floats
    w1: Floats

    def matrices(self, b: float) -> tuple[Floats, Floats]:
        """Both z (G,) and W (G, G) under the hypothesis; at infinity those of b alone, up to scale."""
        if math.isinf(b):
            return -self.z1, -self.w1
        return self.z0 - b * self.z1, self.w0 - b * self.w1


def wild_cluster_test(
    x: Regressors, y: Floats, clusters: Ints, *, column: int, drawing: WildDraws, level: float
) -> WildTest:
    """Test that coefficient ``column`` is 0, two-sided by |t|, and invert the test.

    ``x`` (n, k) and ``y`` (n,) as weighted; ``clusters`` (n,) codes 0 … G − 1. Raises RunError (RUN_COLLINEAR),
    ValueError with fewer than two clusters or a coefficient that does not vary between them.
    """
    problem = _problem(x, y, clusters, column)
    v, enumerated = _weights(problem.z0.shape[0], drawing)
    scale = float(np.sum(problem.z1))
    groups = problem.z0.shape[0]
    spread = float(np.linalg.norm(problem.matrices(problem.effect)[1].sum(axis=1)))
    if not spread > NOTHING * float(np.linalg.norm(problem.z0)):
        message = "the residuals do not vary between clusters: there is nothing to test with"
        raise ValueError(message)
    se = math.sqrt(groups / (groups - 1.0)) * spread / scale

    def p_value(b: float) -> float:
        return _share(problem.matrices(b), v, enumerated=enumerated)

    alpha = 1.0 - level
    ends = [farthest_kept(p_value, problem.effect, sign * se, alpha) for sign in (-1.0, 1.0)]
    statistic = problem.effect / se
    return WildTest(problem.effect, se, statistic, p_value(0.0), ends[0], ends[1], level, v.shape[1], enumerated)


def wild_cluster_p_value(x: Regressors, y: Floats, clusters: Ints, *, column: int, drawing: WildDraws) -> float:
    """The p-value of a zero coefficient alone, without the interval."""
    problem = _problem(x, y, clusters, column)
    v, enumerated = _weights(problem.z0.shape[0], drawing)
    return _share(problem.matrices(0.0), v, enumerated=enumerated)


def _problem(x: Regressors, y: Floats, clusters: Ints, column: int) -> _Problem:
    """Everything that does not depend on the weights."""
    fit = least_squares(x, y)
    others = np.delete(x.matrix, column, axis=1)
    focus = x.matrix[:, column]
    if others.shape[1]:
        basis = np.linalg.qr(others / np.linalg.norm(others, axis=0))[0]
        focus = focus - basis @ (basis.T @ focus)
        restricted = y - basis @ (basis.T @ y)
    else:
        restricted = y
    against = influence_sums(fit.q * focus[:, None], clusters)  # (G, k) x̃_g'Q_g
    z0, z1 = influence_sums(focus * restricted, clusters), influence_sums(focus * focus, clusters)
    if z0.shape[0] < 2:  # noqa: PLR2004 - one cluster has no spread
        message = "a cluster bootstrap needs at least two clusters"
        raise ValueError(message)
    w0 = np.diag(z0) - against @ influence_sums(fit.q * restricted[:, None], clusters).T
    w1 = np.diag(z1) - against @ influence_sums(fit.q * focus[:, None], clusters).T
    return _Problem(float(fit.coefficients[column]), z0, z1, w0, w1)


def _weights(clusters: int, drawing: WildDraws) -> tuple[Floats, bool]:
    """(G, draws) weights, and whether they are all there are."""
    points = np.array(POINTS[drawing.weights])
    if points.shape[0] ** clusters <= drawing.most:
        return np.array(list(itertools.product(points, repeat=clusters))).T, True
    generator = np.random.default_rng(drawing.seed)
    picked = generator.integers(0, points.shape[0], size=(drawing.most, clusters))
    return points[picked].T, False


def _share(matrices: tuple[Floats, Floats], v: Floats, *, enumerated: bool) -> float:
    """Share of draws whose |t| is at least the sample's; drawn ones count the sample among them.

    Squares are compared crosswise, so that a draw without spread needs no division: it counts as infinitely large, and
    two of them as equal.
    """
    z, w = matrices
    floor = NOTHING**2 * float(z @ z)
    numerator, spread = (z @ v) ** 2, np.sum((w @ v) ** 2, axis=0)
    spread = np.where(spread > floor, spread, 0.0)
    own, own_spread = float(np.sum(z)) ** 2, float(np.sum(np.sum(w, axis=1) ** 2))
    own_spread = own_spread if own_spread > floor else 0.0
    at_least = int(np.count_nonzero(numerator * own_spread >= own * spread * (1.0 - TIED)))
    return at_least / v.shape[1] if enumerated else (1 + at_least) / (1 + v.shape[1])
