"""The one place of intervals and p-values, against numbers worked out by hand or by scipy's own distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evaltool.numerics.distributions import normal_quantile
from evaltool.numerics.inference import (
    InferenceRule,
    infer,
    influence_covariance,
    influence_se,
    wald,
)


def test_two_sided_normal_by_hand() -> None:
    """2 / 1 = 2 standard errors: p = 0.0455, interval 2 ± 1.959964."""
    found = infer(2.0, 1.0, InferenceRule(level=0.95))
    assert found.statistic == 2.0
    assert round(found.p_value, 4) == 0.0455
    assert math.isclose(found.lower, 2.0 - 1.959963984540054, rel_tol=1e-14)
    assert math.isclose(found.upper, 2.0 + 1.959963984540054, rel_tol=1e-14)


def test_t_with_few_degrees_of_freedom_is_wider() -> None:
    """t(4) at 95 %: 2.776445 standard errors."""
    found = infer(0.0, 1.0, InferenceRule(level=0.95, df=4.0))
    assert math.isclose(found.upper, 2.7764451051977987, rel_tol=1e-12)
    assert found.p_value == 1.0


@pytest.mark.parametrize(("good", "effect", "p_value"), [("increase", 2.0, 0.02275), ("decrease", 2.0, 0.97725)])
def test_one_sided_p_value_is_in_the_direction_of_good(good: str, effect: float, p_value: float) -> None:
    found = infer(effect, 1.0, InferenceRule(level=0.95, sides="one", good=good))  # type: ignore[arg-type]
    assert round(found.p_value, 5) == p_value


def test_one_sided_bound_spends_all_of_the_error() -> None:
    """The lower bound of a good increase: 2 − 1.644854."""
    found = infer(2.0, 1.0, InferenceRule(level=0.95, sides="one"))
    assert math.isclose(found.lower, 2.0 - 1.6448536269514722, rel_tol=1e-14)


@pytest.mark.parametrize("sides", ["two", "one"])
@pytest.mark.parametrize("good", ["increase", "decrease"])
@pytest.mark.parametrize("df", [None, 3.0, 28.0])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_interval_is_the_inversion_of_the_printed_test(sides: str, good: str, df: float | None, level: float) -> None:
    """The interval's end on the side of no good is zero exactly where p = 1 − level."""
    rule = InferenceRule(level=level, sides=sides, good=good, df=df)  # type: ignore[arg-type]
    sign = 1.0 if good == "increase" else -1.0
    for effect in np.linspace(-4.0, 4.0, 161):
        found = infer(float(effect), 1.0, rule)
        towards_no_good = found.lower if sign > 0 else -found.upper
        if abs(found.p_value - (1.0 - level)) < 1e-9:
            continue
        significant = found.p_value < 1.0 - level
        if sides == "one":
            assert significant == (towards_no_good > 0.0)
        else:
            assert significant == (found.lower > 0.0 or found.upper < 0.0)


@pytest.mark.parametrize("level", [0.05, 0.0, 1.0, 0.49, math.nan])
def test_a_level_that_can_only_be_a_mistake_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="confidence level"):
        InferenceRule(level=level)


@pytest.mark.parametrize(("effect", "se"), [(1.0, 0.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0)])
def test_no_test_without_a_positive_standard_error(effect: float, se: float) -> None:
    with pytest.raises(ValueError, match="positive standard error"):
        infer(effect, se, InferenceRule(level=0.95))


def test_degrees_of_freedom_must_be_positive() -> None:
    with pytest.raises(ValueError, match="degrees of freedom"):
        InferenceRule(level=0.95, df=0.0)


def test_standard_error_of_influence_values_by_hand() -> None:
    """psi = 3, −1, −2: sqrt(9 + 1 + 4) / 3."""
    assert math.isclose(influence_se(np.array([3.0, -1.0, -2.0])), math.sqrt(14.0) / 3.0, rel_tol=1e-15)


def test_clusters_are_summed_by_hand() -> None:
    """psi = 3, −1, −2 in clusters a, a, b: sums 2 and −2, so sqrt(8) / 3; means would give sqrt(1 + 4) / …"""
    assert math.isclose(
        influence_se(np.array([3.0, -1.0, -2.0]), np.array([0, 0, 1])), math.sqrt(8.0) / 3.0, rel_tol=1e-15
    )


def test_cluster_sizes_3_to_46_use_sums_not_means() -> None:
    """Clusters of 3, 4, …, 46 units with one common value each: the sum of size × value decides."""
    sizes = np.arange(3, 47)
    clusters = np.repeat(np.arange(sizes.size), sizes)
    value = np.where(np.arange(sizes.size) % 2 == 0, 1.0, -1.0)
    influence = value[clusters]
    by_sums = math.sqrt(float(np.sum((sizes * value) ** 2))) / float(sizes.sum())
    by_means = math.sqrt(float(np.sum(value**2))) / sizes.size
    found = influence_se(influence, clusters)
    assert math.isclose(found, by_sums, rel_tol=1e-14)
    assert abs(found - by_means) > 0.01


def test_covariance_diagonal_is_the_square_of_the_standard_error() -> None:
    rng = np.random.default_rng(7)
    influence, clusters = rng.normal(size=(40, 3)), rng.integers(0, 6, size=40)
    covariance = influence_covariance(influence, clusters)
    for k in range(3):
        assert math.isclose(math.sqrt(covariance[k, k]), influence_se(influence[:, k], clusters), rel_tol=1e-13)


def test_wald_by_hand() -> None:
    """Effects 1 and 2 with independent variances 1 and 4: 1 + 1 = 2 on two degrees of freedom."""
    found = wald(np.array([1.0, 2.0]), np.diag([1.0, 4.0]))
    assert found is not None
    assert math.isclose(found.statistic, 2.0, rel_tol=1e-14)
    assert (found.df, found.p_value) == (2, pytest.approx(math.exp(-1.0), rel=1e-12))


def test_wald_does_not_depend_on_units() -> None:
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    one = wald(np.array([1.0, 2.0]), covariance)
    scale = np.array([1e6, 1e-6])
    two = wald(np.array([1.0, 2.0]) * scale, covariance * np.outer(scale, scale))
    assert one is not None
    assert two is not None
    assert math.isclose(one.statistic, two.statistic, rel_tol=1e-10)


@pytest.mark.parametrize(
    ("effects", "covariance"),
    [
        (np.zeros(0), np.zeros((0, 0))),
        (np.array([1.0, 1.0]), np.ones((2, 2))),
        (np.array([1.0, 1.0]), np.diag([1.0, 0.0])),
    ],
)
def test_wald_says_nothing_about_a_singular_covariance(
    effects: np.ndarray[tuple[int], np.dtype[np.float64]], covariance: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    assert wald(effects, covariance) is None


def test_normal_quantile() -> None:
    assert math.isclose(normal_quantile(0.975), float(stats.norm.ppf(0.975)), rel_tol=1e-15)
