"""A second outcome must be reached before another rule pays.

Formula: the amount of the rule named by ``of`` if this rule's figure ≥ θ (inclusive) or > θ (strict), else 0. Several
hurdles stand one inside the other.
Used in: Norrköping (schooling beside costs), Denver (a lease before housing days count).
"""

from __future__ import annotations

from decimal import Decimal

from evaltool.payment.basis import Absent, absent_result, compare, compared, only_figure
from evaltool.payment.terms import terms_as, unknown_maximum
from evaltool.payment.trace import Value, step
from evaltool.records.base import Exact, Record, Slug
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """The hurdle, on the estimand's scale and in the direction of good, and the rule behind it."""

    of: Slug
    threshold: Exact


def pay(request: RuleRequest) -> MechanismResult:
    """What the rule behind the hurdle triggers, or nothing."""
    terms = terms_as(Terms, request.terms)
    found = only_figure(request)
    if isinstance(found, Absent):
        return absent_result(request, found)
    behind = request.parts[terms.of]
    met = compare(request, found, terms.threshold)
    amount = behind.amount if met.reached else Decimal(0)
    values: dict[str, Value] = {"rule": request.rule.id, "part": terms.of, "reached": met.reached}
    last = step("hurdle", {**values, "before": behind.amount, "amount": amount})
    return MechanismResult(
        amount=amount,
        tier=behind.tier if met.reached else "none",
        maximum=behind.maximum,
        capped=behind.capped and met.reached,
        offset=behind.offset if met.reached else Decimal(0),
        by_payer=behind.by_payer if met.reached else {},
        trace=(*found.trace, compared(request, met), last),
        comparisons=(met,),
    )


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """The hurdle."""
    return (terms_as(Terms, terms).threshold,)


PLUGIN = MechanismPlugin(
    name="hurdle",
    title="Pays only if another outcome is reached too",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=thresholds,
)
