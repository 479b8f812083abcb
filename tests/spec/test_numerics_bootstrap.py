"""Multiplier and wild cluster bootstraps: against refits of every draw, exact enumeration, known critical values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from evaltool.numerics.inference import influence_covariance
from evaltool.numerics.multiplier_bootstrap import (
    Drawing,
    multiplier_draws,
    multipliers,
    simultaneous_band,
    spread_by_quartiles,
    sup_t_critical,
)
from evaltool.numerics.regression import Regressors
from evaltool.numerics.wild_bootstrap import WildDraws, wild_cluster_test

SIZES = (3, 46, 7, 12, 5, 20)


@pytest.mark.parametrize("kind", ["rademacher", "mammen"])
def test_multipliers_have_mean_zero_and_variance_one(kind: str) -> None:
    """By the two points themselves: probabilities times values; Mammen's third moment is 1."""
    root = math.sqrt(5)
    points = {
        "rademacher": ((-1.0, 0.5), (1.0, 0.5)),
        "mammen": (((1 + root) / 2, (root - 1) / (2 * root)), ((1 - root) / 2, (root + 1) / (2 * root))),
    }[kind]
    assert sum(v * p for v, p in points) == pytest.approx(0.0, abs=1e-15)
    assert sum(v * v * p for v, p in points) == pytest.approx(1.0)
    assert sum(v**3 * p for v, p in points) == pytest.approx(0.0 if kind == "rademacher" else 1.0, abs=1e-15)
    found = multipliers((200, 500), np.random.default_rng(1), kind)  # type: ignore[arg-type]
    values, counts = np.unique(found, return_counts=True)
    expected = sorted(points)
    assert values.tolist() == pytest.approx([v for v, _ in expected])
    assert (counts / found.size).tolist() == pytest.approx([p for _, p in expected], abs=5 * 0.5 / math.sqrt(1e5))


def influence_world(seed: int) -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    codes = np.repeat(np.arange(6), SIZES)
    return r.normal(size=(codes.shape[0], 3)) + r.normal(size=(6, 3))[codes], codes


@pytest.mark.parametrize("clustered", [True, False])
def test_draws_have_the_covariance_of_the_influence_values(clustered: bool) -> None:
    """Cluster *sums*: sizes 3 and 46 would give another covariance with means."""
    influence, codes = influence_world(1)
    clusters = codes if clustered else None
    draws = multiplier_draws(influence, clusters, Drawing(draws=40_000, seed=2))
    expected = influence_covariance(influence, clusters)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert float(np.max(np.abs(draws.T @ draws / 40_000 - expected) / scale)) < 0.03
    if not clustered:  # six clusters are no normal distribution
        assert spread_by_quartiles(draws) == pytest.approx(np.sqrt(np.diag(expected)), rel=0.03)


def test_chunks_change_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    influence, codes = influence_world(3)
    first = multiplier_draws(influence, codes, Drawing(draws=500, seed=4))
    monkeypatch.setattr("evaltool.numerics.multiplier_bootstrap.CHUNK", 60)
    np.testing.assert_allclose(multiplier_draws(influence, codes, Drawing(draws=500, seed=4)), first, atol=1e-15)


def test_seed_decides_and_nothing_else() -> None:
    influence, codes = influence_world(3)
    one, same, other = (multiplier_draws(influence, codes, Drawing(draws=99, seed=s)) for s in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_band_of_independent_effects_has_the_known_critical_value() -> None:
    """Five independent normal effects: P(max|Z| ≤ c) = (2Φ(c) − 1)⁵ = 0.95, c = 2.5690."""
    r = np.random.default_rng(5)
    influence = np.linalg.qr(r.normal(size=(2000, 5)))[0] * 2000**0.5
    band = simultaneous_band(np.zeros(5), influence, None, drawing=Drawing(draws=40_000, seed=6), level=0.95)
    assert band.critical == pytest.approx(stats.norm.ppf((1 + 0.95**0.2) / 2), abs=0.04)
    assert band.upper == pytest.approx(band.critical * band.se)
    assert np.all(band.adjusted == 1.0)


def test_band_excludes_zero_exactly_where_the_adjusted_p_value_says_so() -> None:
    influence, codes = influence_world(7)
    se = np.sqrt(np.diag(influence_covariance(influence, codes)))
    for factor in np.linspace(0.0, 4.0, 81):
        effects = se * np.array([factor, -factor, factor / 2])
        band = simultaneous_band(effects, influence, codes, drawing=Drawing(draws=999, seed=8), level=0.9)
        outside = (band.lower > 0) | (band.upper < 0)
        assert np.array_equal(outside, band.adjusted <= 0.1 + 1e-12)
        assert band.p_value == band.adjusted.min()


def test_critical_value_from_a_covariance() -> None:
    """Independent effects as above; perfectly correlated ones, and one alone, have the pointwise value 1.95996."""
    drawing = Drawing(draws=40_000, seed=6)
    five = sup_t_critical(np.diag([1.0, 4.0, 0.01, 9.0, 1.0]), level=0.95, drawing=drawing)
    assert five == pytest.approx(stats.norm.ppf((1 + 0.95**0.2) / 2), abs=0.04)
    for covariance in (np.ones((3, 3)), np.eye(1)):
        assert sup_t_critical(covariance, level=0.95, drawing=drawing) == pytest.approx(1.95996, abs=0.03)
    with pytest.raises(ValueError, match="without variation"):
        sup_t_critical(np.diag([1.0, 0.0]), level=0.95, drawing=drawing)


def test_what_a_band_cannot_be_made_of() -> None:
    influence, codes = influence_world(9)
    influence[:, 1] = 0.0
    with pytest.raises(ValueError, match="without variation"):
        simultaneous_band(np.zeros(3), influence, codes, drawing=Drawing(draws=99, seed=1), level=0.95)
    with pytest.raises(ValueError, match="at least 99"):
        Drawing(draws=50, seed=1)


def regression_world(seed: int, sizes: tuple[int, ...] = SIZES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    treated = (np.arange(len(sizes)) % 2 == 0).astype(float)[codes]
    x = np.column_stack([np.ones(codes.shape[0]), treated, r.normal(size=codes.shape[0])])
    y = x @ np.array([1.0, 0.8, 0.5]) + 0.5 * r.normal(size=len(sizes))[codes] + r.normal(size=codes.shape[0])
    return x, y, codes


def named(x: np.ndarray) -> Regressors:
    return Regressors(x, tuple(f"x{j}" for j in range(x.shape[1])), "the test")


def t_by_refit(x: np.ndarray, y: np.ndarray, codes: np.ndarray, column: int, b: float) -> float:
    """(coefficient − b) / cluster-robust standard error, from a fit of its own."""
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ y
    e = y - x @ beta
    scores = np.array([x[codes == c].T @ e[codes == c] for c in np.unique(codes)])
    g = scores.shape[0]
    se = math.sqrt((inverse @ (scores.T @ scores) @ inverse)[column, column] * g / (g - 1))
    return float((beta[column] - b) / se)


def p_by_refits(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, b: float, points: tuple[float, ...], column: int = 1
) -> float:
    """Every combination of weights: impose the hypothesis, rebuild the outcome, fit again, compare |t|."""
    others = np.delete(x, column, axis=1)
    imposed = y - b * x[:, column]
    fitted = others @ np.linalg.lstsq(others, imposed, rcond=None)[0]
    own = abs(t_by_refit(x, y, codes, column, b))
    count = total = 0
    for v in itertools.product(points, repeat=int(codes.max()) + 1):
        again = b * x[:, column] + fitted + np.array(v)[codes] * (imposed - fitted)
        count += abs(t_by_refit(x, again, codes, column, b)) >= own * (1 - 1e-9)
        total += 1
    return count / total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("b", [0.0, 1.3])
def test_enumerated_rademacher_is_the_exact_distribution(seed: int, b: float) -> None:
    x, y, codes = regression_world(seed)
    moved = y - b * x[:, 1]
    found = wild_cluster_test(named(x), moved, codes, column=1, drawing=WildDraws(), level=0.9)
    assert found.enumerated
    assert found.draws == 64
    assert found.p_value == p_by_refits(x, y, codes, b, (-1.0, 1.0))
    assert found.statistic == pytest.approx(t_by_refit(x, moved, codes, 1, 0.0), rel=1e-9)


def test_enumerated_webb_is_the_exact_distribution() -> None:
    """Four clusters, 6⁴ = 1296 combinations, each refitted."""
    x, y, codes = regression_world(11, (5, 9, 3, 14))
    points = tuple(s * math.sqrt(v) for s in (-1, 1) for v in (0.5, 1.0, 1.5))
    found = wild_cluster_test(named(x), y, codes, column=1, drawing=WildDraws(weights="webb"), level=0.9)
    assert found.enumerated
    assert found.draws == 1296
    assert found.p_value == p_by_refits(x, y, codes, 0.0, points)


def test_webb_points_have_mean_zero_and_variance_one() -> None:
    points = np.array([s * math.sqrt(v) for s in (-1, 1) for v in (0.5, 1.0, 1.5)])
    assert points.mean() == pytest.approx(0.0, abs=1e-16)
    assert (points**2).mean() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(5))
def test_interval_is_the_inversion_of_the_test(seed: int) -> None:
    """Just inside either end the hypothesis is not rejected, just outside it is; by the test of a moved outcome."""
    x, y, codes = regression_world(seed, (4, 6, 8, 10, 12, 5, 7, 9))
    alpha = 0.1
    found = wild_cluster_test(named(x), y, codes, column=1, drawing=WildDraws(), level=1 - alpha)
    assert math.isfinite(found.lower)
    assert math.isfinite(found.upper)
    assert found.lower < found.effect < found.upper
    for end, outwards in ((found.lower, -1.0), (found.upper, 1.0)):
        for by, kept in ((-1e-5, True), (1e-5, False)):
            moved = y - (end + by * outwards * found.se) * x[:, 1]
            p = wild_cluster_test(named(x), moved, codes, column=1, drawing=WildDraws(), level=1 - alpha).p_value
            assert (p > alpha) is kept
    assert (found.lower > 0 or found.upper < 0) == (found.p_value <= alpha)


def test_few_clusters_cannot_reject_and_the_interval_says_so() -> None:
    """Four clusters: the smallest p is 2/16 = 0.125, so no value is ever rejected at 5 %."""
    x, y, codes = regression_world(12, (5, 9, 3, 14))
    found = wild_cluster_test(named(x), y + 100.0 * x[:, 1], codes, column=1, drawing=WildDraws(), level=0.95)
    assert found.p_value >= 0.125
    assert (found.lower, found.upper) == (-math.inf, math.inf)


@pytest.mark.parametrize("effect", [0.0, 2.0, 50.0])
def test_one_treated_cluster_is_the_exact_distribution_too(effect: float) -> None:
    """The treated cluster's scores sum to zero in every draw: nothing may be divided by that."""
    x, y, codes = regression_world(13)
    x[:, 1] = codes == 0
    found = wild_cluster_test(named(x), y + effect * x[:, 1], codes, column=1, drawing=WildDraws(), level=0.9)
    assert found.p_value == p_by_refits(x, y + effect * x[:, 1], codes, 0.0, (-1.0, 1.0))


def test_drawn_weights_come_near_the_enumeration_and_depend_on_the_seed_alone() -> None:
    x, y, codes = regression_world(14, (4, 6, 8, 10, 12, 5, 7, 9, 6, 5))
    exact = wild_cluster_test(named(x), y, codes, column=1, drawing=WildDraws(most=1024), level=0.9)
    assert exact.enumerated
    drawn = [
        wild_cluster_test(named(x), y, codes, column=1, drawing=WildDraws(most=1023, seed=s), level=0.9)
        for s in (1, 1, 2)
    ]
    assert not drawn[0].enumerated
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    for found in drawn:
        assert found.p_value == pytest.approx(exact.p_value, abs=4 * math.sqrt(exact.p_value / 1023))
        assert found.p_value >= 1 / 1024


def test_no_other_regressor_and_no_spread() -> None:
    x, y, codes = regression_world(15)
    alone = named(x[:, 1:2])
    found = wild_cluster_test(alone, y, codes, column=0, drawing=WildDraws(), level=0.9)
    assert found.p_value == p_by_refits(x[:, 1:2], y, codes, 0.0, (-1.0, 1.0), column=0)
    with pytest.raises(ValueError, match="do not vary"):
        wild_cluster_test(named(x), x[:, 1], codes, column=1, drawing=WildDraws(), level=0.9)
    with pytest.raises(ValueError, match="at least two"):
        wild_cluster_test(named(x), y, np.zeros_like(codes), column=1, drawing=WildDraws(), level=0.9)
