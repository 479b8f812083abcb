"""What a contract withholds when its baselines disagree: ``[payment.haircut]``.

The figure decided on is compared with the agreed one and those of the pre-registered specifications that the contract
names, all of the headline outcome, on the estimand's scale. The distance is the largest difference. Beyond ``over``
the amount, under the contract's cap, loses ``share`` of itself; exactly ``over`` is borne. A specification that could
not be computed cuts (``absent = "cut"``) or is left out of the comparison (``"ignore"``). Where a fallback puts a
blend, a pooled figure or one against an agreed rate in the place of the agreed estimate, that is the figure decided on,
and the agreed one is compared with it like any other. A floor is no figure and is not cut.

Before data nobody knows how far baselines will be apart: ``apart`` says what is believed of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.disagreement import disagreement
from evaltool.payment.request import DecisionRequest
from evaltool.payment.trace import Value, step
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import ALL, PRIMARY, REPLACED
from evaltool.records.plan.payment import Haircut

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Cut:
    """What was found: how far the farthest is, how many were compared and absent, and the share withheld (or zero)."""

    distance: Decimal
    over: Decimal
    compared: int
    absent: int
    share: Decimal

    def taken(self, amount: Decimal) -> tuple[Decimal, TraceStep]:
        """What is left of an amount, and the step that says so."""
        after = amount - amount * self.share
        values: dict[str, Value] = {
            "distance": self.distance,
            "over": self.over,
            "compared": self.compared,
            "absent": self.absent,
        }
        return after, step("haircut", {**values, "share": self.share, "before": amount, "after": after})


def haircut_of(request: DecisionRequest, specification: str) -> Cut | None:
    """The cut of a decision on one specification; None where the contract has none, or nothing was decided on."""
    agreed = request.plan.payment.haircut
    outcome = request.plan.estimand.outcome
    known = [e for e in request.evidence if (e.key.outcome, e.key.cohort) == (outcome, ALL)]
    figures = {e.key.specification: e.point for e in known}
    if agreed is None or specification not in figures:
        return None
    before = (REPLACED,) if request.replaced else ()
    named = [name for name in dict.fromkeys((PRIMARY, *before, *agreed.among)) if name != specification]
    others = [figures[name] for name in named if name in figures]
    absent = len(named) - len(others)
    found = disagreement(figures[specification], others)
    distance = ZERO if found is None else found.distance
    cuts = distance > agreed.over or (absent > 0 and agreed.absent == "cut")
    return Cut(distance, agreed.over, len(others), absent, agreed.share if cuts else ZERO)


def full_cut(agreed: Haircut) -> Cut:
    """The cut of baselines that lie too far apart, whatever they are: for figures before data."""
    return Cut(agreed.over, agreed.over, len(agreed.among), 0, agreed.share)
