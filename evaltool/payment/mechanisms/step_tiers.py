"""Steps: the amount of the highest tier reached.

Formula: A_k for θ_k ≤ figure < θ_{k+1} (inclusive) or θ_k < figure ≤ θ_{k+1} (strict); 0 below θ_1.
Used in: Rikers Island ABLE.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from evaltool.payment.terms import Positive, refuse_unordered, terms_as
from evaltool.payment.tiers import pay_tiers
from evaltool.records.base import Exact, Record
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Step(Record):
    """One tier: written ``{ from = "0.10", amount = "9600000" }``."""

    start: Exact = Field(alias="from")
    """Threshold from which the tier's amount is paid."""
    amount: Positive
    """Whole amount of the tier, not an addition to the tier below."""


class Terms(Record):
    """The tiers, rising in threshold and in amount."""

    tiers: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def ascending(self) -> Self:
        """Refuse thresholds or amounts that do not rise."""
        refuse_unordered([tier.start for tier in self.tiers], "tier thresholds")
        refuse_unordered([tier.amount for tier in self.tiers], "tier amounts")
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """The amount of the highest tier reached."""
    terms = terms_as(Terms, request.terms)
    return pay_tiers(request, [(tier.start, tier.amount) for tier in terms.tiers])


def maximum(terms: Record) -> Decimal | None:
    """The top tier's amount."""
    return terms_as(Terms, terms).tiers[-1].amount


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """The tiers' thresholds, ascending."""
    return tuple(tier.start for tier in terms_as(Terms, terms).tiers)


PLUGIN = MechanismPlugin(
    name="step_tiers",
    title="An amount per tier",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
)
