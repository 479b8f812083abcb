"""What was agreed beforehand, and every deviation from it."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.pictures import specification_title
from evaltool.report.section import Section
from evaltool.report.sections._parts import plan_deviations
from evaltool.report.sections._variations import lock_words, variation_lines
from evaltool.report.telling import Telling, md


def build(telling: Telling) -> tuple[Block, ...]:
    """Lock, pre-registered specifications, overrides, failures."""
    run = telling.run
    locked = run.lock.state == "locked"
    parts = [lock_words(telling) if locked else f"{lock_words(telling)} {telling.tell('text.lock_missing')}"]
    if run.plan.sensitivity:
        listed = "; ".join(md(specification_title(telling, s.id)) for s in run.plan.sensitivity)
        parts.append(f"{telling.tell('text.registered')} {listed}.")
    deviations = [*variation_lines(telling), *(md(sentence) for sentence in plan_deviations(telling))]
    deviations += [_override(telling, name) for name in [g.name for g in run.gates if g.overridden]]
    for name, why in sorted(run.failed_specifications.items()):
        shown = {"name": specification_title(telling, name), "why": telling.name_of("trace_absent", why)}
        deviations.append(telling.tell("text.failed_spec", shown))
    deviations += [
        telling.tell(f"flag.{flag}") for flag in run.decision.flags if flag in {"FALLBACK_APPLIED", "VARIATION_APPLIED"}
    ]
    parts.append("\n".join(f"- {line}" for line in deviations) if deviations else telling.tell("text.deviations_none"))
    return (Prose(text="\n\n".join(parts)),)


def _override(telling: Telling, name: str) -> str:
    """Why the contract changed a default check, and who signed it."""
    none = telling.say("label.none")
    stated = next((g for g in telling.run.plan.gate if g.name == name), None)
    reason = stated.reason if stated and stated.reason else none
    by = stated.signed_by if stated and stated.signed_by else none
    return telling.tell("text.gate_override", {"name": telling.name_of("gate", name), "reason": reason, "by": by})


SECTION = Section("prespecification", build)
