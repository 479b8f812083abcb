"""The gate that asks whether plan and design were sealed, and whether the sealed ones are in use.

Statistic: seals that agree, of those there must be: the plan's, and the design's where the design chooses from data
who is compared with whom (matching, donors). Where the plan's rule is the design (cohorts by start) the plan's seal
covers it. Signed variations lead from the lock's seal to the seal of the plan in force. Never locked: FAIL with
PLAN_UNLOCKED, or DESIGN_UNLOCKED when only the design was not. A seal that differs is refused when plan or design are
read; should one come this far it fails here too. A seal proves that nothing changed since it was made; it does not
prove when it was made.

Source: practice at the Peterborough social impact bond, where the comparison was settled before outcomes were seen.
"""

from __future__ import annotations

from dataclasses import replace

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="locked",
    reason="PLAN_UNLOCKED",
    statistic=Words(da="segl, der stemmer", en="seals that agree"),
    unit=Words(da="segl", en="seals"),
    source=Words(
        da="Praksis: Sammenligningen i Peterborough blev lagt fast, før udfaldene var set (RAND Europe 2011)",
        en="Practice: the Peterborough comparison was settled before outcomes were seen (RAND Europe 2011)",
    ),
)
SHOWN = 12
"""Characters of a seal shown in the sentence."""


class Options(Record):
    """Nothing to choose."""


def applies(_capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Always applies."""
    return None


def check(context: GateContext) -> GateResult:
    """PASS when every lock there must be is there and is the one in use."""
    own, lock = context.plan.seal, context.lock
    agrees = lock.state == "locked" and lock.in_force == own
    sealed = lock.design == "locked"
    needed = 1.0 if lock.design == "not_needed" else 2.0
    design = lock.design != "never_locked"
    measure = MEASURE if not agrees or design else replace(MEASURE, reason="DESIGN_UNLOCKED")
    evidence: dict[str, Json] = {"state": lock.state, "seal_of_lock": lock.seal, "seal_of_plan": own}
    if lock.variations:
        evidence |= {"variations": [record.seal for record in lock.variations]}
    if lock.design != "not_needed":
        evidence |= {"design": lock.design, "seal_of_design_lock": lock.design_seal}
    return answer(
        context,
        measure,
        Finding(
            verdict="PASS" if agrees and design else "FAIL",
            sentence=_with_variations(_sentence(lock, own), lock) if agrees and design else _sentence(lock, own),
            statistic=float(agrees) + float(sealed),
            threshold=needed,
            evidence=evidence,
        ),
    )


def _sentence(lock: LockStatus, own: str) -> Words:
    """What was found, the plan first."""
    if lock.state != "locked":
        return Words(
            da="Planen blev aldrig låst. Ingen kan derfor se, om den er ændret, efter at resultaterne var kendt.",
            en="The plan was never locked, so nobody can see whether it changed after the results were known.",
        )
    if lock.in_force != own:
        return Words(
            da="Planen er ændret, efter at den blev låst: seglet stemmer ikke.",
            en="The plan was changed after it was locked: the seal does not agree.",
        )
    if lock.design == "never_locked":
        return Words(
            da="Planen er låst, men designet blev aldrig låst. Ingen kan derfor se, om sammenligningen er valgt, efter "
            "at resultaterne var kendt.",
            en="The plan is locked, but the design never was, so nobody can see whether the comparison was chosen "
            "after the results were known.",
        )
    if lock.design == "locked":
        shown = (lock.design_seal or own)[:SHOWN]
        return Words(
            da=f"Planen og designet er låst, og seglene {own[:SHOWN]}… og {shown}… stemmer. Designet blev "
            "bygget uden at se resultater, og intet er ændret siden.",
            en=f"Plan and design are locked, and their seals {own[:SHOWN]}… and {shown}… agree. The design was built "
            "without seeing outcomes, and nothing has changed since.",
        )
    return Words(
        da=f"Planen er låst, og seglet {own[:SHOWN]}… stemmer. Intet er ændret siden låsningen.",
        en=f"The plan is locked and its seal {own[:SHOWN]}… agrees. Nothing has changed since the lock.",
    )


def _with_variations(sentence: Words, lock: LockStatus) -> Words:
    """The sentence, and how many signed changes lead from the lock to the plan in force."""
    if not lock.variations:
        return sentence
    da, en = (counted(len(lock.variations), "variations", lang) for lang in ("da", "en"))
    return Words(
        da=f"{sentence.da} Fra låsen fører {da}, som parterne har underskrevet.",
        en=f"{sentence.en} From the lock it is reached by {en} that the parties signed.",
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
