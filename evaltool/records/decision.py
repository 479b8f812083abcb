"""The decision: state, flags, reason codes, exact amounts and the arithmetic that leads to them."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from evaltool.records.base import Exact, Record, Slug, Text

State = Literal["PAY_FULL", "PAY_PARTIAL", "NO_PAYMENT", "NOT_DECIDABLE", "NOT_YET_DUE", "CARRIED_FORWARD"]
LedgerState = Literal["UNDER_DISPUTE", "SUPERSEDED"]
Flag = Literal[
    "CAPPED",
    "FALLBACK_APPLIED",
    "NET_ZERO_AFTER_OFFSET",
    "PROVISIONAL",
    "CLAWBACK_DUE",
    "VARIATION_APPLIED",
    "DECISION_FRAGILE",
    "NO_COUNTERFACTUAL",
    "REFER",
]
Reason = Literal[
    "BALANCE_FAIL",
    "OVERLAP_FAIL",
    "PRETREND_REVIEW",
    "N_MIN",
    "ATTRITION_HIGH",
    "LINKAGE_LOW",
    "CONTAMINATION",
    "PLACEBO_FAIL",
    "PREFIT_POOR",
    "STRUCTURAL_BREAK",
    "DATA_IMMATURE",
    "PLAN_UNLOCKED",
    "DESIGN_UNLOCKED",
    "ESTIMAND_CHANGED",
    "UNREGISTERED_DEVIATION",
    "DISCLOSURE_BLOCK",
    "REPLICATION_MISMATCH",
    "FEW_CLUSTERS",
    "MONITORING_ONLY",
]
STATES: tuple[State, ...] = get_args(State)
FLAGS: tuple[Flag, ...] = get_args(Flag)
REASONS: tuple[Reason, ...] = get_args(Reason)


class TraceStep(Record):
    """One step of the arithmetic as a key and its values; the report puts it into words.

    ``key`` is stable (``rule.threshold``, ``cap.contract``); values are exact.
    """

    key: Text
    values: dict[str, bool | int | Exact | str | None]


class StepRecord(Record):
    """One of the eight steps of a decision: what it found, or why it did not apply."""

    number: int
    key: Literal["due", "locked", "gates", "mechanism", "combination", "sign_off", "sensitivity", "tie"]
    outcome: Literal["PASS", "STOP", "APPLIED", "NOT_APPLICABLE"]
    detail: dict[str, bool | int | Exact | str | None] = Field(default_factory=dict)


class Alternative(Record):
    """What another basis, or another pre-registered specification, would have decided."""

    name: Slug
    kind: Literal["basis", "specification"]
    state: State | None
    """None when it cannot be computed; ``absent`` says why."""
    amount: Exact | None
    point: Exact | None = None
    absent: Text | None = None


class PayerShare(Record):
    """One payer's part of the amount, to the last øre."""

    payer: Text
    level: Text
    share: Exact
    amount: Exact


class Decision(Record):
    """The answer to "is the payment due?"."""

    state: State
    flags: tuple[Flag, ...] = ()
    reasons: tuple[Reason, ...] = ()
    basis: Text | None
    amount: Exact
    """To be paid now, after caps, offsets and earlier payments."""
    triggered: Exact
    """What the rule triggered before offsets; the state follows this."""
    maximum: Exact | None
    """The rule's top amount, or None for an uncapped tariff."""
    currency: Text
    per_payer: tuple[PayerShare, ...] = ()
    steps: tuple[StepRecord, ...]
    trace: tuple[TraceStep, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    nearest_threshold: Exact | None = None
    """The threshold nearest to the estimate, in the direction of good."""
    distance: Exact | None = None
    """Estimate minus that threshold."""
