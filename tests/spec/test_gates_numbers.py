"""Numbers, money and dates as Danish and English readers write them."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import pytest

from evaltool.language.numbers import date_text, money, money_short, number, p_value, percent, points

S = "\u00a0"


@pytest.mark.parametrize(
    ("value", "digits", "danish", "english"),
    [
        (1234567, None, "1.234.567", "1,234,567"),
        (0.12345678, None, "0,1235", "0.1235"),
        (-1234.567, None, "−1.235", "−1,235"),
        (0.1, None, "0,1", "0.1"),
        (99999.96, None, "100.000", "100,000"),
        (1.2e-9, None, "1,2·10⁻⁹", "1.2·10⁻⁹"),
        (-3.25e-7, None, "−3,2·10⁻⁷", "−3.2·10⁻⁷"),
        (9.99e-10, None, "1,0·10⁻⁹", "1.0·10⁻⁹"),
        (0.0, None, "0", "0"),
        (-0.0004, 2, "0,00", "0.00"),
        (2.5, 0, "2", "2"),
        (3.5, 0, "4", "4"),
        (0.285, 2, "0,28", "0.28"),
        (1234.5, 1, "1.234,5", "1,234.5"),
        (Decimal("1E+3"), None, "1.000", "1,000"),
    ],
)
def test_numbers(value: float, digits: int | None, danish: str, english: str) -> None:
    assert number(value, "da", digits) == danish
    assert number(value, "en", digits) == english


def test_shares() -> None:
    assert (percent(0.161, "da"), percent(0.161, "en")) == (f"16,1{S}pct.", "16.1%")
    assert percent(Decimal("0.0839"), "da", 2) == f"8,39{S}pct."
    assert (points(-0.05, "da"), points(-0.05, "en")) == (f"−5,0{S}procentpoint", f"−5.0{S}percentage points")


@pytest.mark.parametrize(
    ("value", "danish"), [(0.0321, f"={S}0,032"), (0.0, f"<{S}0,001"), (0.00099, f"<{S}0,001"), (1.0, f"={S}1,000")]
)
def test_p_values(value: float, danish: str) -> None:
    assert p_value(value, "da") == danish
    assert p_value(value, "en") == danish.replace(",", ".")


@pytest.mark.parametrize(
    ("amount", "currency", "danish", "english"),
    [
        ("1234567.50", "DKK", f"1.234.567,50{S}kr.", f"DKK{S}1,234,567.50"),
        ("1000.00", "EUR", f"1.000{S}EUR", f"EUR{S}1,000"),
        ("0.125", "DKK", f"0,125{S}kr.", f"DKK{S}0.125"),
        ("0.5", "DKK", f"0,50{S}kr.", f"DKK{S}0.50"),
        ("-12", "GBP", f"−12{S}GBP", f"GBP{S}−12"),
    ],
)
def test_money_is_never_rounded(amount: str, currency: str, danish: str, english: str) -> None:
    assert money(Decimal(amount), currency, "da") == danish
    assert money(Decimal(amount), currency, "en") == english


@pytest.mark.parametrize(
    ("amount", "danish"),
    [
        ("2500000.00", f"2,5{S}mio.{S}kr."),
        ("10000000", f"10{S}mio.{S}kr."),
        ("1250000", f"1,25{S}mio.{S}kr."),
        ("1234567", f"1.234.567{S}kr."),
        ("999999", f"999.999{S}kr."),
        ("-3000000", f"−3{S}mio.{S}kr."),
    ],
)
def test_millions_only_where_nothing_is_lost(amount: str, danish: str) -> None:
    assert money_short(Decimal(amount), "DKK", "da") == danish
    assert money_short(Decimal(2500000), "DKK", "en") == f"DKK{S}2.5{S}million"


def test_dates() -> None:
    assert date_text(date(2026, 3, 5), "da") == "05.03.2026"
    assert date_text(date(2026, 3, 5), "en") == f"5{S}March{S}2026"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Decimal("NaN")])
def test_a_missing_number_is_never_written(value: float | Decimal) -> None:
    with pytest.raises(ValueError, match="not finite"):
        number(value, "da")
