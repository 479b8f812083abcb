"""The love plot: how different the groups were in each covariate before matching, and how different they are after."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evaltool.language.numbers import number
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
    quiet_frame,
    steady,
    wrapped,
)

ROW = 0.25
"""Inches per covariate."""


@dataclass(frozen=True, slots=True)
class LoveRow:
    """One covariate: absolute standardised differences (None: undefined) and what they are divided by, as text."""

    label: str
    before: float | None
    after: float | None
    denominator: str
    score: bool = False


@dataclass(frozen=True, slots=True)
class LovePicture:
    """Rows, the two limits of the balance check, and the sentence that names the denominator."""

    rows: tuple[LoveRow, ...]
    good: float
    fair: float
    denominator: str
    weighted: bool = False
    """Whether groups are weighted rather than matched: another word, not another picture."""

    def words(self, name: str) -> str:
        """The key of a text that says how the groups were made alike."""
        return f"{name}_weighted" if self.weighted else name


def draw_love(picture: LovePicture, lang: str) -> Drawing:
    """Hollow squares before, discs after, joined by a line; limits as dashed lines. Raises ValueError without rows."""
    if not picture.rows:
        message = "a love plot needs covariates"
        raise ValueError(message)
    voice = Voice(lang)
    rows = sorted(picture.rows, key=lambda r: (not r.score, -(r.before or 0.0), r.label))
    height = 1.02 + ROW * len(rows)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.34, 0.52 / height, 0.63, (height - 0.98) / height))
        ends = [value for row in rows for value in (row.before, row.after) if value is not None]
        axes.set_xlim(0, max(1.12 * picture.fair, 1.08 * max(ends, default=0.0)))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        _limits(axes, picture, voice)
        for place, row in enumerate(rows):
            _row(axes, place, row)
        _labels(axes, rows, picture, voice)
        quiet_frame(axes)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
        steady(axes.xaxis, lang)
        axes.set_xlabel(voice.say("figure.love_axis"), labelpad=4)

    heads = ("column", picture.words("before_matching"), picture.words("after_matching"), "standard_deviation")
    return Drawing(
        name="love",
        svg=draw(height, paint),
        caption=voice.say(picture.words("figure.love_caption")),
        alt=_alt(rows, picture, voice),
        head=tuple(voice.say(f"label.{key}") for key in heads),
        rows=tuple((r.label, _text(r.before, voice), _text(r.after, voice), r.denominator) for r in rows),
        numeric=(1, 2, 3),
        note=voice.say(
            picture.words("figure.love_note"), {"denominator": picture.denominator, **_limit_words(picture, lang)}
        ),
    )


def _limit_words(picture: LovePicture, lang: str) -> dict[str, str]:
    """Both limits as text."""
    return {"good": number(picture.good, lang, 2), "fair": number(picture.fair, lang, 2)}


def _limits(axes: Axes, picture: LovePicture, voice: Voice) -> None:
    """Zones up to each limit, and the limits named on top."""
    axes.axvspan(0, picture.good, color=TINTS[2], linewidth=0, zorder=0)
    axes.axvspan(picture.good, picture.fair, color=PALE, linewidth=0, zorder=0)
    for limit in (picture.good, picture.fair):
        axes.axvline(limit, color=VERMILLION, linestyle=(0, (4, 2)), linewidth=1.1, zorder=1)
        axes.annotate(
            number(limit, voice.lang, 2), (limit, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
            textcoords="offset points", ha="center", va="bottom", fontsize=8, fontweight=600, color=VERMILLION,
        )  # fmt: skip


def _row(axes: Axes, place: int, row: LoveRow) -> None:
    """Both marks and the line between them."""
    axes.axhline(place, color=GRID, linewidth=0.6, zorder=0.5)
    if row.before is not None and row.after is not None:
        axes.plot([row.before, row.after], [place, place], color=MUTED, linewidth=1, zorder=2)
    if row.before is not None:
        axes.plot(
            [row.before], [place], marker="s", markersize=5, markerfacecolor="white", markeredgecolor=MUTED,
            markeredgewidth=1.3, linestyle="none", zorder=3, clip_on=False,
        )  # fmt: skip
    if row.after is not None:
        axes.plot([row.after], [place], marker="o", markersize=6, color=BLUE, linestyle="none", zorder=4, clip_on=False)


def _labels(axes: Axes, rows: list[LoveRow], picture: LovePicture, voice: Voice) -> None:
    """Covariates at the left; the two marks explained above the plot at the right."""
    axes.set_yticks(range(len(rows)))
    axes.tick_params(axis="y", pad=9)
    axes.set_yticklabels([wrapped(row.label, 44) for row in rows])
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight(600 if row.score else 400)
    for x, key, marker, colour in ((0.5, "before_matching", "s", MUTED), (0.77, "after_matching", "o", BLUE)):
        axes.plot(
            [x], [1], marker=marker, markersize=5.2, markerfacecolor="white" if marker == "s" else colour,
            markeredgecolor=colour, markeredgewidth=1.3, linestyle="none", transform=_above(axes), clip_on=False,
        )  # fmt: skip
        axes.annotate(
            voice.say(picture.words(f"label.{key}")), (x, 1), xycoords=_above(axes), xytext=(6, 0),
            textcoords="offset points", ha="left", va="center", fontsize=8, color=INK, annotation_clip=False,
        )  # fmt: skip


def _above(axes: Axes):  # type: ignore[no-untyped-def]  # noqa: ANN202 - matplotlib's composite transform has no public type
    """Axes coordinates, raised to the line of the key above the plot."""
    from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415 - used here only

    figure = axes.figure
    return axes.transAxes + ScaledTranslation(0, 0.27, figure.dpi_scale_trans)


def _text(value: float | None, voice: Voice) -> str:
    """A difference, or a dash where it is not defined."""
    return voice.say("label.none") if value is None else number(value, voice.lang, 3)


def _alt(rows: list[LoveRow], picture: LovePicture, voice: Voice) -> str:
    """The worst before and after, and how many lie within each limit."""
    lang = voice.lang
    after = [(row.after, row.label) for row in rows if row.after is not None]
    before = [(row.before, row.label) for row in rows if row.before is not None]
    parts = [voice.say(picture.words("figure.love_alt"), {"n": number(len(rows), lang)})]
    for key, found in (("figure.love_alt_before", before), ("figure.love_alt_after", after)):
        if found:
            worst, name = max(found)
            parts.append(voice.say(key, {"worst": number(worst, lang, 3), "name": name}))
    inside = sum(value <= picture.good for value, _ in after)
    parts.append(
        voice.say(picture.words("figure.love_alt_within"), {"n": number(inside, lang), **_limit_words(picture, lang)})
    )
    return " ".join(parts)
