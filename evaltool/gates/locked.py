"""The gate that asks whether the plan was sealed, and whether the sealed one is in use.

Statistic: seals that agree, of the one there must be. Never locked: FAIL with PLAN_UNLOCKED. A seal that differs is
refused when the plan is read; should one come this far it fails here too. A seal proves that nothing changed since it
was made; it does not prove when it was made.

Source: practice at the Peterborough social impact bond, where the comparison was settled before outcomes were seen.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="locked",
    reason="PLAN_UNLOCKED",
    statistic=Words(da="forseglinger, der stemmer", en="seals that agree"),
    unit=Words(da="forseglinger", en="seals"),
    source="Practice: the Peterborough comparison was settled before outcomes were seen (RAND Europe 2011)",
)
SHOWN = 12
"""Characters of a seal shown in the sentence."""


class Options(Record):
    """Nothing to choose."""


def applies(_capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Always applies."""
    return None


def check(context: GateContext) -> GateResult:
    """PASS when the lock's seal is the plan's own."""
    own, locked = context.plan.seal, context.lock.seal
    if context.lock.state == "locked" and locked == own:
        sentence = Words(
            da=f"Planen er låst, og forseglingen {own[:SHOWN]}… stemmer. Intet er ændret siden låsningen.",
            en=f"The plan is locked and its seal {own[:SHOWN]}… agrees. Nothing has changed since the lock.",
        )
    elif context.lock.state == "locked":
        sentence = Words(
            da="Planen er ændret, efter at den blev låst: forseglingen stemmer ikke.",
            en="The plan was changed after it was locked: the seal does not agree.",
        )
    else:
        sentence = Words(
            da="Planen blev aldrig låst. Ingen kan derfor se, om den er ændret, efter at resultaterne var kendt.",
            en="The plan was never locked, so nobody can see whether it changed after the results were known.",
        )
    agrees = context.lock.state == "locked" and locked == own
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if agrees else "FAIL",
            sentence=sentence,
            statistic=1.0 if agrees else 0.0,
            threshold=1.0,
            evidence={"state": context.lock.state, "seal_of_lock": locked, "seal_of_plan": own},
        ),
    )


PLUGIN = GatePlugin(
    name="locked",
    order=10,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
