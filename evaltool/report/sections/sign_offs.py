"""Judgements people have recorded on checks that asked for one: which check, who, when and why."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling, seal_text


def build(telling: Telling) -> tuple[Block, ...]:
    """One row for each act, and the hash of the run that was judged; nothing when nobody has signed."""
    acts = telling.run.sign_offs
    if not acts:
        return ()
    rows = tuple((telling.name_of("gate", act.gate), act.by, telling.day(act.on), act.reason) for act in acts)
    table = Table(
        caption=telling.say("section.sign_offs"),
        head=tuple(telling.say(f"sign_off.{key}") for key in ("check", "by", "on", "reason")),
        rows=rows,
        wide=(3,),
    )
    note = telling.tell("sign_off.note", {"run": seal_text(acts[0].run)})
    return (table, Prose(text=note))


SECTION = Section("sign_offs", build)
