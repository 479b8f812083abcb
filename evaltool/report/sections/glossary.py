"""The words of the report for readers of other trades."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts
from evaltool.report.section import Section
from evaltool.report.telling import Telling

TERMS = (
    "effect", "counterfactual", "comparison_group", "point_estimate", "interval", "standard_error", "threshold",
    "parallel", "mde", "seal", "not_decidable",
)  # fmt: skip


def build(telling: Telling) -> tuple[Block, ...]:
    """Terms with their meaning, in the alphabet's order of the language at hand."""
    pairs = sorted((telling.say(f"term.{term}"), telling.say(f"term.{term}_is")) for term in TERMS)
    return (Facts(caption=telling.say("section.glossary"), items=tuple(pairs)),)


SECTION = Section("glossary", build)
