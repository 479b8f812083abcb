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

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.designs.groups._cohorts import anticipation_of, check_roster, left_out_entries
from evaltool.errors import DataError, Fault, Place
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.ledger import Ledger
from evaltool.records.plugins import DesignPlugin, DesignRequest

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
    no_base = ~always & (start <= first + anticipation_of(request))
    roster = units.loc[~(always | no_base)].reset_index(drop=True)
    check_roster(panel, roster)
    ledger = Ledger().plus(
        *left_out_entries(units, always, "always_treated", "treated from the first period on"),
        *left_out_entries(units, no_base, "no_base_period", "no period before the anticipation window"),
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


def _comparison(request: DesignRequest) -> str:
    """Key of the comparison group, as the plan's estimator states it or by its default."""
    stated = request.plan.estimator.options.get("control_group")
    if isinstance(stated, str):
        return stated
    return COMPARISONS.get(request.plan.estimator.method, "not_yet_treated")


PLUGIN = DesignPlugin(name=NAME, title="Cohorts by first treated period", options=AdoptionOptions, build=build)
