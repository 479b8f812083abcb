"""The headline under every method of inference, with what the choice between them rests on."""

from __future__ import annotations

from evaltool.language.numbers import p_value
from evaltool.records.examination import Examination, InferenceRow
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.sections._examined import examined
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """A paragraph, the methods that can be used, and why the others cannot."""
    found = examined(telling)
    if found is None or not found.inference:
        return ()
    return (Prose(text=_text(telling, found)), _table(telling, found), *_absent(telling, found))


def _text(telling: Telling, found: Examination) -> str:
    """Which method decides and who named it, and the numbers of clusters."""
    primary = found.primary
    parts = []
    if primary is not None:
        how = "text.inference_rule" if found.rule.startswith("rule") else "text.inference_stated"
        values = {"method": _name(telling, primary), "number": found.rule.rsplit(" ", 1)[-1]}
        parts.append(telling.tell(how, values))
        if primary.status in {"doubtful", "unusable"}:
            why = telling.name_of("inference_reason", primary.reason or "")
            parts.append(telling.tell(f"text.inference_{primary.status}", {"why": why}))
    facts = found.facts
    if facts is not None:
        values = {
            "clusters": telling.number(facts.clusters),
            "treated": telling.number(facts.treated),
            "comparison": telling.number(facts.comparison),
            "effective": telling.number(facts.effective, 1),
            "share": telling.percent(facts.largest_share),
            "leverage": telling.percent(facts.largest_leverage),
        }
        parts.append(telling.tell("text.inference_clusters", values))
    return " ".join(parts)


def _name(telling: Telling, row: InferenceRow) -> str:
    """The method in words."""
    return telling.name_of("inference_method", row.method)


def _table(telling: Telling, found: Examination) -> Table:
    """Every method that gives an answer, the agreed one first."""
    rows = [row for row in found.inference if row.status != "not_offered"]
    rows.sort(key=lambda row: not row.primary)
    estimate = telling.run.estimate
    write = telling.column(v for r in rows for v in (r.effect, r.lower, r.upper) if v is not None)
    none, lines = telling.say("label.none"), []
    for row in rows:
        low = telling.say("label.unbounded_below") if row.lower is None else write(row.lower)
        high = telling.say("label.unbounded_above") if row.upper is None else write(row.upper)
        p = none if row.p_value is None else p_value(row.p_value, telling.lang).removeprefix("=\u00a0")
        name = _name(telling, row)
        lines.append(
            (
                telling.say("label.agreed_method", {"method": name}) if row.primary else name,
                telling.say(f"inference_status.{row.status}"),
                none if row.effect is None else write(row.effect),
                none if row.se is None else write(row.se),
                telling.say("text.interval_ends", {"low": low, "high": high}),
                p,
            )
        )
    reasons = dict.fromkeys(row.reason for row in rows if row.reason)
    why = " ".join(
        telling.say("text.inference_why", {"methods": _those(telling, rows, one), "why": _why(telling, one)})
        for one in reasons
    )
    level = telling.level(telling.run.plan.inference.level)
    return Table(
        caption=telling.say("text.inference_caption", {"level": level, "unit": estimate.unit and telling.unit}),
        head=tuple(
            telling.say(f"label.{key}")
            for key in ("inference_method", "holds", "effect", "standard_error", "interval", "p_value")
        ),
        rows=tuple(lines),
        numeric=(2, 3, 4, 5),
        widths=(33, 10, 12, 13, 22, 10),
        note=why,
    )


def _those(telling: Telling, rows: list[InferenceRow], reason: str) -> str:
    """The methods that share a reason."""
    return "; ".join(_name(telling, row) for row in rows if row.reason == reason)


def _why(telling: Telling, reason: str) -> str:
    """A reason in words."""
    return telling.name_of("inference_reason", reason)


def _absent(telling: Telling, found: Examination) -> tuple[Block, ...]:
    """Methods that cannot be used here, by reason."""
    rows = [row for row in found.inference if row.status == "not_offered"]
    if not rows:
        return ()
    by_reason = dict.fromkeys(row.reason or "" for row in rows)
    lines = [
        telling.tell("text.inference_not", {"methods": _those(telling, rows, one), "why": _why(telling, one)})
        for one in by_reason
    ]
    return (Prose(text="\n".join(f"- {line}" for line in lines)),)


SECTION = Section("inference_methods", build)
