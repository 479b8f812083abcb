"""The gate table of the notice: verdicts and numbers."""

from __future__ import annotations

from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.sections._gates import gate_table
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One table, when there are gates."""
    return (gate_table(telling, sentences=False),) if telling.run.gates else ()


SECTION = Section("checks_short", build)
