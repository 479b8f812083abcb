"""The comparison was made by others: a published estimate is taken as it is, with its source.

Estimand
    None; it records that the comparison was made elsewhere.

Equation as implemented
    No roster. The seal covers method and options, and through the plan the published figures.

Uncertainty
    None.

Assumptions
    Those of the published study.

Refuses when
    Never.

Source
    Practice of outcomes contracts with an outside assessor.

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

from evaltool.designs._roster import design_seal
from evaltool.records.base import Record
from evaltool.records.design import Design, DesignSummary
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "groups.published"


class PublishedOptions(Record):
    """``[design.options]`` of ``groups.published``: none."""


def build(request: DesignRequest) -> Design:
    """A design without roster."""
    return Design(
        summary=DesignSummary(method=NAME, comparison="published", seal=design_seal(NAME, request.options, None))
    )


PLUGIN = DesignPlugin(name=NAME, title="Comparison made by a published study", options=PublishedOptions, build=build)
