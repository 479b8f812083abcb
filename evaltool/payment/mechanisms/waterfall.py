"""What another rule triggers, between the principal that is repaid whatever happens and the most that may be earned.

Formula: min(P · (1 + c), max(P · f, amount)), for the principal P, the share f of it that is repaid in any case and the
return cap c.
Used in: Newpin (75 per cent of the principal protected), Rikers (a guarantee of 7.2 million dollars behind 9.6
million), Educate Girls (return cap). How investors share what they get among themselves is the run's waterfall
(``[[investment.tranche]]``), not a rule of payment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.payment.terms import Positive, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Agreed, Record, Share, Slug
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest, Tier


class Terms(Record):
    """The rule, the principal, the share of it that is safe, and the most that is paid beyond it."""

    of: Slug
    principal: Positive
    floor: Share = Decimal(0)
    """Share of the principal that is repaid whatever the result."""
    return_cap: Annotated[Agreed, Field(ge=0)] | None = None
    """Most that is paid beyond the principal, as a share of it."""


def pay(request: RuleRequest) -> MechanismResult:
    """The part's amount within floor and cap."""
    terms = terms_as(Terms, request.terms)
    part = request.parts[terms.of]
    least = terms.principal * terms.floor
    most = None if terms.return_cap is None else terms.principal * (1 + terms.return_cap)
    raised = max(part.amount, least)
    amount = raised if most is None else min(raised, most)
    values: dict[str, Value] = {"rule": request.rule.id, "part": terms.of, "before": part.amount, "floor": least}
    last = step("waterfall.rule", {**values, "most": most, "amount": amount})
    tops = [top for top in (part.maximum, most) if top is not None]
    top = max(min(tops), least) if tops else None
    scale = amount / part.amount if part.amount > 0 else Decimal(0)
    tier: Tier = "none" if amount == 0 else "full" if top is not None and amount >= top else "partial"
    return MechanismResult(
        amount=amount,
        tier=part.tier if amount == part.amount else tier,
        maximum=top,
        capped=part.capped or amount < raised,
        offset=min(part.offset, amount),
        by_payer={name: owed * scale for name, owed in part.by_payer.items()},
        trace=(last,),
    )


def maximum(terms: Record) -> Decimal | None:
    """Principal and return cap; None when no cap is stated."""
    agreed = terms_as(Terms, terms)
    return None if agreed.return_cap is None else agreed.principal * (1 + agreed.return_cap)


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None of its own."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="waterfall",
    title="Between a safe part of the principal and a return cap",
    terms=Terms,
    uses="parts",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
)
