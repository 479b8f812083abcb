"""What a two-way fixed-effects regression of these data would mix together."""

from __future__ import annotations

from evaltool.plotting.bacon import draw_bacon
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._examined import examined, hides_any_cohort
from evaltool.report.telling import Telling

FEWEST = 2


def build(telling: Telling) -> tuple[Block, ...]:
    """A sentence and the figure; nothing with a single comparison, or where a cohort may not be shown."""
    found = examined(telling)
    bacon = None if found is None else found.bacon
    if found is None or bacon is None or len(bacon.parts) < FEWEST or hides_any_cohort(telling, found):
        return ()
    values = {
        "coefficient": telling.number(bacon.coefficient),
        "effect": telling.number(telling.run.estimate.att),
        "forbidden": telling.percent(bacon.forbidden),
        "unit": telling.unit,
    }
    axis = telling.say("axis.effect", {"unit": telling.unit})
    return (Prose(text=telling.tell("text.bacon_lead", values)), telling.figure(draw_bacon(bacon, axis, telling.lang)))


SECTION = Section("decomposition", build)
