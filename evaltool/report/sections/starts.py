"""Who is treated when, and which rows the data lack."""

from __future__ import annotations

from evaltool.plotting.starts import CohortRow, draw_starts, state_of
from evaltool.records.examination import CohortTiming, Examination
from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.sections._examined import cohort_name, examined, hides_cohort
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One figure; nothing for methods that compare no cohorts."""
    found = examined(telling)
    if found is None or not found.cohorts:
        return ()
    pairs = zip(found.cohorts, found.first_treated, strict=True)
    rows = tuple(_row(telling, found, cohort, first) for cohort, first in pairs)
    return (telling.figure(draw_starts(rows, found.periods, telling.lang)),)


def _row(telling: Telling, found: Examination, cohort: CohortTiming, first: int | None) -> CohortRow:
    """A cohort in words; where its size is hidden, so is whether a few of its rows are missing."""
    hidden = hides_cohort(telling, cohort)
    none = telling.say("label.none")
    states = tuple(
        state_of(cohort.units if hidden and n else n, cohort.units, treated=first is not None and place >= first)
        for place, n in enumerate(cohort.rows)
    )
    return CohortRow(
        name=cohort_name(telling, cohort),
        units=telling.say("label.withheld") if hidden else telling.number(cohort.units),
        states=states,
        first=none if first is None else found.periods[first],
    )


SECTION = Section("starts", build)
