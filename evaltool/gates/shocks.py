"""The gate that asks whether something outside the programme happened while it was measured.

Statistic: days of the measurement windows (of the outcomes paid on or estimated) that lie within an event the parties
registered under ``[[payment.shock]]``; threshold 0. Any: REVIEW with STRUCTURAL_BREAK and the words of the clause the
event names, since a person must judge what the event did to both groups. It never passes or fails on its size: how
much an event moved the outcome is not known. It stands in the gate table of every plan that registers an event.

Source: practice; contracts name epidemics and reforms and say what then applies.
"""

from __future__ import annotations

from datetime import date, timedelta

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.language.numbers import date_text
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Shock
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="shocks",
    reason="STRUCTURAL_BREAK",
    statistic=Words(da="måledage i en registreret begivenhed", en="days of measurement within a registered event"),
    unit=Words(da="dage", en="days"),
    source=Words(
        da="Praksis: aftaler registrerer begivenheder udefra og siger, hvad der så gælder",
        en="Practice: contracts register events from outside and say what then applies",
    ),
)
ONE = timedelta(days=1)


class Options(Record):
    """Nothing to choose: the events stand under ``[[payment.shock]]``."""


def applies(_capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies where the parties registered an event."""
    if plan.payment.shock:
        return None
    return ("Aftalen registrerer ingen begivenheder udefra.", "The contract registers no event from outside.")


def check(context: GateContext) -> GateResult:
    """PASS when no registered event overlaps the measurement, else REVIEW."""
    plan = context.plan
    windows = _windows(plan)
    met = [(shock, _shared(shock, windows)) for shock in plan.payment.shock]
    hit = [(shock, days) for shock, days in met if days]
    total = len({day for _, days in hit for day in days})
    words = {lang: _sentence(plan, [shock for shock, _ in hit], total, lang) for lang in ("da", "en")}
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="REVIEW" if hit else "PASS",
            sentence=Words(**words),
            statistic=float(total),
            threshold=0.0,
            evidence={
                "windows": [[first.isoformat(), last.isoformat()] for first, last in windows],
                "events": {shock.id: len(days) for shock, days in met},
                "clauses": {shock.id: shock.clause for shock, _ in hit},
            },
        ),
    )


def _windows(plan: EvaluationPlan) -> list[tuple[date, date]]:
    """First and last day of measurement of every outcome that is paid on or estimated, without repetition."""
    wanted = {plan.estimand.outcome, *plan.payment.outcomes}
    found = [plan.outcome_named(name) for name in sorted(wanted)]
    return sorted({(outcome.window_from, outcome.window_to) for outcome in found})


def _shared(shock: Shock, windows: list[tuple[date, date]]) -> set[date]:
    """The days on which something is measured and the event lasts."""
    days: set[date] = set()
    for first, last in windows:
        day, end = max(first, shock.first_day), min(last, shock.last_day)
        while day <= end:
            days.add(day)
            day += ONE
    return days


def _sentence(plan: EvaluationPlan, hit: list[Shock], total: int, lang: str) -> str:
    """What overlaps, and what the contract says of it."""
    if not hit:
        return (
            "Ingen registreret begivenhed falder i måleperioden."
            if lang == "da"
            else "No registered event falls within the measurement."
        )
    days = counted(total, "days", lang)
    events = "; ".join(_event(shock, lang) for shock in hit)
    said = [clause for clause in plan.governance.clause if clause.id in {shock.clause for shock in hit}]
    marks = ("»", "«") if lang == "da" else ("“", "”")
    clauses = " ".join(clause.text.in_language(lang).join(marks) for clause in said)
    if lang == "da":
        rule = f"Aftalen siger: {clauses}" if clauses else "Aftalen siger ikke, hvad der så gælder."
        return f"{days} af måleperioden falder inden for {events}. {rule}"
    rule = f"The contract says: {clauses}" if clauses else "The contract does not say what then applies."
    return f"{days} of the measurement fall within {events}. {rule}"


def _event(shock: Shock, lang: str) -> str:
    """An event with its days."""
    title = shock.title.in_language(lang) or shock.id
    return f"{title} ({date_text(shock.first_day, lang)} – {date_text(shock.last_day, lang)})"


PLUGIN = GatePlugin(
    name="shocks",
    order=56,
    consequence="review",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=applies,
    check=check,
    called_by=lambda plan: bool(plan.payment.shock),
)
