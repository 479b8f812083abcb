"""A part of the entitlement before a date, all of it from then on.

Formula: s · entitlement before ``final_from``, the whole entitlement from that day on; what earlier runs paid is
deducted from the contract's sum, so that each run pays the cumulative entitlement less what was paid.
Used in: Newpin (yearly interim payments, trued up at the end).
"""

from __future__ import annotations

from decimal import Decimal

from evaltool.payment.basis import Absent, absent_result
from evaltool.payment.terms import NotEmpty, no_thresholds, terms_as, unknown_maximum
from evaltool.payment.trace import Value, step
from evaltool.records.base import Day, Record, Slug
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """The rule, the share of it that is paid early, and the day from which all of it is."""

    of: Slug
    interim_share: NotEmpty
    final_from: Day


def pay(request: RuleRequest) -> MechanismResult:
    """The part's amount, or a share of it while the contract runs."""
    terms = terms_as(Terms, request.terms)
    if request.as_of is None:
        return absent_result(request, Absent("no_date", request.rule.id))
    part = request.parts[terms.of]
    final = request.as_of >= terms.final_from
    share = Decimal(1) if final else terms.interim_share
    amount = share * part.amount
    values: dict[str, Value] = {"rule": request.rule.id, "part": terms.of, "as_of": request.as_of.isoformat()}
    stated: dict[str, Value] = {"final_from": terms.final_from.isoformat(), "final": final, "share": share}
    last = step("interim", {**values, **stated, "before": part.amount, "amount": amount})
    return part.model_copy(
        update={
            "amount": amount,
            "tier": part.tier if final or part.tier != "full" else "partial",
            "by_payer": {name: share * owed for name, owed in part.by_payer.items()},
            "trace": (last,),
            "comparisons": (),
        }
    )


PLUGIN = MechanismPlugin(
    name="interim_true_up",
    title="A part now, the rest when it is final",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=no_thresholds,
)
