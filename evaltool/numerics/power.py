"""Power, detectable effects and the linear pre-trend: arrays and numbers in, small frozen results out.

Formulas
    minimum detectable effect   (z_{1−α/sides} + z_{power}) · se                       Bloom (1995), eq. 1
    standard error, two rates   sqrt(p₁(1−p₁)/n₁ + p₀(1−p₀)/n₀)                        normal approximation
    linear trend                b = x'V⁻¹β / x'V⁻¹x, se(b) = (x'V⁻¹x)^(−1/2)           generalised least squares
    power against a trend b     P(χ²_k(λ) > χ²_{k,level}), λ = b²·x'V⁻¹x               Roth (2022), for the joint test

Roth's own calculation is for the rule "no single pre-period coefficient is significant"; here it is the joint test
that is printed (``numerics.inference.wald``), so the power is the joint test's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from evaltool.numerics.distributions import chi2_beyond, chi2_quantile, normal_quantile
from evaltool.numerics.inference import Floats

CERTAIN = 1e6
"""Noncentrality beyond which the test finds the trend to within one in 10^300, and scipy's series gives NaN."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through the base period, fitted to pre-period coefficients."""

    slope: float
    """Change per period, in the unit of the coefficients."""
    se: float
    information: float
    """x'V⁻¹x = 1 / se²."""


def critical(level: float, sides: int) -> float:
    """z_{1−α/sides} for α = 1 − level. Raises ValueError unless 0 < level < 1 and sides is 1 or 2."""
    if not 0 < level < 1 or sides not in {1, 2}:
        message = f"level must lie between 0 and 1 and sides be 1 or 2, got {level!r} and {sides!r}"
        raise ValueError(message)
    return normal_quantile(1 - (1 - level) / sides)


def detectable(se: float, *, level: float, sides: int, power: float = 0.8) -> float:
    """The smallest true effect found significant with probability ``power``, in the unit of ``se``."""
    return (critical(level, sides) + normal_quantile(power)) * se


def rates_se(treated: float, comparison: float, *, rate: float = 0.5, comparison_rate: float | None = None) -> float:
    """Standard error of a difference of two rates from ``treated`` and ``comparison`` people.

    ``rate`` holds in both arms unless ``comparison_rate`` is given; 0.5 is the worst case. Raises ValueError for an
    arm without people or a rate outside [0, 1].
    """
    other = rate if comparison_rate is None else comparison_rate
    if treated <= 0 or comparison <= 0 or not (0 <= rate <= 1 and 0 <= other <= 1):
        message = "both arms need people, and rates lie between 0 and 1"
        raise ValueError(message)
    return math.sqrt(rate * (1 - rate) / treated + other * (1 - other) / comparison)


def linear_trend(coefficients: Floats, covariance: Floats, distances: Floats) -> Trend:
    """The slope b of β = b·x, x = (k,) distances from the base period, by generalised least squares."""
    weighted = np.linalg.solve(covariance, distances)
    information = float(distances @ weighted)
    return Trend(slope=float(weighted @ coefficients) / information, se=information**-0.5, information=information)


def wald_power(slope: float, trend: Trend, *, df: int, level: float) -> float:
    """Probability that the joint test at ``level`` finds a straight trend of ``slope`` per period."""
    bar = chi2_quantile(level, df)
    shift = slope * slope * trend.information
    if shift > CERTAIN:
        return 1.0
    return chi2_beyond(bar, df) if shift == 0 else _shifted_beyond(bar, df, shift)


def detectable_slope(trend: Trend, *, df: int, level: float, power: float = 0.8) -> float:
    """The slope per period that the joint test at ``level`` finds with probability ``power``."""
    bar = chi2_quantile(level, df)

    def shortfall(shift: float) -> float:
        return _shifted_beyond(bar, df, shift) - power

    # Power rises from 1 − level at 0 to 1; at (√bar + 6)² + 6·√df it is above 0.999 for any df.
    highest = (math.sqrt(bar) + 6.0) ** 2 + 6.0 * math.sqrt(df)
    shift = float(optimize.brentq(shortfall, 1e-12, highest, xtol=1e-12, rtol=1e-14))
    return math.sqrt(shift) * trend.se


def _shifted_beyond(x: float, df: float, shift: float) -> float:
    """P(X > x) of a noncentral χ² variable."""
    from scipy import stats  # noqa: PLC0415 - takes a second to load, and nothing else here needs it

    return float(stats.ncx2.sf(x, df, shift))
