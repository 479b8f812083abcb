"""Placebos in space: every donor taken as if it had been treated, beside the unit that was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import decimals_for, number
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, Drawing, draw, halo, quiet_frame, steady, wrapped
from evaltool.plotting.synthetic import time_axis, value_axis

HEIGHT = 2.9
THIN = "#9aa7b2"
POOR = math.sqrt(20.0)
"""Donors whose fit before the start was this many times worse say nothing about the gap after it (20 times the mean
squared error: Abadie, Diamond & Hainmueller 2010); they are not drawn."""


@dataclass(frozen=True, slots=True)
class PlaceboLine:
    """One unit taken as treated: its name, (T,) gaps, error before the start and the ratio of after to before."""

    name: str
    gaps: tuple[float, ...]
    rmspe_before: float
    ratio: float


@dataclass(frozen=True, slots=True)
class PlacebosPicture:
    """The treated unit, everybody else, and the periods; ``start`` is the place of the first treated period."""

    treated: PlaceboLine
    others: tuple[PlaceboLine, ...]
    labels: tuple[str, ...]
    start: int
    unit: str


def drawn(picture: PlacebosPicture) -> tuple[PlaceboLine, ...]:
    """The donors that fitted well enough before the start to be drawn."""
    limit = POOR * picture.treated.rmspe_before
    return tuple(line for line in picture.others if line.rmspe_before <= limit)


def draw_placebos(picture: PlacebosPicture, lang: str) -> Drawing:
    """A thin line per donor and a heavy one for the treated unit."""
    voice = Voice(lang)
    shown = drawn(picture)
    places = range(len(picture.labels))

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.09, 0.13, 0.71, 0.79))
        axes.axhline(0, color=INK, linewidth=0.8, zorder=2)
        for line in shown:
            axes.plot(places, line.gaps, color=THIN, linewidth=0.8, alpha=0.75, zorder=3)
        axes.plot(places, picture.treated.gaps, color=BLUE, linewidth=2.3, zorder=5, path_effects=halo())
        axes.margins(y=0.06)
        time_axis(axes, picture.labels, picture.start, voice)
        value_axis(axes, picture.unit, lang)
        _names(axes, picture, len(shown), voice)

    left = len(picture.others) - len(shown)
    note = voice.say("figure.placebos_note", {"unit": picture.unit})
    if left:
        note = f"{note} {voice.say('figure.placebos_left', {'n': number(left, lang)})}"
    return Drawing(
        name="placebos",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.placebos_caption"),
        alt=_alt(picture, shown, voice),
        head=(voice.say("label.unit_name"), *(voice.say(f"label.{k}") for k in ("gap_after", "error_before", "ratio"))),
        rows=_rows(ranked(picture), picture.start, lang),
        numeric=(1, 2, 3),
        note=note,
    )


def draw_ratios(picture: PlacebosPicture, lang: str) -> Drawing:
    """Every unit's ratio of error after to error before the start on one axis, the treated unit named."""
    voice = Voice(lang)
    lines = ranked(picture)
    height = 1.32
    digits = decimals_for(line.ratio for line in lines)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.03, 0.36, 0.94, 0.6))
        top = max(line.ratio for line in lines)
        axes.set_xlim(0, 1.06 * top)
        levels = _levels([line.ratio for line in lines], 0.017 * 1.06 * top)
        for line, level in zip(lines, levels, strict=True):
            ours = line is picture.treated
            axes.plot(
                [line.ratio], [level], marker="D" if ours else "o", markersize=8 if ours else 5.4, linestyle="none",
                markerfacecolor=BLUE if ours else "white", markeredgecolor=BLUE if ours else MUTED, markeredgewidth=1.1,
                zorder=5 if ours else 3,
            )  # fmt: skip
        axes.set_ylim(-0.6, max(4.0, *levels) + 0.9)
        own = picture.treated
        axes.annotate(
            own.name, (own.ratio, levels[lines.index(own)]), xytext=(0, 9), textcoords="offset points",
            ha="right" if own.ratio > 0.8 * top else "center", va="bottom", color=BLUE, fontweight=600,
            path_effects=halo(), zorder=6,
        )  # fmt: skip
        quiet_frame(axes)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8))
        steady(axes.xaxis, lang)
        axes.set_xlabel(voice.say("figure.ratios_axis"), labelpad=4)

    place = 1 + sum(line.ratio >= picture.treated.ratio for line in picture.others)
    values = {
        "name": picture.treated.name,
        "ratio": number(picture.treated.ratio, lang),
        "place": number(place, lang),
        "n": number(len(lines), lang),
    }
    return Drawing(
        name="ratios",
        svg=draw(height, paint),
        caption=voice.say("figure.ratios_caption"),
        alt=voice.say("figure.ratios_alt", values),
        head=(voice.say("label.unit_name"), voice.say("label.ratio")),
        rows=tuple((line.name, number(line.ratio, lang, digits)) for line in lines),
        numeric=(1,),
        note=voice.say("figure.ratios_note"),
    )


def ranked(picture: PlacebosPicture) -> tuple[PlaceboLine, ...]:
    """Everybody, the largest ratio first; the treated unit after those it ties with."""
    return tuple(sorted((picture.treated, *picture.others), key=lambda o: (-o.ratio, o is picture.treated, o.name)))


def _levels(values: Sequence[float], width: float) -> list[float]:
    """How high each dot stands so that no two overlap."""
    placed: list[tuple[float, int]] = []
    levels = []
    for value in values:
        level = 0
        while any(abs(value - other) < width and level == at for other, at in placed):
            level += 1
        placed.append((value, level))
        levels.append(float(level))
    return levels


def _names(axes: Axes, picture: PlacebosPicture, count: int, voice: Voice) -> None:
    """The treated unit at the end of its line, and what the thin lines are."""
    last, end = len(picture.labels) - 1, picture.treated.gaps[-1]
    low, high = axes.get_ylim()
    for text, y, colour in (
        (picture.treated.name, end, BLUE),
        (voice.say("figure.placebos_others", {"n": number(count, voice.lang)}), _free(end, (low, high)), MUTED),
    ):
        axes.annotate(
            wrapped(text, 20), (last, y), xytext=(9, 0), textcoords="offset points", ha="left", va="center",
            color=colour, fontweight=600, fontsize=8.5, annotation_clip=False,
        )  # fmt: skip


def _free(taken: float, ends: tuple[float, float]) -> float:
    """Zero, or as near to it as the other label leaves room."""
    low, high = ends
    room = 0.2 * (high - low)
    if abs(taken) >= room:
        return 0.0
    return taken + room if taken <= 0 else taken - room


def _rows(lines: Sequence[PlaceboLine], start: int, lang: str) -> tuple[tuple[str, ...], ...]:
    """Mean gap after the start, error before it, ratio; each column with the same decimals."""
    values = [(sum(line.gaps[start:]) / len(line.gaps[start:]), line.rmspe_before, line.ratio) for line in lines]
    digits = [decimals_for(column) for column in zip(*values, strict=True)]
    return tuple(
        (line.name, *(number(value, lang, places) for value, places in zip(row, digits, strict=True)))
        for line, row in zip(lines, values, strict=True)
    )


def _alt(picture: PlacebosPicture, shown: tuple[PlaceboLine, ...], voice: Voice) -> str:
    """Range of the donors' last gaps against the treated unit's."""
    lang = voice.lang
    own = picture.treated
    values = {"name": own.name, "last": number(own.gaps[-1], lang), "n": number(len(shown), lang)}
    text = voice.say("figure.placebos_alt", values)
    if not shown:
        return text
    ends = [line.gaps[-1] for line in shown]
    span = {"low": number(min(ends), lang), "high": number(max(ends), lang)}
    return f"{text} {voice.say('figure.placebos_alt_others', span)}"
