"""Who pays what; beside it, in one line each, what public budgets gain and what investors get."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._parts import payer_table
from evaltool.report.sections.budget_gain import gain_sentence
from evaltool.report.sections.investor import investor_sentence
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """The table of payers, and a line on the money beside it where the plan asks for it."""
    lines = [line for line in (gain_sentence(telling), investor_sentence(telling)) if line is not None]
    return (*payer_table(telling), *((Prose(text=" ".join(lines)),) if lines else ()))


SECTION = Section("amount", build)
