"""Groups by how treatment changes: it may switch on and off, and everybody takes part.

Estimand
    None; it settles who takes part.

Equation as implemented
    The roster is every unit in the data. Its start in the roster is the first period in which its treatment is not what
    it was in its first period; never for units whose treatment does not change.

Uncertainty
    None.

Assumptions
    Treatment is known without error in every period.

Refuses when
    There is no data, or nobody's treatment changes.

Source
    de Chaisemartin & D'Haultfœuille 2024 (Review of Economics and Statistics), the first switch F_g.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.designs.groups._cohorts import left_out_entries
from evaltool.errors import DataError, Fault, Place
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger
from evaltool.records.panel import FloatArray, Panel
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "groups.switching"


class SwitchingDesignOptions(Record):
    """``[design.options]`` of ``groups.switching``: none."""


def build(request: DesignRequest) -> Design:
    """The roster by first switch. Raises DataError (DATA_NO_PANEL, DATA_NOTHING_TO_COMPARE)."""
    panel = request.panel
    if panel is None or not {"treated", "period", "unit"} <= set(panel.frame.columns):
        raise DataError(
            Fault(
                code="DATA_NO_PANEL",
                cause="Treatment that switches needs units, periods and who is treated in each row.",
                fix='Declare columns with the roles "unit", "time" and "treated".',
                place=Place(key="data.column"),
            )
        )
    frame = panel.frame
    units = unit_table(panel)
    opening = ~frame["unit"].duplicated()
    late = frame.loc[opening, "period"].to_numpy(dtype=float) > panel.periods[0]
    stated = request.plan.estimator.options
    late &= stated.get("gaps") == "pairs" and stated.get("effect") != "every_switch"
    start = _first_switches(panel)
    roster = units.assign(first_treated=np.where(np.isnan(start), np.inf, start))
    roster, start = roster.loc[~late].reset_index(drop=True), start[~late]
    if bool(np.all(np.isnan(start))):
        raise DataError(
            Fault(
                code="DATA_NOTHING_TO_COMPARE",
                cause="Nobody's treatment changes within the data.",
                fix="Include periods before and after a switch.",
                place=Place(key="data.column"),
            )
        )
    summary = DesignSummary(
        method=NAME,
        comparison="same_treatment_kept",
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=len(panel.periods),
        seal=design_seal(NAME, request.options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
    )
    ledger = Ledger().plus(*left_out_entries(units, late, "no_first_period", "not seen in the first period"))
    return Design(summary=summary, roster=roster, ledger=ledger)


def _first_switches(panel: Panel) -> FloatArray:
    """(units,) the period of each unit's first switch; NaN for none, and where the period before it was not seen."""
    frame = panel.frame
    unit, size = frame["unit"], len(panel.periods)
    first = frame["treated"].where(~unit.duplicated()).groupby(unit, sort=False).transform("first")
    place = pd.Series(np.searchsorted(np.array(panel.periods), frame["period"].to_numpy()), index=frame.index)
    away = frame["treated"] != first.astype(bool)
    switch = away & ~away.groupby(unit, sort=False).cumsum().gt(1)
    step = place - place.groupby(unit, sort=False).shift(fill_value=-size)
    dated = frame["period"].where(switch & (step == 1)).groupby(unit, sort=False).min()
    found: FloatArray = dated.to_numpy(dtype=np.float64)
    return found


PLUGIN = DesignPlugin(
    name=NAME, title="Units by when their treatment first switches", options=SwitchingDesignOptions, build=build
)
