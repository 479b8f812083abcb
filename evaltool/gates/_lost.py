"""Units lost for want of data, by arm, from the ledger: what attrition and linkage count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaltool.records.ledger import LedgerEntry
from evaltool.records.panel import Panel
from evaltool.records.plugins import GateContext

Arm = Literal["treated", "comparison", "unknown"]
ARMS: tuple[Arm, ...] = ("treated", "comparison", "unknown")
BY_DESIGN = frozenset(
    {
        *(
            "always_treated",
            "outside_periods",
            "no_comparison",
            "single_unit_cohort",
            "no_base_period",
            "no_first_period",
        ),
        *("outside_support", "unmatched", "excluded_donor", "not_treated", "not_eligible"),
    }
)
"""Left out by the design's own rules: nobody lost them."""
LISTED = 1000
"""Ids a ledger entry lists at most."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Units still in the data, and units lost whose arm is known or not."""

    kept_treated: int
    kept_comparison: int
    lost_treated: int
    lost_comparison: int
    lost_unknown: int


def arms_of(context: GateContext, *, missing_only: bool) -> Arms | None:
    """Kept and lost units by arm; None without units in two arms.

    ``missing_only`` counts losses for missing values alone, else everything that no design rule left out. A unit is
    counted once. Ids listed in the ledger are followed; where it lists only the first of them the rest is counted by
    its own figure, rows for units, which can only count too many.
    """
    panel = context.panel
    kept = None if panel is None else _kept(panel)
    if panel is None or kept is None or not kept["treated"] or not kept["comparison"]:
        return None
    present = kept["treated"] | kept["comparison"]
    entries = [
        e for e in (*panel.ledger.entries, *context.design.ledger.entries) if _counts(e, missing_only=missing_only)
    ]
    gone: dict[Arm, set[str]] = {arm: set() for arm in ARMS}
    unlisted: dict[Arm, int] = dict.fromkeys(ARMS, 0)
    for entry in entries:
        arm: Arm = "unknown" if entry.arm == "both" else entry.arm
        gone[arm] |= set(entry.members) - present
        unlisted[arm] += _unlisted(entry)
    gone["unknown"] -= gone["treated"] | gone["comparison"]
    lost = {arm: len(gone[arm]) + unlisted[arm] for arm in ARMS}
    return Arms(
        kept_treated=len(kept["treated"]),
        kept_comparison=len(kept["comparison"]),
        lost_treated=lost["treated"],
        lost_comparison=lost["comparison"],
        lost_unknown=lost["unknown"],
    )


def _counts(entry: LedgerEntry, *, missing_only: bool) -> bool:
    """Whether an entry tells of a loss."""
    if entry.what not in {"unit", "row"} or entry.reason in BY_DESIGN:
        return False
    return not missing_only or entry.reason in {"missing_value_row", "missing_value_unit"}


def _unlisted(entry: LedgerEntry) -> int:
    """Units an entry counts and does not list."""
    whole = entry.what == "row" and 0 < len(entry.members) < LISTED
    return 0 if whole else entry.count - len(entry.members)


def _kept(panel: Panel) -> dict[Arm, set[str]] | None:
    """Ids still in the data, by arm."""
    frame = panel.frame
    if "unit" not in frame:
        return None
    if "first_treated" in frame:
        inside = frame["first_treated"] <= (panel.periods[-1] if panel.periods else float("inf"))
        treated = inside & (frame["first_treated"] != float("inf"))
    elif "treated" in frame:
        treated = frame["treated"].astype(bool)
    else:
        return None
    ids = frame["unit"].astype(str)
    return {"treated": set(ids[treated]), "comparison": set(ids[~treated])}
