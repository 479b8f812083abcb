"""The rule in one sentence, the result in a few, and the picture of one against the other."""

from __future__ import annotations

from evaltool.plotting.effect import draw_effect
from evaltool.report.blocks import Block, Prose
from evaltool.report.pictures import effect_picture
from evaltool.report.section import Section
from evaltool.report.sections._sentences import (
    UNRELIABLE,
    evidence_key,
    evidence_sentence,
    result_sentences,
    rule_sentences,
)
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Rule, result, figure. A decision that stopped before the rule still shows what was measured, if anything was."""
    found = result_sentences(telling)
    if evidence_key(telling) in UNRELIABLE:
        found.append(f"**{evidence_sentence(telling)}**")
    text = "\n\n".join([*rule_sentences(telling), " ".join(found)])
    picture = effect_picture(telling)
    drawn = () if picture is None else (telling.figure(draw_effect(picture, telling.lang)),)
    return (Prose(text=text), *drawn)


SECTION = Section("rule_and_result", build)
