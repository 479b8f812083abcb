"""A price per verified unit.

Formula: min(K, p · min(N, N_max)), for N verified units, price p, optional cap K and optional most units N_max.
Used in: Denver supportive housing (15.12 dollars per day housed), rate cards.
A tariff counts what happened to the treated; it measures no effect.
"""

from __future__ import annotations

from decimal import Decimal

from evaltool.payment.basis import Absent, absent_result, figure
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import Positive, terms_as
from evaltool.payment.trace import step
from evaltool.records.base import Record
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """Price per unit, in currency; a cap in currency and a largest number of units, where agreed."""

    price: Positive
    cap: Positive | None = None
    maximum_units: Positive | None = None


def pay(request: RuleRequest) -> MechanismResult:
    """Price times verified units, within units and cap. Less than no units pays nothing."""
    terms = terms_as(Terms, request.terms)
    if not request.evidence:
        return absent_result(request, Absent("no_estimate", request.rule.subject))
    found = figure(request, request.evidence[0])
    if isinstance(found, Absent):
        return absent_result(request, found)
    rule = request.rule.id
    units = max(Decimal(0), found.value) if found.qualifies else Decimal(0)
    paid = units if terms.maximum_units is None else min(units, terms.maximum_units)
    gross = terms.price * paid
    trace: list[TraceStep] = [
        *found.trace,
        step("tariff.units", {"rule": rule, "units": units, "maximum_units": terms.maximum_units, "paid_units": paid}),
        step("tariff.amount", {"rule": rule, "paid_units": paid, "price": terms.price, "amount": gross}),
    ]
    result = under_cap(request, gross, terms.cap, maximum(terms), trace)
    return result.model_copy(update={"capped": result.capped or paid < units})


def maximum(terms: Record) -> Decimal | None:
    """The lower of the cap and the price of the most units; None when the contract states neither."""
    agreed = terms_as(Terms, terms)
    most = None if agreed.maximum_units is None else agreed.price * agreed.maximum_units
    return min((top for top in (agreed.cap, most) if top is not None), default=None)


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every unit is paid."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="unit_tariff",
    title="A price per verified unit",
    terms=Terms,
    uses="count",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
