"""What a payment mechanism is. Decimal only: loads neither numpy nor pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaltool.records.base import Exact, Record
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


class MechanismResult(Record):
    """Amount triggered by one rule before caps that the contract puts on the sum."""

    amount: Exact
    tier: Tier
    maximum: Exact | None
    capped: bool = False
    trace: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class MechanismPlugin:
    """A payment mechanism: formula over the evidence, its top amount and its thresholds."""

    name: str
    title: str
    terms: type[Record]
    uses: Literal["effect", "count", "any"]
    """Whether it pays on an effect with a threshold, or on verified units."""
    pay: Callable[[RuleRequest], MechanismResult]
    maximum: Callable[[Record], Decimal | None]
    thresholds: Callable[[Record], tuple[Decimal, ...]]
