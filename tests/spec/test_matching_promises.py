"""A matching that breaks what it promised is found on the finished sets, each promise by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaltool.designs.matching._promises import Promises, check_promises
from evaltool.designs.matching._sets import Matches
from evaltool.designs.matching._units import Units
from evaltool.errors import RunError
from evaltool.numerics.matching import GRID

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
GOOD = Matches(
    focal=UNITS.treated,
    first=np.array([0, 1]),
    second=np.array([2, 3]),
    distance=np.array([2 * GRID // 100, 3 * GRID // 100]),
    wanted=np.array([1, 1, 0, 0, 0]),
    replace=False,
)


def pairs(*found: tuple[int, int], ratio: int = 1, replace: bool = False) -> Matches:
    """Pairs of treated and comparison index with their true distances."""
    treated, comparison = (np.array(side) for side in zip(*found, strict=True))
    distance = np.rint(np.abs(SCORE[treated] - SCORE[2 + comparison]) * GRID).astype(np.int64)
    return Matches(UNITS.treated, treated, 2 + comparison, distance, GOOD.wanted * ratio, replace)


def promises(caliper: float | None = None, **more: object) -> Promises:
    return Promises(points=SCORE[:, None], score=SCORE, caliper=caliper, **more)  # type: ignore[arg-type]


def broken(found: Matches, caliper: float | None = None, **more: object) -> list[str]:
    with pytest.raises(RunError) as caught:
        check_promises(UNITS, found, promises(caliper, **more))
    assert set(caught.value.codes) == {"RUN_PROMISE_BROKEN"}
    return [fault.cause for fault in caught.value.faults]


def test_kept_promises_raise_nothing() -> None:
    check_promises(UNITS, GOOD, promises(0.03))
    check_promises(UNITS, pairs((0, 0), (1, 1), (1, 2), ratio=2), promises())
    same_twice = replace(UNITS, exact=np.empty((5, 0)), exact_names=())
    check_promises(same_twice, pairs((0, 1), (1, 1), replace=True), promises())


def test_recorded_distances_that_are_not_those_of_the_scores() -> None:
    (cause,) = broken(replace(GOOD, distance=GOOD.distance + np.array([0, 10])))
    assert "distances recorded" in cause


def test_a_pair_beyond_the_caliper() -> None:
    (cause,) = broken(GOOD, caliper=0.029)
    assert "0.03 apart, beyond the caliper of 0.029" in cause


def test_a_pair_too_far_apart_in_one_column_or_equal_where_it_must_differ() -> None:
    age = np.array([30.0, 40.0, 33.0, 40.0, 50.0])
    (cause,) = broken(GOOD, widths={"age": (age, 2.0)})
    assert "3 apart in age, beyond the caliper of 2" in cause
    (cause,) = broken(GOOD, apart={"age": age})
    assert "equal in age, which must differ" in cause
    check_promises(UNITS, GOOD, promises(widths={"age": (age, 3.0)}, apart={"town": np.arange(5.0)}))


def test_a_pair_that_differs_where_it_must_be_equal() -> None:
    (cause,) = broken(pairs((0, 1), (1, 2)))
    assert "differs in sex" in cause


def test_more_matches_than_the_ratio() -> None:
    (cause,) = broken(pairs((0, 0), (1, 1), (1, 2)))
    assert "has 2 matches, more than 1" in cause


def test_a_comparison_unit_used_twice_without_replacement() -> None:
    loose = replace(UNITS, exact=np.empty((5, 0)), exact_names=())
    with pytest.raises(RunError) as caught:
        check_promises(loose, pairs((0, 1), (1, 1)), promises())
    assert "used twice without replacement" in str(caught.value)


def test_a_pair_that_stands_twice() -> None:
    (cause,) = broken(pairs((1, 1), (1, 1), ratio=2, replace=True))
    assert "stands twice" in cause


def test_two_of_one_group() -> None:
    found = replace(GOOD, second=np.array([2, 0]), distance=np.array([2, 20]) * GRID // 100)
    assert any("two units of one group" in cause for cause in broken(found))


def test_everything_broken_is_told_at_once() -> None:
    found = pairs((0, 1), (0, 1), (1, 1))
    assert len(broken(replace(found, distance=found.distance + 10), caliper=0.01)) == 6
