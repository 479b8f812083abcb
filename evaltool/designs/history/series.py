"""One series before and after: the treated unit's own course, alone or beside a control series.

Estimand
    None; it settles which series are used.

Equation as implemented
    The treated unit is the one whose first treated period lies within the data. ``control`` names at most one unit that
    never starts; all others are left out and counted.

Uncertainty
    None.

Assumptions
    The control series meets the same outside events and is not affected by the intervention.

Refuses when
    There are no units, periods and starts; nobody, or more than one unit, is treated; the control is unknown or
    treated; a series lacks a period.

Source
    Bernal, Cummins & Gasparrini 2017 (IJE 46) and 2018 (IJE 47) on controls in interrupted time series.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

import numpy as np

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.records.base import Record, Text
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.panel import Panel
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "history.series"
MEMBERS = 1000


class SeriesOptions(Record):
    """``[design.options]`` of ``history.series``. Units are named as their ids read."""

    control: Text | None = None
    """A unit that never starts and meets the same outside events; none when absent."""


def build(request: DesignRequest) -> Design:
    """The roster of the treated unit and its control. Raises RunError with every fault found."""
    options = request.options
    if not isinstance(options, SeriesOptions):
        message = f"{NAME} was given {type(options).__name__}"
        raise TypeError(message)
    panel = _panel(request.panel)
    units = unit_table(panel)
    last = float(panel.periods[-1])
    start = units["first_treated"].to_numpy(dtype=np.float64)
    units["first_treated"] = np.where(start > last, np.inf, start)
    names = units["unit"].astype(str)
    treated = np.isfinite(units["first_treated"].to_numpy(dtype=np.float64))
    control = (names == options.control).to_numpy(dtype=bool)
    kept = treated | control
    rows = panel.frame.groupby("unit", sort=False)["period"].size().reindex(units["unit"]).to_numpy()
    short = [str(name) for name, few in zip(names, kept & (rows != len(panel.periods)), strict=True) if few]
    faults = [*_treated_faults(int(np.sum(treated))), *_control_faults(list(names), list(names[treated]), options)]
    if short:
        cause = f"{', '.join(short)}: not observed in all {len(panel.periods)} periods of the data."
        faults.append(Fault("RUN_UNBALANCED_PANEL", cause, "Complete the series.", Place(key="data.balance")))
    if faults:
        raise RunError(faults)
    roster = units.loc[kept].reset_index(drop=True)
    left = tuple(names[~kept])
    entry = LedgerEntry(
        stage="design",
        reason="excluded_donor",
        what="unit",
        arm="comparison",
        count=max(len(left), 1),
        detail="no part of the series",
        members=left[:MEMBERS],
    )
    summary = DesignSummary(
        method=NAME,
        comparison="own_history" if options.control is None else "control_series",
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=len(panel.periods),
        seal=design_seal(NAME, options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
    )
    return Design(summary=summary, roster=roster, ledger=Ledger().plus(*([entry] if left else [])))


def _panel(panel: Panel | None) -> Panel:
    """A panel with units, periods and starts. Raises RunError (RUN_NEEDS_DATA)."""
    if panel is None or "first_treated" not in panel.frame or "period" not in panel.frame or panel.frame.empty:
        cause = "A series needs a unit, periods and the first treated period."
        fix = 'Declare columns with the roles "unit", "time" and "first_treated".'
        raise RunError(Fault("RUN_NEEDS_DATA", cause, fix, Place(key="data.column")))
    return panel


def _treated_faults(count: int) -> list[Fault]:
    """Not exactly one treated unit."""
    place = Place(key="data.column")
    if count == 0:
        fix = "Include the treated unit, with periods before and after its start."
        return [Fault("RUN_NOBODY_TREATED", "No unit starts within the periods of the data.", fix, place)]
    if count > 1:
        cause = f"{count} units are treated; a series before and after is of one."
        return [Fault("RUN_ONE_TREATED_UNIT", cause, "Add them together, or use did.group_time.", place)]
    return []


def _control_faults(names: list[str], treated: list[str], options: SeriesOptions) -> list[Fault]:
    """A control that is not there, or is treated."""
    place = Place(key="design.options.control")
    if options.control is not None and options.control not in names:
        near = did_you_mean(options.control, sorted(names))
        cause, fix = f"The data have no unit '{options.control}'.", "Write the id as it stands in the data."
        return [Fault("RUN_UNKNOWN_DONOR", cause, fix, place, near)]
    if options.control in treated:
        return [Fault("RUN_TREATED_DONOR", f"'{options.control}' is treated.", "Name one that never starts.", place)]
    return []


PLUGIN = DesignPlugin(name=NAME, title="One series before and after", options=SeriesOptions, build=build)
