"""The flow of people through a matched comparison: both groups side by side, from submitted to analysed."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, PALE, Drawing, draw, wrapped

BOX = 0.42
"""Inches: height of a box."""
STEP = 0.34
"""Inches between two boxes, for the arrow and who left."""
LINE = 0.145
"""Inches per further line of who left."""
HEAD = 0.36
COLUMNS = ((18.5, 39.0), (57.0, 77.5))
"""Left and right edge of each group's boxes, in hundredths of the width."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: its name, how many are there in each group, and who left on the way to it (words and number)."""

    words: str
    counts: tuple[str, str]
    gone: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = ((), ())


@dataclass(frozen=True, slots=True)
class PeopleFlow:
    """Names of the two groups and the stages in order; every number is finished text."""

    groups: tuple[str, str]
    stages: tuple[Stage, ...]
    note: str = ""


def draw_people_flow(flow: PeopleFlow, lang: str) -> Drawing:
    """Two columns of boxes with arrows; who left stands beside the arrow. Raises ValueError without stages."""
    if not flow.stages:
        message = "a flow of people needs stages"
        raise ValueError(message)
    voice = Voice(lang)
    steps = [_step(stage) for stage in flow.stages]
    height = HEAD + sum(steps) + BOX * len(steps) + 0.06

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, 100)
        axes.set_ylim(height, 0)
        for (left, right), name, colour in zip(COLUMNS, flow.groups, (BLUE, MUTED), strict=True):
            axes.text(
                (left + right) / 2, HEAD / 2, name, ha="center", va="center", fontsize=9, fontweight=600, color=colour
            )
        top = HEAD
        for place, (stage, step) in enumerate(zip(flow.stages, steps, strict=True)):
            _stage(axes, stage, (top, step), last=place == len(steps) - 1)
            top += step + BOX

    rows = tuple(row for stage in flow.stages for row in _rows(stage, voice))
    return Drawing(
        name="people_flow",
        svg=draw(height, paint),
        caption=voice.say("figure.people_caption"),
        alt=_alt(flow, voice),
        head=(voice.say("label.what"), *flow.groups),
        rows=rows,
        numeric=(1, 2),
        note=flow.note,
    )


def _step(stage: Stage) -> float:
    """Inches above a stage's box: none for the first, more where several reasons are listed."""
    lines = max(len(gone) for gone in stage.gone)
    return STEP + LINE * max(0, lines - 1) if lines else 0.22


def _stage(axes: Axes, stage: Stage, place: tuple[float, float], *, last: bool) -> None:
    """Boxes of both groups, the arrows into them, and who left."""
    top, step = place
    box = top + step
    first = top == HEAD
    axes.text(
        1, box + BOX / 2, wrapped(stage.words, 19), ha="left", va="center", fontsize=8, color=INK,
        fontweight=600 if last else 400, linespacing=1.15,
    )  # fmt: skip
    for column, (left, right) in enumerate(COLUMNS):
        middle, colour = (left + right) / 2, BLUE if column == 0 else MUTED
        if not first:
            axes.annotate(
                "", (middle, box), (middle, top),
                arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
            _gone(axes, stage.gone[column], (middle, top + step / 2))
        axes.add_patch(
            FancyBboxPatch(
                (left, box), right - left, BOX, boxstyle="round,pad=0,rounding_size=0.06", mutation_aspect=0.06,
                facecolor=PALE if not last else "white", edgecolor=colour, linewidth=1.9 if last else 1.1,
            )
        )  # fmt: skip
        axes.text(
            middle, box + BOX / 2, stage.counts[column], ha="center", va="center", fontsize=11.5, fontweight=600,
            color=INK,
        )  # fmt: skip
    if last:
        (_, end), (start, _) = COLUMNS
        axes.annotate(
            "", (start, box + BOX / 2), (end, box + BOX / 2),
            arrowprops={"arrowstyle": "<|-|>", "color": BLUE, "linewidth": 1.3, "shrinkA": 2, "shrinkB": 2},
        )  # fmt: skip


def _gone(axes: Axes, gone: tuple[tuple[str, str], ...], place: tuple[float, float]) -> None:
    """Who left, right of the arrow."""
    x, y = place
    if not gone:
        return
    axes.text(
        x + 1.6, y, "\n".join(f"− {count}  {words}" for words, count in gone), ha="left", va="center", fontsize=7.6,
        color=MUTED, linespacing=1.3,
    )  # fmt: skip


def _rows(stage: Stage, voice: Voice) -> list[tuple[str, str, str]]:
    """The stage's row, preceded by a row per reason."""
    reasons = dict.fromkeys(words for gone in stage.gone for words, _ in gone)
    left = voice.say("flow.left_out")
    rows = []
    for words in reasons:
        counts = [dict(gone).get(words, "0") for gone in stage.gone]
        rows.append((f"{left}: {words}", counts[0], counts[1]))
    return [*rows, (stage.words, *stage.counts)]


def _alt(flow: PeopleFlow, voice: Voice) -> str:
    """Every stage of both groups in words."""
    parts = [voice.say("figure.people_alt")]
    for column, group in enumerate(flow.groups):
        steps = []
        for stage in flow.stages:
            lost = "".join(f", {voice.say('flow.left_out').lower()} {c} ({w})" for w, c in stage.gone[column])
            steps.append(f"{stage.words}: {stage.counts[column]}{lost}")
        parts.append(f"{group}: {'; '.join(steps)}.")
    return " ".join(parts)
