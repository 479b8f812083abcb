"""The yearly internal rate of return of dated cash flows, every one of them, or the reason there is none.

    Σ c_i · (1 + r)^(−t_i) = 0,   t_i = days from the first flow / 365

In x = ln(1 + r) the left side is an exponential polynomial. All of its zeros within the bounds are found, not one: with
the first term divided out, the derivative has one term less, its zeros (by the same rule) part the line into pieces on
which the function is monotone, and in each piece with a change of sign ``scipy.optimize.brentq`` finds the zero. Flows
whose running sum changes its sign once have one positive rate (Norstrøm 1972).

Source: Norstrøm 1972 (J. Financial and Quantitative Analysis 7), for uniqueness; days / 365 is the convention of the
XIRR function of spreadsheets.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

from scipy import optimize

YEAR = 365.0
LOWEST, HIGHEST = -0.9999, 1000.0
"""Bounds of a yearly rate: all but lost, and a thousandfold within a year."""
Absent = Literal["never_received", "never_invested", "one_day", "no_sign_change", "beyond_bounds", "several_rates"]


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate, or why it is absent; ``all`` holds every zero found, ascending."""

    value: float | None
    absent: Absent | None = None
    all: tuple[float, ...] = ()


def internal_rate(flows: Sequence[tuple[date, float]]) -> Rate:
    """The rate at which the flows are worth nothing. Flows of one day are added first; the order does not matter.

    Raises ValueError when a flow is not finite.
    """
    by_day: dict[date, list[float]] = {}
    for day, amount in flows:
        if not math.isfinite(amount):
            message = f"a cash flow must be finite, got {amount!r} on {day}"
            raise ValueError(message)
        by_day.setdefault(day, []).append(amount)
    netted = [(day, math.fsum(sorted(by_day[day]))) for day in sorted(by_day)]
    netted = [(day, amount) for day, amount in netted if amount != 0.0]
    reason = _impossible(flows, netted)
    if reason is not None:
        return Rate(None, reason)
    times = [(day - netted[0][0]).days / YEAR for day, _ in netted]
    amounts = [amount for _, amount in netted]
    found = tuple(math.expm1(x) for x in _zeros(times, amounts))
    if not found:
        return Rate(None, "beyond_bounds" if _changes(amounts) % 2 else "no_sign_change")
    return Rate(found[0], None, found) if len(found) == 1 else Rate(None, "several_rates", found)


def _impossible(flows: Sequence[tuple[date, float]], netted: Sequence[tuple[date, float]]) -> Absent | None:
    """Why flows of one sign, or of one day, have no rate."""
    if not any(amount > 0 for _, amount in flows):
        return "never_received"
    if not any(amount < 0 for _, amount in flows):
        return "never_invested"
    if len({day for day, _ in flows}) == 1:
        return "one_day"
    return None if any(a * b < 0 for (_, a), (_, b) in itertools.pairwise(netted)) else "no_sign_change"


def _changes(amounts: Sequence[float]) -> int:
    """How often the sign changes from one flow to the next."""
    return sum(one * other < 0 for one, other in itertools.pairwise(amounts))


def _value(times: Sequence[float], amounts: Sequence[float], x: float) -> float:
    """Σ c_i e^(−x t_i) over its largest factor: the same sign and zeros, and nothing overflows."""
    top = max(-x * time for time in times)
    return math.fsum(amount * math.exp(-x * time - top) for time, amount in zip(times, amounts, strict=True))


def _zeros(times: Sequence[float], amounts: Sequence[float]) -> list[float]:
    """Every zero of Σ c_i e^(−x t_i) within the bounds, ascending; a double zero counts once where it is exact."""
    if len(times) < 2:  # noqa: PLR2004 - one exponential has no zero
        return []
    shifted = [time - times[0] for time in times]
    slopes = [-amount * time for time, amount in zip(shifted[1:], amounts[1:], strict=True)]
    turns = _zeros(shifted[1:], slopes)
    ends = [math.log1p(LOWEST), *turns, math.log1p(HIGHEST)]
    found: list[float] = []
    value = partial(_value, shifted, amounts)
    for low, high in itertools.pairwise(ends):
        first, last = value(low), value(high)
        if first == 0.0 and (not found or found[-1] < low):
            found.append(low)
        elif first * last < 0.0:
            found.append(float(optimize.brentq(value, low, high, xtol=1e-14)))
    return found
