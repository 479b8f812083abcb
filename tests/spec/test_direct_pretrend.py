"""``ev.did.pretrend`` and ``ev.did.bands``: the arrays' numbers on an estimate, and refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from direct_frames import staggered

import evaltool as ev
from evaltool.errors import UsageError
from evaltool.numerics.inference import wald
from evaltool.numerics.pretrend import pretrend_power
from evaltool.records.estimate import Estimate

NAMES = {"outcome": "Days away", "unit": "school", "time": "year", "first_treated": "start"}


@pytest.fixture(scope="module")
def effect() -> Estimate:
    return ev.did.group_time(staggered(), **NAMES).aggregate("dynamic")


def parts(effect: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients before the base, their covariance, their distances."""
    others = [e for e in effect.path if not e.reference]
    early = [i for i, e in enumerate(others) if e.element < -1]
    covariance = np.array(effect.event_covariance)[np.ix_(early, early)]
    return (
        np.array([others[i].att for i in early]),
        covariance,
        np.array([others[i].element + 1.0 for i in early]),
    )


def test_the_same_numbers_as_the_arrays(effect: Estimate) -> None:
    found = ev.did.pretrend(effect, slope=0.02)
    coefficients, covariance, distances = parts(effect)
    expected = wald(coefficients, covariance)
    assert expected is not None
    assert found.test is not None
    assert (found.test.statistic, found.test.p_value) == (expected.statistic, expected.p_value)
    assert found.power == pretrend_power(covariance, distances, 0.02, level=0.95, power=0.8)
    table = found.to_frame()
    assert table["event_time"].tolist() == [e.element for e in effect.path if not e.reference]
    assert table["trend"].tolist() == pytest.approx([0.02 * (t + 1) for t in table["event_time"]])
    assert "Against a slope of 0.02 per period, power at level 0.95" in repr(found)
    assert "<pre>" in found._repr_html_()


def test_without_a_slope_it_is_the_one_noticed_half_of_the_time(effect: Estimate) -> None:
    found = ev.did.pretrend(effect)
    assert found.power.any_significant == pytest.approx(0.5, abs=0.001)
    assert found.passing is not None
    assert found.passing.chance == pytest.approx(0.5, abs=0.001)


def test_a_trend_that_is_always_noticed_has_no_passing_samples(effect: Estimate) -> None:
    found = ev.did.pretrend(effect, slope=1e3)
    assert found.passing is None
    assert found.to_frame().empty
    assert found.power.joint == 1.0
    assert "unnoticed (no coefficient significant): 0.000" in found.summary.text


def test_bands_hold_the_pointwise_intervals_and_differ_in_the_critical_value_alone(effect: Estimate) -> None:
    found = ev.did.bands(effect)
    shown = [e for e in effect.path if not e.reference]
    assert found["event_time"].tolist() == [e.element for e in shown]
    for row, element in zip(found.itertuples(), shown, strict=True):
        assert element.interval is not None
        assert (row.lower, row.upper) == pytest.approx((element.interval.lower, element.interval.upper))
        assert row.band_upper - row.att == pytest.approx(found.attrs["critical"] * row.se)
    k = len(shown)
    independent = math.sqrt(2) * 3.0  # far above any sup-t value of this many effects
    assert 1.959 < found.attrs["critical"] < independent
    assert k > 2
    assert ev.did.bands(effect, level=0.99).attrs["critical"] > found.attrs["critical"]
    assert found.equals(ev.did.bands(effect))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"slope": math.nan}, "USAGE_BAD_ARGUMENT"),
        ({"power": 0.04}, "USAGE_BAD_ARGUMENT"),
        ({"power": 1.0}, "USAGE_BAD_ARGUMENT"),
        ({"level": 5}, "USAGE_BAD_ARGUMENT"),
    ],
)
def test_arguments_that_cannot_be_meant(effect: Estimate, options: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.pretrend(effect, **options)
    assert code in caught.value.codes


def test_estimates_without_an_event_study(effect: Estimate) -> None:
    bare = effect.model_copy(update={"event_covariance": (), "path": ()})
    for call in (ev.did.pretrend, ev.did.bands):
        with pytest.raises(UsageError) as caught:
            call(bare)
        assert caught.value.codes == ("USAGE_NO_EVENT_STUDY",)
    with pytest.raises(UsageError):
        ev.did.bands(effect, level=0.2)
