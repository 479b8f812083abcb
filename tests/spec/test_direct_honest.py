"""``ev.did.honest`` on any estimate with an event study: same numbers as the arrays, targets, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from direct_frames import staggered

import evaltool as ev
from evaltool.errors import UsageError
from evaltool.numerics.honest import Sensitivity
from evaltool.numerics.honest_sets import EventStudy
from evaltool.records.estimate import Counts, Element, Estimate
from evaltool.records.evidence import EstimateKey

NAMES = {"outcome": "Days away", "unit": "school", "time": "year", "first_treated": "start"}


def event_study(
    values: dict[int, float], base: int = -1, conventions: dict[str, Any] | None = None, step: int = 1
) -> Estimate:
    """An estimate with independent errors of 0.1 at each event time but the base."""
    times = sorted([*values, base])
    path = tuple(
        Element(kind="event", element=t * step, label=str(t), att=values.get(t, 0.0), reference=t == base)
        for t in times
    )
    covariance = tuple(tuple(0.01 * (i == j) for j in range(len(values))) for i in range(len(values)))
    return Estimate(
        key=EstimateKey(outcome="y"),
        method="did.two_by_two",
        kind="effect",
        estimand="ATT",
        unit="days",
        att=1.0,
        se=0.1,
        counts=Counts(treated=5, comparison=5, observations=50),
        path=path,
        event_covariance=covariance,
        conventions=conventions or {},
    )


WORLD = {-3: 0.1, -2: 0.05, 0: 1.0, 1: 1.2}


def test_the_same_numbers_as_the_arrays() -> None:
    found = ev.did.honest(event_study(WORLD), grid=[0, 1])
    study = EventStudy(np.array([0.1, 0.05, 1.0, 1.2]), 0.01 * np.eye(4), 2, np.array([0.5, 0.5]))
    asked = Sensitivity(study, "relative_magnitudes", "conditional", 0.95)
    table = found.to_frame()
    assert list(table.columns) == ["bound", "lower", "upper"]
    for row, bound in zip(table.itertuples(), (0.0, 1.0), strict=True):
        expected = asked.interval(bound)
        assert (row.bound, row.lower, row.upper) == (bound, expected.lower, expected.upper)
    assert found.breakdown() == asked.breakdown(0.0).value
    assert found.breakdown(0.5) == asked.breakdown(0.5).value
    half = 1.959963984540054 * math.sqrt(0.005)
    assert found.original == pytest.approx((1.1 - half, 1.1 + half))


@pytest.mark.parametrize(
    ("weights", "expected"), [("average", 1.1), ("first", 1.0), ([0.0, 1.0], 1.2), ((0.25, 0.75), 1.15)]
)
def test_targets(weights: str | list[float] | tuple[float, ...], expected: float) -> None:
    found = ev.did.honest(event_study(WORLD), kind="smoothness", grid=[0.0], weights=weights)  # type: ignore[arg-type]
    assert found.sensitivity.study.estimate == pytest.approx(expected)


def test_periods_between_base_and_start_carry_no_target_and_count_as_after_the_base() -> None:
    found = ev.did.honest(event_study({-4: 0.1, -2: 0.0, -1: 0.3, 0: 1.0}, base=-3), grid=[1.0])
    assert found.sensitivity.study.before == 1
    assert found.sensitivity.study.weights.tolist() == [0.0, 0.0, 1.0]


def test_on_a_real_estimate_and_its_level() -> None:
    effect = ev.did.group_time(staggered(), **NAMES).aggregate("dynamic")
    found = ev.did.honest(effect)
    assert found.sensitivity.level == 0.95
    assert [i.bound for i in found.intervals] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert found.event_times == tuple(e.element for e in effect.path if not e.reference)
    lower, upper = found.original
    assert found.intervals[0].lower == pytest.approx(lower, abs=0.02 * (upper - lower))
    text = found.summary.text
    assert "seed" in text
    assert "relative magnitudes" in text
    assert text == repr(found)
    assert "<pre>" in found._repr_html_()
    wide = ev.did.honest(effect, level=0.99, grid=[0.0]).intervals[0]
    assert wide.upper - wide.lower > found.intervals[0].upper - found.intervals[0].lower


def test_the_same_bits_twice() -> None:
    effect = event_study(WORLD)
    assert ev.did.honest(effect).to_frame().equals(ev.did.honest(effect).to_frame())


@pytest.mark.parametrize(
    ("estimate", "part"),
    [
        (event_study(WORLD).model_copy(update={"path": ()}), "no event study"),
        (event_study(WORLD).model_copy(update={"event_covariance": ()}), "no event study"),
        (event_study(WORLD, conventions={"base_period": "varying"}), "common base period"),
        (event_study({-4: 0.0, -2: 0.1, 0: 1.0}), "equal steps"),
        (event_study({0: 1.0, 1: 1.0}), "before the base period"),
        (event_study({-3: 0.0, -2: 1.0}), "before the base period"),
    ],
)
def test_estimates_without_a_usable_event_study(estimate: Estimate, part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        ev.did.honest(estimate)
    assert caught.value.codes == ("USAGE_NO_EVENT_STUDY",)


def test_equal_steps_of_another_length_are_steps() -> None:
    """Waves every second year: the same numbers as with yearly ones."""
    found = ev.did.honest(event_study(WORLD, step=2).model_copy(), grid=[1.0])
    assert found.to_frame().equals(ev.did.honest(event_study(WORLD), grid=[1.0]).to_frame())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"kind": "linear"}, "USAGE_NOT_OFFERED"),
        ({"kind": "smoothness"}, "USAGE_BAD_ARGUMENT"),
        ({"method": "fixed_length"}, "USAGE_NOT_OFFERED"),
        ({"grid": []}, "USAGE_BAD_ARGUMENT"),
        ({"grid": [-1.0]}, "USAGE_BAD_ARGUMENT"),
        ({"grid": ["1", True]}, "USAGE_BAD_ARGUMENT"),
        ({"grid": [math.nan]}, "USAGE_BAD_ARGUMENT"),
        ({"weights": "last"}, "USAGE_NOT_OFFERED"),
        ({"weights": [1.0]}, "USAGE_BAD_ARGUMENT"),
        ({"weights": [0.0, 0.0]}, "USAGE_BAD_ARGUMENT"),
        ({"level": 0.05}, "USAGE_BAD_ARGUMENT"),
    ],
)
def test_arguments_that_cannot_be_meant(options: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.honest(event_study(WORLD), **options)
    assert code in caught.value.codes


def test_all_faults_at_once_and_thresholds_are_numbers() -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.honest(event_study(WORLD), grid=[-1.0], weights="last", level=2.0)
    assert len(caught.value.faults) == 3
    with pytest.raises(UsageError):
        ev.did.honest(event_study(WORLD), grid=[0.0]).breakdown(math.inf)
