"""Checks as a reader sees them: figure beside requirement in the same digits, a sign beside every verdict's words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from evaltool.language.numbers import Number
from evaltool.records.gate import GateResult, Verdict
from evaltool.report.blocks import Table, Tone
from evaltool.report.telling import Telling

SHARE = "share"
"""Units that begin so are shown as per cent."""
OWN_UNIT = "unit of the outcome metric"
SIGNS: dict[Verdict, tuple[str, Tone]] = {
    "PASS": ("✓", "good"),
    "REVIEW": ("!", "watch"),
    "FAIL": ("✗", "bad"),
    "CANNOT_TELL": ("?", "bad"),
    "NOT_APPLICABLE": ("–", "none"),
}
"""Sign and tone: a verdict is told by its word, its sign and its colour."""
MOST_DECIMALS = 4
TINY = Decimal("0.0001")


def gate_table(telling: Telling, *, sentences: bool) -> Table:
    """Every gate: verdict, figure, requirement, and its sentence (long form) or what follows from a failure."""
    rows = []
    for gate in telling.run.gates:
        sign, _ = SIGNS[gate.verdict]
        row = [telling.name_of("gate", gate.name), f"{sign} {telling.say(f'verdict.{gate.verdict}')}"]
        row += gate_figures(telling, gate)
        row.append(gate_sentence(telling, gate) if sentences else telling.say(f"consequence.{gate.consequence}"))
        rows.append(tuple(row))
    heads = ["check", "verdict", "statistic", "required", "finding" if sentences else "consequence"]
    overridden = [telling.name_of("gate", g.name) for g in telling.run.gates if g.overridden]
    note = telling.say("text.gates_note")
    if overridden:
        note = f"{note} {telling.say('text.gates_overridden', {'names': ', '.join(overridden)})}"
    return Table(
        caption=telling.say("section.checks" if sentences else "section.checks_short"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(rows),
        wide=(4,) if sentences else (0,),
        widths=(18, 14, 13, 14, 41) if sentences else (30, 18, 17, 17, 18),
        tones=tuple(SIGNS[gate.verdict][1] for gate in telling.run.gates),
        note=note,
    )


def gate_figures(telling: Telling, gate: GateResult) -> tuple[str, str]:
    """The gate's figure with its unit, and the requirement; withheld with the counts they are made of."""
    none = telling.say("label.none")
    if gate.statistic is None:
        return none, none
    if telling.hides_gate(gate):
        hidden = telling.say("label.withheld")
        return hidden, hidden
    figure, *more = _alike(telling, gate)
    required, needs = more[0] if more else none, f"gate_needs.{gate.name}"
    if more and telling.voice.says(needs):
        required = telling.say(f"gate_sign.{telling.say(needs)}", {"value": required})
    return _with_unit(telling, gate, figure), required


def gate_sentence(telling: Telling, gate: GateResult) -> str:
    """The gate's sentence; withheld where it would say a withheld count."""
    if telling.hides_gate(gate):
        return telling.say("label.withheld")
    return gate.sentence.in_language(telling.lang)


def _alike(telling: Telling, gate: GateResult) -> list[str]:
    """Figure and threshold with the same decimals, enough of them not to look equal when they are not."""
    values = [Decimal(repr(v)) for v in (gate.statistic, gate.threshold) if v is not None]
    if gate.unit.in_language("en").startswith(SHARE):
        return _steady(values, telling.percent, 1)
    if all(v == v.to_integral_value() for v in values):
        return [telling.number(v, 0) for v in values]
    if any(0 < abs(v) < TINY for v in values):
        return [telling.number(v) for v in values]
    return _steady(values, telling.number, 2)


def _steady(values: list[Decimal], write: Callable[[Number, int], str], fewest: int) -> list[str]:
    """Every value with the same decimals: the fewest at which different values read differently."""
    texts: list[str] = []
    for digits in range(fewest, MOST_DECIMALS + 1):
        texts = [write(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _with_unit(telling: Telling, gate: GateResult, figure: str) -> str:
    """``42 enheder``, ``1 segl``; a share carries its sign already, and the outcome's own unit is named elsewhere."""
    plain = gate.unit.in_language("en")
    if plain.startswith(SHARE) or plain == OWN_UNIT:
        return figure
    one = f"unit_one.{plain}"
    single = gate.statistic == 1 and telling.voice.says(one)
    return f"{figure} {telling.say(one) if single else gate.unit.in_language(telling.lang)}".strip()
