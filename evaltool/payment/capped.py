"""The end of every tariff: the amount under the rule's own cap, and how much of its top that is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from evaltool.payment.trace import step
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismResult, RuleRequest, Tier


def tier_of(amount: Decimal, top: Decimal | None) -> Tier:
    """``none`` for nothing, ``full`` for an amount that has reached its top or has none, else ``partial``."""
    return "none" if amount == 0 else "full" if top is None or amount >= top else "partial"


def under_cap(
    request: RuleRequest, gross: Decimal, cap: Decimal | None, top: Decimal | None, trace: Sequence[TraceStep]
) -> MechanismResult:
    """``gross`` under ``cap``; ``top`` is the most the terms can pay (None: no limit)."""
    amount = gross if cap is None else min(gross, cap)
    steps = [*trace]
    if cap is not None:
        steps.append(step("tariff.cap", {"rule": request.rule.id, "cap": cap, "before": gross, "after": amount}))
    return MechanismResult(
        amount=amount, tier=tier_of(amount, top), maximum=top, capped=amount < gross, trace=tuple(steps)
    )
