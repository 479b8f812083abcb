"""Cohorts in time: who is treated when, and which rows the data lack."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, GRID, INK, MUTED, VERMILLION, Drawing, draw, quiet_frame, wrapped

BEFORE, DURING, SOME, NONE = "before", "during", "some", "none"
LOOK = {BEFORE: ("#e3e8ec", ""), DURING: (BLUE, ""), SOME: ("#f2c6a8", "////"), NONE: ("#ffffff", "")}
"""Fill and hatch of each state: two carriers for one distinction."""
TICKS = 9


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One cohort: its name, how many units (as text), and its state in each period."""

    name: str
    units: str
    states: tuple[str, ...]
    first: str
    """Label of the first treated period; a dash for those that never start."""


def state_of(rows: int, units: int, *, treated: bool) -> str:
    """What a cohort's rows in one period say: none, some missing, before the start or treated."""
    if rows == 0:
        return NONE
    if rows < units:
        return SOME
    return DURING if treated else BEFORE


def draw_starts(cohorts: tuple[CohortRow, ...], periods: tuple[str, ...], lang: str) -> Drawing:
    """A bar per cohort, cut where its state changes."""
    voice = Voice(lang)
    used = [state for state in LOOK if any(state in c.states for c in cohorts)]

    def paint(figure: Figure) -> None:
        low = 0.62 / (0.95 + 0.3 * len(cohorts))
        axes = figure.add_axes((0.26, low, 0.69, 0.98 - low))
        for place, cohort in enumerate(cohorts):
            _bar(axes, place, cohort)
        axes.set_ylim(len(cohorts) - 0.45, -0.55)
        axes.set_xlim(0, len(periods))
        axes.set_yticks(range(len(cohorts)), [f"{wrapped(c.name, 26)} ({c.units})" for c in cohorts])
        step = max(1, -(-len(periods) // TICKS))
        places = list(range(0, len(periods), step))
        axes.set_xticks([p + 0.5 for p in places], [periods[p] for p in places])
        quiet_frame(axes)
        axes.tick_params(axis="x", length=2)
        keys = [
            Patch(
                facecolor=LOOK[s][0],
                hatch=LOOK[s][1],
                edgecolor=MUTED,
                linewidth=0.5,
                label=voice.say(f"figure.starts_{s}"),
            )
            for s in used
        ]
        axes.legend(
            handles=keys, loc="upper left", bbox_to_anchor=(-0.01, -0.36 / (0.3 * len(cohorts) + 0.2)), ncols=4,
            frameon=False, handlelength=1.3, columnspacing=1.6, borderpad=0, labelcolor=INK,
        )  # fmt: skip

    counts = {s: voice.say(f"figure.starts_{s}") for s in LOOK}
    return Drawing(
        name="starts",
        svg=draw(0.95 + 0.3 * len(cohorts), paint),
        caption=voice.say("figure.starts_caption"),
        alt=voice.say("figure.starts_alt", {"cohorts": "; ".join(f"{c.name} ({c.units}): {c.first}" for c in cohorts)}),
        head=(
            voice.say("label.cohort"),
            voice.say("label.units"),
            voice.say("label.first_treated"),
            counts[SOME],
            counts[NONE],
        ),
        rows=tuple(
            (c.name, c.units, c.first, *(_listed(c, periods, s, voice.say("label.none")) for s in (SOME, NONE)))
            for c in cohorts
        ),
        numeric=(1,),
        note=voice.say("figure.starts_note"),
    )


def _bar(axes: Axes, place: int, cohort: CohortRow) -> None:
    """The runs of one cohort."""
    at = 0
    for state, run in groupby(cohort.states):
        length = sum(1 for _ in run)
        colour, hatch = LOOK[state]
        edge = VERMILLION if state == NONE else GRID if state == BEFORE else MUTED
        axes.barh(
            place, length, left=at, height=0.62, color=colour, hatch=hatch, edgecolor=edge,
            linewidth=0.6, linestyle="--" if state == NONE else "-",
        )  # fmt: skip
        at += length


def _listed(cohort: CohortRow, periods: tuple[str, ...], state: str, none: str) -> str:
    """The periods in which a cohort is in a state."""
    found = [p for p, s in zip(periods, cohort.states, strict=True) if s == state]
    return ", ".join(found) or none
