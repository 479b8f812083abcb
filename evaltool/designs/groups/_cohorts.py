"""What designs by start share: the plan's anticipation, who is left out, whether anything can be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaltool.errors import DataError, Fault, Place
from evaltool.numerics.distinct import distinct
from evaltool.records.ledger import LedgerEntry, LedgerReason
from evaltool.records.panel import Panel
from evaltool.records.plugins import DesignRequest

MEMBERS = 1000
"""Ids a ledger entry lists at most."""


def anticipation_of(request: DesignRequest) -> int:
    """Anticipation as the plan's estimator states it."""
    value = request.plan.estimator.options.get("anticipation", 0)
    return int(value) if isinstance(value, int) else 0


def check_roster(panel: Panel, roster: pd.DataFrame) -> None:
    """Refuse a roster in which nothing can be compared."""
    start = roster["first_treated"].to_numpy(dtype=float)
    last = float(panel.periods[-1])
    treated = start[start <= last]
    if treated.size == 0:
        cause = "Nobody starts within the data after having been seen untreated."
    elif distinct(np.minimum(start, last + 1.0)).size == 1:
        cause = (
            f"Everybody starts in the same period ({panel.label(int(treated[0]))}): there is nobody to compare with."
        )
    else:
        return
    raise DataError(
        Fault(
            code="DATA_NOTHING_TO_COMPARE",
            cause=cause,
            fix="Include periods before the start, and units that start later or never.",
            place=Place(key="data.column"),
        )
    )


def left_out_entries(
    units: pd.DataFrame, left_out: np.ndarray[tuple[int], np.dtype[np.bool_]], reason: LedgerReason, detail: str
) -> tuple[LedgerEntry, ...]:
    """One ledger entry for the units left out for one reason, or none."""
    members = [str(unit) for unit in units.loc[left_out, "unit"]]
    if not members:
        return ()
    return (
        LedgerEntry(
            stage="design",
            reason=reason,
            what="unit",
            arm="treated",
            count=len(members),
            detail=detail,
            members=tuple(members[:MEMBERS]),
        ),
    )
