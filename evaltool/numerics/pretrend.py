"""Tests of the coefficients before the start: what they find, what they miss, and what passing them does (Roth 2022).

Two rules are in use: one joint test, and "no single coefficient is significant". For either, the power against a
straight trend and the slope found with a stated power. For the second also what the estimates are on average among
studies that pass, where a trend is there: passing selects the samples in which noise hid it, which moves the effect.

The joint test takes χ² when the covariance is known. With G clusters and the covariance estimated from them by
influence sums divided by G, Hotelling's F(k, G − k) is exact for normal cluster sums and needs more clusters than
coefficients; χ² then rejects too often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.distributions import f_beyond, normal_quantile
from evaltool.numerics.inference import Floats, wald
from evaltool.numerics.power import Trend, detectable_slope, linear_trend, wald_power

DRAWS = 100_000
SEED = 20221
SLOPES = 30
"""Bisections in the search for a slope."""


@dataclass(frozen=True, slots=True)
class JointTest:
    """χ² (``clusters`` None) or Hotelling's F that all coefficients before the start are zero."""

    statistic: float
    df: int
    df_denominator: float | None
    p_value: float


@dataclass(frozen=True, slots=True)
class Power:
    """Of both rules: power against a stated slope, and the slope found with the wanted power."""

    joint: float
    any_significant: float
    joint_slope: float
    any_slope: float


@dataclass(frozen=True, slots=True, eq=False)
class AfterPassing:
    """Where a straight trend is there: chance to pass, what coefficients are then on average, and without selection.

    ``passed`` and ``trend`` (k,) in the order of the coefficients, those before the start first.
    """

    chance: float
    passed: Floats
    trend: Floats


def joint_test(coefficients: Floats, covariance: Floats, clusters: int | None = None) -> JointTest | None:
    """The joint test of (k,) coefficients; None when the covariance is singular or there are not k + 1 clusters."""
    found = wald(coefficients, covariance)
    if found is None:
        return None
    if clusters is None:
        return JointTest(found.statistic, found.df, None, found.p_value)
    spare = clusters - found.df
    if spare < 1:
        return None
    ratio = found.statistic * spare / (found.df * clusters)
    return JointTest(ratio, found.df, float(spare), f_beyond(ratio, found.df, spare))


def pretrend_power(covariance: Floats, distances: Floats, slope: float, *, level: float, power: float) -> Power:
    """Power of tests at ``level`` against β = slope · distance, and the slopes found with probability ``power``.

    covariance (k, k) and distances (k,) from the base of the coefficients before the start.
    """
    trend: Trend = linear_trend(np.zeros(distances.shape[0]), covariance, distances)
    df = distances.shape[0]
    seen = _Box(covariance, level)
    return Power(
        joint=wald_power(slope, trend, df=df, level=level),
        any_significant=1.0 - seen.chance(slope * distances),
        joint_slope=detectable_slope(trend, df=df, level=level, power=power),
        any_slope=seen.slope(distances, power),
    )


def after_passing(covariance: Floats, distances: Floats, before: int, slope: float, *, level: float) -> AfterPassing:
    """Means of all (k,) coefficients among samples in which none of the first ``before`` is significant.

    Under β = slope · distance. With V₂₁V₁₁⁻¹ the regression of later on earlier coefficients, the later ones move by
    that times the selection of the earlier (Roth 2022, proposition 1). Raises ValueError when no draw passes.
    """
    trend = slope * distances
    early = slice(0, before)
    seen = _Box(covariance[early, early], level)
    kept = seen.inside(trend[early])
    if not bool(np.any(kept)):
        message = "no sample passes such a trend: there is no average of those that do"
        raise ValueError(message)
    selected = seen.draws[kept].mean(axis=0)  # mean of the noise among samples that pass
    moved = covariance[:, early] @ np.linalg.solve(covariance[early, early], selected)
    return AfterPassing(float(np.mean(kept)), trend + moved, trend)


class _Box:
    """Seeded noise of the coefficients before the start, and whether each draw passes at a trend."""

    def __init__(self, covariance: Floats, level: float) -> None:
        """Draws (DRAWS, k) with mirror images, and the bound of each coefficient."""
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        half = np.random.default_rng(SEED).standard_normal((DRAWS // 2, covariance.shape[0])) @ root.T
        self.draws: Floats = np.vstack([half, -half])
        self.bound: Floats = normal_quantile((1.0 + level) / 2.0) * np.sqrt(np.diag(covariance))

    def inside(self, trend: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(DRAWS,) whether no coefficient is significant."""
        found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.all(
            np.abs(self.draws + trend) <= self.bound, axis=1
        )
        return found

    def chance(self, trend: Floats) -> float:
        """The share of draws that pass."""
        return float(np.mean(self.inside(trend)))

    def slope(self, distances: Floats, power: float) -> float:
        """The slope at which a share ``power`` of the draws does not pass, by bisection."""
        low, high = 0.0, float(np.min(self.bound / np.maximum(np.abs(distances), math.ulp(1.0)))) * 4.0
        while 1.0 - self.chance(high * distances) < power:
            low, high = high, 2.0 * high
        for _ in range(SLOPES):
            middle = (low + high) / 2.0
            if 1.0 - self.chance(middle * distances) < power:
                low = middle
            else:
                high = middle
        return high
