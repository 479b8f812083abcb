"""Who gains, who pays, and when: every payer's gain beside what it pays, and all gains by year."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaltool.language.numbers import money, money_short
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, GREEN, INK, MUTED, VERMILLION, Drawing, draw, halo, quiet_frame

ROW = 0.62
YEARS = 1.9
"""Inches: height of the panel of years."""
PAYERS = ((BLUE, ""), (GREEN, "////"), (VERMILLION, "...."), (MUTED, "xxxx"))
"""Colour and hatching of the payers, in order: two carriers for one distinction."""
BAR = 0.34


@dataclass(frozen=True, slots=True)
class PayerBars:
    """One payer: its name, gain with ends (None without an interval), what it pays, and its gain by year."""

    name: str
    gain: Decimal
    lower: Decimal | None
    upper: Decimal | None
    paid: Decimal
    years: tuple[tuple[int, Decimal], ...]


def draw_gains(payers: tuple[PayerBars, ...], currency: str, lang: str) -> Drawing:
    """Gain and payment per payer, and below them the gains of each year. Raises ValueError without payers."""
    if not payers:
        message = "a figure of gains needs payers"
        raise ValueError(message)
    voice = Voice(lang)
    years = sorted({year for payer in payers for year, _ in payer.years})
    below = YEARS if len(years) > 1 else 0.0
    height = 0.75 + ROW * len(payers) + below

    def paint(figure: Figure) -> None:
        share = (ROW * len(payers)) / height
        upper = figure.add_axes((0.15, 1 - 0.1 / height - share, 0.8, share))
        _per_payer(upper, payers, (currency, voice))
        if below:
            lower = figure.add_axes((0.15, 0.42 / height, 0.8, (below - 0.55) / height))
            _per_year(lower, payers, years, (currency, voice))

    return Drawing(
        name="gains",
        svg=draw(height, paint),
        caption=voice.say("figure.gains_caption"),
        alt=_alt(payers, currency, voice),
        head=(voice.say("label.level"), voice.say("label.year"), voice.say("label.gain"), voice.say("label.pays")),
        rows=tuple(row for payer in payers for row in _rows(payer, currency, voice)),
        numeric=(1, 2, 3),
        note=voice.say("figure.gains_note"),
    )


def _per_payer(axes: Axes, payers: tuple[PayerBars, ...], means: tuple[str, Voice]) -> None:
    """Two bars per payer: what it gains (with its interval), and what it pays (outlined)."""
    currency, voice = means
    for place, payer in enumerate(payers):
        colour, hatch = PAYERS[place % len(PAYERS)]
        axes.barh(
            place - BAR / 2, float(payer.gain), height=BAR, facecolor=colour, edgecolor="white", hatch=hatch,
            linewidth=0.5, zorder=2,
        )  # fmt: skip
        axes.barh(
            place + BAR / 2, float(payer.paid), height=BAR, facecolor="white", edgecolor=INK, linewidth=1.0, zorder=2
        )
        if payer.lower is not None and payer.upper is not None:
            axes.plot(
                (float(payer.lower), float(payer.upper)),
                (place - BAR / 2,) * 2,
                color=INK,
                linewidth=1.2,
                marker="|",
                markersize=7,
                zorder=3,
            )
        furthest = max(0.0, float(payer.gain), float(payer.upper or 0))
        gains = voice.say("figure.gains_gains", {"amount": money(payer.gain, currency, voice.lang)})
        pays = voice.say("figure.gains_pays", {"amount": money(payer.paid, currency, voice.lang)})
        for words, end, shift in ((gains, furthest, -BAR / 2), (pays, float(payer.paid), BAR / 2)):
            axes.annotate(
                words, (end, place + shift), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7.6,
                color=INK, path_effects=halo(), zorder=4,
            )  # fmt: skip
    quiet_frame(axes, left=True)
    axes.axvline(0, color=MUTED, linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(payers)), [payer.name for payer in payers])
    axes.set_ylim(len(payers) - 0.5, -0.5)
    ends = [float(v) for p in payers for v in (p.gain, p.paid, p.lower or 0, p.upper or 0)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    axes.set_xlim(low * 1.08, (high or 1.0) * 1.5)
    _money_axis(axes.xaxis, currency, voice.lang, nbins=4)


def _per_year(axes: Axes, payers: tuple[PayerBars, ...], years: list[int], means: tuple[str, Voice]) -> None:
    """The gains of each year, one payer upon another; losses below the line."""
    currency, voice = means
    above, below = dict.fromkeys(years, 0.0), dict.fromkeys(years, 0.0)
    for place, payer in enumerate(payers):
        colour, hatch = PAYERS[place % len(PAYERS)]
        for year, gain in payer.years:
            base = above if gain >= 0 else below
            axes.bar(
                year, float(gain), bottom=base[year], width=0.7, facecolor=colour, edgecolor="white", hatch=hatch,
                linewidth=0.5, zorder=2,
            )  # fmt: skip
            base[year] += float(gain)
    quiet_frame(axes, left=True)
    axes.axhline(0, color=MUTED, linewidth=0.7, zorder=3)
    axes.set_xlim(years[0] - 0.6, years[-1] + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    axes.set_xlabel(voice.say("figure.gains_years"))
    _money_axis(axes.yaxis, currency, voice.lang, nbins=4)


def _money_axis(axis: Axis, currency: str, lang: str, nbins: int) -> None:
    """Amounts along an axis in the reader's language."""
    axis.set_major_locator(MaxNLocator(nbins=nbins))
    axis.set_major_formatter(FuncFormatter(lambda v, _: money_short(Decimal(round(v)), currency, lang)))


def _rows(payer: PayerBars, currency: str, voice: Voice) -> list[tuple[str, ...]]:
    """One row per year, and the sum with what is paid."""
    lang, none = voice.lang, voice.say("label.none")
    rows = [(payer.name, str(year), money(gain, currency, lang), none) for year, gain in payer.years]
    total = (payer.name, voice.say("label.total"), money(payer.gain, currency, lang), money(payer.paid, currency, lang))
    return [*rows, total]


def _alt(payers: tuple[PayerBars, ...], currency: str, voice: Voice) -> str:
    """Every payer in words."""
    parts = [
        voice.say(
            "figure.gains_one",
            {
                "payer": payer.name,
                "gain": money(payer.gain, currency, voice.lang),
                "paid": money(payer.paid, currency, voice.lang),
            },
        )
        for payer in payers
    ]
    return f"{voice.say('figure.gains_alt')} {'; '.join(parts)}."
