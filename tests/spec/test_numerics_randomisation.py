"""Randomisation inference and methods for few treated groups: every assignment by hand, inversion, known numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from evaltool.numerics.few_treated import Placebos, few_treated_test
from evaltool.numerics.inversion import farthest_kept
from evaltool.numerics.randomisation import Assignments, ClusterSums, randomisation_test


def data(seed: int, clusters: int = 9, treated: int = 4, effect: float = 0.0) -> ClusterSums:
    """Clusters of 3 to 46 units: sums of outcome and weight."""
    r = np.random.default_rng(seed)
    weight = r.integers(3, 47, size=clusters).astype(float)
    arm = np.arange(clusters) < treated
    mean = 50.0 + r.normal(size=clusters) + effect * arm
    return ClusterSums(mean * weight, weight, arm)


def statistic(outcome: np.ndarray, weight: np.ndarray, arm: np.ndarray, kind: str) -> float:
    """By plain formulas, one assignment."""
    difference, variance = 0.0, 0.0
    for sign, members in ((1.0, arm), (-1.0, ~arm)):
        total, n = weight[members].sum(), members.sum()
        mean = outcome[members].sum() / total
        difference += sign * mean
        if n > 1:
            variance += n / (n - 1) * ((outcome[members] - mean * weight[members]) ** 2).sum() / total**2
    return difference if kind == "difference" else difference / math.sqrt(variance)


def exact_p(world: ClusterSums, tau: float, kind: str) -> float:
    outcome = world.outcome - tau * world.weight * world.treated
    own = abs(statistic(outcome, world.weight, world.treated, kind))
    every = []
    for pick in itertools.combinations(range(len(outcome)), int(world.treated.sum())):
        arm = np.isin(np.arange(len(outcome)), pick)
        every.append(abs(statistic(outcome, world.weight, arm, kind)) >= own * (1 - 1e-9))
    return float(np.mean(every))


@pytest.mark.parametrize("kind", ["t", "difference"])
@pytest.mark.parametrize("seed", range(4))
def test_enumeration_is_the_exact_distribution(seed: int, kind: str) -> None:
    world = data(seed, effect=1.5)
    found = randomisation_test(world, Assignments(statistic=kind), level=0.9)  # type: ignore[arg-type]
    assert (found.enumerated, found.assignments) == (True, 126)
    assert found.p_value == pytest.approx(exact_p(world, 0.0, kind), abs=1e-12)
    t, c = world.treated, ~world.treated
    by_hand = world.outcome[t].sum() / world.weight[t].sum() - world.outcome[c].sum() / world.weight[c].sum()
    assert found.effect == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("kind", ["t", "difference"])
@pytest.mark.parametrize("seed", range(4))
def test_the_interval_is_the_inversion_of_the_test(seed: int, kind: str) -> None:
    world = data(seed, effect=1.5)
    found = randomisation_test(world, Assignments(statistic=kind), level=0.9)  # type: ignore[arg-type]
    assert found.lower < found.effect < found.upper
    assert (found.lower > 0 or found.upper < 0) == (found.p_value <= 0.1 + 1e-12)
    for end, outwards in ((found.lower, -1.0), (found.upper, 1.0)):
        assert exact_p(world, end - outwards * 1e-4, kind) > 0.1
        assert exact_p(world, end + outwards * 1e-4, kind) <= 0.1 + 1e-12


def test_three_against_three_can_never_be_significant() -> None:
    """20 assignments, the mirror image as large: p is at least 0.1, and the 95 % interval has no ends."""
    found = randomisation_test(data(5, clusters=6, treated=3, effect=90.0), Assignments(), level=0.95)
    assert found.p_value == 0.1
    assert (found.lower, found.upper) == (-math.inf, math.inf)


def test_one_treated_cluster_by_rank() -> None:
    """20 clusters, the treated one farthest out: p = 1/20 for the plain difference; the t statistic is refused."""
    world = data(6, clusters=20, treated=1, effect=30.0)
    even = ClusterSums(world.outcome / world.weight, np.ones(20), world.treated)
    assert randomisation_test(even, Assignments(statistic="difference"), level=0.9).p_value == 0.05
    with pytest.raises(ValueError, match="one cluster in an arm"):
        randomisation_test(world, Assignments(), level=0.9)


def test_drawn_assignments_come_near_and_depend_on_the_seed_alone() -> None:
    world = data(7, clusters=14, treated=6, effect=0.6)
    exact = randomisation_test(world, Assignments(most=3003), level=0.9)
    assert exact.enumerated
    drawn = [randomisation_test(world, Assignments(most=3002, seed=s), level=0.9) for s in (1, 1, 2)]
    assert not drawn[0].enumerated
    assert drawn[0] == drawn[1]
    assert drawn[0].p_value != drawn[2].p_value
    for found in drawn:
        assert found.p_value == pytest.approx(exact.p_value, abs=4 * math.sqrt(exact.p_value / 3002))


def test_drawn_assignments_keep_the_number_of_treated_and_never_give_zero() -> None:
    world = data(8, clusters=40, treated=20, effect=100.0)
    found = randomisation_test(world, Assignments(most=999), level=0.95)
    assert found.p_value == 1 / 1000


def test_a_level_of_the_outcome_changes_nothing() -> None:
    world = data(9, effect=1.0)
    high = ClusterSums(world.outcome + 1e7 * world.weight, world.weight, world.treated)
    first, other = (randomisation_test(w, Assignments(), level=0.9) for w in (world, high))
    assert first.p_value == other.p_value
    assert (other.effect, other.lower, other.upper) == pytest.approx((first.effect, first.lower, first.upper), abs=1e-5)


def test_size_is_held_exactly_under_the_sharp_hypothesis() -> None:
    """Over all 126 equally likely assignments of one fixed set of outcomes, p ≤ α in at most a share α of them."""
    world = data(10)
    p_values = []
    for pick in itertools.combinations(range(9), 4):
        arm = np.isin(np.arange(9), pick)
        p_values.append(exact_p(ClusterSums(world.outcome, world.weight, arm), 0.0, "t"))
    for alpha in (0.02, 0.05, 0.1, 0.25):
        assert np.mean(np.array(p_values) <= alpha + 1e-12) <= alpha + 1e-12


@pytest.mark.parametrize("treated", [[False, False, False], [True, True, True]])
def test_an_empty_arm_is_refused(treated: list[bool]) -> None:
    with pytest.raises(ValueError, match="both arms"):
        ClusterSums(np.ones(3), np.ones(3), np.array(treated))


def test_conley_taber_with_one_treated_by_hand() -> None:
    """Untreated changes −2, −1, 0, 1, 2, treated 4: effect 4, shocks times 5/4; none reaches 4, so p = 1/6.

    At 50 %: (1 − 0.5) · 6 − 1 = 2 shocks may be beyond, the third largest is 1.25: 4 ± 1.25.
    """
    changes = np.array([4.0, -2.0, -1.0, 0.0, 1.0, 2.0])
    arm = np.array([True, *[False] * 5])
    found = few_treated_test(changes, arm, None, Placebos(), level=0.5)
    assert (found.effect, found.p_value, found.placebos, found.enumerated) == (4.0, 1 / 6, 5, True)
    assert (found.lower, found.upper) == pytest.approx((2.75, 5.25))
    none = few_treated_test(changes, arm, None, Placebos(), level=0.95)
    assert (none.lower, none.upper) == (-math.inf, math.inf)


def test_shocks_are_measured_against_the_other_untreated() -> None:
    """Each shock is what leaving the group out and treating it would give."""
    r = np.random.default_rng(1)
    changes = r.normal(size=12)
    arm = np.arange(12) == 0
    placebo = [changes[j] - changes[[i for i in range(1, 12) if i != j]].mean() for j in range(1, 12)]
    for rank, level in ((1, 1 - 1.5 / 12), (4, 1 - 4.5 / 12)):
        found = few_treated_test(changes, arm, None, Placebos(), level=level)
        assert found.upper - found.effect == pytest.approx(np.sort(np.abs(placebo))[-rank])


def test_several_treated_groups_take_all_combinations() -> None:
    """Two treated and five others: 25 means of two shocks, each written out."""
    changes = np.array([3.0, 2.0, -2.0, -1.0, 0.0, 1.0, 2.0])
    arm = np.array([True, True, *[False] * 5])
    shocks = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * 1.25
    means = np.array([(a + b) / 2 for a in shocks for b in shocks])
    found = few_treated_test(changes, arm, None, Placebos(), level=0.9)
    assert found.effect == 2.5
    assert found.p_value == (1 + int(np.sum(np.abs(means) >= 2.5 - 1e-9))) / 26
    drawn = few_treated_test(changes, arm, None, Placebos(most=24, seed=3), level=0.9)
    assert (drawn.enumerated, drawn.placebos) == (False, 24)


def test_ferman_pinto_scales_a_small_groups_shock_down() -> None:
    """Shocks that grow with 1/M: variance is B/M and a large treated group is judged by its own small spread."""
    r = np.random.default_rng(2)
    sizes = np.concatenate([[5000.0], np.repeat([50.0, 5000.0], 30)])
    changes = r.normal(size=61) * np.sqrt(100.0 / sizes)
    arm = np.arange(61) == 0
    changes[0] = 0.6
    plain = few_treated_test(changes, arm, None, Placebos(), level=0.95)
    scaled = few_treated_test(changes, arm, sizes, Placebos(), level=0.95)
    assert scaled.p_value < 0.05 < plain.p_value
    assert scaled.upper - scaled.lower < (plain.upper - plain.lower) / 3
    assert scaled.by_size == pytest.approx(100.0, rel=0.5)


def test_ferman_pinto_variance_is_least_squares_on_squared_shocks_kept_positive() -> None:
    """Equal sizes give Conley & Taber; a falling or a too steep variance leaves one of the two terms."""
    r = np.random.default_rng(3)
    changes, arm = r.normal(size=21), np.arange(21) == 0
    plain = few_treated_test(changes, arm, None, Placebos(), level=0.8)
    same = few_treated_test(changes, arm, np.full(21, 7.0), Placebos(), level=0.8)
    assert (same.p_value, same.lower) == pytest.approx((plain.p_value, plain.lower))
    sizes = np.linspace(10, 200, 21)
    untreated = changes[1:]
    shocks = (untreated - untreated.mean()) * 20 / 19
    a = np.column_stack([np.ones(20), 1 / sizes[1:]])
    fitted = np.linalg.lstsq(a, shocks**2, rcond=None)[0]
    found = few_treated_test(changes, arm, sizes, Placebos(), level=0.8)
    if np.all(fitted > 0):
        assert (found.constant, found.by_size) == pytest.approx(tuple(fitted))
    falling = np.where(np.arange(21) < 11, 1.0, 30.0) * np.sign(changes)
    assert few_treated_test(falling, arm, sizes, Placebos(), level=0.8).by_size == 0.0
    steep = np.where(sizes < 30, 30.0, 0.01) * np.sign(changes)
    assert few_treated_test(steep, arm, sizes, Placebos(), level=0.8).constant == 0.0


def test_what_few_treated_cannot_be_asked() -> None:
    changes = np.array([1.0, 2.0, 3.0, 4.0])
    one = np.array([True, False, False, False])
    for arm in (np.array([True, True, False, False]), np.zeros(4, dtype=bool)):
        with pytest.raises(ValueError, match="untreated groups are needed"):
            few_treated_test(changes, arm, None, Placebos(), level=0.9)
    with pytest.raises(ValueError, match="positive"):
        few_treated_test(changes, one, np.array([1.0, 0.0, 1.0, 1.0]), Placebos(), level=0.9)
    with pytest.raises(ValueError, match="alike"):
        few_treated_test(np.array([1.0, 2.0, 2.0, 2.0]), one, None, Placebos(), level=0.9)


def test_an_end_far_away_is_found_and_one_that_never_comes_is_infinite() -> None:
    far = farthest_kept(lambda b: 1.0 if abs(b) < 12345.0 else 0.0, 0.0, 1.0, 0.05)
    assert far == pytest.approx(12345.0, abs=1e-5)
    never = farthest_kept(lambda b: 0.0 if math.isinf(b) else 1.0, 0.0, -1.0, 0.05)
    assert never == -math.inf
