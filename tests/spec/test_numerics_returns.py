"""Internal rates of return: by hand, several at once, none with the reason, and as a property of their definition."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.numerics.returns import internal_rate

DAY = date(2020, 1, 1)


def after(years: float) -> date:
    """So many years of 365 days after the first of January 2020."""
    return DAY + timedelta(days=round(365 * years))


def worth(flows: list[tuple[date, float]], rate: float) -> float:
    """Present value on the first day, straight from the definition."""
    return math.fsum(amount * (1 + rate) ** (-(day - DAY).days / 365) for day, amount in flows)


def test_ten_per_cent_in_one_year() -> None:
    found = internal_rate([(DAY, -100.0), (after(1), 110.0)])
    assert found.value == pytest.approx(0.10, abs=1e-12)
    assert found.absent is None


def test_two_years_compound() -> None:
    """−100, then 121 after two years: 1.1² = 1.21."""
    assert internal_rate([(DAY, -100.0), (after(2), 121.0)]).value == pytest.approx(0.10, abs=1e-12)


def test_half_is_lost() -> None:
    assert internal_rate([(DAY, -100.0), (after(1), 50.0)]).value == pytest.approx(-0.5, abs=1e-12)


def test_order_of_flows_does_not_matter_and_days_are_added() -> None:
    plain = internal_rate([(DAY, -60.0), (DAY, -40.0), (after(1), 30.0), (after(2), 90.0)])
    other = internal_rate([(after(2), 90.0), (DAY, -100.0), (after(1), 30.0)])
    assert plain == other


def test_two_rates_are_told_and_none_is_chosen() -> None:
    """−1 + 5/(1 + r) − 6/(1 + r)² = 0 has 1 + r = 2 and 3."""
    found = internal_rate([(DAY, -1.0), (after(1), 5.0), (after(2), -6.0)])
    assert found.value is None
    assert found.absent == "several_rates"
    assert found.all == pytest.approx((1.0, 2.0), abs=1e-9)


def test_three_rates() -> None:
    """(x − 1.1)(x − 1.3)(x − 2) with x = 1 + r: coefficients 1, −4.4, 6.23, −2.86."""
    flows = [(DAY, 1.0), (after(1), -4.4), (after(2), 6.23), (after(3), -2.86)]
    assert internal_rate(flows).all == pytest.approx((0.1, 0.3, 1.0), abs=1e-9)


@pytest.mark.parametrize(
    ("flows", "reason"),
    [
        ([(DAY, -1.0)], "never_received"),
        ([(DAY, -1.0), (after(1), 0.0)], "never_received"),
        ([], "never_received"),
        ([(DAY, 1.0), (after(1), 2.0)], "never_invested"),
        ([(DAY, -1.0), (DAY, 2.0)], "one_day"),
        ([(DAY, -1.0), (after(1), 2.0), (after(2), -6.0)], "no_sign_change"),
        ([(DAY, -1.0), (after(1), 1.0), (after(1), -1.0)], "no_sign_change"),
        ([(DAY, -1.0), (DAY + timedelta(days=1), 2.0)], "beyond_bounds"),
    ],
)
def test_where_there_is_no_rate_the_reason_is_told(flows: list[tuple[date, float]], reason: str) -> None:
    found = internal_rate(flows)
    assert (found.value, found.absent) == (None, reason)


def test_three_hundred_years_do_not_overflow() -> None:
    found = internal_rate([(date(1900, 1, 1), -1.0), (date(2199, 12, 31), 2.0)])
    assert found.value == pytest.approx(2.0 ** (365 / (date(2199, 12, 31) - date(1900, 1, 1)).days) - 1, abs=1e-12)


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        internal_rate([(DAY, -1.0), (after(1), math.inf)])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 7000), st.integers(1, 10**7)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 700), st.integers(1, 10**7)), min_size=1, max_size=4),
)
def test_at_the_rate_the_flows_are_worth_nothing(received: list[tuple[int, int]], paid: list[tuple[int, int]]) -> None:
    """Whatever is found obeys the definition, relative to the size of what is paid in and received."""
    flows = [(DAY + timedelta(days=d), -float(a)) for d, a in paid]
    flows += [(DAY + timedelta(days=700 + d), float(a)) for d, a in received]
    found = internal_rate(flows)
    assert found.value is not None or found.absent in {"beyond_bounds", "one_day"}
    for rate in found.all:
        size = math.fsum(abs(amount) * (1 + rate) ** (-(day - DAY).days / 365) for day, amount in flows)
        assert abs(worth(flows, rate)) <= 1e-9 * size
