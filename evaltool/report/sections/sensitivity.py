"""What every other basis and pre-registered specification would have paid."""

from __future__ import annotations

from evaltool.plotting.bases import draw_bases
from evaltool.report.blocks import Block, Prose
from evaltool.report.pictures import verdicts
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences and figure; nothing where no alternative was computed."""
    found = verdicts(telling)
    if not found or telling.monitoring or telling.withheld:
        return ()
    decision = telling.run.decision
    parts = [telling.tell("text.sensitivity_intro")]
    specifications = [a for a in decision.alternatives if a.kind == "specification"]
    if specifications and telling.decided():
        same = sum(a.state == decision.state for a in specifications)
        shown = {"same": telling.number(same), "all": telling.number(len(specifications))}
        parts.append(telling.tell("text.sensitivity_same", shown))
    if decision.nearest_threshold is not None and decision.distance is not None:
        near = {
            "threshold": telling.scale.text(decision.nearest_threshold),
            "distance": telling.distance(abs(decision.distance)),
        }
        side = "on" if decision.distance == 0 else "above" if decision.distance > 0 else "below"
        parts.append(telling.tell(f"text.nearest_{side}", near))
    drawing = draw_bases(found, decision.currency, decision.maximum, telling.lang)
    return (Prose(text=" ".join(parts)), telling.figure(drawing))


SECTION = Section("sensitivity", build)
