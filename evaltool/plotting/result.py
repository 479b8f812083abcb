"""One result drawn for the person who made it: its event study, or its effect with the interval."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import number
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, MUTED, Drawing, draw, halo, quiet_frame, steady, wrapped
from evaltool.plotting.event_study import draw_event_study
from evaltool.records.estimate import Estimate

HEIGHT = 1.5
AIR = 0.12
"""Free space at either end of the axis, as a share of its length."""


def draw_result(estimate: Estimate, lang: str) -> Drawing:
    """The event study where the estimate has a path, else the effect, in the outcome's own sign and unit."""
    if estimate.path:
        return draw_event_study(estimate, estimate.unit, lang)
    voice, interval = Voice(lang), estimate.interval
    shown = {"point": number(estimate.att, lang), "unit": estimate.unit}
    if interval is not None:
        shown |= {"lower": number(interval.lower, lang), "upper": number(interval.upper, lang)}
    kind = "caption" if estimate.kind == "effect" else "caption_measured"

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.03, 0.36, 0.94, 0.56))
        _mark(axes, estimate, shown["point"])
        _frame(axes, estimate, voice)

    return Drawing(
        name="result",
        svg=draw(HEIGHT, paint),
        caption=voice.say(f"result.{kind}", {"outcome": estimate.key.outcome}),
        alt=voice.say("result.alt_bare" if interval is None else "result.alt", shown),
        head=tuple(voice.say(f"label.{name}") for name in ("estimate", "point", "lower", "upper")),
        rows=(
            (estimate.key.outcome, *(shown.get(name, voice.say("label.none")) for name in ("point", "lower", "upper"))),
        ),
        numeric=(1, 2, 3),
    )


def _mark(axes: Axes, estimate: Estimate, point: str) -> None:
    """The interval as a bar, the effect as a disc with its figure above."""
    if estimate.interval is not None:
        axes.plot([estimate.interval.lower, estimate.interval.upper], [0, 0], color=BLUE, linewidth=2.4, zorder=3)
    axes.plot([estimate.att], [0], marker="o", markersize=8.5, color=BLUE, zorder=4)
    axes.annotate(
        point, (estimate.att, 0), xytext=(0, 8), textcoords="offset points", ha="center", va="bottom",
        color=BLUE, fontweight=600, fontsize=9.5, path_effects=halo(), zorder=5,
    )  # fmt: skip


def _frame(axes: Axes, estimate: Estimate, voice: Voice) -> None:
    """An axis that shows zero where the figure is an effect, in the outcome's unit."""
    interval, effect = estimate.interval, estimate.kind == "effect"
    ends = [estimate.att, *([0.0] if effect else [])]
    ends += [] if interval is None else [interval.lower, interval.upper]
    air = AIR * (max(ends) - min(ends) or abs(estimate.att) or 1.0)
    axes.set_xlim(min(ends) - air, max(ends) + air)
    axes.set_ylim(-1, 1.4)
    axes.set_yticks([])
    quiet_frame(axes)
    if effect:
        axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        axes.annotate(
            voice.say("figure.no_effect"), (0, -1), xytext=(3, 3), textcoords="offset points", ha="left", va="bottom",
            color=MUTED, fontsize=7.5,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    steady(axes.xaxis, voice.lang)
    axes.set_xlabel(wrapped(estimate.unit, 105), labelpad=5)
