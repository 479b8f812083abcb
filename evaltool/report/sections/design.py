"""Who is compared with whom."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """The comparison in words, and the groups by start; their weight where units do not all weigh 1."""
    design = telling.run.design
    key = {"none": "text.design_none", "published": "text.design_published"}.get(design.comparison)
    words = {"comparison": telling.name_of("comparison", design.comparison)}
    prose = Prose(text=telling.tell("text.design", words) if key is None else telling.tell(key))
    if not design.cohorts or design.matching is not None:
        return (prose,)
    rows = tuple(
        (
            telling.say("text.never_start") if c.start is None else c.label,
            telling.count(c.units, "cohort", "never" if c.start is None else c.start),
            telling.count(round(c.weight), "cohort", "never" if c.start is None else c.start),
        )
        for c in design.cohorts
    )
    weighted = any(round(c.weight) != c.units for c in design.cohorts)
    heads = (telling.say("text.cohorts_start"), telling.say("label.units_head"), telling.say("text.people"))
    table = Table(
        caption=telling.say("text.cohorts_caption"),
        head=heads if weighted else heads[:2],
        rows=rows if weighted else tuple(row[:2] for row in rows),
        numeric=(1, 2) if weighted else (1,),
    )
    return (prose, table)


SECTION = Section("design", build)
