"""Sensitivity to what was not measured: published figures, other programs, and the edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from evaltool.numerics.unmeasured import e_value, robustness, rosenbaum_bounds, sensitivity_gamma

DIFFERENCES = np.rint(4.0 * np.random.default_rng(7).normal(1.5, 1.2, 33))
"""Seeded differences of 33 pairs, with ties and zeros."""


@pytest.mark.parametrize("gamma", [1.0, 1.5, 3.0])
def test_the_bounds_by_enumerating_who_of_each_pair_was_treated(gamma: float) -> None:
    """Ten pairs, 1024 assignments: each positive with probability Γ/(1 + Γ), or 1/(1 + Γ), weighs its rank."""
    differences = np.random.default_rng(8).normal(0.8, 1.0, 10)
    ranks = stats.rankdata(np.abs(differences))
    found, tails = float(ranks[differences > 0].sum()), []
    for p in (gamma / (1.0 + gamma), 1.0 / (1.0 + gamma)):
        signs = np.array(list(itertools.product([0, 1], repeat=10)))
        chance = np.prod(np.where(signs == 1, p, 1.0 - p), axis=1)
        sums = signs @ ranks
        mean = chance @ sums
        tails.append(stats.norm.sf((found - mean) / np.sqrt(chance @ (sums - mean) ** 2)))
    both = rosenbaum_bounds(differences, gamma)
    assert (both.upper, both.lower) == (pytest.approx(tails[0], rel=1e-10), pytest.approx(tails[1], rel=1e-10))


def test_without_bias_it_is_the_signed_rank_test() -> None:
    r = np.random.default_rng(1)
    differences = np.rint(r.normal(0.6, 2.0, 60))
    both = rosenbaum_bounds(differences, 1.0)
    theirs = stats.wilcoxon(differences, alternative="greater", method="asymptotic", zero_method="wilcox")
    assert both.lower == both.upper == pytest.approx(float(theirs.pvalue), rel=1e-12)


def test_gamma_is_where_the_upper_bound_crosses() -> None:
    gamma = sensitivity_gamma(DIFFERENCES, 0.05)
    assert 1.0 < gamma < 100.0
    assert rosenbaum_bounds(DIFFERENCES, gamma).upper <= 0.05 < rosenbaum_bounds(DIFFERENCES, gamma + 1e-9).upper
    assert sensitivity_gamma(np.array([1.0, -2.0, 3.0]), 0.05) == 1.0
    assert sensitivity_gamma(np.ones(60), 0.9999999) == math.inf


def test_the_e_value_by_hand() -> None:
    """VanderWeele & Ding 2017: a risk ratio of 3.9 (1.8 to 8.7) has 7.26 and 3.00; 0.80 (to 0.91) has 1.81, 1.43."""
    assert e_value(3.9, 1.8, 8.7) == (pytest.approx(7.263034, abs=1e-6), pytest.approx(3.0))
    point, near = e_value(0.80, 0.71, 0.91)
    assert point == pytest.approx(1.25 + math.sqrt(1.25 * 0.25))
    assert near == pytest.approx(1.428571, abs=1e-6)
    assert e_value(1.2, 0.9, 1.5)[1] == 1.0
    assert e_value(0.9, 0.7, 1.1)[1] == 1.0
    assert e_value(1.0) == (1.0, None)


def test_the_robustness_value_of_the_darfur_study() -> None:
    """Cinelli & Hazlett 2020, table 1: t = 4.18 with 783 degrees of freedom: 13.9, 7.6 and 2.2 per cent."""
    found = robustness(4.18, 783.0)
    assert (round(found.value, 3), round(found.significance, 3), round(found.partial_r2, 3)) == (0.139, 0.076, 0.022)
    assert robustness(1.0, 50.0).significance == 0.0
    assert robustness(40.0, 20.0).significance < robustness(40.0, 20.0).value < 1.0


@pytest.mark.parametrize("t", [2.5, 5.0, 30.0])
def test_a_confounder_of_that_strength_undoes_the_effect(t: float) -> None:
    """Equation 5: bias = se·√df·R²/√(1 − R²) for equal strength; at the robustness value it is the effect."""
    df = 40.0
    value = robustness(t, df).value
    assert math.sqrt(df) * value / math.sqrt(1.0 - value) == pytest.approx(t, rel=1e-12)


def test_what_cannot_be_asked() -> None:
    for call in (
        lambda: rosenbaum_bounds(DIFFERENCES, 0.5),
        lambda: rosenbaum_bounds(np.zeros(3), 1.0),
        lambda: e_value(-1.0),
        lambda: robustness(2.0, 1.0),
    ):
        with pytest.raises(ValueError, match=r"gamma|no pair|positive|df above"):
            call()
