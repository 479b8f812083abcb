"""Numbers, money and dates as Danish and English readers write them.

Danish: decimal comma, full stop between thousands, ``pct.``, ``kr.``, ``mio. kr.``, ``dd.mm.åååå``. English: decimal
point, comma between thousands, ``%``, the currency's code first, day month year. Negative numbers carry a true minus
sign. Rounding is half to even on the shortest decimal that reads back as the number, so that text never depends on
binary noise. Every function raises ValueError for a number that is not finite: a missing number is never formatted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

Number = int | float | Decimal
MINUS = "−"
NO_BREAK = "\u00a0"
MILLION = Decimal(1_000_000)
SIGNIFICANT = 4
"""Significant digits when the caller states no number of decimals."""
SCIENTIFIC_BELOW = Decimal("0.0001")
INDEX = "PCT"
"""Where a currency stands: amounts are per cent of the highest payment."""
SMALLEST_P = Decimal("0.001")
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def number(value: Number, lang: str, digits: int | None = None) -> str:
    """``value`` with ``digits`` decimals (1.234,5 in Danish, 1,234.5 in English).

    Without ``digits``: whole numbers in full, others to four significant digits; below 0.0001 as 1,2·10⁻⁵.
    """
    exact = _decimal(value)
    if digits is not None:
        return _grouped(_rounded(exact, digits), lang)
    if exact == exact.to_integral_value():
        return _grouped(exact.to_integral_value(), lang)
    if abs(exact) < SCIENTIFIC_BELOW:
        return _scientific(exact, lang)
    decimals = max(0, SIGNIFICANT - 1 - exact.adjusted())
    return _grouped(_stripped(_rounded(exact, decimals)), lang)


def decimals_for(values: Iterable[Number], significant: int = SIGNIFICANT) -> int:
    """The decimals that give the largest of ``values`` so many significant digits, so that a column lines up."""
    sizes = [abs(_decimal(value)) for value in values]
    top = max((size for size in sizes if size), default=Decimal(1))
    return 0 if all(size == size.to_integral_value() for size in sizes) else max(0, significant - 1 - top.adjusted())


def percent(value: Number, lang: str, digits: int = 1) -> str:
    """A share as per cent: 0.161 is ``16,1 pct.`` in Danish and ``16.1%`` in English."""
    text = _grouped(_rounded(_decimal(value).scaleb(2, _WIDE), digits), lang)
    return f"{text}{NO_BREAK}pct." if lang == "da" else f"{text}%"


def points(value: Number, lang: str, digits: int = 1) -> str:
    """A difference of shares: 0.05 is ``5,0 procentpoint`` or ``5.0 percentage points``."""
    text = _grouped(_rounded(_decimal(value).scaleb(2, _WIDE), digits), lang)
    return f"{text}{NO_BREAK}procentpoint" if lang == "da" else f"{text}{NO_BREAK}percentage points"


def p_value(value: Number, lang: str) -> str:
    """A p-value with three decimals; ``< 0,001`` below that. Includes the sign: ``= 0,032``."""
    exact = _decimal(value)
    if exact < SMALLEST_P:
        return f"<{NO_BREAK}{_grouped(SMALLEST_P, lang)}"
    return f"={NO_BREAK}{_grouped(_rounded(exact, 3), lang)}"


def money(amount: Decimal, currency: str, lang: str) -> str:
    """The exact amount: ``1.234.567,50 kr.`` or ``DKK 1,234,567.50``; no decimals when it is whole.

    Never rounds: an amount with more than two decimals shows them all.
    """
    exact = _decimal(amount)
    whole = exact == exact.to_integral_value()
    places = 0 if whole else max(2, -_exponent(_stripped(exact)))
    return _with_currency(_grouped(_rounded(exact, places), lang), currency, lang)


def money_short(amount: Decimal, currency: str, lang: str) -> str:
    """``2,5 mio. kr.`` or ``DKK 2.5 million`` where two decimals lose nothing; else the exact amount."""
    exact = _decimal(amount)
    if currency == INDEX:
        return (
            f"{number(exact, lang)}{NO_BREAK}pct. af beløbet"
            if lang == "da"
            else f"{number(exact, lang)}% of the maximum"
        )
    millions = _stripped(_WIDE.divide(exact, MILLION))
    if abs(exact) < MILLION or _exponent(millions) < -2:  # noqa: PLR2004 - two decimals of a million
        return money(amount, currency, lang)
    text = _grouped(millions, lang)
    word = "mio." if lang == "da" else "million"
    return _with_currency(f"{text}{NO_BREAK}{word}", currency, lang)


def date_text(day: date, lang: str) -> str:
    """``05.03.2026`` in Danish, ``5 March 2026`` in English."""
    if lang == "da":
        return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"
    return f"{day.day}{NO_BREAK}{_MONTHS[day.month - 1]}{NO_BREAK}{day.year}"


def _decimal(value: Number) -> Decimal:
    """The shortest decimal that reads back as ``value``. Raises ValueError when it is not finite."""
    exact = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        message = "a number that is not finite cannot be written as text"
        raise ValueError(message)
    return exact


def _rounded(value: Decimal, digits: int) -> Decimal:
    """``value`` with exactly ``digits`` decimals, half to even."""
    return value.quantize(Decimal(1).scaleb(-digits), context=_WIDE)


def _stripped(value: Decimal) -> Decimal:
    """``value`` without trailing zeros after the decimal sign."""
    return value.to_integral_value() if value == value.to_integral_value() else _WIDE.create_decimal(value).normalize()


def _exponent(value: Decimal) -> int:
    """The exponent of a finite decimal: −2 for two decimals."""
    exponent: int | Literal["n", "N", "F"] = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _grouped(value: Decimal, lang: str) -> str:
    """Digits with the language's separators and a true minus; a value that rounds to zero carries no sign."""
    text = f"{abs(value):,f}"
    if lang == "da":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{MINUS}{text}" if value < 0 else text


def _scientific(value: Decimal, lang: str) -> str:
    """``1,2·10⁻⁵``: two significant digits."""
    shown = Context(prec=2, rounding=ROUND_HALF_EVEN).create_decimal(value)
    power = shown.adjusted()
    mantissa = _grouped(_rounded(shown.scaleb(-power), 1), lang)
    return f"{mantissa}·10{str(power).translate(_SUPERSCRIPT)}"


def _with_currency(text: str, currency: str, lang: str) -> str:
    """The currency where the language puts it: ``kr.`` behind in Danish for DKK, the code in front in English.

    ``PCT`` is no currency but an index, 100 being the highest payment; it reads as a share of that.
    """
    if currency == INDEX:
        return f"{text}{NO_BREAK}pct. af det højeste beløb" if lang == "da" else f"{text}% of the maximum"
    if lang == "da":
        return f"{text}{NO_BREAK}{'kr.' if currency == 'DKK' else currency}"
    return f"{currency}{NO_BREAK}{text}"
