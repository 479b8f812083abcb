"""A small version of ``make simulate``: few samples, and only what is beyond their simulation error."""

from __future__ import annotations

import math

import pytest
from harness import DESIGNS, STAGGERED, TRUTH, draw, effect_of, of_design, one_start, staggered

SAMPLES = 100
SLACK = 4.0 * math.sqrt(0.05 * 0.95 / SAMPLES)
"""Four simulation errors of a coverage of 95 %."""


@pytest.fixture(scope="module")
def many() -> dict[str, float | None]:
    return of_design(DESIGNS[1], SAMPLES)


@pytest.fixture(scope="module")
def few() -> dict[str, float | None]:
    return of_design(DESIGNS[5], SAMPLES)


@pytest.fixture(scope="module")
def one() -> dict[str, float | None]:
    return of_design(DESIGNS[7], SAMPLES)


@pytest.mark.parametrize(
    "method",
    ["CR1 with factors, t(G-1)", "CR2, Bell-McCaffrey df", "CR3, t(G-1)", "wild cluster bootstrap", "randomisation, t"],
)
def test_with_many_clusters_the_cluster_methods_hold(many: dict[str, float | None], method: str) -> None:
    found = many[method]
    assert found is not None
    assert found >= 0.95 - SLACK


def test_rows_taken_as_independent_do_not_hold(many: dict[str, float | None]) -> None:
    """Clusters and serial correlation ignored: far below 95 %."""
    found = many["HC1, rows as independent"]
    assert found is not None
    assert found < 0.75


def test_with_five_unequal_clusters_a_normal_interval_fails_and_the_corrections_help(
    few: dict[str, float | None],
) -> None:
    normal, bell, jackknife = (
        few[name] for name in ("CR1, no factors, normal", "CR2, Bell-McCaffrey df", "CR3, t(G-1)")
    )
    assert normal is not None
    assert bell is not None
    assert jackknife is not None
    assert normal < 0.85
    assert bell > normal + 0.05
    assert jackknife > normal + 0.05


def test_randomisation_holds_its_size_whatever_the_number_of_clusters(few: dict[str, float | None]) -> None:
    """Treated clusters are as good as drawn: the test is exact under the sharp hypothesis."""
    found = few["randomisation, t"]
    assert found is not None
    assert found >= 0.95 - SLACK


def test_with_one_treated_cluster_clustered_errors_fail_and_placebos_hold(one: dict[str, float | None]) -> None:
    usual, taber, pinto = (one[name] for name in ("CR1 with factors, t(G-1)", "Conley-Taber", "Ferman-Pinto"))
    assert usual is not None
    assert taber is not None
    assert pinto is not None
    assert usual < 0.5
    assert taber >= 0.95 - SLACK - 0.03
    assert pinto >= 0.95 - SLACK - 0.03
    assert one["CR3, t(G-1)"] is None


def test_staggered_starts_with_effects_that_grow() -> None:
    """The two-way coefficient is not the average effect: its interval misses it; the group-time average does not."""
    found = of_design(STAGGERED[0], SAMPLES)
    two_way, group_time = found["two-way fixed effects, CR1, t(G-1)"], found["group-time, G/(G-1), t(G-1)"]
    assert two_way is not None
    assert group_time is not None
    assert two_way < 0.5
    assert group_time >= 0.95 - SLACK - 0.03


def test_the_truth_by_hand() -> None:
    """Cohort 3: six cells 1 … 3.5, cohort 5: four cells half of 1 … 2.5, cohort 7: two cells twice 1 and 1.5."""
    assert pytest.approx((13.5 + 3.5 + 5.0) / 12) == TRUTH
    assert effect_of(5.0, 4) == 0.0


def test_a_sample_is_its_number_alone() -> None:
    assert (draw(DESIGNS[3], 5).rows == draw(DESIGNS[3], 5).rows).all()
    assert one_start(draw(DESIGNS[3], 5)) == one_start(draw(DESIGNS[3], 5))
    assert staggered(STAGGERED[1], 2) == staggered(STAGGERED[1], 2)
