"""All or nothing: the whole amount once the threshold is reached.

Formula: A if figure ≥ θ (inclusive) or figure > θ (strict), else 0.
Used in: Peterborough cohort tests, Juvat (at least 20, reached with exactly 20), DUO for a JOB (more than 10 %).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.payment.terms import Positive, terms_as
from evaltool.payment.tiers import pay_tiers
from evaltool.records.base import Exact, Record, Share
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """Threshold and amount; ``count``, ``of`` and ``stated_share`` only document how the contract words it."""

    threshold: Exact
    amount: Positive
    count: Annotated[int, Field(ge=0)] | None = None
    """The contract's own wording of the threshold as a number of people or units."""
    of: Annotated[int, Field(ge=1)] | None = None
    """Out of how many."""
    stated_share: Share | None = None
    """The same threshold as the share the contract states; the linter compares it with count / of."""


def pay(request: RuleRequest) -> MechanismResult:
    """The amount, or zero."""
    terms = terms_as(Terms, request.terms)
    return pay_tiers(request, ((terms.threshold, terms.amount),))


def maximum(terms: Record) -> Decimal | None:
    """The single amount."""
    return terms_as(Terms, terms).amount


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """The single threshold."""
    return (terms_as(Terms, terms).threshold,)


PLUGIN = MechanismPlugin(
    name="binary_threshold",
    title="All or nothing at one threshold",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
)
