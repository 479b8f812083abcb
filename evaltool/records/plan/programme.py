"""Who agreed what with whom about whom: ``[programme]``, ``[parties]``, ``[population]``, ``[governance]``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Agreed, Day, Record, Share, Slug, Text, Words

Area = Literal[
    "children_and_young_people", "well_being", "lifestyle_diseases", "work_environment", "into_work", "other"
]


class Programme(Record):
    """``[programme]``: identity, dates and currency of the contract."""

    id: Slug
    version: Text
    title: Words
    description: Words = Words()
    area: Area = "other"
    start: Day
    end: Day
    currency: str = Field(default="DKK", pattern=r"^[A-Z]{3}$")
    source: Text | None = None
    """Where published figures come from, when the programme is a real one."""
    made_up: Words = Words()
    """What in this plan nobody published or agreed, and was made up for an illustration; every report shows it."""


class Authority(Record):
    """``[[parties.authorities]]``: a payer, its level of government and its share of every payment."""

    name: Text
    level: Literal["kommune", "region", "stat", "other"]
    share: Share


class Party(Record):
    """A party that is only named."""

    name: Text


class Evaluator(Record):
    """``[parties.evaluator]``: the fee may never depend on the result."""

    name: Text
    fee_contingent: Literal[False] = False


class Parties(Record):
    """``[parties]``."""

    authorities: tuple[Authority, ...] = Field(min_length=1)
    investors: tuple[Party, ...] = ()
    provider: Party | None = None
    evaluator: Evaluator
    validator: Party | None = None


class Cohort(Record):
    """``[[population.cohort]]``: a group of people tested together; ``weight`` is its share in a pooled test."""

    id: Slug
    entry_from: Day
    entry_to: Day
    weight: Share | None = None


class Population(Record):
    """``[population]``: eligibility in words, unit of analysis, entry window and agreed sizes."""

    eligibility: Words
    unit: Text
    """Unit of analysis in one word: person, school, municipality."""
    entry_from: Day
    entry_to: Day
    target_n: int | None = Field(default=None, ge=1)
    minimum_n: int | None = Field(default=None, ge=1)
    principle: Literal["intention_to_treat", "completed"] = "intention_to_treat"
    once_per_person: bool = True
    selected_as_extreme: bool = False
    """True when people entered because of an extreme earlier value (regression to the mean)."""
    cohort: tuple[Cohort, ...] = ()


class Clause(Record):
    """``[[governance.clause]]``: what the parties agreed to do in a case they foresaw (a shock, a variation)."""

    id: Slug
    text: Words


class Governance(Record):
    """``[governance]``: the stated clock, when a decision is due, and what happens in a dispute."""

    as_of: Day | None = None
    """The date the documents carry and that decides what is due; ``--as-of`` overrides it."""
    decide_from: Day
    """First day on which the payment may be decided."""
    purpose: Literal["decision", "monitoring"] = "decision"
    """``monitoring`` reports numbers and never decides."""
    dispute_days: int = Field(default=30, ge=0, le=3650)
    expert: Text | None = None
    clause: tuple[Clause, ...] = ()
    side_by_side: bool = True
    """Whether every other method that fits design and data is computed beside the agreed one. None of them decides."""
    replication: bool = True
    tolerance: Annotated[Agreed, Field(ge=0, le=Decimal("0.01"))] = Decimal("1e-8")
    """Largest accepted difference between two computations, as a multiple of max(|effect|, standard error)."""

    def is_departed_from(self, as_of: date) -> bool:
        """Whether the plan states another date than this one; False when it states none."""
        return self.as_of is not None and self.as_of != as_of
