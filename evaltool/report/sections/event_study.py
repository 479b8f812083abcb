"""Development by time since the start, and the effect by cohort and calendar period where the method gives them."""

from __future__ import annotations

from evaltool.language.numbers import p_value
from evaltool.plotting.event_study import draw_event_study
from evaltool.records.estimate import Element, Estimate
from evaltool.report.blocks import Block, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Figure and tables; nothing where the method gives none, or where its gaps are drawn in ``synthetic_paths``."""
    estimate = telling.headline
    if estimate is None or telling.run.design.donors is not None:
        return ()
    blocks: list[Block] = []
    shown = _shown(telling, estimate.path)
    if any(not e.reference for e in shown):
        part: Estimate = estimate.model_copy(update={"path": shown})
        axis = telling.say("axis.effect", {"unit": telling.unit})
        looked_at = telling.run.examination
        band = {} if looked_at is None else {p.element: (p.lower, p.upper) for p in looked_at.band}
        blocks.append(telling.figure(draw_event_study(part, axis, telling.lang, band)))
    for elements, key in ((estimate.groups, "groups"), (estimate.calendar, "calendar")):
        if elements:
            blocks.append(_table(telling, _shown(telling, elements), key))
    return tuple(blocks)


def _shown(telling: Telling, elements: tuple[Element, ...]) -> tuple[Element, ...]:
    """The entries that do not rest on too few."""
    return tuple(e for e in elements if not telling.hides_element(e))


def _table(telling: Telling, elements: tuple[Element, ...], key: str) -> Table:
    """Effects by cohort or calendar period."""
    none = telling.say("label.none")
    rows = []
    write = telling.column(e.att for e in elements)
    for e in elements:
        ends = (none, none) if e.interval is None else (write(e.interval.lower), write(e.interval.upper))
        p = none if e.p_value is None else p_value(e.p_value, telling.lang).removeprefix("=\u00a0")
        rows.append((e.label, write(e.att), none if e.se is None else write(e.se), *ends, p))
    heads = ("cohort" if key == "groups" else "period", "effect", "standard_error", "lower", "upper", "p_value")
    return Table(
        caption=f"{telling.say(f'text.{key}_caption')} ({telling.unit})",
        head=tuple(telling.say(f"label.{head}") for head in heads),
        rows=tuple(rows),
        numeric=(1, 2, 3, 4, 5),
    )


SECTION = Section("event_study", build)
