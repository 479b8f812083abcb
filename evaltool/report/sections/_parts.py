"""Blocks that several sections share: the decision box, its reasons and what follows, amounts by payer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from evaltool.payment.fallback import UNDECIDED, blocking_reasons, choose
from evaltool.report.blocks import Block, DecisionBox, Prose, Table
from evaltool.report.sections._gates import gate_sentence
from evaltool.report.telling import Telling, md

Tone = Literal["paid", "unpaid", "undecided", "interim"]
TONES: dict[str, Tone] = {"PAY_FULL": "paid", "PAY_PARTIAL": "paid", "NO_PAYMENT": "unpaid"}
PAYING = frozenset({"PAY_FULL", "PAY_PARTIAL", "NO_PAYMENT"})


def decision_box(telling: Telling) -> DecisionBox:
    """State and amount in words; an amount only where the state is about one."""
    decision = telling.run.decision
    if telling.monitoring:
        return interim_box(telling)
    lines = [telling.say(f"state_meaning.{decision.state}")]
    if decision.state == "NOT_DECIDABLE":
        lines += [telling.say("text.not_decided"), next_step(telling)]
    if decision.state == "NOT_YET_DUE":
        lines.append(telling.say("text.not_yet", {"day": telling.day(telling.run.plan.governance.decide_from)}))
    if decision.state == "CARRIED_FORWARD":
        lines.append(telling.say("text.carried"))
    lines += [telling.say(f"flag.{flag}") for flag in decision.flags]
    shows_amount = decision.state in PAYING or decision.amount > 0
    return DecisionBox(
        state=decision.state,
        title=telling.say(f"state.{decision.state}"),
        amount=telling.money(decision.amount) if shows_amount else "",
        lines=tuple(lines),
        marks=tuple(telling.say(f"flag_short.{flag}") for flag in decision.flags),
        tone=TONES.get(decision.state, "undecided"),
    )


def interim_box(telling: Telling) -> DecisionBox:
    """The box of a monitoring report: no amount, and that it decides nothing."""
    return DecisionBox(
        state=telling.run.decision.state,
        title=telling.say("text.monitoring_box"),
        amount="",
        lines=(telling.say("text.monitoring_line"),),
        tone="interim",
    )


def next_step(telling: Telling) -> str:
    """What the contract says happens to a payment that could not be decided."""
    run = telling.run
    blocking = blocking_reasons(run.gates)
    if "PLAN_UNLOCKED" in run.decision.reasons:
        return telling.say("next.PLAN_UNLOCKED")
    agreed = choose(run.plan.fallback, blocking).fallback if blocking else None
    action = agreed.action if agreed is not None and agreed.action in UNDECIDED else "none"
    expert = run.plan.governance.expert
    return telling.say(f"next.{action}", {"name": f" ({expert})"} if action == "expert" and expert else {"name": ""})


def reasons(telling: Telling) -> tuple[Block, ...]:
    """The reason codes in words, each with what its check found; nothing when there are none."""
    codes = telling.run.decision.reasons
    if not codes:
        return ()
    listed = "\n".join(f"- {_reason(telling, code)}" for code in codes)
    return (Prose(text=f"**{telling.say('text.reasons')}**\n\n{listed}"),)


def _reason(telling: Telling, code: str) -> str:
    """One reason, its code, and the sentence of the check that gave it."""
    found = [gate_sentence(telling, gate) for gate in telling.run.gates if gate.reason == code]
    if code == "UNREGISTERED_DEVIATION":
        found += plan_deviations(telling)
    return " ".join([f"{md(telling.name_of('reason', code))} ({md(code)})", *(md(sentence) for sentence in found)])


def plan_deviations(telling: Telling) -> list[str]:
    """What the run did otherwise than its plan says, one sentence each."""
    return [
        telling.say(
            f"text.deviation_{found.key.rsplit('.', 1)[-1]}",
            {
                "agreed": telling.day(date.fromisoformat(found.agreed)),
                "used": telling.day(date.fromisoformat(found.used)),
            },
        )
        for found in telling.run.deviations
    ]


def payer_table(telling: Telling) -> tuple[Block, ...]:
    """Amount per payer with the total; a sentence when there is nothing to divide."""
    decision = telling.run.decision
    if not decision.per_payer:
        return (Prose(text=telling.tell("text.payers_none")),)
    rows = [
        (p.payer, telling.name_of("payer_level", p.level), share_text(telling, p.share), telling.money(p.amount))
        for p in decision.per_payer
    ]
    rows.append((telling.say("label.total"), "", "", telling.money(decision.amount)))
    return (
        Table(
            caption=telling.say("section.amount"),
            head=tuple(telling.say(f"label.{key}") for key in ("payer", "level", "share", "amount")),
            rows=tuple(rows),
            numeric=(2, 3),
            wide=(0,),
            widths=(42, 18, 14, 26),
            total=True,
        ),
    )


def share_text(telling: Telling, share: Decimal) -> str:
    """A share as per cent with the digits it has."""
    digits = max(0, -int((share * 100).normalize().as_tuple().exponent))
    return telling.percent(share, digits)
