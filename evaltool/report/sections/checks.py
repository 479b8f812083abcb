"""Every check of validity: verdict, number, threshold, sentence; then where each threshold comes from."""

from __future__ import annotations

from evaltool.report.blocks import Block, Table
from evaltool.report.section import Section
from evaltool.report.sections._gates import gate_table
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Findings, then sources."""
    if not telling.run.gates:
        return ()
    lang = telling.lang
    rows = tuple(
        (
            telling.name_of("gate", gate.name),
            gate.statistic_name.in_language(lang),
            telling.say(f"consequence.{gate.consequence}"),
            gate.source.in_language(telling.lang),
        )
        for gate in telling.run.gates
    )
    sources = Table(
        caption=telling.say("text.gate_sources"),
        head=tuple(telling.say(f"label.{key}") for key in ("check", "statistic", "consequence", "source")),
        rows=rows,
        wide=(3,),
        widths=(20, 24, 16, 40),
    )
    return (gate_table(telling, sentences=True), sources)


SECTION = Section("checks", build)
