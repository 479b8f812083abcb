"""Page one of the technical report: decision, strength of evidence, and the findings in fixed plain sentences."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts, Prose
from evaltool.report.section import Section
from evaltool.report.sections._parts import decision_box, reasons
from evaltool.report.sections._sentences import (
    evidence_sentence,
    observed_expected,
    per_hundred,
    result_sentences,
    size_sentences,
)
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Box, findings as a list, strength of evidence, how many could be analysed."""
    findings = list(result_sentences(telling))
    headline = telling.headline
    if headline is not None:
        extra = (per_hundred(telling, headline), observed_expected(telling, headline), _analysed(telling))
        findings += [sentence for sentence in extra if sentence]
        findings += size_sentences(telling)
    listed = "\n".join(f"- {sentence}" for sentence in findings)
    plan = telling.run.plan
    facts = Facts(
        caption=telling.say("section.key_findings"),
        items=(
            (telling.say("fact.programme"), plan.programme.title.in_language(telling.lang)),
            (telling.say("fact.outcome"), f"{telling.outcome_title()} ({telling.unit})"),
            (telling.say("fact.method"), telling.name_of("method", plan.estimator.method)),
            (telling.say("fact.as_of"), telling.day(telling.run.as_of)),
        ),
    )
    prose = [Prose(text=listed)] if listed else []
    strength = Prose(text=f"**{telling.say('fact.evidence')}.** {evidence_sentence(telling)}")
    return (decision_box(telling), *reasons(telling), *prose, strength, facts)


def _analysed(telling: Telling) -> str | None:
    """How many of those submitted could be analysed."""
    design = telling.run.design
    if not design.submitted_units:
        return None
    if telling.hides("all", "submitted") or telling.hides("all", "analysed"):
        return None
    shown = {"analysed": telling.number(design.analysed_units), "submitted": telling.number(design.submitted_units)}
    return telling.tell("result.analysed", {**shown, "unit": telling.analysed_units})


SECTION = Section("key_findings", build)
