"""A verified share: counted exactly, with the exact binomial interval, and refused where it would not be a count."""

from __future__ import annotations

import math
from decimal import Decimal

import pandas as pd
import pytest
from estimator_world import Ask, again, estimate
from scipy import stats

from evaltool.errors import RunError
from evaltool.numerics.inference import InferenceRule, exact_share
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel

SHARE = "measured.share"


def people(reached: int, of: int, *, units: list[str] | None = None) -> Panel:
    """``of`` people, of whom the first ``reached`` reached the outcome."""
    names = units or [f"p{i:02}" for i in range(of)]
    frame = pd.DataFrame({"unit": names, "y": [1.0] * reached + [0.0] * (of - reached)})
    return panel_from_frame(frame, FrameRoles(unit="unit", outcome="y"))


def at_least(k: int, n: int, p: float) -> float:
    """P(X ≥ k) by the plain sum."""
    return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))


def test_fifteen_of_twenty() -> None:
    """0.75; the ends are where P(X ≥ 15) and P(X ≤ 15) are 0.025: 50.9 and 91.3 percent."""
    found = estimate(people(15, 20), Ask(method=SHARE))
    assert (found.att, found.se, found.absent, found.kind) == (0.75, None, "EXACT_INTERVAL", "change")
    assert found.interval is not None
    assert (round(100 * found.interval.lower, 1), round(100 * found.interval.upper, 1)) == (50.9, 91.3)
    assert at_least(15, 20, found.interval.lower) == pytest.approx(0.025, rel=1e-9)
    assert 1 - at_least(16, 20, found.interval.upper) == pytest.approx(0.025, rel=1e-9)
    assert (found.counts.treated, found.counts.comparison) == (20, 0)
    assert again(people(15, 20), Ask(method=SHARE)).value == 0.75


@pytest.mark.parametrize("of", range(1, 31))
def test_the_interval_is_scipys_exact_one(of: int) -> None:
    for reached in range(of + 1):
        want = stats.binomtest(reached, of).proportion_ci(0.95, method="exact")
        found = exact_share(reached, of, InferenceRule(level=0.95))
        assert found == pytest.approx((want.low, want.high), abs=1e-12)


def test_one_sided_ends_spend_everything() -> None:
    """The lower 95 percent end of 20 of 20 is 0.05 ** (1/20)."""
    lower, upper = exact_share(20, 20, InferenceRule(level=0.95, sides="one"))
    assert (lower, upper) == (pytest.approx(0.05 ** (1 / 20), rel=1e-12), 1.0)


@pytest.mark.parametrize(("reached", "of"), [(-1, 3), (4, 3), (0, 0)])
def test_no_share_of_what_is_not_there(reached: int, of: int) -> None:
    with pytest.raises(ValueError, match="a share counts"):
        exact_share(reached, of, InferenceRule(level=0.95))


@pytest.mark.parametrize(("reached", "ends"), [(0, (0.0, 0.3085)), (10, (0.6915, 1.0))])
def test_nobody_or_everybody_still_has_an_interval(reached: int, ends: tuple[float, float]) -> None:
    """0 of 10: the upper end is 1 − 0.025 ** (1/10)."""
    found = estimate(people(reached, 10), Ask(method=SHARE))
    assert found.interval is not None
    assert (found.interval.lower, found.interval.upper) == pytest.approx(ends, abs=5e-5)
    assert found.conf_int().iloc[0].tolist() == [found.interval.lower, found.interval.upper]


def test_payment_sees_an_exact_figure_with_bounds() -> None:
    found = estimate(people(16, 20), Ask(method=SHARE)).evidence(direction="increase", scale="absolute")
    assert (found.point, found.is_exact, found.standard_error) == (Decimal("0.8"), True, None)
    assert found.lower is not None
    assert found.lower < found.point


def test_a_unit_counts_once_and_an_outcome_is_reached_or_not() -> None:
    """Both faults are told at once."""
    frame = pd.DataFrame({"unit": ["a", "a", "b", "b"], "time": [1, 2, 1, 2], "y": [1.0, 1.0, 0.0, 0.5]})
    panel = panel_from_frame(frame, FrameRoles(unit="unit", outcome="y", time="time"))
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(method=SHARE))
    assert caught.value.codes == ("RUN_ONE_ROW_PER_UNIT", "RUN_NOT_ZERO_OR_ONE")
    assert "0.5" in str(caught.value)


def test_no_data_no_share() -> None:
    with pytest.raises(RunError) as caught:
        estimate(None, Ask(method=SHARE))
    assert caught.value.codes == ("RUN_NEEDS_DATA",)
