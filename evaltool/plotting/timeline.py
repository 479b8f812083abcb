"""The contract in time: programme, entry, measurement, and the days on which something becomes due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaltool.language.numbers import date_text
from evaltool.language.words import Voice
from evaltool.plotting._canvas import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    PURPLE,
    VERMILLION,
    WIDTH,
    Drawing,
    draw,
    text_width,
    wrapped,
)
from evaltool.records.run import Run

ROW = 0.34
LABEL = 30
"""Characters in a line of a row's label."""
LABEL_SIZE = 8.5
DATE_SIZE = 7.5


@dataclass(frozen=True, slots=True)
class _Span:
    """A bar: what, from when to when (inclusive), in which colour."""

    label: str
    first: date
    last: date
    colour: str


@dataclass(frozen=True, slots=True)
class _Day:
    """A milestone."""

    label: str
    day: date
    colour: str


def draw_timeline(run: Run, lang: str) -> Drawing:
    """Bars for the programme, entry and measurement windows; diamonds for maturity, decision and dispute days."""
    voice = Voice(lang)
    spans, days = _spans(run, voice), _days(run, voice)
    height = 0.55 + ROW * (len(spans) + len(days))

    def paint(figure: Figure) -> None:
        left = _left([wrapped(text, LABEL) for text in (*(s.label for s in spans), *(d.label for d in days))])
        axes = figure.add_axes((left, 0.34 / height, 0.99 - left, (height - 0.42) / height))
        for place, span in enumerate(spans):
            _bar(axes, place, span, lang)
        for place, milestone in enumerate(days, start=len(spans)):
            _diamond(axes, place, milestone, lang)
        _frame(axes, [*(s.label for s in spans), *(d.label for d in days)])
        _room(axes, spans, days, ((0.99 - left) * WIDTH, lang))

    return Drawing(
        name="timeline",
        svg=draw(height, paint),
        caption=voice.say("figure.timeline_caption"),
        alt=_alt(spans, days, voice),
        head=(voice.say("label.what"), voice.say("label.from"), voice.say("label.to")),
        rows=(
            *((s.label, date_text(s.first, lang), date_text(s.last, lang)) for s in spans),
            *((d.label, date_text(d.day, lang), date_text(d.day, lang)) for d in days),
        ),
    )


def _spans(run: Run, voice: Voice) -> tuple[_Span, ...]:
    """The bars in the order of the contract."""
    plan = run.plan
    spans = [_Span(voice.say("timeline.programme"), plan.programme.start, plan.programme.end, MUTED)]
    if plan.population.cohort:
        for cohort in plan.population.cohort:
            label = voice.say("timeline.cohort", {"cohort": voice.cohort(cohort.id).lower()})
            spans.append(_Span(label, cohort.entry_from, cohort.entry_to, GREEN))
    else:
        spans.append(_Span(voice.say("timeline.entry"), plan.population.entry_from, plan.population.entry_to, GREEN))
    for outcome in plan.outcome:
        label = voice.say("timeline.outcome", {"outcome": outcome.title.in_language(voice.lang)})
        spans.append(_Span(label, outcome.window_from, outcome.window_to, BLUE))
    return tuple(spans)


def _days(run: Run, voice: Voice) -> tuple[_Day, ...]:
    """The milestones in the order of the calendar."""
    plan = run.plan
    final = plan.outcome_named(plan.estimand.outcome).mature_from
    found = [
        _Day(voice.say("timeline.mature"), final, BLUE),
        _Day(voice.say("timeline.as_of"), run.as_of, INK),
    ]
    if plan.governance.purpose == "decision":
        last = run.as_of + timedelta(days=plan.governance.dispute_days)
        found.append(_Day(voice.say("timeline.decide_from"), plan.governance.decide_from, PURPLE))
        found.append(_Day(voice.say("timeline.dispute"), last, VERMILLION))
    return tuple(sorted(found, key=lambda d: (d.day, d.label)))


def _bar(axes: Axes, place: int, span: _Span, lang: str) -> None:
    """One bar with its dates at its right end."""
    first, last = span.first.toordinal(), span.last.toordinal() + 1
    axes.barh(place, last - first, left=first, height=0.46, color=span.colour, linewidth=0, zorder=3)
    axes.annotate(
        f"{date_text(span.first, lang)} – {date_text(span.last, lang)}",
        (last, place), xytext=(5, 0), textcoords="offset points", va="center", ha="left", fontsize=DATE_SIZE, color=INK,
    )  # fmt: skip


def _diamond(axes: Axes, place: int, milestone: _Day, lang: str) -> None:
    """One milestone with its date."""
    at = milestone.day.toordinal()
    axes.plot([at], [place], marker="D", markersize=6.5, color=milestone.colour, zorder=3, linestyle="none")
    axes.annotate(
        date_text(milestone.day, lang),
        (at, place), xytext=(8, 0), textcoords="offset points", va="center", ha="left", fontsize=DATE_SIZE, color=INK,
    )  # fmt: skip


def _frame(axes: Axes, labels: list[str]) -> None:
    """Row labels at the left, first bar on top."""
    axes.set_yticks(range(len(labels)))
    axes.set_yticklabels([wrapped(label, LABEL) for label in labels])
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _left(labels: list[str]) -> float:
    """The share of the width that the longest line of the row labels takes."""
    longest = max(text_width(line, LABEL_SIZE) for label in labels for line in label.split("\n"))
    return (longest + 0.12) / WIDTH


def _room(axes: Axes, spans: tuple[_Span, ...], days: tuple[_Day, ...], paper: tuple[float, str]) -> None:
    """Axis ends with room for the dates at the right; ticks on first of January.

    ``paper`` is the width of the axis in inches and the language. A text of width w behind a mark at x fits when
    (end - x) / (end - start) is at least w / width.
    """
    width, lang = paper
    first = min([s.first for s in spans] + [d.day for d in days])
    last = max([s.last for s in spans] + [d.day for d in days])
    length = max(1, (last - first).days)
    start = first.toordinal() - 0.02 * length
    marks = [(s.last.toordinal() + 1, f"{date_text(s.first, lang)} – {date_text(s.last, lang)}") for s in spans]
    marks += [(d.day.toordinal(), date_text(d.day, lang)) for d in days]
    shares = [(at, min(0.6, (text_width(text, DATE_SIZE) + 0.2) / width)) for at, text in marks]
    end = max([last.toordinal() + 0.02 * length, *((at - share * start) / (1 - share) for at, share in shares)])
    axes.set_xlim(start, end)
    years = range(first.year, last.year + 2)
    every = max(1, -(-len(years) // 9))
    ticks = [(date(y, 1, 1), str(y)) for y in years if (y - first.year) % every == 0]
    shown = [(d.toordinal(), text) for d, text in ticks if d.toordinal() <= end]
    shown = [(at, text) for at, text in shown if at >= first.toordinal() - 0.02 * length]
    axes.set_xticks([at for at, _ in shown])
    axes.set_xticklabels([text for _, text in shown])
    axes.xaxis.grid(visible=True, color="#dde3e8", linewidth=0.6)


def _alt(spans: tuple[_Span, ...], days: tuple[_Day, ...], voice: Voice) -> str:
    """Every bar and milestone with its dates."""
    lang = voice.lang
    parts = [f"{s.label}: {date_text(s.first, lang)} – {date_text(s.last, lang)}" for s in spans]
    parts += [f"{d.label}: {date_text(d.day, lang)}" for d in days]
    return f"{voice.say('figure.timeline_alt')} {'; '.join(parts)}."
