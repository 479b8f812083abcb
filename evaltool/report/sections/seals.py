"""Hashes, the last day for objections, and what a seal does and does not prove."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts, Prose
from evaltool.report.section import Section
from evaltool.report.sections._variations import lock_words
from evaltool.report.telling import Telling, seal_text

SOFTWARE = ("evaltool", "python")


def build(telling: Telling) -> tuple[Block, ...]:
    """Seals, objection, expert, versions; then the caveat."""
    run = telling.run
    days = run.plan.governance.dispute_days
    objection = {"day": telling.day(telling.last_objection()), "days": telling.number(days)}
    items = [
        ("plan_seal", seal_text(run.plan_seal)),
        ("design_seal", seal_text(run.design.seal)),
        ("data_seal", seal_text(run.data.fingerprint) if run.data else ""),
        ("lock", lock_words(telling)),
        ("objection", "" if telling.monitoring else telling.say("fact.objection_value", objection)),
        ("expert", run.plan.governance.expert or ""),
        ("software", ", ".join(f"{name} {run.versions[name]}" for name in SOFTWARE if name in run.versions)),
    ]  # fmt: skip
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    shown += tuple(
        (telling.say("variation.seal", {"number": str(record.number)}), seal_text(record.seal))
        for record in run.lock.variations
    )
    return (Facts(caption=telling.say("section.seals"), items=shown), Prose(text=telling.tell("text.seals_note")))


SECTION = Section("seals", build)
