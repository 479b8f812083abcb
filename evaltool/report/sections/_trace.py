"""The arithmetic of a decision in words: every value of every step as a reader expects it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from evaltool.records.decision import TraceStep
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.pictures import specification_title
from evaltool.report.sections._parts import share_text
from evaltool.report.telling import Telling

MONEY = frozenset({
    "amount", "maximum", "cap", "before", "after", "from_amount", "to_amount", "pooled_amount", "early_amount",
    "paid", "entitlement", "excess", "price", "offset", "quantum", "person_cap", "amount_at_target", "floor", "most",
    "principal", "payment", "added", "withheld", "repaid", "earned", "rest",
})  # fmt: skip
FIGURES = frozenset({"point", "lower", "upper", "value", "threshold", "from", "to", "product", "margin"})
SHARES = frozenset({"share", "probability", "deadweight", "maximum_share"})
DIFFERENCES = frozenset({"distance", "standard_error"})
TABLES = {
    "kind": "trace_word",
    "mode": "trace_word",
    "tier": "trace_word",
    "action": "trace_word",
    "assumption": "trace_word",
    "mechanism": "mechanism",
    "basis": "basis",
    "level": "payer_level",
    "reason": "trace_absent",
    "counted": "trace_word",
    "correlation_from": "trace_word",
}
PARTS = {
    "rule.evidence": ("lower", "standard_error", "units"),
    "blend.value": ("standard_error", "correlation_from", "lower"),
    "pooled.value": ("standard_error", "critical_value", "lower", "assumption"),
}
"""Values that are told only where they are stated."""
SIGNS = {">=": "≥", ">": ">"}


def trace_table(telling: Telling, *, split: bool = True) -> tuple[Block, ...]:
    """The arithmetic as numbered sentences; without the split by payer where a table of payers stands beside it."""
    trace = [step for step in telling.run.decision.trace if split or step.key != "split"]
    if telling.withheld:
        return (Prose(text=telling.tell("text.withheld_result")),)
    if not trace:
        return (Prose(text=telling.tell("text.trace_empty")),)
    rows = tuple((telling.number(n), trace_sentence(telling, step)) for n, step in enumerate(trace, start=1))
    return (
        Table(
            caption=telling.say("section.arithmetic"),
            head=(telling.say("label.step"), telling.say("label.result")),
            rows=rows,
            numeric=(0,),
            wide=(1,),
            note=telling.say("text.trace_intro"),
        ),
    )


def trace_sentence(telling: Telling, step: TraceStep) -> str:
    """One step in words, or its key and values where no sentence is written for it."""
    values = {name: _value(telling, step, name) for name in step.values}
    key = f"trace.{step.key}"
    if not telling.voice.says(key):
        return f"{step.key}: " + "; ".join(f"{name} {value}" for name, value in values.items())
    return telling.say(key, values) + _parts(telling, step, values)


def _parts(telling: Telling, step: TraceStep, values: Mapping[str, str]) -> str:
    """What a step states besides its figure, and only what is there: a published figure may have none of it."""
    stated = [name for name in PARTS.get(step.key, ()) if step.values.get(name) not in {None, 0}]
    if not stated and step.key in PARTS and step.values.get("kind", "effect") == "effect":
        return f"{telling.say('trace_part.no_uncertainty')}."
    told = "".join(telling.say(f"trace_part.{name}", {name: values[name]}) for name in stated)
    return f"{told}." if step.key in PARTS else ""


def _value(telling: Telling, step: TraceStep, name: str) -> str:
    """One value of a step as a reader expects it."""
    value = step.values[name]
    if value is None:
        return telling.say("trace_word.not_stated")
    if isinstance(value, bool):
        return telling.say("trace_word.yes" if value else "trace_word.no")
    if isinstance(value, Decimal | int):
        return _figure(telling, step, name)
    return _named(telling, name, value)


def _figure(telling: Telling, step: TraceStep, name: str) -> str:
    """An amount, a share, a figure of the estimand, a difference of two, or a plain number."""
    value = Decimal(str(step.values[name]))
    figure = name in FIGURES or (step.key == "rule.estimate_rounding" and name in {"before", "after"})
    if figure:
        return telling.exact(value)
    if name in MONEY:
        return telling.money(value)
    if name in SHARES:
        return share_text(telling, value)
    return telling.distance(value) if name in DIFFERENCES else telling.number(value)


def _named(telling: Telling, name: str, value: str) -> str:
    """A key of another table in words; a name of the plan as it stands."""
    if name in TABLES:
        return telling.name_of(TABLES[name], value)
    if name in NAMES:
        return NAMES[name](telling, value)
    if name == "reasons":
        return ", ".join(part.strip() for part in value.split(","))
    return SIGNS.get(value, value) if name == "operator" else value


def _cohort(telling: Telling, value: str) -> str:
    """A cohort, or what stands for all of them."""
    return telling.say(f"trace_word.{value}") if value in {"all", "pooled"} else telling.voice.cohort(value)


def _outcomes(telling: Telling, value: str) -> str:
    """Outcomes by their titles."""
    known = {outcome.id for outcome in telling.run.plan.outcome}
    return ", ".join(telling.outcome_within(part) if part in known else part for part in value.split(", "))


def _rules(telling: Telling, value: str) -> str:
    """Rules by their number in the contract."""
    ids = [one.id for one in telling.run.plan.payment.rule]
    return ", ".join(telling.number(ids.index(p) + 1) if p in ids else p for p in value.split(", "))


def _day(telling: Telling, value: str) -> str:
    """A date as it is written in this language."""
    return telling.day(date.fromisoformat(value))


def _specification(telling: Telling, name: str) -> str:
    """A specification by its title."""
    return telling.say("trace_word.primary") if name == "primary" else specification_title(telling, name)


NAMES: dict[str, Callable[[Telling, str], str]] = {
    "cohort": _cohort,
    "outcome": _outcomes,
    "route": _outcomes,
    "rule": _rules,
    "part": _rules,
    "parts": _rules,
    "as_of": _day,
    "final_from": _day,
    "specification": _specification,
}
"""Names of the plan, and how each is told."""
