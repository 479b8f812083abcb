"""The investors' side: what was paid in, what comes back, multiple and rate, floor, cap, guarantee, tranches."""

from __future__ import annotations

from evaltool.plotting.cash_flows import Flow, draw_cash_flows
from evaltool.records.gains import CashFlow, InvestorReturn
from evaltool.report.blocks import Block, Facts, Prose, Table
from evaltool.report.section import Section
from evaltool.report.sections._trace import trace_sentence
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Facts, cash flows and the waterfall's steps; a sentence where the payment is not decided yet."""
    if telling.run.plan.investment is None:
        return ()
    investor = telling.run.investor
    if investor is None:
        return (Prose(text=telling.tell("text.investor_undecided")),)
    flows = tuple(
        Flow(flow.on, _words(telling, flow), flow.amount, flow.balance, expected=flow.kind == "expected_receipt")
        for flow in investor.flows
    )
    figure = telling.figure(draw_cash_flows(flows, investor.currency, telling.lang))
    steps = tuple(
        (telling.number(n), trace_sentence(telling, step)) for n, step in enumerate(investor.waterfall.trace, start=1)
    )
    arithmetic = Table(
        caption=telling.say("text.investor_steps"),
        head=(telling.say("label.step"), telling.say("label.result")),
        rows=steps,
        numeric=(0,),
        wide=(1,),
    )
    notes = [telling.tell("text.investor_rate_note")]
    if investor.expected:
        notes.append(telling.tell("text.investor_expected"))
    return (_facts(telling, investor), Prose(text=" ".join(notes)), figure, *_tranches(telling, investor), arithmetic)


def investor_sentence(telling: Telling) -> str | None:
    """What investors get, in one sentence for the notice; None without an investment or before a decision."""
    investor = telling.run.investor
    if investor is None:
        return None
    values = {
        "principal": telling.money(investor.waterfall.principal),
        "received": telling.money(investor.waterfall.received),
        "rate": rate_text(telling, investor),
    }
    return telling.tell("text.investor_short", values)


def _words(telling: Telling, flow: CashFlow) -> str:
    """What a flow is, and whose."""
    said = telling.name_of("flow", flow.kind)
    return said if flow.party is None else f"{said} ({flow.party})"


def _facts(telling: Telling, investor: InvestorReturn) -> Facts:
    """The figures an investor looks for first."""
    run = investor.waterfall
    items = [
        ("principal", telling.money(run.principal)),
        ("received", telling.money(run.received)),
        ("investor_gain", telling.money(investor.gain)),
        ("multiple", telling.number(investor.multiple, 2)),
        ("rate", rate_text(telling, investor)),
    ]
    for key, amount in (("floor_added", run.floor), ("cap_withheld", run.withheld), ("guaranteed", run.guaranteed)):
        if amount > 0:
            items.append((key, telling.money(amount)))
    return Facts(
        caption=telling.say("section.investor"),
        items=tuple((telling.say(f"fact.{key}"), text) for key, text in items),
    )


def rate_text(telling: Telling, investor: InvestorReturn) -> str:
    """The rate of return, or why there is none."""
    if investor.rate is not None:
        return telling.percent(investor.rate)
    reason = telling.name_of("rate_absent", investor.rate_absent or "")
    shown = ", ".join(telling.percent(rate) for rate in investor.rates)
    return f"{reason}: {shown}" if shown else reason


def _tranches(telling: Telling, investor: InvestorReturn) -> tuple[Block, ...]:
    """Who gets what, by rank; nothing without tranches."""
    found = investor.waterfall.tranches
    if not found:
        return ()
    rows = tuple(
        (
            telling.number(tranche.rank),
            tranche.name,
            telling.money(tranche.principal),
            telling.money(tranche.repaid),
            telling.money(tranche.gain),
        )
        for tranche in found
    )
    return (
        Table(
            caption=telling.say("text.investor_tranches"),
            head=tuple(telling.say(f"label.{key}") for key in ("rank", "what", "principal", "repaid", "return")),
            rows=rows,
            numeric=(0, 2, 3, 4),
            wide=(1,),
        ),
    )


SECTION = Section("investor", build)
