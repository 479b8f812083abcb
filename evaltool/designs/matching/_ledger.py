"""Who was left out of a matching, by arm and reason."""

from __future__ import annotations

import numpy as np

from evaltool.designs.matching._units import Bools, Units
from evaltool.records.ledger import Ledger, LedgerEntry, LedgerReason
from evaltool.records.panel import IntArray

MEMBERS = 1000
NOBODY_EQUAL = "no comparison unit is equal in the exact columns"
NOBODY_NEAR = "no comparison unit within the caliper"
ALL_TAKEN = "every comparison unit it could have was taken"
UNUSED = "nearest to no treated unit"
OUTSIDE = "score outside the common support"


def ledger_of(units: Units, parts: dict[str, IntArray], outside: Bools | None = None) -> Ledger:
    """One entry per detail and arm: positions of the units left out for that reason; ``outside`` the support."""
    entries = [entry for detail, members in parts.items() for entry in _entries(units, members, detail)]
    if outside is not None:
        entries += _entries(units, np.flatnonzero(outside), OUTSIDE, "outside_support")
    return Ledger().plus(*entries)


def _entries(units: Units, members: IntArray, detail: str, reason: LedgerReason = "unmatched") -> list[LedgerEntry]:
    """One entry per arm concerned."""
    found = []
    for arm, own in (("treated", units.treated), ("comparison", ~units.treated)):
        mine = members[own[members]]
        if mine.shape[0]:
            found.append(
                LedgerEntry(
                    stage="design",
                    reason=reason,
                    what="unit",
                    arm="treated" if arm == "treated" else "comparison",
                    count=int(mine.shape[0]),
                    detail=detail,
                    members=tuple(str(units.ids[i]) for i in mine[:MEMBERS].tolist()),
                )
            )
    return found
