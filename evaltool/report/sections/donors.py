"""What the synthetic control is made of: the weight of each donor."""

from __future__ import annotations

from evaltool.plotting.synthetic_donors import DonorsPicture, draw_donors
from evaltool.records.estimate import Estimate
from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._synthetic import may_name, synthetic_of, table
from evaltool.report.telling import Telling

SMALLEST = 0.0005
"""Weights below 0.1 per cent when rounded; they stand with those of no weight."""


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences and figure; nothing for other methods, or where the headline may not be shown."""
    estimate = synthetic_of(telling)
    facts = telling.run.design.donors
    if estimate is None or facts is None or telling.hides_donors("donors"):
        return ()
    weights = _weights(telling, estimate)
    if not weights:
        return ()
    unique = estimate.conventions.get("weights_unique") is True
    values = {"used": telling.number(len(weights)), "donors": telling.number(facts.donors)}
    sentences = [
        telling.tell("text.donors_lead", values),
        telling.tell("text.donors_unique" if unique else "text.donors_not_unique"),
    ]
    if facts.excluded and not telling.hides_donors("excluded"):
        sentences.append(telling.tell("text.donors_excluded", {"n": telling.number(facts.excluded)}))
    if not may_name(telling):
        sentences.append(telling.tell("text.donors_hidden"))
    picture = DonorsPicture(weights=weights, without=facts.donors - len(weights))
    return (Prose(text=" ".join(sentences)), telling.figure(draw_donors(picture, telling.lang)))


def _weights(telling: Telling, estimate: Estimate) -> tuple[tuple[str, float], ...]:
    """Donors with weight, the heaviest first; numbered where they may not be named."""
    listed = table(estimate.certificate.get("donor_weights"))
    found = [(name, float(w)) for name, w in listed.items() if isinstance(w, int | float) and w >= SMALLEST]
    found.sort(key=lambda item: (-item[1], item[0]))
    if may_name(telling):
        return tuple(found)
    return tuple(
        (telling.say("label.donor_number", {"n": telling.number(place)}), weight)
        for place, (_, weight) in enumerate(found, start=1)
    )


SECTION = Section("donors", build)
