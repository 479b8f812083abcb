"""The gate that asks whether the outcomes are final on the stated date.

Statistic: days from the latest first day on which a paid outcome may be used (``matures_on``, else the end of its
window) to the stated date ``as_of``, or to the date of the data extract when the plan states an earlier one. At least
0 days (or the contract's own ``extra_days``) is a PASS; fewer is FAIL with DATA_IMMATURE, and the decision is
NOT_YET_DUE.

Source: practice; registers are corrected after the period they describe.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.language.numbers import date_text
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="data_maturity",
    reason="DATA_IMMATURE",
    statistic=Words(da="dage siden data blev endelige", en="days since the data became final"),
    unit=Words(da="dage", en="days"),
    source=Words(
        da="Praksis: ingen afgørelse på et effektmål, hvis måleperiode ikke er lukket",
        en="Practice: no decision on an outcome whose window is open",
    ),
)


class Options(Record):
    """``extra_days``: how long after maturity the contract waits."""

    extra_days: int = Field(default=0, ge=0)


def applies(_capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Always applies."""
    return None


def check(context: GateContext) -> GateResult:
    """PASS when every paid outcome was final on the stated date and when the data were drawn."""
    wait = Options.model_validate(context.options).extra_days
    mature, outcome = _latest(context.plan)
    drawn = context.plan.data.vintage_date
    seen = context.as_of if drawn is None else min(drawn, context.as_of)
    days = (seen - mature).days
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if days >= wait else "FAIL",
            sentence=Words(
                **{
                    lang: _sentence((_title(context.plan, outcome, lang), mature, seen), days, wait, lang)
                    for lang in ("da", "en")
                }
            ),
            statistic=float(days),
            threshold=float(wait),
            evidence={
                "outcome": outcome,
                "mature_from": mature.isoformat(),
                "as_of": context.as_of.isoformat(),
                "vintage_date": None if drawn is None else drawn.isoformat(),
                "extra_days": wait,
            },
        ),
    )


def _latest(plan: EvaluationPlan) -> tuple[date, str]:
    """First day on which all outcomes that are paid or estimated may be used, and the outcome that decides it."""
    wanted = {plan.estimand.outcome, *plan.payment.outcomes}
    return max((plan.outcome_named(name).mature_from, name) for name in wanted)


def _title(plan: EvaluationPlan, outcome: str, lang: str) -> str:
    """What readers call an outcome."""
    return plan.outcome_named(outcome).title.in_language(lang) or outcome


def _sentence(facts: tuple[str, date, date], days: int, wait: int, lang: str) -> str:
    """One sentence with the dates."""
    outcome, mature, seen = facts
    when, now = date_text(mature, lang), date_text(seen, lang)
    count, rule = counted(abs(days), "days", lang), counted(wait, "days", lang)
    if lang == "da":
        side = "efter" if days >= 0 else "før"
        text = f"Effektmålet '{outcome}' er endeligt fra {when}; data er opgjort pr. {now}, {count} {side}"
        return f"{text} (krav: mindst {rule} efter)."
    side = "after" if days >= 0 else "before"
    text = f"The outcome metric '{outcome}' is final from {when}; the data stand as of {now}, {count} {side}"
    return f"{text} (required: at least {rule} after)."


PLUGIN = GatePlugin(
    name="data_maturity",
    order=20,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
