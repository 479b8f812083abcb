"""Those served beside an agreed rate and, after a stated time, a live group; people measured once each.

Estimand
    None; it settles who is compared with whom.

Equation as implemented
    The roster is everybody in the data, by the column with the role treated.

Uncertainty
    None.

Assumptions
    The agreed rate is what would have happened; the live group is like those served.

Refuses when
    There are several rows for a person, no column says who received the intervention, or nobody did.

Source
    Practice of outcomes contracts with a rate fixed until a date (Newpin Social Benefit Bond, 2013).

Reference implementation and agreed tolerance
    None needed.
"""

from __future__ import annotations

from evaltool.designs.history._people import people
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "history.rate"


class RateOptions(Record):
    """``[design.options]`` of ``history.rate``: none."""


def build(request: DesignRequest) -> Design:
    """Everybody, by arm. Raises RunError."""
    return people(request.panel, NAME, request.options, "agreed_rate")


PLUGIN = DesignPlugin(name=NAME, title="An agreed rate, then a live group", options=RateOptions, build=build)
