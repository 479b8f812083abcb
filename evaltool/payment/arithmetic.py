"""Decimal arithmetic with a stated context: fifty digits, half to even, and no silent trap."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import Decimal

from evaltool.records.plan.payment import Rounding

PRECISION = 50
"""Significant digits of every intermediate result; amounts are rounded once, at the end."""
OERE = -2
"""Exponent of the hundredth of a currency unit, the coarsest step in which payers share an amount."""
_CONTEXT = decimal.Context(
    prec=PRECISION,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_MODES: dict[Rounding, str] = {
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_up": decimal.ROUND_HALF_UP,
    "down": decimal.ROUND_DOWN,
    "up": decimal.ROUND_UP,
}


def stated_context() -> AbstractContextManager[decimal.Context]:
    """The context of all payment arithmetic, whatever the caller's own context says."""
    return decimal.localcontext(_CONTEXT)


def round_places(value: Decimal, places: int, mode: Rounding) -> Decimal:
    """``value`` with ``places`` decimals."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=_MODES[mode])


def round_quantum(value: Decimal, quantum: Decimal, mode: Rounding) -> Decimal:
    """``value`` as a whole number of quanta, written with the quantum's own decimals."""
    whole = (value / quantum).to_integral_value(rounding=_MODES[mode])
    decimals = min(0, int(quantum.normalize().as_tuple().exponent))
    return (whole * quantum).quantize(Decimal(1).scaleb(decimals))


def split(amount: Decimal, shares: Sequence[Decimal], quantum: Decimal) -> tuple[Decimal, ...]:
    """``amount`` (≥ 0, a whole number of quanta) by ``shares`` (sum 1), summing exactly to it.

    Largest remainder: every payer gets its share rounded down to the øre (or to the quantum's own last
    decimal, where that is finer); the øre left go one each to the largest remainders, ties to the payer named
    first.
    """
    exponent = min(OERE, int(quantum.normalize().as_tuple().exponent))
    step = Decimal(1).scaleb(exponent)
    exact = [amount * share / step for share in shares]
    whole = [part.to_integral_value(rounding=decimal.ROUND_FLOOR) for part in exact]
    left = int(amount / step - sum(whole, Decimal(0)))
    by_remainder = sorted(range(len(shares)), key=lambda i: (whole[i] - exact[i], i))
    favoured = set(by_remainder[:left])
    return tuple((part + (i in favoured)) * step for i, part in enumerate(whole))
