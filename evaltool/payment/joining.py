"""Several triggered amounts as one: their sum, the smallest, the largest, or their sum when all are triggered."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from evaltool.payment.trace import step
from evaltool.records.mechanism import MechanismResult, Tier

How = Literal["sum", "minimum", "maximum", "all_of"]
ZERO = Decimal(0)


def join(name: str | None, how: How, parts: Mapping[str, MechanismResult]) -> MechanismResult:
    """The parts joined; ``name`` is the rule that joins them, None for the contract itself.

    Amounts are under each part's own cap. ``minimum`` and ``maximum`` take one part whole (the first of equals), with
    its offset and its payers. The top is what the parts can reach joined in the same way; None where that has no limit.
    """
    results = list(parts.values())
    if how in {"minimum", "maximum"}:
        chosen = (min if how == "minimum" else max)(results, key=lambda one: one.amount)
        joined = [chosen]
    else:
        missed = how == "all_of" and any(one.tier in {"none", "carried_forward"} for one in results)
        joined = [] if missed else results
    amount = sum((one.amount for one in joined), ZERO)
    added = bool(joined) and how in {"sum", "all_of"}
    top = _top(how, [one.maximum for one in results])
    values = {"rule": name, "parts": ", ".join(parts), "amount": amount}
    return MechanismResult(
        amount=amount,
        tier=_tier(amount, top, results, full=added and all(one.tier == "full" for one in joined)),
        maximum=top,
        capped=any(one.capped for one in joined),
        offset=min(amount, sum((one.offset for one in joined), ZERO)),
        by_payer=_payers(joined),
        trace=(step(f"join.{how}", values),),
    )


def _top(how: How, tops: list[Decimal | None]) -> Decimal | None:
    """The most that the parts can reach joined; None without a limit."""
    closed = [top for top in tops if top is not None]
    if how == "minimum":
        return min(closed, default=None)
    if len(closed) < len(tops):
        return None
    return max(closed, default=None) if how == "maximum" else sum(closed, ZERO)


def _tier(amount: Decimal, top: Decimal | None, results: list[MechanismResult], *, full: bool) -> Tier:
    """How much of the whole is triggered; open cohort tests carry forward."""
    if amount == 0:
        return "carried_forward" if any(one.tier == "carried_forward" for one in results) else "none"
    reached = top is not None and amount >= top
    return "full" if reached or full else "partial"


def _payers(joined: list[MechanismResult]) -> dict[str, Decimal]:
    """What each payer owes of the parts that name payers; the rest is shared as agreed."""
    owed: dict[str, Decimal] = {}
    for one in joined:
        for payer, part in one.by_payer.items():
            owed[payer] = owed.get(payer, ZERO) + part
    return owed
