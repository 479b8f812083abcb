"""Tail probabilities of a truncated standard normal, in logarithms so that far tails keep their digits."""

from __future__ import annotations

import numpy as np
from scipy import special

from evaltool.numerics.inference import Floats


def log_interval(lower: Floats, upper: Floats) -> Floats:
    """Logarithm of P(lower < Z < upper), Z standard normal; −inf where upper ≤ lower. Infinite ends are allowed."""
    low, high = np.broadcast_arrays(np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64))
    flip = low > -high  # the mass is right of zero: by symmetry, use the left tail, where the logs are exact
    a = np.where(flip, -high, low)
    b = np.where(flip, -low, high)
    empty = ~(b > a)
    a, b = np.where(empty, -1.0, a), np.where(empty, 1.0, b)
    tail_a, tail_b = special.log_ndtr(a), special.log_ndtr(b)
    # log(e^tail_b − e^tail_a); the difference is at most 0, and −inf when a is −inf
    gap = np.minimum(tail_a - tail_b, -np.finfo(np.float64).tiny)
    found = tail_b + np.log(-np.expm1(gap))
    return np.where(empty, -np.inf, found)


def log_upper_tail(z: Floats, lower: Floats, upper: Floats) -> Floats:
    """Logarithm of P(Z > z | lower < Z < upper); 0 where z ≤ lower, −inf where z ≥ upper."""
    inside = np.clip(z, lower, upper)
    whole = log_interval(lower, upper)
    part = log_interval(inside, upper)
    found = part - np.where(np.isfinite(whole), whole, 0.0)
    found = np.where(np.asarray(z) <= lower, 0.0, found)
    return np.where(np.asarray(z) >= upper, -np.inf, np.minimum(found, 0.0))
