"""Everything left out, with the reason: rows, units, cells."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.records.base import Record, Text

LedgerReason = Literal[
    "missing_value_row",
    "missing_value_unit",
    "unbalanced_unit",
    "always_treated",
    "outside_periods",
    "no_comparison",
    "single_unit_cohort",
    "no_base_period",
    "no_first_period",
    "outside_support",
    "unmatched",
    "excluded_donor",
    "dropped_since_lock",
    "not_treated",
    "not_eligible",
]


class LedgerEntry(Record):
    """How many of what were left out where and why. Unit ids stay in ``evidence/`` and are never released."""

    stage: Literal["reading", "design", "estimation"]
    reason: LedgerReason
    what: Literal["row", "unit", "cell", "period"]
    arm: Literal["treated", "comparison", "both", "unknown"]
    count: int = Field(ge=1)
    detail: Text | None = None
    """Column, cohort or cell concerned, in one phrase."""
    members: tuple[str, ...] = ()
    """Ids concerned, sorted, at most 1000."""


class Ledger(Record):
    """The entries in canonical order."""

    entries: tuple[LedgerEntry, ...] = ()

    def plus(self, *entries: LedgerEntry) -> Ledger:
        """A ledger with more entries, sorted by stage as the corridor runs, reason, arm and detail."""
        stages = ("reading", "design", "estimation")
        merged = sorted(
            (*self.entries, *entries), key=lambda e: (stages.index(e.stage), e.reason, e.what, e.arm, e.detail or "")
        )
        return Ledger(entries=tuple(merged))

    def count(self, what: str, arm: str | None = None) -> int:
        """How many rows, units or cells were left out (in one arm, or in all)."""
        return sum(e.count for e in self.entries if e.what == what and arm in {None, e.arm})
