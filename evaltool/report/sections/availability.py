"""Where data and code are, and how anyone can check the result."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Data, numeric profile, verification, machine record."""
    run = telling.run
    minimum = run.plan.disclosure.minimum
    if run.data is None:
        data = telling.tell("text.data_none")
    elif minimum == 0:
        data = telling.tell("text.data_public")
    else:
        data = telling.tell("text.data_stay", {"minimum": telling.number(minimum)})
    pinned = telling.tell("text.pinned" if run.profile.pinned else "text.not_pinned")
    parts = [data, f"{pinned} {telling.say('text.verify')}", telling.tell("text.machine_record")]
    return (Prose(text="\n\n".join(parts)),)


SECTION = Section("availability", build)
