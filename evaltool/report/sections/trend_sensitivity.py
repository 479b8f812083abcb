"""Before the start, what the test of it can see, and how unlike trends may be before the conclusion fails."""

from __future__ import annotations

from evaltool.language.numbers import p_value
from evaltool.plotting.honest import HonestPicture, bound_digits, draw_honest
from evaltool.records.examination import Examination, HonestResult, Trend
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.sections._examined import absent_words, examined
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentences, breakdown values and the figure; the reason where there is no event study to judge by."""
    found = examined(telling)
    if found is None:
        return ()
    blocks: list[Block] = []
    if found.trend is not None:
        blocks.append(Prose(text=_trend(telling, found.trend)))
    if found.honest:
        blocks += [Prose(text=_honest(telling, found)), _breakdowns(telling, found.honest)]
        axis = telling.say("axis.effect", {"unit": telling.unit})
        blocks.append(telling.figure(draw_honest(HonestPicture(found.honest, axis), telling.lang)))
    why = absent_words(telling, found, "honest")
    if why:
        blocks.append(Prose(text=telling.tell("text.honest_absent", {"why": why})))
    return tuple(blocks)


def _trend(telling: Telling, trend: Trend) -> str:
    """The joint test with its power; never a pass."""
    p = telling.say("label.none") if trend.p_value is None else p_value(trend.p_value, telling.lang)
    values = {
        "periods": telling.number(trend.periods),
        "p": p,
        "power": telling.percent(trend.power, 0),
        "slope": telling.number(trend.joint_slope),
        "any": telling.number(trend.any_slope),
        "unit": telling.unit,
    }
    return telling.tell("text.trend_test" if trend.p_value is not None else "text.trend_no_test", values)


def _honest(telling: Telling, found: Examination) -> str:
    """What the bounds mean, and what is bounded."""
    first = found.honest[0]
    level = telling.level(telling.run.plan.inference.level)
    parts = [telling.tell("text.honest_lead", {"level": level})]
    if first.threshold is not None:
        threshold = telling.scale.text(_stated(telling))
        values = {"threshold": threshold, "effect": telling.number(first.threshold), "unit": telling.unit}
        parts.append(telling.tell("text.honest_threshold", values))
    if not first.is_headline:
        parts.append(telling.tell("text.honest_average", {"effect": telling.number(first.estimate)}))
    return " ".join(parts)


def _stated(telling: Telling) -> float:
    """The first threshold as the contract states it: the effect turned to the estimand's scale, more is better."""
    estimate, effect = telling.run.estimate, telling.run.examination
    threshold = effect.honest[0].threshold if effect is not None and effect.honest else None
    good = 1.0 if telling.outcome.direction == "increase" else -1.0
    below = 1.0
    if telling.run.plan.estimand.scale == "relative" and estimate.relative is not None:
        below = estimate.relative.denominator_value or 1.0
    return good * (threshold or 0.0) / below


def _breakdowns(telling: Telling, results: tuple[HonestResult, ...]) -> Table:
    """Breakdown values by kind: against zero, against the threshold, and against it without sampling error."""
    rows = []
    for result in results:
        digits = bound_digits([p.bound for p in result.points])
        shown = [result.zero_breakdown]
        if result.threshold is not None:
            shown += [result.threshold_breakdown, result.point_breakdown]
        beyond = telling.say("text.beyond", {"value": telling.number(result.searched_to, digits)})
        cells = [beyond if value is None else telling.number(value, digits) for value in shown]
        kind = telling.say(f"figure.honest_{result.kind}")
        rows.append((kind, telling.say(f"figure.honest_{result.kind}_axis"), *cells))
    heads = ["deviation_kind", "measured_in", "breakdown_zero"]
    if results[0].threshold is not None:
        heads += ["breakdown_threshold", "breakdown_point"]
    return Table(
        caption=telling.say("text.breakdown_caption"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(rows),
        numeric=tuple(range(2, len(heads))),
        wide=(1,),
        note=telling.say("text.breakdown_note"),
    )


SECTION = Section("trend_sensitivity", build)
