"""Who has agreed what: parties, contract id and version, period, date of the document."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts
from evaltool.report.section import Section
from evaltool.report.sections._parts import share_text
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """One list of labels and values."""
    plan = telling.run.plan
    programme, parties = plan.programme, plan.parties
    payers = "; ".join(f"{a.name} ({share_text(telling, a.share)})" for a in parties.authorities)
    items = [
        ("programme", programme.title.in_language(telling.lang)),
        ("contract", telling.say("fact.contract_value", {"id": programme.id, "version": programme.version})),
        ("period", f"{telling.day(programme.start)} – {telling.day(programme.end)}"),
        ("authorities", payers),
        ("investors", ", ".join(party.name for party in parties.investors)),
        ("provider", parties.provider.name if parties.provider else ""),
        ("evaluator", telling.say("fact.evaluator_value", {"name": parties.evaluator.name})),
        ("validator", parties.validator.name if parties.validator else ""),
        ("made_up", programme.made_up.in_language(telling.lang)),
        ("as_of", telling.day(telling.run.as_of)),
    ]
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    return (Facts(caption=telling.say("section.contract"), items=shown),)


SECTION = Section("contract", build)
