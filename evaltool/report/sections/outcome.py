"""The outcome metric as two people would measure it alike, and where the data come from."""

from __future__ import annotations

from evaltool.records.plan.analysis import Outcome
from evaltool.records.plan.data import Column
from evaltool.report.blocks import Block, Facts, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One list per outcome, one for the data, and the columns with their roles."""
    blocks: list[Block] = [_facts(telling, outcome) for outcome in telling.run.plan.outcome]
    blocks.append(_source(telling))
    columns = telling.run.plan.data.column
    if columns:
        rows = tuple(_column(telling, column) for column in columns)
        heads = ("column", "role", "type", "meaning")
        blocks.append(
            Table(
                caption=telling.say("text.columns_caption"),
                head=tuple(telling.say(f"label.{key}") for key in heads),
                rows=rows,
                wide=(3,),
                widths=(22, 24, 14, 40),
            )
        )
    return tuple(blocks)


def _column(telling: Telling, column: Column) -> tuple[str, ...]:
    """A column's name, role, type and meaning."""
    role, kind = telling.name_of("role", column.role), telling.name_of("column_type", column.type)
    return (column.name, role, kind, column.label.in_language(telling.lang) or column.unit or "")


def _facts(telling: Telling, outcome: Outcome) -> Facts:
    """Definition, unit, direction, window, maturity, verifier."""
    lang = telling.lang
    items = [
        ("outcome", outcome.title.in_language(lang) or outcome.id),
        ("definition", outcome.definition.in_language(lang)),
        ("measured_in", outcome.unit.in_language(lang)),
        ("direction", telling.say(f"direction.{outcome.direction}")),
        ("window", f"{telling.day(outcome.window_from)} – {telling.day(outcome.window_to)}"),
        ("mature", telling.day(outcome.mature_from)),
        ("verifier", outcome.verifier or ""),
    ]
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    return Facts(caption=outcome.title.in_language(lang) or outcome.id, items=shown)


def _source(telling: Telling) -> Facts:
    """Source, vintage and size of the data; the published source where no data were read."""
    run = telling.run
    if run.data is None:
        source = run.plan.programme.source or telling.say("text.data_none")
        return Facts(caption=telling.say("fact.source"), items=((telling.say("fact.source"), source),))
    size = {
        "rows": telling.count(run.data.rows, "data", "units"),
        "units": telling.count(run.data.units, "data", "units"),
        "periods": telling.number(len(run.data.periods)),
    }
    items = [("source", telling.name_of("source_kind", run.data.source)), ("vintage", run.plan.data.vintage or "")]
    if not telling.hides("all", "submitted"):
        once = "fact.rows_value" if run.data.periods else "fact.rows_value_once"
        items.append(("rows", telling.say(once, size)))
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    return Facts(caption=telling.say("fact.source"), items=shown)


SECTION = Section("outcome", build)
