"""The flow of units: how many were submitted, what was left out and why, and who is compared with whom."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, PALE, Drawing, draw, wrapped

Cell = tuple[str, str]
"""Words and number."""


@dataclass(frozen=True, slots=True)
class FlowPicture:
    """The boxes as finished text; ``left_out`` and ``arms`` are (words, number)."""

    unit: str
    submitted: str
    analysed: str
    left_out: tuple[Cell, ...]
    arms: tuple[Cell, ...]
    """Treatment groups first, the comparison last."""


def draw_flow(picture: FlowPicture, lang: str) -> Drawing:
    """Submitted units on top, left out at the side, analysed below, split into the groups that are compared."""
    voice = Voice(lang)
    left_out = picture.left_out
    height = 2.45 + max(0.0, 0.2 * (len(left_out) - 3))
    top = (voice.say("flow.submitted", {"unit": picture.unit}), picture.submitted)
    middle = (voice.say("flow.analysed", {"unit": picture.unit}), picture.analysed)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        spine = 24.0
        _box(axes, (spine, 87), (34, 22), [top])
        _arrow(axes, (spine, 76), (spine, 62))
        if left_out:
            size = (44.0, min(40.0, 13 + 10 * len(left_out)))
            _arrow(axes, (spine, 69), (53, 69))
            _box(axes, (75, 69 + max(0.0, size[1] / 2 - 30)), size, list(left_out), heading=voice.say("flow.left_out"))
        _box(axes, (spine, 51), (34, 22), [middle])
        _split(axes, spine, picture.arms)

    rows = [
        top,
        *((f"{voice.say('flow.left_out')}: {words}", count) for words, count in left_out),
        middle,
        *picture.arms,
    ]
    return Drawing(
        name="flow",
        svg=draw(height, paint),
        caption=voice.say("figure.flow_caption"),
        alt=f"{voice.say('figure.flow_alt')} {'; '.join(f'{words}: {count}' for words, count in rows)}.",
        head=(voice.say("label.what"), voice.say("label.count")),
        rows=tuple(rows),
        numeric=(1,),
    )


def _split(axes: Axes, spine: float, arms: tuple[Cell, ...]) -> None:
    """A line down from the middle box, a rail, and an arrow into each group's box."""
    width = min(34.0, 98.0 / len(arms) - 2)
    places = [1 + width / 2 + place * (98.0 - width) / max(1, len(arms) - 1) for place in range(len(arms))]
    places = [spine] if len(arms) == 1 else places
    axes.plot([spine, spine], [40, 32], color=MUTED, linewidth=1.1)
    axes.plot([min(places[0], spine), places[-1]], [32, 32], color=MUTED, linewidth=1.1)
    for place, (x, cell) in enumerate(zip(places, arms, strict=True)):
        _arrow(axes, (x, 32), (x, 23))
        _box(axes, (x, 12), (width, 22), [cell], colour=BLUE if place < len(arms) - 1 else MUTED)


def _box(
    axes: Axes,
    centre: tuple[float, float],
    size: tuple[float, float],
    cells: list[Cell],
    *,
    heading: str = "",
    colour: str = MUTED,
) -> None:
    """A box with one big number, or a heading over a list of numbers."""
    x, y = centre
    width, height = size
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=1.2",
            facecolor=PALE if not heading else "white", edgecolor=colour, linewidth=1.2,
        )
    )  # fmt: skip
    if not heading:
        words, count = cells[0]
        axes.text(x, y + 4.2, count, ha="center", va="center", fontsize=12, fontweight=600, color=INK)
        axes.text(
            x,
            y - 4.4,
            wrapped(words, int(width * 1.05)),
            ha="center",
            va="center",
            fontsize=7.8,
            color=INK,
            linespacing=1.1,
        )
        return
    step = height / (len(cells) + 1)
    top = y + height / 2 - step / 2
    axes.text(x - width / 2 + 2, top, heading, ha="left", va="center", fontsize=8, fontweight=600, color=INK)
    for place, (words, count) in enumerate(cells, start=1):
        axes.text(x - width / 2 + 2, top - place * step, words, ha="left", va="center", fontsize=7.8, color=INK)
        axes.text(x + width / 2 - 2, top - place * step, count, ha="right", va="center", fontsize=7.8, color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A plain arrow."""
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    )
