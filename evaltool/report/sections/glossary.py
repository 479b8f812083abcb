"""The words of the report for readers of other trades."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts
from evaltool.report.section import Section
from evaltool.report.telling import Telling

TERMS = (
    "effect", "counterfactual", "comparison_group", "point_estimate", "interval", "standard_error", "threshold",
    "parallel", "mde", "seal", "not_decidable",
)  # fmt: skip
MATCHED = ("matching", "propensity", "smd", "overlap")
SYNTHETIC = ("synthetic", "donor", "placebo", "p_value", "rmspe")


def build(telling: Telling) -> tuple[Block, ...]:
    """Terms with their meaning in the order of the alphabet; those of the design where it has any."""
    design = telling.run.design
    terms = [*TERMS, *(MATCHED if design.matching else ()), *(SYNTHETIC if design.donors else ())]
    pairs = sorted((telling.say(f"term.{term}"), telling.say(f"term.{term}_is")) for term in terms)
    return (Facts(caption=telling.say("section.glossary"), items=tuple(pairs)),)


SECTION = Section("glossary", build)
