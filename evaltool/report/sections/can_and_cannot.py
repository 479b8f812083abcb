"""What can and what cannot be said on the strength of this measurement."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._sentences import PLACEBO, UNRELIABLE, evidence_key
from evaltool.report.telling import Telling

INCONCLUSIVE = frozenset({"inconclusive", f"{PLACEBO}inconclusive"})
UNRANKED = frozenset({f"{PLACEBO}coarse", f"{PLACEBO}hidden"})
"""Keys of evidence sentences on a rank that says nothing, or that may not be shown."""


def build(telling: Telling) -> tuple[Block, ...]:
    """Two lists of fixed sentences, chosen by the kind of measurement and its evidence."""
    can, cannot = _keys(telling)
    lists = [(telling.say("can.can"), can), (telling.say("can.cannot"), cannot)]
    parts = [
        f"{head}\n\n" + "\n".join(f"- {telling.tell(f'can.{key}')}" for key in keys) for head, keys in lists if keys
    ]
    return (Prose(text="\n\n".join(parts)),)


def _keys(telling: Telling) -> tuple[list[str], list[str]]:
    """Sentence keys under each head."""
    evidence = evidence_key(telling)
    can: list[str] = []
    cannot: list[str] = []
    if telling.headline is not None:
        kind = telling.headline.kind
        if evidence not in UNRELIABLE:
            known = {"effect": "effect", "verified_count": "count", "change": "change"}
            can.append("share" if telling.headline.is_share else known[kind])
            can += ["placebo"] if evidence.startswith(PLACEBO) and evidence not in UNRANKED else []
        cannot.append("not_certain" if kind == "effect" else "not_effect")
    if evidence in INCONCLUSIVE or telling.run.decision.state == "NO_PAYMENT":
        cannot.append("not_no_effect")
    if evidence == "without_uncertainty":
        cannot.append("not_chance")
    elif evidence == "unusable_interval":
        cannot.append("not_chance_unusable")
    elif evidence.startswith(PLACEBO):
        cannot += ["not_ranked", "not_interval"] if evidence in UNRANKED else ["not_interval"]
    if telling.monitoring:
        cannot.insert(0, "interim")
    elif telling.run.decision.state == "NOT_DECIDABLE":
        cannot.insert(0, "not_refusal")
    return can, [*cannot, "not_everyone", "not_cost"]


SECTION = Section("can_and_cannot", build)
