"""Mean outcome by arm over time, each line named where it ends."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import decimals_for, number
from evaltool.language.words import Voice
from evaltool.plotting._canvas import MUTED, SERIES, Drawing, draw, legible, quiet_frame, steady, wrapped
from evaltool.records.estimate import SeriesPoint

HEIGHT = 2.8
MOST_TICKS = 8


def draw_series(points: tuple[SeriesPoint, ...], starts: tuple[int, ...], unit: str, lang: str) -> Drawing:
    """One line per arm; dashed verticals where a cohort starts. Raises ValueError without points."""
    if not points:
        message = "a figure over time needs points"
        raise ValueError(message)
    voice = Voice(lang)
    arms = list(dict.fromkeys(point.arm for point in points))
    labels = {point.period: point.label for point in points}
    steady_units = all(len({p.units for p in points if p.arm == arm}) == 1 for arm in arms)
    digits = decimals_for(p.mean for p in points)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.09, 0.15, 0.69, 0.77))
        ends = [_line(axes, place, [p for p in points if p.arm == arm]) for place, arm in enumerate(arms)]
        _names(axes, ends, [voice.name_of("arm", arm) for arm in arms])
        for place, start in enumerate(s for s in starts if min(labels) < s <= max(labels)):
            axes.axvline(start - 0.5, color=MUTED, linestyle=(0, (4, 2)), linewidth=1, zorder=1)
            if place == 0:
                axes.annotate(
                    voice.say("figure.start"), (start - 0.5, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                    textcoords="offset points", ha="center", va="bottom", fontsize=8, color=MUTED,
                )  # fmt: skip
        _axes(axes, labels, unit, lang)

    return Drawing(
        name="series",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.series_caption"),
        alt=_alt(points, arms, voice),
        head=(voice.say("label.period"), *_heads(arms, points, voice, steady_units=steady_units)),
        rows=tuple(
            (labels[period], *_cells(period, arms, points, (voice.lang, digits, steady_units)))
            for period in sorted(labels)
        ),
        numeric=tuple(range(1, 1 + (1 if steady_units else 2) * len(arms))),
        note=voice.say("figure.series_note", {"unit": unit}),
    )


def _line(axes: Axes, place: int, own: list[SeriesPoint]) -> tuple[float, float, str]:
    """Draw one arm; returns its last point and colour."""
    own = sorted(own, key=lambda p: p.period)
    colour, style, marker = SERIES[place % len(SERIES)]
    every = max(1, len(own) // 12)
    axes.plot(
        [p.period for p in own], [p.mean for p in own], color=colour, linestyle=style, marker=marker,
        markevery=every, markersize=4.4, linewidth=1.7, zorder=3,
    )  # fmt: skip
    return float(own[-1].period), own[-1].mean, colour


def _names(axes: Axes, ends: list[tuple[float, float, str]], names: list[str]) -> None:
    """Name each line at its end, pushed apart where lines end together."""
    low, high = axes.get_ylim()
    gap = 0.12 * (high - low)
    last = max(x for x, _, _ in ends)
    placed: list[float] = []
    for (_, y, colour), name in sorted(zip(ends, names, strict=True), key=lambda item: item[0][1]):
        at = max(y, placed[-1] + gap) if placed else y
        placed.append(at)
        axes.annotate(
            wrapped(name, 20), (last, at), xytext=(9, 0), textcoords="offset points", ha="left", va="center",
            color=colour, fontweight=600, fontsize=8.5, annotation_clip=False,
        )  # fmt: skip


def _axes(axes: Axes, labels: dict[int, str], unit: str, lang: str) -> None:
    """Period labels as the reader knows them, thinned; numbers in the reader's language."""
    quiet_frame(axes, left=True)
    periods = sorted(labels)
    every = max(1, -(-len(periods) // MOST_TICKS))
    axes.set_xticks(periods[::every])
    axes.set_xticklabels([legible(labels[p]) for p in periods[::every]])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    steady(axes.yaxis, lang)
    axes.yaxis.grid(visible=True, color="#dde3e8", linewidth=0.6)
    axes.set_ylabel(wrapped(unit, 44), labelpad=4)


def _heads(arms: list[str], points: tuple[SeriesPoint, ...], voice: Voice, *, steady_units: bool) -> list[str]:
    """One column per arm, its number of units in the head; a second column where that number changes."""
    heads: list[str] = []
    for arm in arms:
        name = voice.name_of("arm", arm)
        if steady_units:
            units = next(p.units for p in points if p.arm == arm)
            heads.append(f"{name} (n\u00a0=\u00a0{number(units, voice.lang)})")
        else:
            heads += [name, "n"]
    return heads


def _cells(
    period: int, arms: list[str], points: tuple[SeriesPoint, ...], written: tuple[str, int, bool]
) -> tuple[str, ...]:
    """The numbers of one period; ``written`` is the language, the decimals, and whether sizes stand in the heads."""
    lang, digits, steady_units = written
    cells: list[str] = []
    for arm in arms:
        found = next((p for p in points if p.arm == arm and p.period == period), None)
        cells.append("" if found is None else number(found.mean, lang, digits))
        if not steady_units:
            cells.append("" if found is None else number(found.units, lang))
    return tuple(cells)


def _alt(points: tuple[SeriesPoint, ...], arms: list[str], voice: Voice) -> str:
    """First and last value of each arm."""
    parts = [voice.say("figure.series_alt")]
    for arm in arms:
        own = sorted((p for p in points if p.arm == arm), key=lambda p: p.period)
        parts.append(
            voice.say(
                "figure.series_alt_arm",
                {
                    "arm": voice.name_of("arm", arm),
                    "first": number(own[0].mean, voice.lang),
                    "start": own[0].label,
                    "last": number(own[-1].mean, voice.lang),
                    "end": own[-1].label,
                },
            )
        )
    return " ".join(parts)
