"""Prices per person: what each person reached, with a most that one person can be worth.

Formula: Σ_i min(k, Σ_j p_j · x_ij), for prices p_j, verified units x_ij of person i, and the most k per person; each
outcome counts once per person where the contract says so (x_ij at most 1).
Used in: Innovation Fund and rough-sleeping rate cards (United Kingdom).
A tariff counts what happened to the treated; it measures no effect.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from evaltool.payment.basis import Absent, absent_result
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import Positive, refuse_repeated, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Slug
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest


class Price(Record):
    """One line of the rate card."""

    outcome: Slug
    price: Positive
    """Currency per verified unit of one person."""
    once: bool = False
    """Whether it is paid once per person, however often it was reached."""


class Terms(Record):
    """The rate card, the most per person, and the most in all."""

    prices: tuple[Price, ...] = Field(min_length=1)
    person_cap: Positive | None = None
    cap: Positive | None = None

    @model_validator(mode="after")
    def one_price_each(self) -> Self:
        """Refuse two prices for one outcome."""
        refuse_repeated([price.outcome for price in self.prices], "outcomes with a price")
        return self


def pay(request: RuleRequest) -> MechanismResult:
    """Each person's sum under the cap per person, then all of them under the cap of the rule."""
    terms = terms_as(Terms, request.terms)
    columns: list[list[Decimal]] = []
    for line in terms.prices:
        item = request.outcomes.get(line.outcome)
        if item is None:
            return absent_result(request, Absent("no_estimate", line.outcome))
        if not item.counts or (columns and len(item.counts) != len(columns[0])):
            return absent_result(request, Absent("no_unit_counts", line.outcome))
        columns.append([line.price * _paid_units(line, units) for units in item.counts])
    rule = request.rule.id
    trace: list[TraceStep] = [
        step("person.line", {"rule": rule, "outcome": line.outcome, "price": line.price, "amount": sum(column)})
        for line, column in zip(terms.prices, columns, strict=True)
    ]
    people = [sum(one, Decimal(0)) for one in zip(*columns, strict=True)]
    gross = sum(people, Decimal(0))
    limited = people if terms.person_cap is None else [min(one, terms.person_cap) for one in people]
    after_persons = sum(limited, Decimal(0))
    if terms.person_cap is not None:
        capped: dict[str, Value] = {"rule": rule, "person_cap": terms.person_cap, "before": gross}
        trace.append(step("person.cap", {**capped, "after": after_persons}))
    result = under_cap(request, after_persons, terms.cap, terms.cap, trace)
    return result.model_copy(update={"capped": result.amount < gross})


def _paid_units(line: Price, units: Decimal) -> Decimal:
    """Units of one person that are paid; less than none is none."""
    counted = max(Decimal(0), units)
    return min(counted, Decimal(1)) if line.once else counted


def maximum(terms: Record) -> Decimal | None:
    """The cap; None when the contract states none."""
    return terms_as(Terms, terms).cap


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every unit is paid."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="person_tariff",
    title="Prices per person, with a most per person",
    terms=Terms,
    uses="count",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
    per_unit=True,
)
