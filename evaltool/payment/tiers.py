"""Amounts by tier: what ``binary_threshold``, ``step_tiers``, ``partial_complete`` and blends have in common."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from evaltool.payment.basis import Absent, Figure, absent_result, compare, compared, only_figure
from evaltool.payment.trace import step
from evaltool.records.mechanism import MechanismResult, RuleRequest, Tier


def pay_tiers(request: RuleRequest, tiers: Sequence[tuple[Decimal, Decimal]]) -> MechanismResult:
    """The amount A_k of the highest tier reached: θ_k ≤ figure < θ_{k+1} (or strict); 0 below the first.

    ``tiers`` are (threshold, amount), ascending in both.
    """
    found = only_figure(request)
    if isinstance(found, Absent):
        return absent_result(request, found)
    return pay_reached(request, found, tiers)


def pay_reached(request: RuleRequest, found: Figure, tiers: Sequence[tuple[Decimal, Decimal]]) -> MechanismResult:
    """The amount of the highest tier that ``found`` reaches."""
    comparisons = tuple(compare(request, found, threshold) for threshold, _ in tiers)
    reached = sum(c.reached for c in comparisons)
    amount = tiers[reached - 1][1] if reached else Decimal(0)
    top = tiers[-1][1]
    tier: Tier = "none" if not reached else "full" if reached == len(tiers) else "partial"
    trace = [*found.trace]
    trace += [compared(request, c) for c in comparisons[max(reached - 1, 0) : reached + 1]]
    if reached:
        trace.append(step("tier.reached", {"rule": request.rule.id, "from": tiers[reached - 1][0], "amount": amount}))
    return MechanismResult(amount=amount, tier=tier, maximum=top, trace=tuple(trace), comparisons=comparisons)
