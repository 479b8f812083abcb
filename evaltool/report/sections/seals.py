"""Hashes, the last day for objections, and what a seal does and does not prove."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts, Prose
from evaltool.report.section import Section
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
        ("lock", telling.say("text.locked" if run.lock.state == "locked" else "text.never_locked")),
        ("objection", "" if telling.monitoring else telling.say("fact.objection_value", objection)),
        ("expert", run.plan.governance.expert or ""),
        ("software", ", ".join(f"{name} {run.versions[name]}" for name in SOFTWARE if name in run.versions)),
    ]  # fmt: skip
    shown = tuple((telling.say(f"fact.{key}"), value) for key, value in items if value)
    return (Facts(caption=telling.say("section.seals"), items=shown), Prose(text=telling.tell("text.seals_note")))


SECTION = Section("seals", build)
