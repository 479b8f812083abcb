"""The main estimate: the picture, the numbers in the outcome's own sign, the same as shares, the second opinion."""

from __future__ import annotations

from collections.abc import Callable

from evaltool.language.numbers import Number, p_value
from evaltool.plotting.effect import draw_effect
from evaltool.records.estimate import Estimate, Interval
from evaltool.records.evidence import PRIMARY
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.pictures import effect_picture, specification_title
from evaltool.report.section import Section
from evaltool.report.sections._sentences import evidence_sentence, result_sentences
from evaltool.report.telling import Telling

RELATIVE_ONLY = "absolute_effect_not_published"
"""Note of an estimate whose effect is known as a share alone."""


def build(telling: Telling) -> tuple[Block, ...]:
    """Nothing to show without estimates."""
    picture = effect_picture(telling)
    if picture is None:
        return ()
    text = f"{' '.join(result_sentences(telling))}\n\n{evidence_sentence(telling)}"
    blocks: list[Block] = [
        Prose(text=text),
        telling.figure(draw_effect(picture, telling.lang)),
        _table(telling),
        _sizes(telling),
    ]
    shares = [e for e in telling.estimates if e.relative is not None]
    if shares:
        blocks.append(_shares(telling, shares))
    if telling.monitoring:
        blocks += _others(telling)
    return (*blocks, *_notes(telling))


def _table(telling: Telling) -> Table:
    """Effect, standard error, interval, p-value, observed and expected, sizes."""
    none = telling.say("label.none")
    rows = []
    write = telling.column(e.att for e in telling.estimates if RELATIVE_ONLY not in e.notes)
    for e in telling.estimates:
        p = none if e.p_value is None else p_value(e.p_value, telling.lang).removeprefix("=\u00a0")
        effect = none if RELATIVE_ONLY in e.notes else write(e.att)
        row = [telling.title_of(e), effect, none if e.se is None else write(e.se)]
        rows.append((*row, _interval(telling, e.interval, write), p))
    heads = ("estimate", "effect", "standard_error", "interval", "p_value")
    direction = telling.say(f"direction.{telling.outcome.direction}")
    return Table(
        caption=f"{telling.say('text.estimates_caption')} ({telling.unit})",
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(rows),
        numeric=tuple(range(1, len(heads))),
        note=telling.say("text.estimate_sign", {"direction": direction}),
    )


def _sizes(telling: Telling) -> Table:
    """Observed beside expected, and the number of units behind them."""
    none = telling.say("label.none")
    rows = []
    write = telling.column(v for e in telling.estimates for v in (e.observed, e.counterfactual) if v is not None)
    for e in telling.estimates:
        row = [telling.title_of(e)]
        row += [none if v is None else write(v) for v in (e.observed, e.counterfactual)]
        row.append(telling.count(e.counts.treated or None, "arm", "treated", of=e))
        row.append(telling.count(e.counts.comparison or None, "arm", "comparison", of=e))
        rows.append(tuple(row))
    heads = ("estimate", "observed", "expected", "n_treated", "n_comparison")
    return Table(
        caption=telling.say("text.sizes_caption"),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(rows),
        numeric=(1, 2, 3, 4),
    )


def _interval(telling: Telling, interval: Interval | None, write: Callable[[Number], str]) -> str:
    """``−0.15 to −0.08``, or a dash."""
    if interval is None:
        return telling.say("label.none")
    ends = {"lower": write(interval.lower), "upper": write(interval.upper)}
    return telling.say("label.range", ends)


def _shares(telling: Telling, estimates: list[Estimate]) -> Table:
    """The effects as shares of their denominator."""
    none = telling.say("label.none")
    rows = []
    for e in estimates:
        if e.relative is None:
            continue
        r = e.relative
        interval = none
        if r.interval is not None:
            ends = {"lower": telling.percent(r.interval.lower), "upper": telling.percent(r.interval.upper)}
            interval = telling.say("label.range", ends)
        words = telling.say(f"text.{r.denominator}_word")
        rows.append(
            (
                telling.title_of(e),
                telling.percent(r.value),
                interval,
                words if r.denominator_value is None else f"{telling.number(r.denominator_value)} ({words})",
            )
        )
    return Table(
        caption=telling.say("text.relative_caption"),
        head=tuple(telling.say(f"label.{key}") for key in ("estimate", "effect", "interval", "share_of")),
        rows=tuple(rows),
        numeric=(1, 2),
        wide=(3,),
    )


def _others(telling: Telling) -> list[Block]:
    """Pre-registered alternatives beside the primary analysis, where no decision compares them."""
    wanted = telling.run.plan.estimand.outcome
    found = [e for e in telling.run.estimates if e.key.outcome == wanted and not telling.hides_estimate(e)]
    if all(e.key.specification == PRIMARY for e in found):
        return []
    rows = []
    for e in sorted(found, key=lambda e: e.key.specification != PRIMARY):
        own = e.key.specification == PRIMARY
        name = telling.say("other_bases.primary") if own else specification_title(telling, e.key.specification)
        share = telling.say("label.none") if e.relative is None else telling.percent(e.relative.value)
        rows.append((name, telling.say("label.none") if RELATIVE_ONLY in e.notes else telling.number(e.att), share))
    return [
        Table(
            caption=telling.say("other_bases.caption"),
            head=(
                telling.say("label.basis"),
                f"{telling.say('label.effect')} ({telling.unit})",
                telling.say("label.as_share"),
            ),
            rows=tuple(rows),
            numeric=(1, 2),
            widths=(50, 28, 22),
        )
    ]


def _notes(telling: Telling) -> tuple[Block, ...]:
    """Second opinion, and the source of published figures."""
    run = telling.run
    parts = []
    if any(gate.name == "second_opinion" and gate.verdict == "NOT_APPLICABLE" for gate in run.gates):
        pass  # the gate table says why there is none
    elif run.second_opinion is None or telling.withheld:
        parts.append(telling.tell("text.second_opinion_none"))
    else:
        method = f"second_route.{run.plan.estimator.method}"
        by = telling.say(method) if telling.voice.says(method) else run.second_opinion.by
        shown = {"by": by, "value": telling.number(run.second_opinion.value)}
        parts.append(telling.tell("text.second_opinion", shown))
    parts += [telling.tell("text.source", {"source": e.source}) for e in telling.estimates if e.source]
    return (Prose(text="\n\n".join(dict.fromkeys(parts))),)


SECTION = Section("main_estimate", build)
