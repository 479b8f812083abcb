"""Who was left out of a matching, by arm and reason."""

from __future__ import annotations

import numpy as np

from evaltool.designs.matching._units import Bools, Units
from evaltool.numerics.matching import MatchRule, Pairs
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.panel import IntArray

MEMBERS = 1000


def left_out(units: Units, grid: IntArray, pairs: Pairs, rule: MatchRule) -> Ledger:
    """Treated units without a match (nobody in the stratum; nobody within the caliper; all taken) and unused others."""
    mine, theirs = np.flatnonzero(units.treated), np.flatnonzero(~units.treated)
    missed = np.setdiff1d(mine, mine[pairs.treated])
    alone, far, late = [], [], []
    for i in missed.tolist():
        peers = theirs[units.stratum[theirs] == units.stratum[i]]
        if not peers.shape[0]:
            alone.append(i)
        elif rule.caliper is not None and int(np.min(np.abs(grid[peers] - grid[i]))) > rule.caliper:
            far.append(i)
        else:
            late.append(i)
    unused = np.setdiff1d(theirs, theirs[pairs.comparison]).tolist()
    return Ledger().plus(
        *_entry(units, alone, "no comparison unit is equal in the exact columns"),
        *_entry(units, far, "no comparison unit within the caliper"),
        *_entry(units, late, "every comparison unit it could have was taken"),
        *_entry(units, unused, "nearest to no treated unit"),
    )


def _entry(units: Units, members: list[int], detail: str) -> tuple[LedgerEntry, ...]:
    """One entry, or none when nobody is concerned."""
    if not members:
        return ()
    names = tuple(str(units.ids[i]) for i in members[:MEMBERS])
    return (
        LedgerEntry(
            stage="design",
            reason="unmatched",
            what="unit",
            arm="treated" if _treated(units.treated, members) else "comparison",
            count=len(members),
            detail=detail,
            members=names,
        ),
    )


def _treated(treated: Bools, members: list[int]) -> bool:
    """Which arm these units belong to."""
    return bool(treated[members[0]])
