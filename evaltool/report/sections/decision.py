"""The decision on top of a notice: state, amount, what must be known to read it, and the reasons."""

from __future__ import annotations

from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.sections._parts import decision_box, reasons
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """The box, then the reasons."""
    return (decision_box(telling), *reasons(telling))


SECTION = Section("decision", build)
