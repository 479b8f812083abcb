"""Where the two groups' propensity scores lie: the treated above the line, the comparison below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import number, percent
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, TINTS, Drawing, draw, halo, quiet_frame, steady
from evaltool.records.design import ScoreBin

HEIGHT = 2.9
GREY = "#e3e8ec"

WEIGHTED = "_weighted"
"""Ending of the keys of texts that speak of weights and not of matches."""


@dataclass(frozen=True, slots=True)
class ScorePicture:
    """The bins, and what the score is called on its scale."""

    bins: tuple[ScoreBin, ...]
    axis: str
    weighted: bool = False
    """Whether groups are weighted rather than matched: another word, not another picture."""


def draw_scores(picture: ScorePicture, lang: str) -> Drawing:
    """Mirrored histograms, everybody in outline and the matched filled, each with area one.

    Raises ValueError without bins.
    """
    if not picture.bins:
        message = "a figure of scores needs bins"
        raise ValueError(message)
    voice = Voice(lang)
    bins = picture.bins

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.03, 0.15, 0.94, 0.8))
        tops = [
            _side(axes, bins, ([b.treated for b in bins], [b.treated_matched for b in bins]), up=True),
            _side(axes, bins, ([b.comparison for b in bins], [b.comparison_matched for b in bins]), up=False),
        ]
        axes.set_ylim(-1.12 * tops[1], 1.12 * tops[0])
        axes.set_xlim(bins[0].lower, bins[-1].upper)
        axes.axhline(0, color=INK, linewidth=0.9, zorder=4)
        _names(axes, voice, weighted=picture.weighted)
        quiet_frame(axes)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8))
        steady(axes.xaxis, lang)
        axes.set_xlabel(picture.axis, labelpad=4)

    how = WEIGHTED if picture.weighted else ""
    heads = ("from", "to", "treated_all", f"treated_matched{how}", "comparison_all", f"comparison_matched{how}")
    return Drawing(
        name="scores",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.scores_caption"),
        alt=_alt(bins, voice),
        head=tuple(voice.say(f"label.{key}") for key in heads),
        rows=tuple(_row(one, lang) for one in bins),
        numeric=tuple(range(len(heads))),
        note=voice.say("figure.scores_note"),
    )


def _side(axes: Axes, bins: Sequence[ScoreBin], counts: tuple[list[int], list[int]], *, up: bool) -> float:
    """One group: everybody as an outline on grey, the matched filled; returns the highest bar."""
    edges = [bins[0].lower, *(b.upper for b in bins)]
    sign, highest = (1.0 if up else -1.0), 0.0
    colour = BLUE if up else MUTED
    for place, own in enumerate(counts):
        total = sum(own)
        if total == 0:
            continue
        heights = [n / total / (b.upper - b.lower) for n, b in zip(own, bins, strict=True)]
        highest = max(highest, *heights)
        turned = [sign * h for h in heights]
        if place == 0:
            axes.stairs(turned, edges, fill=True, color=GREY, linewidth=0, zorder=1)
            axes.stairs(turned, edges, color=INK, linewidth=1.1, linestyle=(0, (2, 1.4)), zorder=3)
        else:
            axes.stairs(
                turned, edges, fill=True, color=TINTS[4] if up else "#c3ccd4", linewidth=0, alpha=0.85, zorder=2
            )
            axes.stairs(turned, edges, color=colour, linewidth=1.7, zorder=3)
    return highest or 1.0


def _names(axes: Axes, voice: Voice, *, weighted: bool) -> None:
    """Each side named in its corner, and what dashed and filled mean."""
    for text, y, va, colour in (
        (voice.say("arm.treated"), 0.985, "top", BLUE),
        (voice.say("arm.comparison"), 0.015, "bottom", MUTED),
    ):
        axes.annotate(
            text, (0.005, y), xycoords="axes fraction", ha="left", va=va, fontsize=8.5, fontweight=600, color=colour,
            path_effects=halo(), zorder=6,
        )  # fmt: skip
    key = voice.say(f"figure.scores_key{WEIGHTED if weighted else ''}")
    axes.annotate(
        key, (0.995, 0.985), xycoords="axes fraction", ha="right", va="top", fontsize=7.8, color=INK,
        path_effects=halo(), zorder=6, linespacing=1.3,
    )  # fmt: skip


def _row(one: ScoreBin, lang: str) -> tuple[str, ...]:
    """The row of the data table."""
    counts = (one.treated, one.treated_matched, one.comparison, one.comparison_matched)
    return (number(one.lower, lang), number(one.upper, lang), *(number(n, lang) for n in counts))


def _alt(bins: Sequence[ScoreBin], voice: Voice) -> str:
    """Range of each group, and the share of the treated in bins where the comparison group has somebody."""
    lang = voice.lang
    parts = [voice.say("figure.scores_alt")]
    for key, name in (("treated", "arm.treated"), ("comparison", "arm.comparison")):
        own = [b for b in bins if getattr(b, key) > 0]
        if own:
            ends = {"low": number(own[0].lower, lang), "high": number(own[-1].upper, lang)}
            parts.append(voice.say("figure.scores_alt_arm", {"arm": voice.say(name), **ends}))
    total = sum(b.treated for b in bins)
    beside = sum(b.treated for b in bins if b.comparison > 0)
    if total:
        parts.append(voice.say("figure.scores_alt_shared", {"share": percent(beside / total, lang, 0)}))
    return " ".join(parts)
