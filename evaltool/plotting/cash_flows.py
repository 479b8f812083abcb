"""The investors' money over time: what they pay in, what they get, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaltool.language.numbers import date_text, money, money_short
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, VERMILLION, Drawing, draw, quiet_frame

HEIGHT = 2.5
NARROWEST = 25.0
"""Days: least width of a bar."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow: its day, what it is in words, its amount (negative when paid in), how investors stand after it."""

    on: date
    words: str
    amount: Decimal
    balance: Decimal
    expected: bool = False


def draw_cash_flows(flows: tuple[Flow, ...], currency: str, lang: str) -> Drawing:
    """Bars up and down by day, and the running balance as a step. Raises ValueError without flows."""
    if not flows:
        message = "a figure of cash flows needs flows"
        raise ValueError(message)
    voice = Voice(lang)
    days = [float(flow.on.toordinal()) for flow in flows]
    width = max(NARROWEST, (max(days) - min(days)) / 28)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.17, 0.42 / HEIGHT, 0.8, (HEIGHT - 0.55) / HEIGHT))
        up: dict[date, float] = {}
        down: dict[date, float] = {}
        for flow, day in zip(flows, days, strict=True):
            base = up if flow.amount >= 0 else down
            colour, hatch = (BLUE, "") if flow.amount >= 0 else (VERMILLION, "////")
            axes.bar(
                day, float(flow.amount), bottom=base.get(flow.on, 0.0), width=width, linewidth=1.1, hatch=hatch,
                facecolor="white" if flow.expected else colour, edgecolor=colour if flow.expected else "white",
                zorder=2,
            )  # fmt: skip
            base[flow.on] = base.get(flow.on, 0.0) + float(flow.amount)
        ends = {day: float(flow.balance) for day, flow in zip(days, flows, strict=True)}
        axes.plot(
            [*ends, max(days) + width], [*ends.values(), float(flows[-1].balance)], drawstyle="steps-post", color=INK,
            linewidth=1.2, linestyle=(0, (4, 2)), zorder=3,
        )  # fmt: skip
        quiet_frame(axes, left=True)
        axes.axhline(0, color=MUTED, linewidth=0.7, zorder=1)
        axes.set_xlim(min(days) - width, max(days) + 1.5 * width)
        ticks = _apart(days, width)
        axes.set_xticks(ticks, [date_text(flows[days.index(day)].on, lang) for day in ticks])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: money_short(Decimal(round(v)), currency, lang)))

    return Drawing(
        name="cash_flows",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.flows_caption"),
        alt=_alt(flows, currency, voice),
        head=tuple(voice.say(f"label.{key}") for key in ("date", "what", "amount", "balance")),
        rows=tuple(
            (date_text(f.on, lang), f.words, money(f.amount, currency, lang), money(f.balance, currency, lang))
            for f in flows
        ),
        numeric=(2, 3),
        note=voice.say("figure.flows_note"),
    )


def _apart(days: list[float], width: float) -> list[float]:
    """The days that can be written below the axis without touching: the first, and those far enough from it."""
    shown: list[float] = []
    for day in sorted(set(days)):
        if not shown or day - shown[-1] > 4.5 * width:
            shown.append(day)
    return shown


def _alt(flows: tuple[Flow, ...], currency: str, voice: Voice) -> str:
    """Every flow in words."""
    parts = [f"{date_text(f.on, voice.lang)}: {f.words}, {money(f.amount, currency, voice.lang)}" for f in flows]
    end = voice.say("figure.flows_end", {"amount": money(flows[-1].balance, currency, voice.lang)})
    return f"{voice.say('figure.flows_alt')} {'; '.join(parts)}. {end}"
