"""What the other bases would have decided, as a table for the notice."""

from __future__ import annotations

from evaltool.report.blocks import Block, Table
from evaltool.report.pictures import verdicts
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One row per basis and specification, the contract's own first."""
    found = verdicts(telling)
    if not found or telling.withheld:
        return ()
    none = telling.say("label.none")
    rows = tuple(
        (
            f"{v.label} ({telling.say('label.contracts_own')})" if v.decided else v.label,
            v.point or none,
            v.state,
            none if v.amount is None else telling.money(v.amount),
        )
        for v in found
    )
    return (
        Table(
            caption=telling.say("section.bases_short"),
            head=tuple(telling.say(f"label.{key}") for key in ("basis", "estimate", "state", "amount")),
            rows=rows,
            numeric=(1, 3),
            wide=(0,),
            widths=(42, 14, 19, 25) if all(v.amount is not None for v in found) else (28, 11, 37, 24),
        ),
    )


SECTION = Section("bases_short", build)
