"""A share of what each payer saves.

Formula: per payer s · n · Σ_j p_j · max(0, figure_j), summed over the payers, for the effect per person in outcome j,
the payer's price p_j of one unit of it, n people and the investors' share s.
Used in: Koto (Finland: about 2,670 euros of effect per person, half of it paid), Utah.
Every payer pays of its own saving, so the parts follow the savings and not the agreed shares.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.payment.basis import Absent, Figure, absent_result, figure
from evaltool.payment.capped import under_cap
from evaltool.payment.terms import NotEmpty, Positive, terms_as
from evaltool.payment.trace import Value, step
from evaltool.records.base import Record, Slug, Text
from evaltool.records.decision import TraceStep
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest

ONE = Decimal(1)


class Saving(Record):
    """What one unit of effect in one outcome is worth to one payer."""

    payer: Text | None = None
    """Name of the authority; absent where the saving is shared as every payment is."""
    outcome: Slug | None = None
    """Outcome of the effect; the rule's own when absent."""
    price: Positive = ONE
    """Currency per unit of effect; 1 where the outcome itself is money."""


class Terms(Record):
    """Savings, the share that is paid of them, how many people, and the most in all."""

    share: NotEmpty
    savings: tuple[Saving, ...] = (Saving(),)
    people: Annotated[int, Field(ge=1)] | None = None
    """How many the effect is multiplied by; the treated who were analysed when absent."""
    cap: Positive | None = None


def pay(request: RuleRequest) -> MechanismResult:
    """The share of all savings, by payer; harm saves nothing."""
    terms = terms_as(Terms, request.terms)
    by_payer: dict[str, Decimal] = {}
    shared, trace = Decimal(0), list[TraceStep]()
    for saving in terms.savings:
        found = _saving(request, terms, saving)
        if isinstance(found, Absent):
            return absent_result(request, found)
        amount, steps = found
        trace += steps
        if saving.payer is None:
            shared += amount
        else:
            by_payer[saving.payer] = by_payer.get(saving.payer, Decimal(0)) + amount
    gross = shared + sum(by_payer.values(), Decimal(0))
    result = under_cap(request, gross, terms.cap, terms.cap, trace)
    kept = {name: part * result.amount / gross for name, part in by_payer.items() if gross > 0}
    return result.model_copy(update={"by_payer": kept})


def _saving(request: RuleRequest, terms: Terms, saving: Saving) -> tuple[Decimal, tuple[TraceStep, ...]] | Absent:
    """One payer's part and the steps that lead to it, or why there is none."""
    name = saving.outcome or request.rule.subject
    item = request.outcomes.get(name)
    if item is None:
        return Absent("no_estimate", name)
    if saving.payer is not None and saving.payer not in request.payers:
        return Absent("unknown_payer", saving.payer)
    people = terms.people if terms.people is not None else item.units
    if people is None:
        return Absent("no_units", str(item.key))
    found = figure(request, item)
    if isinstance(found, Absent):
        return found
    effect = _kept(found)
    amount = terms.share * people * saving.price * effect
    values: dict[str, Value] = {
        "rule": request.rule.id,
        "payer": saving.payer,
        "outcome": name,
        "people": people,
        "effect": effect,
    }
    last = step("saving.amount", {**values, "price": saving.price, "share": terms.share, "amount": amount})
    return amount, (*found.trace, last)


def _kept(found: Figure) -> Decimal:
    """The figure where it is good and as sure as the basis asks, else zero."""
    return max(Decimal(0), found.value) if found.qualifies else Decimal(0)


def maximum(terms: Record) -> Decimal | None:
    """The cap; None when the contract states none."""
    return terms_as(Terms, terms).cap


def thresholds(terms: Record) -> tuple[Decimal, ...]:
    """None: every saving is shared."""
    terms_as(Terms, terms)
    return ()


PLUGIN = MechanismPlugin(
    name="shared_savings",
    title="A share of what each payer saves",
    terms=Terms,
    uses="any",
    pay=pay,
    maximum=maximum,
    thresholds=thresholds,
    continuous=True,
)
