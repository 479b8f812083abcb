"""Groups by when they may start, in two parts: those eligible there, and those who are not.

Estimand
    None; it settles who takes part.

Equation as implemented
    The roster is every unit seen in at least one period p with p + anticipation < the period from which its group may
    receive the intervention, and every unit whose group never may. Its start in the roster is that period for those
    eligible (the column the estimator's option ``eligible`` names) and never for the others. Units of groups that may
    from the first period on go to the ledger, and their outcomes are never read.

Uncertainty
    None.

Assumptions
    Start and eligibility are known without error and do not depend on outcomes after the start.

Refuses when
    There is no data, the column of eligibility is missing, nobody who starts is ever seen untreated, or there is only
    one group.

Source
    Ortiz-Villavicencio & Sant'Anna 2025 (arXiv 2505.09942), the groups of a triple-difference design.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

import numpy as np

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.designs.groups._cohorts import anticipation_of, check_roster, left_out_entries
from evaltool.errors import DataError, Fault, Place
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "groups.eligibility"


class EligibilityOptions(Record):
    """``[design.options]`` of ``groups.eligibility``: none."""


def build(request: DesignRequest) -> Design:
    """The roster. Raises DataError (DATA_NO_PANEL, DATA_NOTHING_TO_COMPARE)."""
    panel = request.panel
    stated = request.plan.estimator.options.get("eligible", "eligible")
    column = f"x.{stated}"
    if panel is None or not {"first_treated", "period", column} <= set(panel.frame.columns):
        raise DataError(
            Fault(
                code="DATA_NO_PANEL",
                cause=f"Triple differences need units, periods, first treated periods and the covariate '{stated}'.",
                fix='Declare columns with the roles "unit", "time", "first_treated", "covariate"; name the last under '
                "eligible.",
                place=Place(key="data.column"),
            )
        )
    units = unit_table(panel)
    start = units["first_treated"].to_numpy(dtype=float)
    first = float(panel.periods[0])
    always = start <= first
    no_base = ~always & (start <= first + anticipation_of(request))
    rows = panel.frame.loc[~panel.frame["unit"].duplicated(), column].to_numpy(dtype=float)
    roster = units.loc[~(always | no_base)].reset_index(drop=True)
    check_roster(panel, roster)
    roster["first_treated"] = np.where(rows[~(always | no_base)] == 1.0, roster["first_treated"], np.inf)
    ledger = Ledger().plus(
        *left_out_entries(units, always, "always_treated", "treated from the first period on"),
        *left_out_entries(units, no_base, "no_base_period", "no period before the anticipation window"),
    )
    control = request.plan.estimator.options.get("control_group", "never_treated")
    summary = DesignSummary(
        method=NAME,
        comparison=str(control),
        cohorts=cohorts_of(panel, roster, never="never"),
        periods=len(panel.periods),
        seal=design_seal(NAME, request.options, roster),
        submitted_units=len(units),
        analysed_units=len(roster),
    )
    return Design(summary=summary, roster=roster, ledger=ledger)


PLUGIN = DesignPlugin(
    name=NAME, title="Groups by start, eligible and ineligible", options=EligibilityOptions, build=build
)
