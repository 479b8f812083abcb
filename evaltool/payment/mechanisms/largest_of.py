"""The largest amount of several rules.

Formula: max over the rules named by ``of``; the first of equals.
Used in: contracts that pay the better of two ways to show a result.
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
    return join(request.rule.id, "maximum", {name: request.parts[name] for name in terms.of})


PLUGIN = MechanismPlugin(
    name="largest_of",
    title="The largest of several rules",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=no_thresholds,
)
