"""What an estimate tells of equally good matches."""

from __future__ import annotations

from evaltool.numerics.matching_ties import TieRange
from evaltool.records.design import MatchSummary


def tie_conventions(ties: TieRange | None) -> dict[str, bool | int | float | str | None]:
    """The range, where the effect depends on ties at all; None: it could not be computed."""
    if ties is None:
        return {"tie_range": "not_computed"}
    moves = ties.how != "no_ties"
    return {
        "tie_range": ties.how,
        "tie_lower": ties.lower if moves else None,
        "tie_upper": ties.upper if moves else None,
        "tie_orders": ties.orders,
    }


def notes_of(facts: MatchSummary, ties: TieRange | None) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    notes = []
    if facts.treated_matched < facts.treated_submitted:
        notes.append("estimand_changed")
    if ties is not None and ties.how != "no_ties":
        notes.append("effect_depends_on_ties")
    if ties is not None and ties.how == "searched":
        notes.append("tie_range_searched")
    return tuple(notes)
