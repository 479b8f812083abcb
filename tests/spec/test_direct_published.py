"""``ev.did.published``: coefficients that somebody else printed become an event study, or are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evaltool as ev
from evaltool.errors import UsageError
from evaltool.numerics.honest import Sensitivity
from evaltool.numerics.honest_sets import EventStudy

EFFECTS = {-3: 0.1, -2: 0.05, 0: 1.0, 1: 1.2}
COVARIANCE = 0.01 * (np.eye(4) + 0.5)


def test_the_effect_is_the_mean_from_the_start_on() -> None:
    found = ev.did.published(EFFECTS, COVARIANCE, unit="days", source="made up")
    assert found.att == pytest.approx(1.1)
    assert found.se == pytest.approx(math.sqrt((0.015 + 0.015 + 2 * 0.005) / 4))
    assert [(e.element, e.reference) for e in found.path] == [
        (-3, False),
        (-2, False),
        (-1, True),
        (0, False),
        (1, False),
    ]
    assert found.path[-1].se == pytest.approx(math.sqrt(0.015))
    assert (found.unit, found.source) == ("days", "made up")


def test_sensitivity_is_that_of_the_arrays_whatever_the_order() -> None:
    turned = ev.did.published(dict(reversed(EFFECTS.items())), COVARIANCE.tolist())
    study = EventStudy(np.array([0.1, 0.05, 1.0, 1.2]), COVARIANCE, 2, np.array([0.5, 0.5]))
    expected = Sensitivity(study, "relative_magnitudes", "conditional", 0.95).interval(1.0)
    row = ev.did.honest(turned, grid=[1.0]).to_frame().iloc[0]
    assert (row["lower"], row["upper"]) == (expected.lower, expected.upper)


@pytest.mark.parametrize(
    ("effects", "covariance", "more", "part"),
    [
        (EFFECTS, np.eye(3), {}, "shape (3, 3), not (4, 4)"),
        (EFFECTS, np.eye(4) + np.triu(np.ones((4, 4)), 1), {}, "not symmetric"),
        (EFFECTS, np.eye(4) - 2.0, {}, "a variance is not positive"),
        (EFFECTS, np.eye(4) * math.nan, {}, "An entry is not a number"),
        ({**EFFECTS, 0: math.inf}, np.eye(4), {}, "A coefficient is not a number"),
        ({-3: 0.1, -2: 0.2}, np.eye(2), {}, "no event time from the start on"),
        (EFFECTS, np.eye(4), {"base": -2}, "base = -2"),
        (EFFECTS, np.eye(4), {"level": 1.0}, "level = 1.0"),
    ],
)
def test_what_is_no_event_study(
    effects: dict[int, float], covariance: np.ndarray, more: dict[str, float], part: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ev.did.published(effects, covariance, **more)
    assert part in refused.value.faults[0].cause


def test_every_fault_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        ev.did.published({0: math.nan}, np.eye(2), base=0, level=2.0)
    assert len(refused.value.faults) == 4
