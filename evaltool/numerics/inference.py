"""The one place that makes t statistics, p-values and intervals.

Estimators hand over an effect, its standard error (or influence values) and the degrees of freedom; an interval is
always the inversion of the test whose p-value stands beside it.

Influence convention (Callaway & Sant'Anna 2021, section 4): ``effect − truth ≈ mean(psi)``, so the standard error is
``sqrt(sum(psi²)) / n``; with clusters the values are *summed* within clusters first. No ``G/(G−1)`` is applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distributions import beta_critical, beta_quantile, beyond, chi2_beyond, quantiles
from evaltool.numerics.distributions import critical as critical_value

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Sides = Literal["two", "one"]
Direction = Literal["increase", "decrease"]

SMALLEST_LEVEL = 0.5


@dataclass(frozen=True, slots=True)
class InferenceRule:
    """How to test: confidence level, sides, which way is good (one-sided tests), degrees of freedom (None: normal)."""

    level: float
    sides: Sides = "two"
    good: Direction = "increase"
    df: float | None = None

    def __post_init__(self) -> None:
        """Refuse a level that can only be a mistake: 0.05 means 95 % in some libraries and 5 % in others."""
        if not SMALLEST_LEVEL <= self.level < 1.0:
            message = f"level is the confidence level, 0.95 for 95 %; got {self.level!r}, which is not in [0.5, 1)"
            raise ValueError(message)
        if self.df is not None and not self.df > 0.0:
            message = f"degrees of freedom must be positive, got {self.df!r}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Inference:
    """A finished test. ``lower`` and ``upper`` are in the outcome's own sign.

    Two-sided: the interval leaves (1 − level)/2 on either side. One-sided: either end is the one-sided bound at
    ``level`` (each spends all of 1 − level), so that the end towards "no good done" excludes zero exactly when the
    one-sided p-value is below 1 − level.
    """

    statistic: float
    p_value: float
    lower: float
    upper: float
    level: float
    df: float | None


def infer(effect: float, se: float, rule: InferenceRule) -> Inference:
    """Test ``effect = 0`` and invert the test. Raises ValueError unless ``effect`` is finite and ``se > 0``."""
    if not (math.isfinite(effect) and math.isfinite(se) and se > 0.0):
        message = f"a test needs a finite effect and a positive standard error, got {effect!r} and {se!r}"
        raise ValueError(message)
    statistic = effect / se
    if rule.sides == "two":
        p_value = 2.0 * beyond(abs(statistic), rule.df)
        critical = critical_value((1.0 - rule.level) / 2.0, rule.df)
    else:
        towards_good = statistic if rule.good == "increase" else -statistic
        p_value = beyond(towards_good, rule.df)
        critical = critical_value(1.0 - rule.level, rule.df)
    return Inference(
        statistic=statistic,
        p_value=min(p_value, 1.0),
        lower=effect - critical * se,
        upper=effect + critical * se,
        level=rule.level,
        df=rule.df,
    )


def exact_share(reached: int, of: int, rule: InferenceRule) -> tuple[float, float]:
    """Ends of the exact binomial interval for ``reached`` of ``of``. Raises ValueError unless 0 ≤ reached ≤ of, of > 0.

    Source: Clopper & Pearson 1934. The lower end p solves P(X ≥ reached) = a, the upper end P(X ≤ reached) = a, through
    beta quantiles; a is (1 − level) / 2, or 1 − level for one-sided ends.
    """
    if not 0 <= reached <= of or of == 0:
        message = f"a share counts how many of at least one were reached, got {reached} of {of}"
        raise ValueError(message)
    outside = (1.0 - rule.level) / (2.0 if rule.sides == "two" else 1.0)
    lower = 0.0 if reached == 0 else beta_quantile(outside, reached, of - reached + 1)
    upper = 1.0 if reached == of else beta_critical(outside, reached + 1, of - reached)
    return lower, upper


def error_quantiles(se: float, df: float | None, count: int) -> list[float]:
    """``count`` equally probable values of an estimate's error: se times the t (normal) quantiles at (k − ½)/count."""
    at = (np.arange(1, count + 1) - 0.5) / count
    return [float(one) for one in se * quantiles(at, df)]


def influence_sums(influence: Floats, clusters: Ints | None) -> Floats:
    """Influence values summed within clusters: (clusters,) or (clusters, k); unchanged without clusters.

    ``clusters`` holds codes 0 … G−1, one per unit. Sums, never means: means are wrong whenever sizes differ.
    """
    if clusters is None:
        return influence
    size = int(clusters.max()) + 1
    if influence.ndim == 1:
        return np.bincount(clusters, weights=influence, minlength=size).astype(np.float64)
    columns = [np.bincount(clusters, weights=influence[:, k], minlength=size) for k in range(influence.shape[1])]
    return np.column_stack(columns)


def influence_covariance(influence: Floats, clusters: Ints | None = None) -> Floats:
    """(k, k) covariance of effects whose influence values are the columns of ``influence`` (units, k)."""
    sums = influence_sums(influence, clusters)
    return (sums.T @ sums) / float(influence.shape[0]) ** 2


def influence_se(influence: Floats, clusters: Ints | None = None) -> float:
    """Standard error of one effect from its influence values (units,); 0.0 when nothing varies."""
    sums = influence_sums(influence, clusters)
    return math.sqrt(float(np.dot(sums, sums))) / float(influence.shape[0])


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Joint test that several effects are all zero."""

    statistic: float
    df: int
    p_value: float


def wald(effects: Floats, covariance: Floats) -> WaldTest | None:
    """χ² test that all ``effects`` (k,) are zero given their ``covariance`` (k, k).

    None when there is nothing to test or the covariance is singular to working precision: a generalised inverse
    would silently test something else.
    """
    k = int(effects.shape[0])
    if k == 0:
        return None
    scale = np.sqrt(np.diag(covariance))
    if not bool(np.all(scale > 0.0)):
        return None
    correlation = covariance / np.outer(scale, scale)
    if 1.0 / float(np.linalg.cond(correlation)) < k * float(np.finfo(np.float64).eps) * 10.0:
        return None
    z = effects / scale
    statistic = float(z @ np.linalg.solve(correlation, z))
    return WaldTest(statistic=statistic, df=k, p_value=chi2_beyond(statistic, k))
