"""Every choice that changes a digit."""

from __future__ import annotations

from evaltool.report.blocks import Block, Facts, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling

TOLD_ELSEWHERE = frozenset({"placebo_in_time_start"})
"""Conventions whose number is a place among the periods: other sections name the period."""


def build(telling: Telling) -> tuple[Block, ...]:
    """Design, method, estimand in words; the conventions by their own names."""
    plan = telling.run.plan
    design = telling.name_of("design_method", plan.design.method)
    estimand = telling.headline.estimand if telling.headline else plan.estimand.target
    facts = Facts(
        caption=telling.say("section.methods"),
        items=(
            (
                telling.say("fact.method"),
                f"{telling.name_of('method', plan.estimator.method)} ({plan.estimator.method})",
            ),
            (telling.say("fact.design"), f"{design} ({plan.design.method})"),
            (telling.say("fact.estimand"), telling.name_of("estimand_name", estimand)),
            (telling.say("fact.level"), telling.level(plan.inference.level)),
            (telling.say("fact.seed"), str(telling.run.seed)),
        ),
    )
    conventions = telling.headline.conventions if telling.headline else {}
    if not conventions:
        return (facts,)
    table = Table(
        caption=telling.say("text.conventions_caption"),
        head=(telling.say("label.setting"), telling.say("label.choice")),
        rows=tuple(
            (telling.name_of("convention", name), _shown(telling, value))
            for name, value in sorted(conventions.items())
            if name not in TOLD_ELSEWHERE
        ),
        wide=(1,),
        widths=(42, 58),
    )
    return (facts, table)


def _shown(telling: Telling, value: bool | float | str | None) -> str:
    """A convention's value in words; a name without words stays as the methods manual spells it."""
    if value is None:
        return telling.say("label.none")
    if isinstance(value, bool):
        return telling.say("trace_word.yes" if value else "trace_word.no")
    if isinstance(value, str):
        spoken = (f"{table}.{value}" for table in ("convention_value", "inference_method"))
        return next((telling.say(key) for key in spoken if telling.voice.says(key)), value)
    return telling.number(value)


SECTION = Section("methods", build)
