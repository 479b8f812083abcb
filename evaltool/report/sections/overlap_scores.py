"""Whether the treated have anybody comparable: shares, effective size, and the scores of both groups."""

from __future__ import annotations

from evaltool.plotting.scores import ScorePicture, draw_scores
from evaltool.records.design import MatchSummary
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections.balance import is_weighted, worded
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences and figure; nothing where nobody is matched, or where the headline may not be shown."""
    facts = telling.run.design.matching
    if facts is None or telling.headline is None:
        return ()
    sentences = _sentences(telling, facts)
    if not facts.bins or telling.hides_matching("bins"):
        return (Prose(text=" ".join([*sentences, telling.tell("text.overlap_hidden")])),)
    picture = ScorePicture(
        bins=facts.bins, axis=telling.say(f"figure.score_{facts.scale}"), weighted=is_weighted(telling)
    )
    figure = telling.figure(draw_scores(picture, telling.lang))
    return (Prose(text=" ".join(sentences)), figure) if sentences else (figure,)


def _sentences(telling: Telling, facts: MatchSummary) -> list[str]:
    """What may be said of support, shares, weights and caliper."""
    found = []
    if not telling.hides_matching("common_support") and not telling.hides_matching("matched_share"):
        values = {"support": telling.percent(facts.common_support), "share": telling.percent(facts.matched_share)}
        found.append(telling.tell(worded(telling, "text.overlap_lead"), values))
    if not telling.hides_matching("comparison_matched"):
        values = {
            "matched": telling.number(facts.comparison_matched),
            "effective": telling.number(facts.effective_n, 1),
            "largest": telling.percent(facts.largest_weight_share),
        }
        found.append(telling.tell(worded(telling, "text.overlap_weights"), values))
    if facts.caliper is not None:
        values = {"caliper": telling.number(facts.caliper), "farthest": telling.number(facts.largest_distance)}
        found.append(telling.tell("text.overlap_caliper", values))
    return found


SECTION = Section("overlap_scores", build)
