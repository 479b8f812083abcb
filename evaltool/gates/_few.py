"""How a gate speaks of a handful of units: verdicts are exact, what is printed says "fewer than".

Statistic and sentence of a gate are released, its evidence is not. A count of 1 up to the plan's minimum is therefore
replaced in both by a bound that the verdict still agrees with.
"""

from __future__ import annotations

from evaltool.records.gate import Verdict
from evaltool.records.plugins import GateContext


def is_few(context: GateContext, *counts: int) -> bool:
    """Whether any count is above zero and below the disclosure minimum."""
    return any(0 < count < context.plan.disclosure.minimum for count in counts)


def most(context: GateContext, count: int) -> int:
    """The largest count that looks the same from outside: one below the minimum for a few, else the count itself."""
    return context.plan.disclosure.minimum - 1 if is_few(context, count) else count


def least(context: GateContext, count: int) -> int:
    """The smallest count that looks the same from outside: one for a few, else the count itself."""
    return 1 if is_few(context, count) else count


def agreeing(bound: float, verdict: Verdict, limit: float, *, rising: bool) -> float:
    """The bound, or the limit where a PASS would otherwise stand beside a number that misses it."""
    if verdict != "PASS":
        return bound
    return max(bound, limit) if rising else min(bound, limit)
