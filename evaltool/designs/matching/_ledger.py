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
    lines = _scores_by_stratum(units, grid, theirs)
    for i in missed.tolist():
        line = lines.get(int(units.stratum[i]))
        if line is None:
            alone.append(i)
        elif rule.caliper is not None and _nearest(line, int(grid[i])) > rule.caliper:
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


def _scores_by_stratum(units: Units, grid: IntArray, theirs: IntArray) -> dict[int, IntArray]:
    """Sorted scores of the comparison units of each stratum."""
    order = theirs[np.lexsort((grid[theirs], units.stratum[theirs]))]
    codes, first = np.unique(units.stratum[order], return_index=True)
    parts = np.split(grid[order], first[1:])
    return {int(code): part for code, part in zip(codes, parts, strict=True)}


def _nearest(line: IntArray, score: int) -> int:
    """Distance to the nearest score of a sorted line."""
    at = int(np.searchsorted(line, score))
    return min(abs(int(line[k]) - score) for k in (at - 1, at) if 0 <= k < line.shape[0])


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
