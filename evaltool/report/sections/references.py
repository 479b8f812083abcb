"""Where the methods come from, and the source of the programme's own figures."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """A list; a sentence where the method needs no reference."""
    run = telling.run
    names = [
        run.plan.design.method,
        run.plan.estimator.method,
        *(gate.name for gate in run.gates if gate.verdict != "NOT_APPLICABLE"),
    ]
    lines = [telling.tell(f"reference.{name}") for name in names if telling.voice.says(f"reference.{name}")]
    sources = [e.source for e in run.estimates if e.source] + (
        [run.plan.programme.source] if run.plan.programme.source else []
    )
    lines += [telling.tell("reference.source", {"source": source}) for source in dict.fromkeys(sources)]
    if not lines:
        return (Prose(text=telling.tell("reference.none")),)
    return (Prose(text="\n".join(f"- {line}" for line in lines)),)


SECTION = Section("references", build)
