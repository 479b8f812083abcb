"""Groups by when they start: everybody who starts in one period is a cohort, compared with those who have not.

Estimand
    None; it settles who takes part.

Equation as implemented
    The roster is every unit seen in at least one period p with p + anticipation < first treated period, and every
    unit that never starts. The rest are always treated as far as the data can tell: they go to the ledger and their
    outcomes are never read.

Uncertainty
    None.

Assumptions
    The start is known without error and does not depend on outcomes after it.

Refuses when
    There is no data, nobody who starts is ever seen untreated, or there is only one cohort and nobody else.

Source
    Callaway & Sant'Anna 2021 (Journal of Econometrics 225), section 2.1 (groups by first treatment).

Reference implementation and agreed tolerance
    R did 2.5.1 leaves out the same units. Exact.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.errors import DataError, Fault, Place
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger, LedgerEntry, LedgerReason
from evaltool.records.panel import Panel
from evaltool.records.plugins import DesignPlugin, DesignRequest

MEMBERS = 1000
NAME = "groups.adoption"
COMPARISONS = {
    "did.two_by_two": "never_treated",
    "did.sun_abraham": "never_treated",
    "did.twfe": "everybody",
    "did.event_study": "everybody",
}
"""Comparison of methods that have no option for it."""


class AdoptionOptions(Record):
    """``[design.options]`` of ``groups.adoption``: none."""


def build(request: DesignRequest) -> Design:
    """The roster by first treated period. Raises DataError (DATA_NOTHING_TO_COMPARE, DATA_NO_PANEL)."""
    panel = request.panel
    if panel is None or "first_treated" not in panel.frame or "period" not in panel.frame:
        raise DataError(
            Fault(
                code="DATA_NO_PANEL",
                cause="Groups by start need units, periods and the first treated period of each unit.",
                fix='Declare columns with the roles "unit", "time" and "first_treated".',
                place=Place(key="data.column"),
            )
        )
    units = unit_table(panel)
    start = units["first_treated"].to_numpy(dtype=float)
    first = float(panel.periods[0])
    always = start <= first
    no_base = ~always & (start <= first + _anticipation(request))
    roster = units.loc[~(always | no_base)].reset_index(drop=True)
    _check(panel, roster)
    ledger = Ledger().plus(
        *_entries(units, always, "always_treated", "treated from the first period on"),
        *_entries(units, no_base, "no_base_period", "no period before the anticipation window"),
    )
    summary = DesignSummary(
        method=NAME,
        comparison=_comparison(request),
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=len(panel.periods),
        seal=design_seal(NAME, request.options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
    )
    return Design(summary=summary, roster=roster, ledger=ledger)


def _anticipation(request: DesignRequest) -> int:
    """Anticipation as the plan's estimator states it."""
    value = request.plan.estimator.options.get("anticipation", 0)
    return int(value) if isinstance(value, int) else 0


def _comparison(request: DesignRequest) -> str:
    """Key of the comparison group, as the plan's estimator states it or by its default."""
    stated = request.plan.estimator.options.get("control_group")
    if isinstance(stated, str):
        return stated
    return COMPARISONS.get(request.plan.estimator.method, "not_yet_treated")


def _check(panel: Panel, roster: pd.DataFrame) -> None:
    """Refuse a roster in which nothing can be compared."""
    start = roster["first_treated"].to_numpy(dtype=float)
    last = float(panel.periods[-1])
    treated = start[start <= last]
    if treated.size == 0:
        cause = "Nobody starts within the data after having been seen untreated."
    elif np.unique(np.minimum(start, last + 1.0)).size == 1:
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


def _entries(
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


PLUGIN = DesignPlugin(name=NAME, title="Cohorts by first treated period", options=AdoptionOptions, build=build)
