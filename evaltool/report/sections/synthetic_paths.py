"""The treated unit and its synthetic control: both paths, and the gap between them."""

from __future__ import annotations

from evaltool.plotting.synthetic import draw_gaps, draw_paths
from evaltool.records.estimate import Estimate
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._synthetic import figure_of, paths_of, synthetic_of, treated_within
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentence and two figures; nothing for other methods, or where the headline may not be shown."""
    estimate = synthetic_of(telling)
    picture = None if estimate is None else paths_of(telling, estimate)
    if estimate is None or picture is None:
        return ()
    lead = _lead(telling, estimate)
    figures = (
        telling.figure(draw_paths(picture, telling.lang)),
        telling.figure(draw_gaps(picture, telling.lang)),
    )
    return (Prose(text=lead), *figures) if lead else figures


def _lead(telling: Telling, estimate: Estimate) -> str:
    """How close the fit is before the start, and the gap after it."""
    known = estimate.conventions
    facts = telling.run.design.donors
    error, share = (figure_of(known, key) for key in ("rmspe_before", "rmspe_before_over_sd"))
    if facts is None or error is None or share is None or telling.hides_donors("donors"):
        return ""
    values = {
        "donors": telling.number(facts.donors),
        "name": treated_within(telling, estimate),
        "before": telling.number(facts.periods_before),
        "error": telling.number(error),
        "share": telling.percent(share),
        "effect": telling.number(estimate.att),
        "unit": telling.unit,
        "after": telling.number(facts.periods_after),
    }
    return telling.tell("text.paths_lead", values)


SECTION = Section("synthetic_paths", build)
