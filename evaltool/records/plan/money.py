"""Who gains, who invests, and how sure one was beforehand: ``[[budget_gain]]``, ``[investment]``, ``[[prior]]``."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from evaltool.records.base import Agreed, Day, Record, Share, Slug, Text, Words

Level = Literal["kommune", "region", "stat", "other"]
"""Level of government that gains or pays."""
Amount = Annotated[Agreed, Field(gt=0)]
ZERO = Decimal(0)


class BudgetGain(Record):
    """``[[budget_gain]]``: what one unit of effect is worth to one level of government, and for how long.

    A price may be negative, since one payer can lose by what others gain (more education, fewer benefits). A unit
    of effect is one unit of the outcome for one person or unit treated, in the direction of good.
    """

    id: Slug
    title: Words
    outcome: Slug
    payer: Level
    unit_price: Agreed
    """Currency per unit of effect and year; once, where ``duration_years`` is 1."""
    price_year: Annotated[int, Field(ge=1990, le=2199)]
    """Price level of ``unit_price``; all entries of a plan share one, since they are added."""
    source: Text
    duration_years: Annotated[int, Field(ge=1, le=60)] = 1
    """For how many years one unit of effect lasts."""
    delay_years: Annotated[int, Field(ge=0, le=60)] = 0
    """Whole years that pass before the first of them."""
    decay: Share = ZERO
    """Share of the effect that is lost from each year to the next."""
    discount_rate: Annotated[Agreed, Field(ge=0, lt=1)] = ZERO
    """Yearly rate at which later years count less; years are discounted from the end of the first."""
    people: Annotated[int, Field(ge=1)] | None = None
    """How many the effect is multiplied by; the treated who were analysed when absent."""


class Drawdown(Record):
    """``[[investment.drawdown]]``: money an investor pays in."""

    on: Day
    amount: Amount
    investor: Text | None = None


class Receipt(Record):
    """``[[investment.receipt]]``: money investors received, or are expected to receive, besides this decision."""

    on: Day
    amount: Amount
    expected: bool = False


class Guarantee(Record):
    """``[investment.guarantee]``: a third party covers part of the principal that is not repaid."""

    by: Text
    share: Annotated[Share, Field(gt=0)]
    """Share of the principal that is covered."""


class Tranche(Record):
    """``[[investment.tranche]]``: who is repaid in which order. Lower ``rank`` first; equal ranks share pro rata."""

    name: Text
    rank: Annotated[int, Field(ge=1, le=99)]
    principal: Amount
    rate: Annotated[Agreed, Field(ge=0, lt=1)] = ZERO
    """Return on the principal, as a share of it for the whole period, due right after the principal of its rank."""


class Investment(Record):
    """``[investment]``: what investors pay in, and what they may get out of it at the most and at the least."""

    drawdown: tuple[Drawdown, ...] = Field(min_length=1)
    receipt: tuple[Receipt, ...] = ()
    paid_on: Day
    """Day on which the payment this plan decides is received."""
    principal_floor: Share = ZERO
    """Share of the principal that the authorities repay whatever the result."""
    return_cap: Annotated[Agreed, Field(ge=0)] | None = None
    """Most that investors get beyond their principal, as a share of it."""
    guarantee: Guarantee | None = None
    tranche: tuple[Tranche, ...] = ()

    @property
    def principal(self) -> Decimal:
        """Everything paid in."""
        return sum((item.amount for item in self.drawdown), ZERO)


class Prior(Record):
    """``[[prior]]``: what was believed of an outcome's effect before it was measured, in the direction of good.

    ``normal`` has a mean and a standard deviation on the estimand's scale, from an earlier programme (its estimate and
    standard error, widened where the setting differs) or from experts; ``flat`` says openly that nothing was believed.
    """

    outcome: Slug
    kind: Literal["normal", "flat"]
    mean: Agreed | None = None
    sd: Annotated[Agreed, Field(gt=0)] | None = None
    source: Text

    @model_validator(mode="after")
    def whole(self) -> Self:
        """Refuse a normal prior without its two numbers, and a flat one with any."""
        given = (self.mean is not None, self.sd is not None)
        if self.kind == "normal" and not all(given):
            message = "a normal prior states mean and sd"
            raise ValueError(message)
        if self.kind == "flat" and any(given):
            message = "a flat prior has neither mean nor sd"
            raise ValueError(message)
        return self


class Expectation(Record):
    """``[[expectation]]``: how exactly an outcome's effect will be known, for what is said before data."""

    outcome: Slug
    standard_error: Amount
    """Expected standard error of the estimate, on the estimand's scale."""
    source: Text
