"""The headline's comparison on outcomes the intervention cannot have moved, from the check's own evidence."""

from __future__ import annotations

from evaltool.records.base import Json
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentence and a row for each control; nothing where the contract names none."""
    gate = next((g for g in telling.run.gates if g.name == "negative_controls"), None)
    found = [] if gate is None else gate.evidence.get("controls")
    if gate is None or not isinstance(found, list) or not found or telling.headline is None or telling.hides_gate(gate):
        return ()
    rows = [row for row in found if isinstance(row, dict)]
    moved = {"moved": telling.number(gate.statistic or 0.0), "all": telling.number(len(rows))}
    level = _number(gate.evidence.get("level")) or 0.0
    heads = ("control_outcome", "control_effect", "control_interval")
    table = Table(
        caption=telling.say("text.controls_caption"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(_row(telling, row) for row in rows),
        numeric=(1, 2),
        wide=(0,),
        note=telling.say("text.controls_note", {"level": telling.percent(level)}),
    )
    return (Prose(text=telling.tell("text.controls_lead", moved)), table)


def _number(value: Json) -> float | None:
    """A number of the evidence, or None."""
    return float(value) if isinstance(value, int | float) else None


def _row(telling: Telling, row: dict[str, Json]) -> tuple[str, str, str]:
    """One control: its title, effect and interval."""
    none = telling.say("label.none")
    effect, low, high = (_number(row.get(name)) for name in ("effect", "lower", "upper"))
    return (
        telling.outcome_title(str(row["outcome"])),
        none if effect is None else telling.number(effect),
        f"[{telling.number(low)}; {telling.number(high)}]"
        if isinstance(low, float) and isinstance(high, float)
        else none,
    )


SECTION = Section("negative_controls", build)
