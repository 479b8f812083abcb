"""What each basis, or each pre-registered specification, would have paid, beside what is decided."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaltool.language.numbers import money, money_short
from evaltool.language.words import Voice
from evaltool.plotting._canvas import (
    BLUE,
    INK,
    MUTED,
    VERMILLION,
    WIDTH,
    Drawing,
    draw,
    fitted,
    quiet_frame,
    text_width,
    wrapped,
)

ROW = 0.36
LEFT, WIDE = 0.33, 0.64
"""Where the bars begin, and how much of the figure's width is theirs."""
LETTERS, SIZE, LABEL = 52, 7.6, 8.5
"""Characters of a line of words beside a bar, its size in points, and that of the names of the bars."""
BOLD, PAD = 1.06, 0.1
"""How much wider semi-bold letters are, and inches between a bar and its words."""
SHORTEST = 0.4
"""Least share of the width for the longest bar, however long the words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One basis or specification: its name, state in words, amount; ``decided`` is the one that counts."""

    label: str
    state: str
    amount: Decimal | None
    point: str = ""
    decided: bool = False


def draw_bases(verdicts: tuple[Verdict, ...], currency: str, maximum: Decimal | None, lang: str) -> Drawing:
    """One bar per basis or specification; the decided one is filled, the others are outlined."""
    voice = Voice(lang)
    height = 0.62 + ROW * len(verdicts)
    top = max([v.amount for v in verdicts if v.amount is not None] + [maximum or Decimal(0)], default=Decimal(0))

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((LEFT, 0.4 / height, WIDE, (height - 0.5) / height))
        axes.set_xlim(0, _end(verdicts, (currency, voice), float(top)))
        for place, verdict in enumerate(verdicts):
            _bar(axes, place, verdict, (currency, voice))
        if maximum is not None and maximum > 0:
            axes.axvline(float(maximum), color=VERMILLION, linestyle=(0, (4, 2)), linewidth=1.1, zorder=1)
        quiet_frame(axes, left=True)
        axes.set_yticks(range(len(verdicts)))
        axes.set_yticklabels([fitted(v.label, LEFT * WIDTH / BOLD - PAD, LABEL) for v in verdicts], fontsize=LABEL)
        for tick, verdict in zip(axes.get_yticklabels(), verdicts, strict=True):
            tick.set_fontweight(600 if verdict.decided else 400)
        axes.set_ylim(len(verdicts) - 0.5, -0.5)
        ticks = MaxNLocator(nbins=4).tick_values(0, axes.get_xlim()[1])
        axes.set_xticks([tick for tick in ticks if 0 <= tick <= float(top) * 1.01])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: money_short(Decimal(round(v)), currency, lang)))

    return Drawing(
        name="bases",
        svg=draw(height, paint),
        caption=voice.say("figure.bases_caption"),
        alt=_alt(verdicts, currency, voice),
        head=tuple(voice.say(f"label.{key}") for key in ("basis", "estimate", "state", "amount")),
        rows=tuple(
            (v.label, v.point or voice.say("label.none"), v.state, _amount(v, currency, voice)) for v in verdicts
        ),
        numeric=(3,),
        note=voice.say("figure.bases_note"),
        widths=(34, 14, 32, 20),
    )


def _amount(verdict: Verdict, currency: str, voice: Voice) -> str:
    """The amount, or that there is none."""
    return voice.say("label.none") if verdict.amount is None else money(verdict.amount, currency, voice.lang)


def _end(verdicts: tuple[Verdict, ...], means: tuple[str, Voice], top: float) -> float:
    """The end of the axis at which the words beside every bar still stand inside the figure."""
    room, end = WIDE * WIDTH, top * 1.1
    for verdict in verdicts:
        lines = wrapped(_beside(verdict, means), LETTERS).split("\n")
        words = max(text_width(line, SIZE) for line in lines) * BOLD + PAD
        end = max(end, float(verdict.amount or 0) / max(SHORTEST, 1 - words / room))
    return end or 1.0


def _beside(verdict: Verdict, means: tuple[str, Voice]) -> str:
    """Amount and state in words."""
    currency, voice = means
    return verdict.state if verdict.amount is None else f"{_amount(verdict, currency, voice)}  ·  {verdict.state}"


def _bar(axes: Axes, place: int, verdict: Verdict, means: tuple[str, Voice]) -> None:
    """The bar and, behind it, amount and state."""
    amount = float(verdict.amount or 0)
    if amount > 0:
        axes.barh(
            place, amount, height=0.5, facecolor=BLUE if verdict.decided else "white",
            edgecolor=BLUE if verdict.decided else MUTED, linewidth=1.2, zorder=2,
        )  # fmt: skip
    axes.annotate(
        wrapped(_beside(verdict, means), LETTERS), (amount, place), xytext=(6, 0), textcoords="offset points",
        ha="left", va="center", fontsize=SIZE, color=INK, fontweight=600 if verdict.decided else 400, zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )  # fmt: skip


def _alt(verdicts: tuple[Verdict, ...], currency: str, voice: Voice) -> str:
    """Every bar in words."""
    parts = [f"{v.label}: {_amount(v, currency, voice)}, {v.state}" for v in verdicts]
    return f"{voice.say('figure.bases_alt')} {'; '.join(parts)}."
