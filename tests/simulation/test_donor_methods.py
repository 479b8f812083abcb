"""Tests among donors keep their size and prediction intervals hold over seeded draws; bounds are exact binomial."""

from __future__ import annotations

from donors import DESIGNS, PERMUTED, held, permutation_rejects, rejected
from scipy import stats

SAMPLES = 80


def most(share: float, samples: int) -> int:
    """Most that chance allows once in a thousand."""
    return int(stats.binom.ppf(0.999, samples, share))


def test_permutations_of_factors_keep_their_size() -> None:
    """Ten exchangeable units: p ≤ 1/10 in one of ten draws."""
    share = rejected(DESIGNS[1], SAMPLES, lambda sample: permutation_rejects(sample, PERMUTED["interactive effects"]))
    assert share * SAMPLES <= most(0.1, SAMPLES)


def test_prediction_intervals_hold_what_they_promise() -> None:
    """Sub-Gaussian shocks, 90 %: cautious, never below; twelve samples, since each draws a hundred times."""
    samples = 12
    first, mean, *_ = held(DESIGNS[0], samples)
    assert (1.0 - first) * samples <= most(0.1, samples)
    assert (1.0 - mean) * samples <= most(0.1, samples)
