"""The programme, its parties and its target group."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts, Prose
from evaltool.report.section import Section
from evaltool.report.sections._parts import share_text
from evaltool.report.telling import Telling, md


def build(telling: Telling) -> tuple[Block, ...]:
    """Description in the plan's own words, then facts."""
    plan = telling.run.plan
    programme, parties, population = plan.programme, plan.parties, plan.population
    description = programme.description.in_language(telling.lang)
    none = telling.say("label.none")
    sizes = {
        "target": none if population.target_n is None else telling.number(population.target_n),
        "minimum": none if population.minimum_n is None else telling.number(population.minimum_n),
    }
    stated = population.target_n is not None or population.minimum_n is not None
    payers = "; ".join(
        f"{a.name} ({telling.name_of('payer_level', a.level)}, {share_text(telling, a.share)})"
        for a in parties.authorities
    )
    items = [
        ("programme", programme.title.in_language(telling.lang)),
        ("contract", telling.say("fact.contract_value", {"id": programme.id, "version": programme.version})),
        ("area", telling.say(f"area.{programme.area}")),
        ("period", f"{telling.day(programme.start)} – {telling.day(programme.end)}"),
        ("target_group", population.eligibility.in_language(telling.lang)),
        ("unit", telling.analysed_unit),
        ("entry", f"{telling.day(population.entry_from)} – {telling.day(population.entry_to)}"),
        ("agreed_size", telling.say("fact.agreed_size_value", sizes) if stated else ""),
        ("principle", telling.say(f"principle.{population.principle}")),
        ("authorities", payers),
        ("investors", ", ".join(party.name for party in parties.investors)),
        ("provider", parties.provider.name if parties.provider else ""),
        ("evaluator", telling.say("fact.evaluator_value", {"name": parties.evaluator.name})),
        ("validator", parties.validator.name if parties.validator else ""),
        ("made_up", programme.made_up.in_language(telling.lang)),
    ]
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    prose = (Prose(text=md(description)),) if description else ()
    return (*prose, Facts(caption=telling.say("section.programme"), items=shown))


SECTION = Section("programme", build)
