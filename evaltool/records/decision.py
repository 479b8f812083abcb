"""The decision: state, flags, reason codes, exact amounts and the arithmetic that leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

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
    "BASIS_ABSENT",
    "ONE_DONOR_DECIDES",
    "ONE_CLUSTER_DECIDES",
    "ONE_COHORT_DECIDES",
    "TIES_DECIDE",
    "HIDDEN_BIAS",
    "NEGATIVE_CONTROL",
    "REGRESSION_TO_MEAN",
]
STATES: tuple[State, ...] = get_args(State)
FLAGS: tuple[Flag, ...] = get_args(Flag)
REASONS: tuple[Reason, ...] = get_args(Reason)


TEXT_VALUES = frozenset(
    {
        *("part", "parts", "required", "route", "offset_for", "clause", "correlation_from", "by_name"),
        *("rule", "mechanism", "outcome", "basis", "cohort", "specification", "kind", "operator"),
        *("mode", "tier", "reason", "reasons", "detail", "action", "payer", "level", "manifest", "assumption"),
        *("as_of", "decide_from", "mature_from", "purpose", "state", "seal", "names", "fallback", "why"),
        *("by", "tranche"),
    }
)
"""Names of values that are words, so that a rule called 2026 stays a word; other texts are read as figures."""


def figures(values: object) -> object:
    """Decimal texts as Decimal, except under the names in ``TEXT_VALUES``: what JSON cannot tell apart."""
    if not isinstance(values, Mapping):
        return values
    return {name: value if name in TEXT_VALUES else _figure(value) for name, value in values.items()}


def _figure(value: object) -> object:
    """``value`` as Decimal when it is a decimal text, else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except ArithmeticError:
        return value


Values = Annotated[dict[str, bool | int | Decimal | str | None], BeforeValidator(figures)]
"""Named values of a step; the same after a trip through JSON."""


class TraceStep(Record):
    """One step of the arithmetic as a key and its values; the report puts it into words.

    ``key`` is stable (``rule.threshold``, ``cap.contract``); values are exact.
    """

    key: Text
    values: Values


class StepRecord(Record):
    """One of the eight steps of a decision: what it found, or why it did not apply."""

    number: int
    key: Literal["due", "locked", "gates", "mechanism", "combination", "sign_off", "sensitivity", "tie"]
    outcome: Literal["PASS", "STOP", "APPLIED", "NOT_APPLICABLE"]
    detail: Values = Field(default_factory=dict)


class Alternative(Record):
    """What another basis, another pre-registered specification or another feasible estimator would have decided."""

    name: Slug
    kind: Literal["basis", "specification", "estimator"]
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


class PossibleAmount(Record):
    """One amount that could have come out, with its probability under the estimate's uncertainty."""

    amount: Exact
    probability: Exact


class AmountUncertainty(Record):
    """How the amount triggered varies with the estimates' own uncertainty, everything else as it is.

    The estimates move together through ``draws`` equally probable quantiles of their errors, which makes the spread as
    wide as it can be where several outcomes are paid on.
    """

    draws: int
    expected: Exact
    sd: Exact
    level: Exact
    lower: Exact
    upper: Exact
    """Central interval of the amount with probability ``level``."""
    nothing: Exact
    """Probability that nothing is triggered."""
    full: Exact
    """Probability that the top amount is triggered."""
    amounts: tuple[PossibleAmount, ...]
    """Distinct amounts, ascending; where payment follows a line, ten equal groups by their mean."""


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
    distance_money: Exact | None = None
    """What would be triggered just beyond that threshold, minus what is triggered."""
    uncertainty: AmountUncertainty | None = None
    """None where no estimate paid on has a standard error."""
