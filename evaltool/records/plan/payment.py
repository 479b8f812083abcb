"""What is paid for what: ``[payment]``, ``[[payment.rule]]``, ``[[payment.previous]]``, ``[[payment.shock]]``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Agreed, Day, Record, Slug, Text, Words
from evaltool.records.plan.analysis import Option, Options

Basis = Literal["point_estimate", "lower_bound", "significant_and_point", "probability", "equivalence"]
BASES: tuple[Basis, ...] = ("point_estimate", "lower_bound", "significant_and_point", "probability", "equivalence")
UNSTATED: tuple[Basis, ...] = ("point_estimate", "lower_bound", "significant_and_point")
"""The bases that need no figure of their own, so that any rule can be read on them."""
Rounding = Literal["half_even", "half_up", "down", "up"]
SMALLEST, LARGEST = Decimal("0.0001"), Decimal(1_000_000)
"""Bounds of the smallest unit that is paid."""
Money = Annotated[Agreed, Field(ge=0)]
Chance = Annotated[Agreed, Field(gt=0, lt=1)]
"""A probability strictly between 0 and 1."""


class EstimateRounding(Record):
    """Rounding of the estimate before it meets a threshold; only where the contract says so."""

    places: int = Field(ge=0, le=12)
    mode: Rounding = "half_even"


class Rule(Record):
    """``[[payment.rule]]``: one mechanism applied to one outcome, or to other rules.

    ``terms`` are the mechanism's own (thresholds, tiers, prices), validated by its strict model. Thresholds are
    in the direction of good and on the estimand's scale: 0.10 is "ten percent better", whichever way better is.
    In the terms of every mechanism ``outcome`` names an outcome, ``specification`` a ``[[sensitivity]]`` and ``of``
    another rule (or several); a rule that another one names is a part of it and pays nothing by itself.
    """

    id: Slug
    mechanism: Text
    outcome: Slug | None = None
    """The outcome it pays on; absent for mechanisms that only combine other rules."""
    basis: Basis | None = None
    inclusive: bool | None = None
    """True: reaching the threshold exactly triggers (≥). Must be stated by every rule with a threshold."""
    probability: Chance | None = None
    """For the basis ``probability``: how probable it must be that the effect reaches the threshold."""
    margin: Annotated[Agreed, Field(gt=0)] | None = None
    """For the basis ``equivalence``: how far from zero the whole interval may reach, on the estimand's scale."""
    estimate_rounding: EstimateRounding | None = None
    cap: Money | None = None
    terms: Options = Field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What it is about: its outcome, or its own id where it only combines other rules."""
        return self.outcome or self.id

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Its own outcome and every outcome its terms name, without repetition."""
        own = () if self.outcome is None else (self.outcome,)
        return tuple(dict.fromkeys((*own, *_named(self.terms, "outcome"))))

    @property
    def specifications(self) -> tuple[str, ...]:
        """Every specification its terms name."""
        return tuple(dict.fromkeys(_named(self.terms, "specification")))

    @property
    def parts(self) -> tuple[str, ...]:
        """Ids of the rules it is made of, in its own order."""
        return tuple(_named(self.terms, "of"))


def _named(terms: Option, key: str) -> Iterator[str]:
    """Texts under ``key``, single or listed, at any depth of ``terms``."""
    if isinstance(terms, tuple):
        for item in terms:
            yield from _named(item, key)
    elif isinstance(terms, dict):
        for name, value in terms.items():
            if name == key:
                yield from (item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, str))
            yield from _named(value, key)


class Previous(Record):
    """``[[payment.previous]]``: what an earlier run of this contract paid, by its manifest hash."""

    manifest: str = Field(pattern=r"^[0-9a-f]{64}$")
    amount: Money
    path: Text | None = None
    """Folder or zip of the earlier run, relative to the plan's folder; checked against ``manifest`` before a run."""
    note: Text | None = None


class Shock(Record):
    """``[[payment.shock]]``: an event outside the programme that the parties register (an epidemic, a reform).

    Where it overlaps the measurement, the gate ``shocks`` asks for a review with the clause it names.
    """

    id: Slug
    title: Words
    first_day: Day
    last_day: Day
    source: Text | None = None
    clause: Slug | None = None
    """Id of the ``[[governance.clause]]`` that says what then applies."""


class Haircut(Record):
    """``[payment.haircut]``: what is withheld when pre-registered baselines disagree with the one decided on."""

    over: Annotated[Agreed, Field(ge=0)]
    """Largest difference that is borne, on the estimand's scale."""
    share: Annotated[Agreed, Field(gt=0, le=1)]
    """Share of the amount that is withheld beyond it."""
    among: tuple[Slug, ...] = Field(min_length=1)
    """Ids of the ``[[sensitivity]]`` that are compared with the figure decided on."""
    absent: Literal["cut", "ignore"] = "cut"
    """What one that could not be computed does."""
    apart: Annotated[Agreed, Field(gt=0)] | None = None
    """Standard deviation, as believed beforehand, of the difference to the farthest baseline; for what is said before
    data, and for nothing else."""


class Payment(Record):
    """``[payment]``: rules, how they are combined, caps, offsets and rounding of the amount."""

    rule: tuple[Rule, ...] = Field(min_length=1)
    combine: Literal["sum", "minimum", "maximum", "all_of"] = "sum"
    """``all_of``: the sum, but only when every rule is triggered."""
    cap: Money | None = None
    offset: Money = Decimal(0)
    """Amount to be deducted from what is triggered (already counted elsewhere)."""
    previous: tuple[Previous, ...] = ()
    clawback: Literal["none", "agreed"] = "none"
    """``agreed``: what earlier runs paid beyond today's entitlement is to be paid back (CLAWBACK_DUE)."""
    shock: tuple[Shock, ...] = ()
    haircut: Haircut | None = None
    """What is withheld when pre-registered baselines disagree with the one decided on."""
    quantum: Annotated[Agreed, Field(ge=SMALLEST, le=LARGEST)] = Decimal("0.01")
    """Smallest unit of the currency that is paid."""
    rounding: Rounding = "half_even"

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every outcome that any rule looks at, without repetition."""
        return tuple(dict.fromkeys(outcome for rule in self.rule for outcome in rule.outcomes))

    @property
    def leading(self) -> tuple[Rule, ...]:
        """The rules that are no part of another: those whose amounts ``combine`` joins."""
        inside = {part for rule in self.rule for part in rule.parts}
        return tuple(rule for rule in self.rule if rule.id not in inside)
