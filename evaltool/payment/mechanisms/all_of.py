"""The sum of several rules, but only when every one of them is triggered.

Formula: Σ amounts of the rules named by ``of`` if each is triggered, else 0.
Used in: contracts that ask for two results at once.
"""

from __future__ import annotations

from pydantic import Field

from evaltool.payment.joining import join
from evaltool.payment.terms import no_thresholds, terms_as, unknown_maximum
from evaltool.records.base import Record, Slug
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Terms(Record):
    """The rules that are combined."""

    of: tuple[Slug, ...] = Field(min_length=1)


def pay(request: RuleRequest) -> MechanismResult:
    """The rules joined."""
    terms = terms_as(Terms, request.terms)
    return join(request.rule.id, "all_of", {name: request.parts[name] for name in terms.of})


PLUGIN = MechanismPlugin(
    name="all_of",
    title="Several rules, if all are triggered",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=no_thresholds,
)
