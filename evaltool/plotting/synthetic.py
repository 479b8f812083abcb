"""A treated unit and its synthetic control over time: both paths, and the gap between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import decimals_for, number
from evaltool.language.words import Voice
from evaltool.plotting._canvas import (
    BLUE,
    GRID,
    INK,
    MUTED,
    PALE,
    TINTS,
    VERMILLION,
    Drawing,
    draw,
    halo,
    legible,
    quiet_frame,
    steady,
    wrapped,
)

HEIGHT = 2.9
MOST_TICKS = 11
YEAR_MONTH = re.compile(r"^(\d{4})-(\d{2})(-\d{2})?$")


@dataclass(frozen=True, slots=True)
class PathsPicture:
    """(T,) observed and synthetic outcomes by period; ``start`` is the place of the first treated period."""

    labels: tuple[str, ...]
    observed: tuple[float, ...]
    synthetic: tuple[float, ...]
    start: int
    unit: str
    name: str
    """What the treated unit is called."""
    effect: float
    """The mean gap from the start on: the estimate."""


def draw_paths(picture: PathsPicture, lang: str) -> Drawing:
    """Observed and synthetic, each line named where it ends, the difference after the start shaded."""
    voice = Voice(lang)
    places = range(len(picture.labels))
    digits = decimals_for((*picture.observed, *picture.synthetic))

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.09, 0.13, 0.71, 0.79))
        axes.plot(places, picture.synthetic, color=VERMILLION, linestyle=(0, (4, 1.6)), linewidth=1.7, zorder=3)
        axes.plot(places, picture.observed, color=BLUE, linewidth=2, zorder=4)
        late = range(picture.start, len(picture.labels))
        axes.fill_between(
            late, [picture.observed[p] for p in late], [picture.synthetic[p] for p in late], color=TINTS[3],
            linewidth=0, zorder=2,
        )  # fmt: skip
        time_axis(axes, picture.labels, picture.start, voice)
        low, _ = axes.get_ylim()
        axes.set_ylim(bottom=min(low, 0.0) if low < 0.35 * max(picture.observed) else low)
        value_axis(axes, picture.unit, lang)
        _ends(axes, picture, voice)

    return Drawing(
        name="synthetic_paths",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.paths_caption", {"name": picture.name}),
        alt=_paths_alt(picture, voice),
        head=(voice.say("label.period"), picture.name, voice.say("label.synthetic"), voice.say("label.gap")),
        rows=tuple(
            (label, *(number(value, lang, digits) for value in (seen, made, seen - made)))
            for label, seen, made in zip(picture.labels, picture.observed, picture.synthetic, strict=True)
        ),
        numeric=(1, 2, 3),
        note=voice.say("figure.paths_note", {"unit": picture.unit}),
    )


def draw_gaps(picture: PathsPicture, lang: str) -> Drawing:
    """Observed minus synthetic; near zero before the start, the effect afterwards."""
    voice = Voice(lang)
    gaps = tuple(seen - made for seen, made in zip(picture.observed, picture.synthetic, strict=True))
    places = range(len(gaps))
    average = picture.effect

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.09, 0.14, 0.71, 0.77))
        axes.axhline(0, color=INK, linewidth=0.8, zorder=2)
        for place, gap in zip(places, gaps, strict=True):
            late = place >= picture.start
            axes.plot([place, place], [0, gap], color=BLUE if late else MUTED, linewidth=1.2, alpha=0.45, zorder=2)
            axes.plot(
                [place], [gap], marker="o" if late else "s", markersize=4.6 if late else 3.8,
                color=BLUE if late else MUTED, linestyle="none", zorder=4,
            )  # fmt: skip
        axes.plot([picture.start, len(gaps) - 1], [average] * 2, color=BLUE, linewidth=1.7, linestyle=(0, (5, 2)))
        axes.margins(y=0.12)
        time_axis(axes, picture.labels, picture.start, voice)
        value_axis(axes, picture.unit, lang)
        axes.annotate(
            wrapped(voice.say("figure.gaps_mean", {"value": number(average, lang)}), 22),
            (len(gaps) - 1, average), xytext=(9, 0), textcoords="offset points", ha="left", va="center", color=BLUE,
            fontweight=600, fontsize=8.5, annotation_clip=False,
        )  # fmt: skip

    digits = decimals_for(gaps)
    before, after = gaps[: picture.start], gaps[picture.start :]
    values = {
        "low": number(min(before), lang),
        "high": number(max(before), lang),
        "low_after": number(min(after), lang),
        "high_after": number(max(after), lang),
        "mean": number(average, lang),
    }
    return Drawing(
        name="synthetic_gaps",
        svg=draw(HEIGHT - 0.35, paint),
        caption=voice.say("figure.gaps_caption"),
        alt=voice.say("figure.gaps_alt", values),
        head=(voice.say("label.period"), voice.say("label.gap")),
        rows=tuple((label, number(gap, lang, digits)) for label, gap in zip(picture.labels, gaps, strict=True)),
        numeric=(1,),
        note=voice.say("figure.gaps_note", {"unit": picture.unit}),
    )


def time_axis(axes: Axes, labels: tuple[str, ...], start: int, voice: Voice) -> None:
    """Periods below (years where the labels hold months), the start as a dashed line, the time after it shaded."""
    last = len(labels) - 1
    axes.set_xlim(-0.6, last + 0.6)
    axes.axvspan(start - 0.5, last + 0.6, color=PALE, linewidth=0, zorder=0)
    axes.axvline(start - 0.5, color=MUTED, linestyle=(0, (4, 2)), linewidth=1, zorder=1)
    axes.annotate(
        voice.say("figure.start_of", {"period": legible(labels[start])}), (start - 0.5, 1),
        xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points", ha="center", va="bottom",
        fontsize=8, color=MUTED,
    )  # fmt: skip
    ticks = _years(labels) or [(place, label) for place, label in enumerate(labels)]
    every = max(1, -(-len(ticks) // MOST_TICKS))
    axes.set_xticks([place for place, _ in ticks[::every]])
    axes.set_xticklabels([legible(text) for _, text in ticks[::every]])


def value_axis(axes: Axes, unit: str, lang: str) -> None:
    """Numbers at the left in the reader's language, with a light grid."""
    quiet_frame(axes, left=True)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    steady(axes.yaxis, lang)
    axes.yaxis.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_ylabel(wrapped(unit, 40), labelpad=4)


def _years(labels: tuple[str, ...]) -> list[tuple[int, str]]:
    """Where each year begins; nothing when the labels are no months or days."""
    found = [YEAR_MONTH.match(label) for label in labels]
    if not all(found):
        return []
    years = [match.group(1) for match in found if match]
    return [(place, year) for place, year in enumerate(years) if place == 0 or year != years[place - 1]]


def _ends(axes: Axes, picture: PathsPicture, voice: Voice) -> None:
    """Name both lines at their ends, pushed apart where they meet."""
    low, high = axes.get_ylim()
    gap = 0.17 * (high - low)
    ends = [picture.observed[-1], picture.synthetic[-1]]
    middle, apart = sum(ends) / 2, max(abs(ends[0] - ends[1]), gap) / 2
    signs = (1, -1) if ends[0] >= ends[1] else (-1, 1)
    for sign, name, colour in zip(signs, (picture.name, voice.say("label.synthetic")), (BLUE, VERMILLION), strict=True):
        axes.annotate(
            wrapped(name, 20), (len(picture.labels) - 1, middle + sign * apart), xytext=(9, 0),
            textcoords="offset points", ha="left", va="center", color=colour, fontweight=600, fontsize=8.5,
            annotation_clip=False, path_effects=halo(),
        )  # fmt: skip


def _paths_alt(picture: PathsPicture, voice: Voice) -> str:
    """First, start and last of both."""
    lang = voice.lang
    parts = [voice.say("figure.paths_alt", {"name": picture.name, "start": picture.labels[picture.start]})]
    for place in dict.fromkeys((0, picture.start - 1, len(picture.labels) - 1)):
        values = {
            "period": picture.labels[place],
            "observed": number(picture.observed[place], lang),
            "synthetic": number(picture.synthetic[place], lang),
        }
        parts.append(voice.say("figure.paths_alt_point", values))
    return " ".join(parts)
