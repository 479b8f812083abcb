"""An earlier cohort beside those served now, people measured once each.

Estimand
    None; it settles who is compared with whom.

Equation as implemented
    The roster is everybody in the data, by the column with the role treated.

Uncertainty
    None.

Assumptions
    The earlier cohort was measured alike, and would have fared as those now served would have without the intervention.

Refuses when
    There are several rows for a person, no column says who received the intervention, or nobody did.

Source
    Practice of outcomes contracts with historical cohorts (Rikers Island, 2012).

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

from evaltool.designs.history._people import people
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "history.cohort"


class CohortOptions(Record):
    """``[design.options]`` of ``history.cohort``: none."""


def build(request: DesignRequest) -> Design:
    """Everybody, by arm. Raises RunError."""
    return people(request.panel, NAME, request.options, "earlier_cohort")


PLUGIN = DesignPlugin(name=NAME, title="An earlier cohort", options=CohortOptions, build=build)
