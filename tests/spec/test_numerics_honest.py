"""Robust intervals under violated parallel trends: closed forms, the program solved by another road, size by draws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from evaltool.errors import RunError
from evaltool.numerics.honest import Sensitivity
from evaltool.numerics.honest_conditional import noise, prepare, rejected
from evaltool.numerics.honest_fixed_length import fixed_length, folded_critical
from evaltool.numerics.honest_sets import EventStudy, Moments, relative_magnitudes, smoothness
from evaltool.numerics.lasso_path import lasso_path
from evaltool.numerics.truncated_normal import log_interval, log_upper_tail


def random_study(seed: int, before: int, after: int, effect: float = 0.0) -> EventStudy:
    r = np.random.default_rng(seed)
    k = before + after
    root = r.normal(size=(k, k + 3)) / math.sqrt(k)
    weights = r.normal(size=after) if seed % 2 else np.eye(after)[seed % after]
    coefficients = r.normal(size=k) + effect * (np.arange(k) >= before)
    return EventStudy(coefficients, root @ root.T + 0.1, before, weights)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-1.0, 2.0), (0.0, math.inf), (-math.inf, -3.0), (-math.inf, math.inf), (1.0, 1.5), (-2.5, -2.0)],
)
def test_interval_probabilities_in_the_body(lower: float, upper: float) -> None:
    expected = stats.norm.cdf(upper) - stats.norm.cdf(lower)
    assert math.exp(float(log_interval(np.array(lower), np.array(upper)))) == pytest.approx(expected, rel=1e-12)


def test_interval_probabilities_far_in_the_tails() -> None:
    """P(40 < Z < 41): by Mills' ratio φ(x)/x·(1 − 1/x² + 3/x⁴ − …); either tail, and no log of zero."""
    x = 40.0
    series = math.log(1 - 1 / x**2 + 3 / x**4 - 15 / x**6) - x * x / 2 - math.log(x * math.sqrt(2 * math.pi))
    for ends in ((40.0, 41.0), (-41.0, -40.0)):
        assert float(log_interval(*map(np.array, ends))) == pytest.approx(series, rel=1e-10)
    assert float(log_interval(np.array(3.0), np.array(3.0))) == -math.inf
    conditional = float(log_upper_tail(np.array(40.1), np.array(40.0), np.array(math.inf)))
    assert conditional == pytest.approx(stats.norm.logsf(40.1) - stats.norm.logsf(40.0), rel=1e-9)
    assert float(log_upper_tail(np.array(1.0), np.array(2.0), np.array(3.0))) == 0.0
    assert float(log_upper_tail(np.array(4.0), np.array(2.0), np.array(3.0))) == -math.inf


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0, 5.0, 400.0])
def test_folded_normal_quantile(ratio: float) -> None:
    found = folded_critical(ratio, 0.95)
    assert stats.foldnorm.cdf(found, ratio) == pytest.approx(0.95, abs=1e-10)


def linear_program(study: EventStudy, up: np.ndarray, limit: float, theta: float, down: np.ndarray) -> float:
    """min η over η and τ with l'τ = θ: ±(D(β − τ)) + … − limit ≤ ησ, solved by HiGHS."""
    rows = np.vstack([up, down])
    sd = np.sqrt(np.einsum("ij,jk,ik->i", rows, study.covariance, rows))
    after = study.weights.shape[0]
    a_ub = np.column_stack([-sd, -rows[:, study.before :]])
    b_ub = limit - rows @ study.coefficients
    a_eq = np.concatenate([[0.0], study.weights])[None, :]
    found = optimize.linprog(
        np.concatenate([[1.0], np.zeros(after)]), a_ub, b_ub, a_eq, [theta], bounds=[(None, None)] * (after + 1)
    )
    assert found.status == 0
    return float(found.fun)


@pytest.mark.parametrize("seed", range(8))
def test_closed_form_multipliers_solve_the_linear_program(seed: int) -> None:
    """The largest of the moment statistics is the optimum of the program that profiles the other effects out."""
    after = 1 + seed % 4
    study = random_study(seed, 3, after)
    bend = np.eye(after) - 2.0 * np.eye(after, k=-1) + np.eye(after, k=-2)
    earlier = np.zeros((after, 3))
    earlier[0, 2] = 1.0
    up = np.hstack([earlier, bend])
    moments = next(smoothness(study, 0.4))
    for theta in (-2.0, 0.1, 3.0):
        expected = linear_program(study, up, 0.4, theta, -up)
        assert float(np.max(moments.at_zero + moments.slope * theta)) == pytest.approx(expected, abs=1e-7)
    step = np.eye(after) - np.eye(after, k=-1)
    change = np.array([-1.0, 1.0, 0.0])
    earlier = np.tile(0.7 * change, (after, 1))  # the member "first change, downwards" at M = 0.7
    moments = list(relative_magnitudes(study, 0.7))[1]
    for theta in (-2.0, 0.1, 3.0):
        expected = linear_program(study, np.hstack([earlier, step]), 0.0, theta, np.hstack([earlier, -step]))
        assert float(np.max(moments.at_zero + moments.slope * theta)) == pytest.approx(expected, abs=1e-7)


def by_the_book(moments: Moments, study: EventStudy, theta: float, critical: float, alpha: float) -> bool:
    """The test for one value with plain formulas: truncation points found by moving along the line y = S + bη."""
    y = moments.at_zero + moments.slope * theta
    covariance = moments.covariance(study)
    j = int(np.argmax(y))
    sd = math.sqrt(covariance[j, j])
    if sd < 1e-9:
        return bool(y[j] > 1e-12)
    b = covariance[j] / covariance[j, j]
    rest = y - b * y[j]
    reaches = np.linspace(-60, 60, 240_001)
    still = np.all(rest[:, None] + b[:, None] * reaches <= reaches + 1e-9, axis=0)
    low, high = float(reaches[still][0]), float(reaches[still][-1])
    low, high = (-math.inf if low <= -59.9 else low), (math.inf if high >= 59.9 else high)
    if y[j] > critical:
        return True
    upper = min(high, critical)
    size = (alpha - alpha / 10) / (1 - alpha / 10)
    tail = (stats.norm.sf(y[j] / sd) - stats.norm.sf(upper / sd)) / (
        stats.norm.sf(low / sd) - stats.norm.sf(upper / sd)
    )
    return bool(y[j] > 0 and tail < size)


@pytest.mark.parametrize("seed", range(6))
def test_the_conditional_test_one_value_at_a_time(seed: int) -> None:
    study = random_study(seed, 3, 1 + seed % 3)
    draws = noise(study)
    for moments in (next(smoothness(study, 0.2)), *itertools.islice(relative_magnitudes(study, 1.0), 2)):
        tested = prepare(study, moments, draws, 0.05)
        theta = study.estimate + study.se * np.linspace(-6, 6, 41)
        found = rejected(tested, theta, 0.05)
        expected = [by_the_book(moments, study, float(t), tested.critical, 0.05) for t in theta]
        assert sum(a != b for a, b in zip(found.tolist(), expected, strict=True)) <= 1  # the grid of the long way


def test_no_deviation_and_one_period_is_the_usual_interval() -> None:
    """M̄ = 0: estimate ± 1.959964 standard errors, for either size of the first stage."""
    study = EventStudy(np.array([0.3, 1.0]), np.array([[1.0, 0.2], [0.2, 0.5]]), 1, np.array([1.0]))
    found = Sensitivity(study, "relative_magnitudes", "conditional", 0.95).interval(0.0)
    assert found.lower == pytest.approx(1.0 - 1.959964 * math.sqrt(0.5), abs=0.01)
    assert found.upper == pytest.approx(1.0 + 1.959964 * math.sqrt(0.5), abs=0.01)


def test_first_stage_quantile_by_integration() -> None:
    """One moment pair that mirrors itself: the maximum is |N(0, 1)|, its 99.5 % quantile 2.807."""
    study = EventStudy(np.array([0.3, 1.0]), np.eye(2), 1, np.array([1.0]))
    tested = prepare(study, next(relative_magnitudes(study, 0.0)), noise(study), 0.05)
    assert tested.critical == pytest.approx(2.807, abs=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_fixed_length_weights_are_the_best_there_are(seed: int) -> None:
    """Half-length by a general optimiser over all weights that cancel a straight trend, from many starts."""
    before, after, bound = 2 + seed % 4, 1 + seed % 3, 0.15
    study = random_study(seed, before, after)
    found = fixed_length(study, bound, 0.95)
    times_before, times_after = np.arange(-before, 0), np.arange(1, after + 1)
    assert float(found.weights @ times_before + study.weights @ times_after) == pytest.approx(0.0, abs=1e-9)

    def worst_bias(v: np.ndarray) -> float:
        """max v'δ_pre + l'δ_post over bends of at most M, by linear programming over δ."""
        times = np.concatenate([times_before, [0], times_after])
        bends = np.diff(np.eye(len(times)), n=2, axis=0)
        keep = times != 0
        c = -np.concatenate([v, study.weights])
        rows = np.vstack([bends[:, keep], -bends[:, keep]])
        program = optimize.linprog(c, rows, np.full(len(rows), bound), bounds=[(None, None)] * len(c))
        return -float(program.fun) if program.status == 0 else math.inf

    def half(v: np.ndarray, bias: float) -> float:
        full = np.concatenate([v, study.weights])
        sd = math.sqrt(full @ study.covariance @ full)
        return sd * folded_critical(bias / sd, 0.95)

    assert found.bias == pytest.approx(worst_bias(found.weights), rel=1e-6)
    assert found.half_length == pytest.approx(half(found.weights, found.bias), rel=1e-9)
    free = np.linalg.svd(times_before[None, :].astype(float))[2][1:]  # directions that keep the trend cancelled
    r = np.random.default_rng(seed)
    for scale in (1e-4, 1e-2, 0.3):
        for _ in range(12):
            other = found.weights + free.T @ r.normal(size=before - 1) * scale
            assert half(other, worst_bias(other)) >= found.half_length * (1 - 1e-9)


def test_without_bends_the_weights_are_those_of_generalised_least_squares() -> None:
    """M = 0: the variance of the trend-corrected effect, l'Vl − … in closed form by a constrained minimum."""
    study = random_study(5, 4, 2)
    found = fixed_length(study, 0.0, 0.95)
    free = np.linalg.svd(np.arange(-4.0, 0.0)[None, :])[2][1:].T
    v, target = study.covariance, study.weights
    start = np.zeros(4)
    start[-1] = float(np.arange(1, 3) @ target)
    full, directions = np.concatenate([start, target]), np.vstack([free, np.zeros((2, 3))])
    best = full - directions @ np.linalg.solve(directions.T @ v @ directions, directions.T @ v @ full)
    assert found.sd == pytest.approx(math.sqrt(best @ v @ best), rel=1e-10)
    assert found.half_length == pytest.approx(found.sd * 1.959963984540054, rel=1e-10)
    assert found.bias == 0.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(0, 7), share=st.floats(0.0, 1.2))
def test_lasso_path_is_optimal_everywhere(seed: int, size: int, share: float) -> None:
    """|gradient| ≤ λ, and −λ·sign where a coordinate moves, at any penalty between knots."""
    r = np.random.default_rng(seed)
    root = r.normal(size=(size, size + 1))
    q, linear = root @ root.T + 0.01 * np.eye(size), r.normal(size=size)
    path = lasso_path(q, linear)
    penalty = share * float(np.max(np.abs(linear), initial=0.0))
    a = path.at(penalty)
    gradient = q @ a + linear
    assert np.all(np.abs(gradient) <= penalty + 1e-7)
    moving = np.abs(a) > 1e-7
    np.testing.assert_allclose(gradient[moving], -penalty * np.sign(a[moving]), atol=1e-7)


def test_a_singular_lasso_is_refused_not_guessed() -> None:
    with pytest.raises((RunError, np.linalg.LinAlgError)):
        lasso_path(np.zeros((2, 2)), np.array([1.0, 0.5]))


@pytest.mark.parametrize(("kind", "method"), [("relative_magnitudes", "conditional"), ("smoothness", "fixed_length")])
def test_intervals_grow_with_the_bound(kind: str, method: str) -> None:
    study = random_study(3, 3, 2, effect=8.0)
    asked = Sensitivity(study, kind, method, 0.95)  # type: ignore[arg-type]
    found = [asked.interval(m) for m in (0.0, 0.5, 1.0, 2.0, 4.0)]
    lengths = [i.upper - i.lower for i in found]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("threshold", [0.0, 0.4])
@pytest.mark.parametrize(("kind", "method"), [("relative_magnitudes", "conditional"), ("smoothness", "fixed_length")])
def test_breakdown_is_where_the_interval_meets_the_threshold(kind: str, method: str, threshold: float) -> None:
    study = EventStudy(np.array([0.1, -0.1, 1.5, 1.6]), 0.01 * (np.eye(4) + 0.5), 2, np.array([0.5, 0.5]))
    asked = Sensitivity(study, kind, method, 0.95)  # type: ignore[arg-type]
    found = asked.breakdown(threshold)
    assert found.value is not None
    assert asked.interval(found.value).holds(threshold)
    step = 2e-4 * (1.0 if kind == "relative_magnitudes" else study.se)
    assert not asked.interval(found.value - step).holds(threshold)
    assert found.value > asked.breakdown(threshold + 0.3).value  # type: ignore[operator]


def test_breakdown_of_what_is_open_from_the_start_is_zero() -> None:
    study = EventStudy(np.array([0.1, 0.2]), np.eye(2), 1, np.array([1.0]))
    assert Sensitivity(study, "smoothness", "fixed_length", 0.95).breakdown(0.0).value == 0.0


def test_a_steep_trend_moves_the_smoothness_set_to_where_it_leads() -> None:
    """β = 5 one period before, 0 one after, M = 0: δ falls by 5 a period, so the effect is 0 + 5, far from β."""
    study = EventStudy(np.array([5.0, 0.0, 9.0]), 0.01 * np.eye(3), 1, np.array([1.0, 0.0]))
    for method in ("conditional", "fixed_length"):
        found = Sensitivity(study, "smoothness", method, 0.95).interval(0.0)  # type: ignore[arg-type]
        half = 1.959964 * math.sqrt(0.02)  # sd of β_1 + β_(−1)
        assert (found.lower, found.upper) == pytest.approx((5.0 - half, 5.0 + half), abs=0.01)


@pytest.mark.parametrize("bound", [-0.1, math.nan])
def test_bounds_below_zero_are_refused(bound: float) -> None:
    study = random_study(1, 2, 1)
    with pytest.raises(ValueError, match="at least 0"):
        Sensitivity(study, "smoothness", "fixed_length", 0.95).interval(bound)


def test_what_cannot_be_asked() -> None:
    study = random_study(1, 2, 1)
    with pytest.raises(ValueError, match="no fixed-length interval"):
        Sensitivity(study, "relative_magnitudes", "fixed_length", 0.95)
    with pytest.raises(ValueError, match="confidence level"):
        Sensitivity(study, "smoothness", "fixed_length", 0.05)
    with pytest.raises(ValueError, match="do not fit"):
        EventStudy(np.zeros(2), np.eye(2), 2, np.array([1.0]))
    with pytest.raises(ValueError, match="do not fit"):
        EventStudy(np.zeros(2), np.eye(2), 0, np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="no weight"):
        EventStudy(np.zeros(2), np.eye(2), 1, np.array([0.0]))


def test_scaling_the_outcome_scales_the_interval_and_a_sign_mirrors_it() -> None:
    study = random_study(7, 3, 2, effect=3.0)
    for kind, method, scale in (("relative_magnitudes", "conditional", 1.0), ("smoothness", "fixed_length", 1000.0)):
        first = Sensitivity(study, kind, method, 0.9).interval(0.7)  # type: ignore[arg-type]
        bigger = EventStudy(1000.0 * study.coefficients, 1e6 * study.covariance, 3, study.weights)
        other = Sensitivity(bigger, kind, method, 0.9).interval(0.7 * scale)  # type: ignore[arg-type]
        turned = EventStudy(-study.coefficients, study.covariance, 3, study.weights)
        mirrored = Sensitivity(turned, kind, method, 0.9).interval(0.7)  # type: ignore[arg-type]
        for a, b, c in ((first.lower, other.lower, mirrored.upper), (first.upper, other.upper, mirrored.lower)):
            assert b == pytest.approx(1000.0 * a, rel=1e-5)
            assert c == pytest.approx(-a, rel=2e-2)


def test_size_under_the_worst_trend_allowed() -> None:
    """500 samples with the largest deviation allowed: the true effect is rejected in at most 5 % and some noise."""
    before, after = 3, 2
    covariance = 0.04 * (np.eye(5) + 0.3)
    trend = np.array([-0.2, 0.0, 0.1, 0.5, 1.0])  # changes 0.2, 0.1, −0.1 before; 0.5 and 0.5 after: M̄ = 2.5
    root = np.linalg.cholesky(covariance)
    r = np.random.default_rng(2)
    weights = np.array([0.5, 0.5])
    base = EventStudy(trend, covariance, before, weights)
    draws = noise(base)
    members = list(relative_magnitudes(base, 2.5))
    critical = [prepare(base, m, draws, 0.05) for m in members]
    missed = 0
    for _ in range(500):
        study = EventStudy(trend + root @ r.normal(size=before + after), covariance, before, weights)
        tested = [
            type(c)(m, c.covariance, c.critical) for m, c in zip(relative_magnitudes(study, 2.5), critical, strict=True)
        ]
        missed += all(bool(rejected(t, np.array([0.0]), 0.05)[0]) for t in tested)
    assert missed <= 500 * 0.05 + 3 * math.sqrt(500 * 0.05 * 0.95)
