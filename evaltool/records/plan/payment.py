"""What is paid for what: ``[payment]``, ``[[payment.rule]]``, ``[[payment.previous]]``."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Agreed, Record, Slug, Text
from evaltool.records.plan.analysis import Options

Basis = Literal["point_estimate", "lower_bound", "significant_and_point", "probability"]
BASES: tuple[Basis, ...] = ("point_estimate", "lower_bound", "significant_and_point")
"""The bases this version can decide on; ``probability`` is refused by name."""
Rounding = Literal["half_even", "half_up", "down", "up"]
SMALLEST, LARGEST = Decimal("0.0001"), Decimal(1_000_000)
"""Bounds of the smallest unit that is paid."""
Money = Annotated[Agreed, Field(ge=0)]


class EstimateRounding(Record):
    """Rounding of the estimate before it meets a threshold; only where the contract says so."""

    places: int = Field(ge=0, le=12)
    mode: Rounding = "half_even"


class Rule(Record):
    """``[[payment.rule]]``: one mechanism applied to one outcome.

    ``terms`` are the mechanism's own (thresholds, tiers, prices), validated by its strict model. Thresholds are
    in the direction of good and on the estimand's scale: 0.10 is "ten percent better", whichever way better is.
    """

    id: Slug
    mechanism: Text
    outcome: Slug
    basis: Basis | None = None
    inclusive: bool | None = None
    """True: reaching the threshold exactly triggers (≥). Must be stated by every rule with a threshold."""
    estimate_rounding: EstimateRounding | None = None
    cap: Money | None = None
    terms: Options = Field(default_factory=dict)


class Previous(Record):
    """``[[payment.previous]]``: what an earlier run of this contract paid, by its manifest hash."""

    manifest: str = Field(pattern=r"^[0-9a-f]{64}$")
    amount: Money
    note: Text | None = None


class Payment(Record):
    """``[payment]``: rules, how they are combined, caps, offsets and rounding of the amount."""

    rule: tuple[Rule, ...] = Field(min_length=1)
    combine: Literal["sum"] = "sum"
    cap: Money | None = None
    offset: Money = Decimal(0)
    """Amount to be deducted from what is triggered (already counted elsewhere)."""
    previous: tuple[Previous, ...] = ()
    quantum: Annotated[Agreed, Field(ge=SMALLEST, le=LARGEST)] = Decimal("0.01")
    """Smallest unit of the currency that is paid."""
    rounding: Rounding = "half_even"
