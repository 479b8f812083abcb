"""What a payment mechanism is. Decimal only: loads neither numpy nor pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from evaltool.records.base import Exact, Record, Text
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import Evidence
from evaltool.records.plan.payment import Basis, Rule

Tier = Literal["none", "partial", "full", "carried_forward"]


@dataclass(frozen=True, slots=True)
class RuleRequest:
    """One rule, its parsed terms, the basis in force and the estimates it may use (one per cohort, in order)."""

    rule: Rule
    terms: Record
    basis: Basis
    evidence: tuple[Evidence, ...]
    cohorts: tuple[str, ...] = ()
    """Ids of the plan's cohorts, in the plan's order."""
    outcomes: Mapping[str, Evidence] = field(default_factory=dict)
    """The estimate of every outcome the rule names, by outcome, where there is one for all cohorts."""
    specifications: Mapping[str, Evidence] = field(default_factory=dict)
    """The estimate of the rule's own outcome under every specification its terms name."""
    covariances: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    """Covariance of two of ``specifications``, by their names in order, where it is known."""
    parts: Mapping[str, MechanismResult] = field(default_factory=dict)
    """What the rules it names triggered, each under its own cap."""
    payers: tuple[str, ...] = ()
    """Names of the authorities, in the plan's order."""
    as_of: date | None = None
    pooled_only: bool = False
    """Whether the contract's fallback leaves only the pooled test of the cohorts."""


class Comparison(Record):
    """One meeting of a figure with a threshold.

    ``tie`` is True when a floating-point figure lies so near the threshold that its last digits decide; ``crossed``
    when the figure reaches the threshold under one choice between equals that the design leaves open and not under
    another.
    """

    cohort: Text
    """Cohort id, ``all``, or ``pooled``."""
    value: Exact
    threshold: Exact
    reached: bool
    tie: bool = False
    crossed: bool = False


class MechanismResult(Record):
    """Amount triggered by one rule before caps that the contract puts on the sum.

    ``absent`` is a key of ``payment.trace.ABSENT`` when the rule cannot be computed; the amount is then 0 and
    means nothing.
    """

    amount: Exact
    tier: Tier
    maximum: Exact | None
    capped: bool = False
    offset: Exact = Decimal(0)
    """What the rule itself deducts from the amount after caps, so that the state still follows what was triggered."""
    by_payer: dict[str, Exact] = Field(default_factory=dict)
    """Where the mechanism itself says which authority owes what: amounts by name. The rest is shared as agreed."""
    trace: tuple[TraceStep, ...]
    comparisons: tuple[Comparison, ...] = ()
    absent: Text | None = None


@dataclass(frozen=True, slots=True)
class MechanismPlugin:
    """A payment mechanism: formula over the evidence, its top amount and its thresholds."""

    name: str
    title: str
    terms: type[Record]
    uses: Literal["effect", "count", "any", "parts"]
    """Whether it pays on an effect with a threshold, on verified units, or only on what other rules trigger."""
    pay: Callable[[RuleRequest], MechanismResult]
    maximum: Callable[[Record], Decimal | None]
    thresholds: Callable[[Record], tuple[Decimal, ...]]
    per_cohort: bool = False
    """Whether it needs one estimate per ``[[population.cohort]]`` instead of one for all."""
    per_unit: bool = False
    """Whether it needs what each person or unit reached, not only the total."""
    continuous: bool = False
    """True when the amount moves a little with every little change of the figure: no two estimates pay alike."""
