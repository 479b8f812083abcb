"""The exact arithmetic from estimate to amount, step by step, in words; the split stands in the table of payers."""

from __future__ import annotations

from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.sections._trace import trace_table
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One table, or the sentence why there is none."""
    return trace_table(telling, split=False)


SECTION = Section("arithmetic", build)
