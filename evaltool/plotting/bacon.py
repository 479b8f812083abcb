"""The comparisons a two-way fixed-effects coefficient is made of: weight across, estimate up."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import decimals_for, number, percent
from evaltool.language.words import Voice
from evaltool.plotting._canvas import (
    BLUE,
    GREEN,
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
from evaltool.records.examination import BaconPart, BaconResult

HEIGHT = 2.7
LOOK = {
    "treated vs never treated": ("never", BLUE, "o"),
    "earlier vs later treated": ("earlier", GREEN, "^"),
    "later vs earlier treated": ("later", VERMILLION, "s"),
    "treated vs always treated": ("always", MUTED, "D"),
}
"""Key of the words, colour and marker of each kind."""


def kind_words(kind: str, voice: Voice) -> str:
    """A kind of comparison in words."""
    return voice.say(f"figure.bacon_{LOOK[kind][0]}") if kind in LOOK else kind


def draw_bacon(result: BaconResult, unit: str, lang: str) -> Drawing:
    """A mark per comparison; the coefficient as a line."""
    voice = Voice(lang)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.19, 0.55, 0.77))
        for kind, (key, colour, marker) in LOOK.items():
            mine = [p for p in result.parts if p.kind == kind]
            if mine:
                axes.plot(
                    [p.weight for p in mine], [p.estimate for p in mine], linestyle="none", marker=marker,
                    markersize=6.4, markerfacecolor="white" if key in {"later", "always"} else colour,
                    markeredgecolor=colour, markeredgewidth=1.4, zorder=3,
                    label=wrapped(voice.say(f"figure.bacon_{key}"), 30),
                )  # fmt: skip
        _lines(axes, result, voice)
        axes.set_xlabel(voice.say("figure.bacon_axis"), labelpad=4)
        axes.set_ylabel(wrapped(unit, 40), labelpad=4)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, handlelength=1.0, labelspacing=0.9)

    digits = decimals_for(p.estimate for p in result.parts)
    return Drawing(
        name="bacon",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.bacon_caption"),
        alt=voice.say(
            "figure.bacon_alt",
            {
                "n": number(len(result.parts), lang),
                "coefficient": number(result.coefficient, lang),
                "low": number(min(p.estimate for p in result.parts), lang),
                "high": number(max(p.estimate for p in result.parts), lang),
            },
        ),
        head=tuple(
            voice.say(f"label.{key}")
            for key in ("treated_cohort", "compared_with", "comparison_kind", "weight", "estimate")
        ),
        rows=tuple(_row(part, voice, digits) for part in result.parts),
        numeric=(3, 4),
        note=voice.say("figure.bacon_note", {"unit": unit}),
    )


def _lines(axes: Axes, result: BaconResult, voice: Voice) -> None:
    """Zero, the coefficient, and both axes in the reader's language."""
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.axhline(result.coefficient, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
    axes.set_xlim(0, 1.08 * max(p.weight for p in result.parts))
    axes.margins(y=0.12)
    axes.annotate(
        voice.say("figure.bacon_coefficient"), (1.0, result.coefficient), xycoords=("axes fraction", "data"),
        xytext=(-2, 3), textcoords="offset points", ha="right", va="bottom", color=MUTED, fontsize=7.5,
        path_effects=halo(), zorder=4,
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.grid(visible=True, color=GRID, linewidth=0.6)
    steady(axes.xaxis, voice.lang)
    steady(axes.yaxis, voice.lang)
    quiet_frame(axes, left=True)


def _row(part: BaconPart, voice: Voice, digits: int) -> tuple[str, ...]:
    """The row of the data table."""
    names = {"never": voice.say("label.never_starts"), "always": voice.say("label.always_treated")}
    return (
        part.treated,
        names.get(part.comparison, part.comparison),
        kind_words(part.kind, voice),
        percent(part.weight, voice.lang),
        number(part.estimate, voice.lang, digits),
    )
