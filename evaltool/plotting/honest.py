"""Robust intervals against how unlike trends may be, with zero and the payment threshold."""

from __future__ import annotations

from collections.abc import Sequence
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
    VERMILLION,
    Drawing,
    draw,
    halo,
    quiet_frame,
    steady,
    wrapped,
)
from evaltool.records.examination import HonestResult

HEIGHT = 2.75


@dataclass(frozen=True, slots=True)
class HonestPicture:
    """Results by kind, and the unit of the effect."""

    results: tuple[HonestResult, ...]
    unit: str


def draw_honest(picture: HonestPicture, lang: str) -> Drawing:
    """One panel per kind of deviation; intervals from the bound zero on."""
    voice = Voice(lang)
    results = picture.results

    def paint(figure: Figure) -> None:
        width = 0.79 / len(results)
        for place, result in enumerate(results):
            axes = figure.add_axes((0.1 + place * (width + 0.075), 0.2, width, 0.68))
            _panel(axes, result, voice)
            if place == 0:
                axes.set_ylabel(wrapped(picture.unit, 40), labelpad=4)

    rows = tuple(row for result in results for row in _rows(result, voice))
    return Drawing(
        name="honest",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.honest_caption"),
        alt=_alt(results, voice),
        head=tuple(voice.say(f"label.{key}") for key in ("deviation_kind", "bound", "lower", "upper")),
        rows=rows,
        numeric=(1, 2, 3),
        note=voice.say("figure.honest_note"),
        widths=(46, 18, 18, 18),
    )


def _panel(axes: Axes, result: HonestResult, voice: Voice) -> None:
    """Intervals of one kind, the lines they are held against, and where they begin to hold them."""
    bounds = [p.bound for p in result.points]
    for point in result.points:
        first = point.bound == bounds[0]
        axes.plot(
            [point.bound] * 2, [point.lower, point.upper], color=MUTED if first else BLUE, linewidth=3.0,
            solid_capstyle="butt", zorder=3,
        )  # fmt: skip
    axes.plot([bounds[0]], [result.estimate], marker="D", color=INK, markersize=5, zorder=4, path_effects=halo())
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    if result.threshold is not None:
        below = result.estimate < result.threshold
        axes.axhline(result.threshold, color=VERMILLION, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
        axes.annotate(
            voice.say("figure.honest_threshold"), (0.02, result.threshold), xycoords=("axes fraction", "data"),
            xytext=(0, 3 if below else -3), textcoords="offset points", ha="left", va="bottom" if below else "top",
            color=VERMILLION, fontsize=7.5, zorder=5,
        )  # fmt: skip
    for value in (result.zero_breakdown, result.threshold_breakdown):
        if value:
            axes.axvline(value, color=MUTED, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0)
    axes.set_xlim(-0.06 * bounds[-1], 1.06 * bounds[-1])
    axes.margins(y=0.1)
    axes.set_title(voice.say(f"figure.honest_{result.kind}"), fontsize=8.5, loc="left", pad=6)
    axes.set_xlabel(voice.say(f"figure.honest_{result.kind}_axis"), labelpad=4)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.grid(visible=True, color=GRID, linewidth=0.6)
    steady(axes.xaxis, voice.lang)
    steady(axes.yaxis, voice.lang)
    quiet_frame(axes, left=True)


def _rows(result: HonestResult, voice: Voice) -> list[tuple[str, ...]]:
    """Bound and interval."""
    ends = decimals_for([v for p in result.points for v in (p.lower, p.upper)])
    bounds = bound_digits([p.bound for p in result.points])
    kind = voice.say(f"figure.honest_{result.kind}")
    return [
        (
            kind,
            number(p.bound, voice.lang, bounds),
            number(p.lower, voice.lang, ends),
            number(p.upper, voice.lang, ends),
        )
        for p in result.points
    ]


def bound_digits(bounds: Sequence[float]) -> int:
    """Decimals that tell bounds apart."""
    return decimals_for([b for b in bounds if b > 0.0] or [1.0])


def _alt(results: tuple[HonestResult, ...], voice: Voice) -> str:
    """Per kind, from the plain interval to the widest."""
    lang, parts = voice.lang, [voice.say("figure.honest_alt")]
    for result in results:
        first, last = result.points[0], result.points[-1]
        values = {
            "kind": voice.say(f"figure.honest_{result.kind}"),
            "lower": number(first.lower, lang),
            "upper": number(first.upper, lang),
            "bound": number(last.bound, lang, bound_digits([p.bound for p in result.points])),
            "low": number(last.lower, lang),
            "high": number(last.upper, lang),
        }
        parts.append(voice.say("figure.honest_alt_kind", values))
    return " ".join(parts)
