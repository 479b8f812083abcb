"""From result to payment: the rule, the eight steps, the arithmetic, who pays what."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.sections._parts import payer_table
from evaltool.report.sections._sentences import rule_sentences
from evaltool.report.sections._trace import trace_table
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Nothing is paid where a programme is only followed."""
    if telling.monitoring:
        return (Prose(text=telling.tell("text.monitoring_line")),)
    rows = tuple(
        (telling.number(s.number), telling.say(f"step.{s.key}"), telling.say(f"step_outcome.{s.outcome}"))
        for s in telling.run.decision.steps
    )
    steps = Table(
        caption=telling.say("text.steps_caption"),
        head=("", telling.say("label.step"), telling.say("label.result")),
        rows=rows,
        numeric=(0,),
        wide=(1,),
    )
    payers = payer_table(telling) if telling.run.decision.per_payer else ()
    return (Prose(text="\n\n".join(rule_sentences(telling))), steps, *trace_table(telling), *payers)


SECTION = Section("payment", build)
