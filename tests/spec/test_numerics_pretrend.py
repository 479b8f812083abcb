"""Pre-trend tests: exact sizes and powers where they have a formula, and what passing a test selects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from evaltool.numerics.inference import influence_covariance, wald
from evaltool.numerics.pretrend import after_passing, joint_test, pretrend_power

SE = np.array([0.1, 0.2, 0.15])
X = np.array([-3.0, -2.0, -1.0])
Z = stats.norm.ppf(0.975)


def passing(slope: float) -> float:
    """Independent coefficients: the product of each one's chance to be insignificant."""
    shift = slope * X / SE
    return float(np.prod(stats.norm.cdf(Z - shift) - stats.norm.cdf(-Z - shift)))


@pytest.mark.parametrize("slope", [0.0, 0.02, 0.05, 0.1])
def test_power_of_no_single_coefficient_with_independent_errors(slope: float) -> None:
    found = pretrend_power(np.diag(SE**2), X, slope, level=0.95, power=0.5)
    expected = 1 - passing(slope)
    assert found.any_significant == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 1e5))


def test_power_of_the_joint_test_is_the_noncentral_chi_square() -> None:
    found = pretrend_power(np.diag(SE**2), X, 0.05, level=0.95, power=0.5)
    shift = 0.05**2 * float(np.sum((X / SE) ** 2))
    assert found.joint == pytest.approx(stats.ncx2.sf(stats.chi2.ppf(0.95, 3), 3, shift), rel=1e-10)


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_slopes_are_found_with_the_power_asked_for(power: float) -> None:
    found = pretrend_power(np.diag(SE**2), X, 0.0, level=0.95, power=power)
    exact = optimize.brentq(lambda s: 1 - passing(s) - power, 1e-9, 1.0)
    assert found.any_slope == pytest.approx(exact, rel=0.01)
    again = pretrend_power(np.diag(SE**2), X, found.joint_slope, level=0.95, power=power)
    assert again.joint == pytest.approx(power, rel=1e-9)


def test_correlated_errors_against_the_normal_distribution_of_two() -> None:
    covariance = np.array([[0.01, 0.008], [0.008, 0.02]])
    distances = np.array([-2.0, -1.0])
    found = pretrend_power(covariance, distances, 0.06, level=0.95, power=0.5)
    bound = Z * np.sqrt(np.diag(covariance))
    inside = stats.multivariate_normal.cdf(bound, mean=0.06 * distances, cov=covariance, lower_limit=-bound)
    assert found.any_significant == pytest.approx(1 - inside, abs=4 * math.sqrt(0.25 / 1e5))


def test_passing_by_the_truncated_normal() -> None:
    """One coefficient before, one after: the mean of a truncated normal, carried over by the regression coefficient."""
    covariance = np.array([[0.04, 0.03], [0.03, 0.09]])
    found = after_passing(covariance, np.array([-1.0, 1.0]), 1, 0.3, level=0.95)
    se = 0.2
    truncated = stats.truncnorm((-Z * se + 0.3) / se, (Z * se + 0.3) / se, loc=-0.3, scale=se)
    chance = stats.norm.cdf(Z + 0.3 / se) - stats.norm.cdf(-Z + 0.3 / se)
    assert found.chance == pytest.approx(chance, abs=0.006)
    assert found.passed[0] == pytest.approx(truncated.mean(), abs=0.003)
    assert found.passed[1] == pytest.approx(0.3 + 0.75 * (truncated.mean() + 0.3), abs=0.003)
    assert found.trend.tolist() == [-0.3, 0.3]


def test_without_a_trend_passing_moves_nothing() -> None:
    found = after_passing(np.diag([0.04, 0.04, 0.09]), np.array([-2.0, -1.0, 1.0]), 2, 0.0, level=0.95)
    assert found.passed == pytest.approx(np.zeros(3), abs=1e-12)  # draws come with their mirror images
    assert found.chance == pytest.approx(0.95**2, abs=0.003)


def test_a_trend_that_nothing_passes_has_no_average() -> None:
    with pytest.raises(ValueError, match="no sample passes"):
        after_passing(np.eye(2) * 1e-6, np.array([-1.0, 1.0]), 1, 5.0, level=0.95)


def test_joint_test_of_a_known_covariance_is_the_wald_test() -> None:
    coefficients, covariance = np.array([0.2, -0.1]), np.array([[0.01, 0.002], [0.002, 0.02]])
    found, expected = joint_test(coefficients, covariance), wald(coefficients, covariance)
    assert found is not None
    assert expected is not None
    assert (found.statistic, found.p_value, found.df_denominator) == (expected.statistic, expected.p_value, None)


def test_hotelling_holds_its_size_where_chi_square_does_not() -> None:
    """12 clusters, 4 coefficients, normal sums: F rejects 5 % (4000 samples), χ² several times that."""
    r = np.random.default_rng(1)
    mixing = np.linalg.cholesky(np.eye(4) + 0.5)
    exact = loose = 0
    for _ in range(4000):
        sums = r.normal(size=(12, 4)) @ mixing.T
        mean = sums.mean(axis=0)
        covariance = influence_covariance(sums - mean)
        f, chi = joint_test(mean, covariance, clusters=12), joint_test(mean, covariance)
        assert f is not None
        assert chi is not None
        exact += f.p_value < 0.05
        loose += chi.p_value < 0.05
    assert abs(exact / 4000 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert loose / 4000 > 0.2


def test_hotelling_is_scipys_one_sample_test_for_one_coefficient() -> None:
    sample = np.random.default_rng(2).normal(size=9) + 0.4
    covariance = influence_covariance((sample - sample.mean())[:, None])
    found = joint_test(sample.mean(keepdims=True), covariance, clusters=9)
    assert found is not None
    assert found.p_value == pytest.approx(stats.ttest_1samp(sample, 0.0).pvalue, rel=1e-12)


def test_too_few_clusters_or_a_singular_covariance_have_no_test() -> None:
    assert joint_test(np.zeros(3), np.eye(3), clusters=3) is None
    assert joint_test(np.zeros(2), np.ones((2, 2))) is None
