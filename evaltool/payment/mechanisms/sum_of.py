"""The sum of other rules, as one.

Formula: Σ amounts of the rules named by ``of``.
Used in: Denver (housing days and jail days under one cap).
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
    return join(request.rule.id, "sum", {name: request.parts[name] for name in terms.of})


PLUGIN = MechanismPlugin(
    name="sum_of",
    title="Several rules added",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=unknown_maximum,
    thresholds=no_thresholds,
)
