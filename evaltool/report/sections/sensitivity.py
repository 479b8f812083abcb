"""What every other basis and pre-registered specification would have paid."""

from __future__ import annotations

from dataclasses import replace

from evaltool.payment.disagreement import disagreement
from evaltool.plotting.bases import draw_bases
from evaltool.plotting.effect import draw_effect
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.pictures import beside_picture, verdict_of, verdicts
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences and figure; nothing where no alternative was computed."""
    found = verdicts(telling)
    if not found or telling.monitoring or telling.withheld:
        return ()
    decision = telling.run.decision
    parts = [telling.tell("text.sensitivity_intro")]
    specifications = [a for a in decision.alternatives if a.kind == "specification"]
    if specifications and telling.decided():
        same = sum(a.state == decision.state for a in specifications)
        shown = {"same": telling.number(same), "all": telling.number(len(specifications))}
        parts.append(telling.tell("text.sensitivity_same", shown))
    if decision.nearest_threshold is not None and decision.distance is not None:
        near = {
            "threshold": telling.scale.text(decision.nearest_threshold),
            "distance": telling.distance(abs(decision.distance)),
        }
        side = "on" if decision.distance == 0 else "above" if decision.distance > 0 else "below"
        parts.append(telling.tell(f"text.nearest_{side}", near))
        parts += _money_beyond(telling)
    drawing = draw_bases(found, decision.currency, decision.maximum, telling.lang)
    return (Prose(text=" ".join(parts)), telling.figure(drawing), *_other_methods(telling))


def _other_methods(telling: Telling) -> tuple[Block, ...]:
    """Methods nobody agreed on, what each would have paid, and which could not be applied."""
    decision = telling.run.decision
    beside = [a for a in decision.alternatives if a.kind == "estimator"]
    infeasible = [telling.name_of("method", name) for name in telling.run.infeasible]
    note = telling.say("text.sensitivity_infeasible", {"methods": "; ".join(infeasible)}) if infeasible else ""
    if not beside:
        return ()
    same = sum(a.state == decision.state and a.amount == decision.amount for a in beside)
    shown = {"same": telling.number(same), "all": telling.number(len(beside))}
    rows = []
    for one in beside:
        verdict = verdict_of(telling, one)
        amount = telling.say("label.none") if verdict.amount is None else telling.money(verdict.amount)
        rows.append((verdict.label, verdict.point or telling.say("label.none"), verdict.state, amount))
    table = Table(
        caption=telling.say("text.sensitivity_methods"),
        head=(telling.say("fact.method"), *(telling.say(f"label.{key}") for key in ("estimate", "state", "amount"))),
        rows=tuple(rows),
        numeric=(1, 3),
        wide=(0,),
        note=note,
    )
    words = " ".join([telling.tell("text.sensitivity_beside", shown), *_apart(telling)])
    picture = beside_picture(telling)
    if picture is None:
        return (Prose(text=words), table)
    drawing = replace(
        draw_effect(picture, telling.lang), name="beside", caption=telling.say("text.sensitivity_beside_figure")
    )
    return (Prose(text=words), telling.figure(drawing), table)


def _apart(telling: Telling) -> list[str]:
    """How far the other methods' figures are from the decided one."""
    points = [a.point for a in telling.run.decision.alternatives if a.kind == "estimator" and a.point is not None]
    headline = telling.headline
    agreed = None if headline is None else telling.evidence(headline).point
    found = None if agreed is None else disagreement(agreed, points)
    if found is None:
        return []
    values = {
        "low": telling.scale.text(found.lowest),
        "high": telling.scale.text(found.highest),
        "distance": telling.distance(found.distance),
        "same": telling.number(found.same_sign),
        "all": telling.number(found.others),
    }
    parts = [telling.tell("text.sensitivity_apart", values)]
    if found.share is not None:
        parts.append(telling.tell("text.sensitivity_apart_share", {"share": telling.percent(found.share)}))
    return parts


def _money_beyond(telling: Telling) -> list[str]:
    """What the nearest threshold is worth, where something is."""
    difference = telling.run.decision.distance_money
    if not difference:
        return []
    key = "text.nearest_money_more" if difference > 0 else "text.nearest_money_less"
    return [telling.tell(key, {"amount": telling.money(abs(difference))})]


SECTION = Section("sensitivity", build)
