"""A straight line between agreed knots.

Formula: 0 below the first knot; between knots (x_k, A_k) and (x_{k+1}, A_{k+1})
A_k + (A_{k+1} − A_k) · (figure − x_k) / (x_{k+1} − x_k); the last knot's amount from there on.
Used in: Denver jail days, Newpin coupon. Strict or inclusive matters at the first knot only.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, Figure, absent_result, compare, compared, only_figure
from evaltool.payment.terms import NotNegative, refuse_unordered, terms_as
from evaltool.payment.trace import step
from evaltool.records.base import Exact, Record
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest, Tier


class Knot(Record):
    """One point of the line."""

    at: Exact
    """Figure, in the direction of good."""
    amount: NotNegative
    """What is paid at exactly that figure."""


class Terms(Record):
    """The knots, rising; amounts may stay level but never fall, and the last one is above zero."""

    knots: tuple[Knot, ...] = Field(min_length=2)
    below: Literal["0"] = "0"
    """Below the first knot nothing is paid."""
    above: Literal["hold"] = "hold"
    """Above the last knot its amount is held."""

    @model_validator(mode="after")
    def ascending(self) -> Self:
        """Refuse knots that do not rise, amounts that fall, and a line that never pays."""
        refuse_unordered([knot.at for knot in self.knots], "knots")
        refuse_unordered([knot.amount for knot in self.knots], "knot amounts", strictly=False)
        if self.knots[-1].amount == 0:
            message = "the last knot must pay something"
            raise ValueError(message)
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """The line's value at the figure."""
    terms = terms_as(Terms, request.terms)
    found = only_figure(request)
    if isinstance(found, Absent):
        return absent_result(request, found)
    comparisons = tuple(compare(request, found, at) for at in thresholds(terms))
    trace: list[TraceStep] = [*found.trace, *(compared(request, comparison) for comparison in comparisons)]
    amount = Decimal(0)
    if comparisons[0].reached:
        amount, segment = _on_the_line(request, terms, found)
        trace.append(segment)
    top = terms.knots[-1].amount
    tier: Tier = "none" if amount == 0 else "full" if amount >= top else "partial"
    return MechanismResult(amount=amount, tier=tier, maximum=top, trace=tuple(trace), comparisons=comparisons)


def _on_the_line(request: RuleRequest, terms: Terms, found: Figure) -> tuple[Decimal, TraceStep]:
    """Amount and trace of a figure at or beyond the first knot."""
    left, right = next(
        ((a, b) for a, b in pairwise(terms.knots) if found.value <= b.at), (terms.knots[-1], terms.knots[-1])
    )
    amount = right.amount
    if found.value < right.at:
        amount = left.amount + (right.amount - left.amount) * (found.value - left.at) / (right.at - left.at)
    segment = step(
        "linear.segment",
        {
            "rule": request.rule.id,
            "value": found.value,
            "from": left.at,
            "from_amount": left.amount,
            "to": right.at,
            "to_amount": right.amount,
            "amount": amount,
        },
    )
    return amount, segment


def maximum(terms: Record) -> Decimal | None:
    """The last knot's amount."""
    return terms_as(Terms, terms).knots[-1].amount


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """The first knot, where payment starts, and the last, where it is full; between them the line has no step."""
    knots = terms_as(Terms, terms).knots
    return (knots[0].at, knots[-1].at)


PLUGIN = MechanismPlugin(
    name="piecewise_linear",
    title="A straight line between knots",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
