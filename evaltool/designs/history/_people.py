"""People measured once each, in two arms: the roster both designs of this folder seal."""

from __future__ import annotations

import numpy as np

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.errors import Fault, Place, RunError
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.panel import Panel


def people(panel: Panel | None, method: str, options: Record, comparison: str) -> Design:
    """Everybody, by arm. Raises RunError: RUN_NEEDS_DATA, RUN_NOBODY_TREATED."""
    if panel is None or "treated" not in panel.frame or "period" in panel.frame or panel.frame.empty:
        cause = "This design needs one row for each person and a column that says who received the intervention."
        fix = 'Declare columns with the roles "unit" and "treated", and none with the role "time".'
        raise RunError(Fault("RUN_NEEDS_DATA", cause, fix, Place(key="data.column")))
    roster = unit_table(panel)
    if not bool(np.isfinite(roster["first_treated"].to_numpy(dtype=np.float64)).any()):
        cause, fix = "Nobody in the data received the intervention.", "Correct the column with the role treated."
        raise RunError(Fault("RUN_NOBODY_TREATED", cause, fix, Place(key="data.column")))
    summary = DesignSummary(
        method=method,
        comparison=comparison,
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=0,
        seal=design_seal(method, options, roster),
        submitted_units=len(roster),
        analysed_units=len(roster),
    )
    return Design(summary=summary, roster=roster)
