"""Tails and quantiles of the laws a test is read from: functions of scipy.special under the names of their laws.

scipy.stats calls the same functions and returns the same bits (a test compares them); importing it takes longer than
most evaluations, so it is not imported here.
"""

from __future__ import annotations

import numpy as np
from scipy import special

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

LOG_ROOT_TWO_PI = float(np.log(np.sqrt(2 * np.pi)))


def beyond(x: float, df: float | None = None) -> float:
    """P(X > x) of a standard normal variable, or of a t variable with ``df`` degrees of freedom."""
    return float(special.ndtr(-x) if df is None else special.stdtr(df, -x))


def critical(tail: float, df: float | None = None) -> float:
    """The x with P(X > x) = ``tail``, of a standard normal variable, or of a t variable with ``df``."""
    return float(-special.ndtri(tail) if df is None else -special.stdtrit(df, tail))


def quantiles(probability: Floats, df: float | None = None) -> Floats:
    """The x with P(X ≤ x) = ``probability``, element by element."""
    found = special.ndtri(probability) if df is None else special.stdtrit(df, probability)
    return np.asarray(found, dtype=np.float64)


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable falls with this probability (0 < probability < 1)."""
    return float(special.ndtri(probability))


def normal_share(x: Floats) -> Floats:
    """P(X ≤ x) of a standard normal variable, element by element."""
    return np.asarray(special.ndtr(x), dtype=np.float64)


def normal_log_share(x: Floats) -> Floats:
    """Log P(X ≤ x) of a standard normal variable, exact far out in the lower tail."""
    return np.asarray(special.log_ndtr(x), dtype=np.float64)


def normal_log_density(x: Floats) -> Floats:
    """Log φ(x)."""
    return np.asarray(-(x**2) / 2.0 - LOG_ROOT_TWO_PI, dtype=np.float64)


def chi2_beyond(x: float, df: float) -> float:
    """P(X > x) of a χ² variable."""
    return float(special.chdtrc(df, x))


def chi2_quantile(probability: float, df: float) -> float:
    """The x with P(X ≤ x) = ``probability`` of a χ² variable."""
    return float(2.0 * special.gammaincinv(df / 2.0, probability))


def f_beyond(x: float, df: float, spare: float) -> float:
    """P(X > x) of an F variable with ``df`` and ``spare`` degrees of freedom."""
    return float(special.fdtrc(df, spare, x))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x with P(X ≤ x) = ``probability`` of a beta variable."""
    return float(special.betaincinv(a, b, probability))


def beta_critical(tail: float, a: float, b: float) -> float:
    """The x with P(X > x) = ``tail`` of a beta variable."""
    return float(special.betainccinv(a, b, tail))


def binomial_share(k: int, n: int, p: float) -> float:
    """P(X ≤ k) of a binomial variable."""
    return float(special.bdtr(k, n, p))
