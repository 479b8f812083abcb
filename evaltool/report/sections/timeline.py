"""Contract and measurement in time."""

from __future__ import annotations

from evaltool.plotting.timeline import draw_timeline
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """A sentence and the figure."""
    return (Prose(text=telling.tell("text.timeline")), telling.figure(draw_timeline(telling.run, telling.lang)))


SECTION = Section("timeline", build)
