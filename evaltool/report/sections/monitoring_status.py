"""Page one of a monitoring report: that it decides nothing, what has been seen so far, and how far to trust it."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._parts import interim_box
from evaltool.report.sections._sentences import evidence_sentence, observed_expected, per_hundred, result_sentences
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Box, findings, strength of evidence. The box never states an amount."""
    findings = list(result_sentences(telling))
    headline = telling.headline
    if headline is not None:
        extra = (per_hundred(telling, headline), observed_expected(telling, headline))
        findings += [sentence for sentence in extra if sentence]
    listed = [Prose(text="\n".join(f"- {sentence}" for sentence in findings))] if findings else []
    strength = Prose(text=f"**{telling.say('fact.evidence')}.** {evidence_sentence(telling)}")
    return (interim_box(telling), *listed, strength)


SECTION = Section("monitoring_status", build)
