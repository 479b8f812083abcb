"""What another rule triggers, less what is counted elsewhere.

Formula: max(0, triggered − Σ offsets); what earlier runs paid is deducted from the contract's sum in the same way.
Used in: South Carolina Nurse-Family Partnership (a tier was triggered and the offsets took all of it).
The state follows what was triggered: a payment of zero after offsets is NET_ZERO_AFTER_OFFSET, not NO_PAYMENT.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from evaltool.payment.terms import Positive, no_thresholds, terms_as, unknown_maximum
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Slug, Text
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Offset(Record):
    """An amount that is counted elsewhere, and why."""

    why: Text
    amount: Positive


class Terms(Record):
    """The rule and what is deducted from it."""

    of: Slug
    offsets: tuple[Offset, ...] = Field(min_length=1)


def pay(request: RuleRequest) -> MechanismResult:
    """The part's amount, with the deduction that step 5 makes."""
    terms = terms_as(Terms, request.terms)
    part = request.parts[terms.of]
    deducted = min(part.amount, part.offset + sum((one.amount for one in terms.offsets), Decimal(0)))
    trace = [
        step("offset.line", {"rule": request.rule.id, "offset_for": one.why, "amount": one.amount})
        for one in terms.offsets
    ]
    values: dict[str, Value] = {
        "rule": request.rule.id,
        "part": terms.of,
        "before": part.amount,
        "after": part.amount - deducted,
    }
    return part.model_copy(
        update={"offset": deducted, "trace": (*trace, step("offset.rule", values)), "comparisons": ()}
    )


PLUGIN = MechanismPlugin(
    name="net_of_offsets",
    title="Less what is counted elsewhere",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=no_thresholds,
)
