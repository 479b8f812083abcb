"""The effect against the payment thresholds: where the estimate lies, how sure that is, and what each place pays."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, TINTS, VERMILLION, Drawing, draw, halo, quiet_frame, wrapped
from evaltool.plotting._scale import Scale

ROW = 0.42
"""Inches per estimate."""
TESTED_ROW = 0.72
"""Inches per estimate where every row shows a test of its own."""
AXIS_LETTERS = 110
"""Letters of an axis title that fit the width of the figure."""
MIDDLE = 0.5
"""Beyond this share of the axis a row's threshold is labelled at its left."""
AMOUNT_LINE = 9
"""Points that one line of an amount above its band takes."""


@dataclass(frozen=True, slots=True)
class Tier:
    """From ``threshold`` on, ``words`` is what is paid (``10,000 kr.``); empty where the rule states no amount."""

    threshold: Decimal
    words: str = ""


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One estimate in the direction of good; ``decisive`` rows carry the payment."""

    label: str
    point: Decimal
    lower: Decimal | None
    upper: Decimal | None
    decisive: bool = True
    own: Tier | None = None
    """The test of this row alone, where every row is tested by itself."""


@dataclass(frozen=True, slots=True)
class EffectPicture:
    """What the figure shows: estimates, tiers in rising order, the axis title and the level of the intervals.

    ``tiers`` hold for every row and stand as bands; tests of single rows stand in the rows themselves.
    """

    rows: tuple[EffectRow, ...]
    tiers: tuple[Tier, ...]
    axis: str
    scale: Scale
    level: str | None
    """The confidence level as text (``95%``); None when no row has an interval."""
    effect: bool = True
    """False for counts and changes, which have no "no effect" line."""
    placebos: bool = False
    """Whether placebos stand in the place of an interval."""


def draw_effect(picture: EffectPicture, lang: str) -> Drawing:
    """Estimates with their intervals against the thresholds; tiers as bands with their amounts."""
    voice = Voice(lang)
    own = any(row.own is not None for row in picture.rows)
    height = 1.25 + (TESTED_ROW if own else ROW) * len(picture.rows)

    def paint(figure: Figure) -> None:
        wide = max(len(row.label) for row in picture.rows) if len(picture.rows) > 1 else 0
        left = 0.02 + min(0.26, 0.0115 * wide)
        axes = figure.add_axes((left, 0.62 / height, 0.97 - left, (height - 1.12) / height))
        low, high = _span(picture)
        axes.set_xlim(low, high)
        axes.set_ylim(-0.62, len(picture.rows) - 0.38)
        axes.invert_yaxis()
        _bands(axes, picture, voice)
        for place, row in enumerate(picture.rows):
            _row(axes, place, row, picture)
        _finish(axes, picture, voice)

    return Drawing(
        name="effect",
        svg=draw(height, paint),
        caption=voice.say("figure.effect_caption" if own or picture.tiers else "figure.effect_caption_plain"),
        alt=_alt(picture, voice),
        head=(
            voice.say("label.estimate"),
            voice.say("label.point"),
            voice.say("label.lower"),
            voice.say("label.upper"),
            *((voice.say("label.threshold"), voice.say("label.amount")) if own else ()),
            *(f"{voice.say('label.threshold')} {n}" for n in range(1, len(picture.tiers) + 1)),
        ),
        rows=tuple(_data_row(row, picture, voice) for row in picture.rows),
        numeric=tuple(range(1, 4 + 2 * own + len(picture.tiers))),
        note=_note(picture, voice),
    )


def _note(picture: EffectPicture, voice: Voice) -> str:
    """What the axis and the bars mean."""
    if picture.level is None:
        bare = "figure.effect_note_placebo" if picture.placebos else "figure.effect_note_bare"
        parts = [voice.say(bare, {"axis": picture.axis})]
    else:
        parts = [voice.say("figure.effect_note", {"axis": picture.axis, "level": picture.level})]
    parts += [voice.say("figure.effect_note_own")] if any(row.own is not None for row in picture.rows) else []
    parts += [voice.say("figure.effect_note_tiers")] if picture.tiers else []
    return " ".join(parts)


def _span(picture: EffectPicture) -> tuple[float, float]:
    """Axis ends that show zero, every threshold and every interval with some air."""
    ends = [t.threshold for t in picture.tiers] + [Decimal(0)] * picture.effect
    for row in picture.rows:
        ends += [end for end in (row.point, row.lower, row.upper) if end is not None]
        ends += [] if row.own is None else [row.own.threshold]
    low, high = float(min(ends)), float(max(ends))
    air = (high - low) or abs(high) or 1.0
    return low - 0.08 * air, high + 0.16 * air


def _bands(axes: Axes, picture: EffectPicture, voice: Voice) -> None:
    """Tier backgrounds with their amounts on top, thresholds as dashed lines, zero as a thin line."""
    low, high = axes.get_xlim()
    edges = [float(t.threshold) for t in picture.tiers]
    top = axes.get_ylim()[1]
    for place, (edge, tier) in enumerate(zip(edges, picture.tiers, strict=True)):
        end = edges[place + 1] if place + 1 < len(edges) else high
        words = wrapped(tier.words, max(8, int((end - edge) / (high - low) * 95)))
        rise = 5 + AMOUNT_LINE * (words.count("\n") + 1) if words else 3
        tint = TINTS[min(1 + place * (len(TINTS) - 2) // max(1, len(edges) - 1), len(TINTS) - 1)] if edges else TINTS[0]
        axes.axvspan(edge, end, color=tint, linewidth=0, zorder=0)
        axes.axvline(edge, color=VERMILLION, linestyle=(0, (4, 2)), linewidth=1.3, zorder=2)
        axes.annotate(
            picture.scale.bare(tier.threshold),
            (edge, top), xytext=(0, rise), textcoords="offset points", ha="center",
            va="bottom", color=VERMILLION, fontweight=600, fontsize=8,
        )  # fmt: skip
        if tier.words:
            axes.annotate(
                words,
                (edge, top), xytext=(3, 3), textcoords="offset points",
                ha="left", va="bottom", color=INK, fontsize=7.5,
            )  # fmt: skip
    if picture.effect and low < 0 < high:
        axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        axes.annotate(
            voice.say("figure.no_effect"),
            (0, axes.get_ylim()[0]), xytext=(3, 3), textcoords="offset points", ha="left", va="bottom",
            color=MUTED, fontsize=7.5,
        )  # fmt: skip


def _row(axes: Axes, place: int, row: EffectRow, picture: EffectPicture) -> None:
    """Interval bar, point and its value; what does not carry the payment is hollow and grey."""
    colour = BLUE if row.decisive else MUTED
    point = float(row.point)
    if row.own is not None:
        _own_test(axes, place, row.own, picture)
    if row.lower is not None and row.upper is not None:
        axes.plot([float(row.lower), float(row.upper)], [place, place], color=colour, linewidth=2.4, zorder=3)
        for end in (float(row.lower), float(row.upper)):
            axes.plot([end, end], [place - 0.1, place + 0.1], color=colour, linewidth=1.4, zorder=3)
    axes.plot(
        [point], [place], marker="o" if row.decisive else "D", markersize=8.5 if row.decisive else 6.5,
        markerfacecolor=colour if row.decisive else "white", markeredgecolor=colour, markeredgewidth=1.6, zorder=4,
    )  # fmt: skip
    axes.annotate(
        picture.scale.apart(row.point, _compared(row, picture)),
        (point, place), xytext=(0, 8), textcoords="offset points", ha="center", va="bottom",
        color=colour, fontweight=600, fontsize=9.5 if row.decisive else 8.5, path_effects=halo(), zorder=5,
    )  # fmt: skip


def _own_test(axes: Axes, place: int, test: Tier, picture: EffectPicture) -> None:
    """The row's own threshold as a short dashed line, with its amount below the point; no band: it is no ladder."""
    low, high = axes.get_xlim()
    edge = float(test.threshold)
    axes.plot(
        [edge, edge], [place - 0.16, place + 0.34], color=VERMILLION, linestyle=(0, (4, 2)), linewidth=1.3, zorder=2
    )
    words = " · ".join(part for part in (picture.scale.bare(test.threshold), test.words) if part)
    left = (edge - low) / (high - low) > MIDDLE
    axes.annotate(
        words,
        (edge, place + 0.34), xytext=(-4 if left else 4, 1), textcoords="offset points", ha="right" if left else "left",
        va="bottom", color=VERMILLION, fontweight=600, fontsize=8, path_effects=halo(), zorder=5,
    )  # fmt: skip


def _compared(row: EffectRow, picture: EffectPicture) -> tuple[Decimal, ...]:
    """The thresholds a row is compared with."""
    return (*(t.threshold for t in picture.tiers), *(() if row.own is None else (row.own.threshold,)))


def _finish(axes: Axes, picture: EffectPicture, voice: Voice) -> None:
    """Axis title, ticks in the reader's language, labels of the rows."""
    quiet_frame(axes)
    several = len(picture.rows) > 1
    axes.set_yticks(range(len(picture.rows)) if several else [])
    if several:
        axes.set_yticklabels([wrapped(row.label, 24) for row in picture.rows])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    ticks = axes.get_xticks()
    step = float(ticks[1] - ticks[0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: picture.scale.tick(float(value), step)))
    better = voice.say("figure.better")
    letters = int(AXIS_LETTERS * axes.get_position().width)
    axes.set_xlabel(
        wrapped(f"{picture.axis}  ·  {better}\u00a0→" if picture.effect else picture.axis, letters), labelpad=5
    )


def _data_row(row: EffectRow, picture: EffectPicture, voice: Voice) -> tuple[str, ...]:
    """The row of the data table."""
    absent = voice.say("label.none")
    ends = [absent if end is None else picture.scale.bare(end) for end in (row.lower, row.upper)]
    tested = any(r.own is not None for r in picture.rows)
    own = (absent, absent) if row.own is None else (picture.scale.bare(row.own.threshold), row.own.words or absent)
    return (
        row.label,
        picture.scale.apart(row.point, _compared(row, picture)),
        *ends,
        *(own if tested else ()),
        *(picture.scale.bare(t.threshold) for t in picture.tiers),
    )


def _alt(picture: EffectPicture, voice: Voice) -> str:
    """The figure in sentences: each estimate, then the thresholds."""
    thresholds = tuple(t.threshold for t in picture.tiers)
    compared = thresholds or any(row.own is not None for row in picture.rows)
    parts = [voice.say("figure.effect_alt" if compared else "figure.effect_alt_plain")]
    for row in picture.rows:
        values = {"label": row.label, "point": picture.scale.apart(row.point, _compared(row, picture))}
        if row.lower is None or row.upper is None:
            parts.append(voice.say("figure.effect_alt_bare", values))
        else:
            values |= {"lower": picture.scale.bare(row.lower), "upper": picture.scale.bare(row.upper)}
            parts.append(voice.say("figure.effect_alt_row", values))
        if row.own is not None:
            parts.append(voice.say("figure.effect_alt_own", {"threshold": picture.scale.bare(row.own.threshold)}))
    if thresholds:
        listed = "; ".join(picture.scale.bare(t) for t in thresholds)
        parts.append(voice.say("figure.effect_alt_thresholds", {"thresholds": listed}))
    return " ".join(parts)
