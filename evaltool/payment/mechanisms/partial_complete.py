"""Two levels: a part from a lower threshold, everything from an upper one.

Formula: A_part for θ_l ≤ figure < θ_u (strict: θ_l < figure ≤ θ_u), A_full above, 0 below.
Used in: South Carolina Nurse-Family Partnership (preterm births: 13.5 and 15 per cent).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import model_validator

from evaltool.payment.terms import Positive, refuse_unordered, terms_as
from evaltool.payment.tiers import pay_tiers
from evaltool.records.base import Exact, Record
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """Both thresholds and both whole amounts."""

    partial_from: Exact
    complete_from: Exact
    partial_amount: Positive
    complete_amount: Positive

    @model_validator(mode="after")
    def ascending(self) -> Self:
        """Refuse thresholds or amounts that do not rise."""
        refuse_unordered([self.partial_from, self.complete_from], "partial_from and complete_from")
        refuse_unordered([self.partial_amount, self.complete_amount], "partial_amount and complete_amount")
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """The part, the whole or nothing."""
    terms = terms_as(Terms, request.terms)
    tiers = ((terms.partial_from, terms.partial_amount), (terms.complete_from, terms.complete_amount))
    return pay_tiers(request, tiers)


def maximum(terms: Record) -> Decimal | None:
    """The complete amount."""
    return terms_as(Terms, terms).complete_amount


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """Where the part starts and where the whole does."""
    agreed = terms_as(Terms, terms)
    return (agreed.partial_from, agreed.complete_from)


PLUGIN = MechanismPlugin(
    name="partial_complete",
    title="A part, then the whole",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
)
