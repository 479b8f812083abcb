"""Blocks that several sections share: the decision box, the gate table, the trace, amounts by payer."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from evaltool.records.gate import GateResult
from evaltool.report.blocks import Block, DecisionBox, Prose, Table
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
        lines.append(telling.say("text.not_decided"))
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


def reasons(telling: Telling) -> tuple[Block, ...]:
    """The reason codes in words, as a list; nothing when there are none."""
    codes = telling.run.decision.reasons
    if not codes:
        return ()
    listed = "\n".join(f"- {md(telling.name_of('reason', code))} ({md(code)})" for code in codes)
    return (Prose(text=f"**{telling.say('text.reasons')}**\n\n{listed}"),)


def gate_statistic(telling: Telling, gate: GateResult) -> str:
    """The gate's number with its unit, or a dash; withheld with the counts it is made of."""
    if gate.statistic is None:
        return telling.say("label.none")
    if telling.withheld and gate.name != "disclosure":
        return telling.say("label.withheld")
    unit = gate.unit.in_language(telling.lang)
    return f"{telling.number(gate.statistic)} {unit}".strip()


def gate_sentence(telling: Telling, gate: GateResult) -> str:
    """The gate's sentence; withheld where it would say a withheld count."""
    if telling.withheld and gate.name != "disclosure":
        return telling.say("label.withheld")
    return gate.sentence.in_language(telling.lang)


def gate_table(telling: Telling, *, sentences: bool) -> Table:
    """Every gate: verdict, number, threshold, and (long form) its sentence, consequence and source."""
    none = telling.say("label.none")
    rows = []
    for gate in telling.run.gates:
        row = [telling.name_of("gate", gate.name), telling.say(f"verdict.{gate.verdict}")]
        row += [gate_statistic(telling, gate), none if gate.threshold is None else telling.number(gate.threshold)]
        if sentences:
            source = f"{gate_sentence(telling, gate)}"
            row += [source]
        else:
            row += [telling.say(f"consequence.{gate.consequence}")]
        rows.append(tuple(row))
    heads = ["check", "verdict", "statistic", "threshold", "finding" if sentences else "consequence"]
    overridden = [telling.name_of("gate", g.name) for g in telling.run.gates if g.overridden]
    note = telling.say("text.gates_note")
    if overridden:
        note = f"{note} {telling.say('text.gates_overridden', {'names': ', '.join(overridden)})}"
    return Table(
        caption=telling.say("section.checks"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(rows),
        wide=(4,) if sentences else (0,),
        note=note,
    )


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
            total=True,
        ),
    )


def share_text(telling: Telling, share: Decimal) -> str:
    """A share as per cent with the digits it has."""
    digits = max(0, -int((share * 100).normalize().as_tuple().exponent))
    return telling.percent(share, digits)
