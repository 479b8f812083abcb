"""No comparison: the people served are measured, nobody is compared.

Estimand
    None; it lists who is measured.

Equation as implemented
    The roster is every unit in the data; without data it is empty.

Uncertainty
    None.

Assumptions
    None about a counterfactual: there is none, and every report says so.

Refuses when
    Never.

Source
    Practice of outcomes contracts that pay for verified outcomes.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

from evaltool.designs._roster import cohorts_of, design_seal, unit_table
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "groups.none"


class NoneOptions(Record):
    """``[design.options]`` of ``groups.none``: none."""


def build(request: DesignRequest) -> Design:
    """Everybody in the data, nobody compared."""
    panel = request.panel
    if panel is None:
        summary = DesignSummary(method=NAME, comparison="none", seal=design_seal(NAME, request.options, None))
        return Design(summary=summary)
    roster = unit_table(panel)
    summary = DesignSummary(
        method=NAME,
        comparison="none",
        cohorts=cohorts_of(panel, roster, never="all"),
        periods=len(panel.periods),
        seal=design_seal(NAME, request.options, roster),
        submitted_units=len(roster),
        analysed_units=len(roster),
    )
    return Design(summary=summary, roster=roster)


PLUGIN = DesignPlugin(name=NAME, title="No comparison group", options=NoneOptions, build=build)
