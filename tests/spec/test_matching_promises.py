"""A matching that breaks what it promised is found on the finished sets, each promise by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaltool.designs.matching._promises import check_promises
from evaltool.designs.matching._units import Units
from evaltool.errors import RunError
from evaltool.numerics.matching import GRID, MatchRule, Pairs

SCORE = np.array([0.10, 0.30, 0.12, 0.33, 0.90])
"""Two treated units, then three of the comparison."""
UNITS = Units(
    ids=("t0", "t1", "c0", "c1", "c2"),
    treated=np.array([True, True, False, False, False]),
    x=SCORE.reshape(-1, 1),
    names=("x",),
    exact=np.array([[1.0], [2.0], [1.0], [2.0], [2.0]]),
    exact_names=("sex",),
    stratum=np.array([0, 1, 0, 1, 1]),
    rank=np.arange(5),
)
GOOD = Pairs(
    treated=np.array([0, 1]),
    comparison=np.array([0, 1]),
    distance=np.array([2 * GRID // 100, 3 * GRID // 100]),
    equidistant=0,
)


def pairs(*found: tuple[int, int]) -> Pairs:
    """Pairs of treated and comparison index with their true distances."""
    treated, comparison = (np.array(side) for side in zip(*found, strict=True))
    distance = np.rint(np.abs(SCORE[:2][treated] - SCORE[2:][comparison]) * GRID).astype(np.int64)
    return Pairs(treated=treated, comparison=comparison, distance=distance, equidistant=0)


def broken(found: Pairs, rule: MatchRule | None = None, caliper: float | None = None) -> list[str]:
    with pytest.raises(RunError) as caught:
        check_promises(UNITS, SCORE, found, rule or MatchRule(), caliper)
    assert set(caught.value.codes) == {"RUN_PROMISE_BROKEN"}
    return [fault.cause for fault in caught.value.faults]


def test_kept_promises_raise_nothing() -> None:
    check_promises(UNITS, SCORE, GOOD, MatchRule(), 0.03)
    check_promises(UNITS, SCORE, pairs((0, 0), (1, 1), (1, 2)), MatchRule(ratio=2), None)
    same_twice = replace(UNITS, exact=np.empty((5, 0)), exact_names=())
    check_promises(same_twice, SCORE, pairs((0, 1), (1, 1)), MatchRule(replace=True), None)


def test_recorded_distances_that_are_not_those_of_the_scores() -> None:
    (cause,) = broken(replace(GOOD, distance=GOOD.distance + np.array([0, 10])))
    assert "distances recorded" in cause


def test_a_pair_beyond_the_caliper() -> None:
    (cause,) = broken(GOOD, caliper=0.029)
    assert "0.03 apart, beyond the caliper of 0.029" in cause


def test_a_pair_that_differs_where_it_must_be_equal() -> None:
    (cause,) = broken(pairs((0, 1), (1, 2)))
    assert "differs in sex" in cause


def test_more_matches_than_the_ratio() -> None:
    (cause,) = broken(pairs((0, 0), (1, 1), (1, 2)))
    assert "has 2 matches, more than 1" in cause


def test_a_comparison_unit_used_twice_without_replacement() -> None:
    loose = replace(UNITS, exact=np.empty((5, 0)), exact_names=())
    with pytest.raises(RunError) as caught:
        check_promises(loose, SCORE, pairs((0, 1), (1, 1)), MatchRule(), None)
    assert "used twice without replacement" in str(caught.value)


def test_a_pair_that_stands_twice() -> None:
    (cause,) = broken(pairs((1, 1), (1, 1)), MatchRule(ratio=2, replace=True))
    assert "stands twice" in cause


def test_everything_broken_is_told_at_once() -> None:
    found = pairs((0, 1), (0, 1), (1, 1))
    assert len(broken(replace(found, distance=found.distance + 10), caliper=0.01)) == 6
