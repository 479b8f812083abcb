"""Verified units beyond what would have happened anyway.

Formula: p · s · max(0, N − n·q₀) for outcomes that are good, p · s · max(0, n·q₀ − N) for failures, with N verified
units among n people, the agreed rate q₀ without the intervention, price p and share s; or p · s · N · (1 − d) with an
agreed deadweight d.
Used in: Newpin Queensland, Norfolk carers; Utah preschool paid with q₀ = 1, as if every child would have failed.
The rate is agreed, not measured: it is a counterfactual on paper only, and the report says so.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import model_validator

from evaltool.payment.basis import Absent, absent_result, figure
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import NotEmpty, Positive, Ratio, terms_as, times
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Share
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest

ONE = Decimal(1)


class Terms(Record):
    """Price per net unit, and either the rate expected without the intervention or the agreed deadweight."""

    price: Positive
    share: NotEmpty = ONE
    """Share of the price that is paid."""
    expected_rate: Ratio | None = None
    """Units per person without the intervention, ``"0.25"`` or ``"1/3"``."""
    deadweight: Share | None = None
    """Share of the verified units that would have come anyway."""
    verified: Literal["outcomes", "failures"] = "outcomes"
    """Whether the verified units are the good (they count above the rate) or the bad (they count below it)."""
    cap: Positive | None = None

    @model_validator(mode="after")
    def one_way_to_net(self) -> Self:
        """Refuse both or neither way to net, and failures under a deadweight."""
        if (self.expected_rate is None) == (self.deadweight is None):
            message = "state either expected_rate or deadweight"
            raise ValueError(message)
        if self.deadweight is not None and self.verified == "failures":
            message = "a deadweight is taken off good outcomes; for failures state expected_rate"
            raise ValueError(message)
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """Price times net units, under the cap."""
    terms = terms_as(Terms, request.terms)
    if not request.evidence:
        return absent_result(request, Absent("no_estimate", request.rule.subject))
    found = figure(request, request.evidence[0])
    if isinstance(found, Absent):
        return absent_result(request, found)
    people = request.evidence[0].units
    if terms.expected_rate is not None and people is None:
        return absent_result(request, Absent("no_units", str(request.evidence[0].key)))
    net, netting = _net(request, terms, max(Decimal(0), found.value), people)
    gross = terms.price * terms.share * net
    rule = request.rule.id
    priced: dict[str, Value] = {"net_units": net, "price": terms.price, "share": terms.share, "amount": gross}
    trace = [*found.trace, netting, step("net.amount", {"rule": rule, **priced})]
    return under_cap(request, gross, terms.cap, terms.cap, trace)


def _net(request: RuleRequest, terms: Terms, verified: Decimal, people: int | None) -> tuple[Decimal, TraceStep]:
    """Units beyond those expected, and the step that says how."""
    rule = request.rule.id
    if terms.expected_rate is None or people is None:
        kept = ONE - (terms.deadweight or Decimal(0))
        values: dict[str, Value] = {"rule": rule, "verified": verified, "deadweight": terms.deadweight}
        return verified * kept, step("net.deadweight", {**values, "net_units": verified * kept})
    expected = times(Decimal(people), terms.expected_rate)
    beyond = verified - expected if terms.verified == "outcomes" else expected - verified
    net = max(Decimal(0), beyond)
    named: dict[str, Value] = {"rule": rule, "counted": terms.verified, "verified": verified, "people": people}
    return net, step("net.expected", {**named, "rate": terms.expected_rate, "expected": expected, "net_units": net})


def maximum(terms: Record) -> Decimal | None:
    """The cap; None when the contract states none."""
    return terms_as(Terms, terms).cap


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every net unit is paid."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="net_units",
    title="A price per unit beyond what was to be expected",
    terms=Terms,
    uses="count",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
