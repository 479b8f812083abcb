"""The event study: effect by time since the start, with the periods before the start as its own check."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaltool.language.numbers import decimals_for, number, p_value
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, MUTED, PALE, Drawing, draw, halo, quiet_frame, steady, wrapped
from evaltool.records.estimate import Element, Estimate

HEIGHT = 3.3
Ends = tuple[float, float]
NO_BAND: Mapping[int, Ends] = {}


def draw_event_study(estimate: Estimate, unit: str, lang: str, band: Mapping[int, Ends] = NO_BAND) -> Drawing:
    """Effects by event time in the outcome's own sign and unit; the reference period is a hollow point at zero.

    ``band`` has the ends of the simultaneous band by event time: thin lines behind the pointwise intervals. Below, how
    many treated units stand behind each point. Raises ValueError when the estimate has no path.
    """
    if not estimate.path:
        message = f"{estimate.key}: an event study needs a path"
        raise ValueError(message)
    voice = Voice(lang)
    path = tuple(sorted(estimate.path, key=lambda e: e.element))
    digits = decimals_for(e.att for e in path if not e.reference)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.1, 0.28, 0.88, 0.66))
        _background(axes, path, voice)
        for element in path:
            _point(axes, element, band.get(element.element))
        _sizes(figure, path, voice)
        axes.set_ylabel(wrapped(unit, 46), labelpad=4)
        _ticks(axes, path, lang)
        quiet_frame(axes, left=True)

    head = (
        "label.event_time",
        "label.effect",
        "label.lower",
        "label.upper",
        *(("label.band_lower", "label.band_upper") if band else ()),
        "label.p_value",
        "label.n_treated",
        "label.n_comparison",
    )
    return Drawing(
        name="event_study",
        svg=draw(HEIGHT, paint),
        caption=voice.say("figure.event_caption"),
        alt=_alt(path, unit, voice),
        head=tuple(voice.say(key) for key in head),
        rows=tuple(_row(element, voice, digits, band) for element in path),
        numeric=tuple(range(len(head))),
        note=" ".join(voice.say(key) for key in ("figure.event_note", *(["figure.event_band_note"] if band else []))),
    )


def _background(axes: Axes, path: tuple[Element, ...], voice: Voice) -> None:
    """Shade the time after the start; zero line and start line, both labelled."""
    first, last = path[0].element, path[-1].element
    axes.set_xlim(first - 0.6, last + 0.6)
    axes.axvspan(-0.5, last + 0.6, color=PALE, linewidth=0, zorder=0)
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.axvline(-0.5, color=MUTED, linestyle=(0, (4, 2)), linewidth=1.1, zorder=1)
    for text, side, where in (("figure.before", "right", -8), ("figure.after", "left", 8)):
        axes.annotate(
            voice.say(text), (-0.5, 1.0), xycoords=("data", "axes fraction"), xytext=(where, 2),
            textcoords="offset points", ha=side, va="bottom", color=MUTED, fontsize=8,
        )  # fmt: skip


def _sizes(figure: Figure, path: tuple[Element, ...], voice: Voice) -> None:
    """How many treated units each point rests on: a strip below, with a number where it changes."""
    strip = figure.add_axes((0.1, 0.155, 0.88, 0.065))
    known = [(e.element, e.n_treated or 0) for e in path]
    strip.set_xlim(path[0].element - 0.6, path[-1].element + 0.6)
    strip.set_ylim(0, 1.9 * max([1, *(n for _, n in known)]))
    strip.bar([t for t, _ in known], [n for _, n in known], width=0.86, color="#c9d3db", linewidth=0)
    before = None
    for place, count in known:
        if count != before:
            strip.annotate(
                number(count, voice.lang), (place, count), xytext=(0, 1), textcoords="offset points", ha="center",
                va="bottom", color=MUTED, fontsize=6.8, annotation_clip=False,
            )  # fmt: skip
        before = count
    strip.annotate(
        voice.say("figure.event_n"), (0, 0.5), xycoords="axes fraction", xytext=(-6, 0), textcoords="offset points",
        ha="right", va="center", color=MUTED, fontsize=7.5, annotation_clip=False,
    )  # fmt: skip
    strip.set_yticks([])
    strip.xaxis.set_major_locator(MaxNLocator(nbins=14, integer=True))
    strip.xaxis.set_major_formatter(FuncFormatter(lambda v, _: number(round(v), voice.lang)))
    strip.set_xlabel(voice.say("figure.event_axis"), labelpad=4)
    quiet_frame(strip)


def _point(axes: Axes, element: Element, band: Ends | None) -> None:
    """One estimate with its interval: squares before the start, discs after, a hollow ring for the reference."""
    after = element.element >= 0
    colour = BLUE if after else MUTED
    if band is not None and not element.reference:
        axes.plot([element.element] * 2, list(band), color=colour, linewidth=0.6, zorder=2, marker="_", markersize=3.4)
    if element.interval is not None:
        ends = [element.interval.lower, element.interval.upper]
        axes.plot([element.element] * 2, ends, color=colour, linewidth=1.6, zorder=2, solid_capstyle="butt")
    axes.plot(
        [element.element], [element.att], marker="o" if after or element.reference else "s",
        markersize=6.4 if after else 5.6, markerfacecolor="white" if element.reference else colour,
        markeredgecolor=colour, markeredgewidth=1.4, zorder=3, linestyle="none", path_effects=halo(),
    )  # fmt: skip


def _ticks(axes: Axes, path: tuple[Element, ...], lang: str) -> None:
    """Whole event times below, numbers in the reader's language at the left."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=14, integer=True))
    axes.tick_params(axis="x", labelbottom=False)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.grid(visible=True, color="#dde3e8", linewidth=0.6)
    axes.margins(y=0.12)
    steady(axes.yaxis, lang)
    if all(e.interval is None for e in path):
        axes.plot([e.element for e in path], [e.att for e in path], color=MUTED, linewidth=0.8, zorder=1)


def _row(element: Element, voice: Voice, digits: int, band: Mapping[int, Ends]) -> tuple[str, ...]:
    """The row of the data table."""
    lang, absent = voice.lang, voice.say("label.none")
    interval = element.interval
    lower, upper = (
        (absent, absent)
        if interval is None
        else (number(interval.lower, lang, digits), number(interval.upper, lang, digits))
    )
    shown = voice.say("label.reference") if element.reference else number(element.att, lang, digits)
    sizes = [
        absent if n is None or (element.reference and n == 0) else number(n, lang)
        for n in (element.n_treated, element.n_comparison)
    ]
    p = absent if element.p_value is None else p_value(element.p_value, lang).removeprefix("=\u00a0")
    wide: tuple[str, ...] = ()
    if band:
        ends = None if element.reference else band.get(element.element)
        wide = (absent, absent) if ends is None else (number(ends[0], lang, digits), number(ends[1], lang, digits))
    return (number(element.element, lang), shown, lower, upper, *wide, p, *sizes)


def _alt(path: tuple[Element, ...], unit: str, voice: Voice) -> str:
    """Ranges before and after the start, in one paragraph."""
    lang = voice.lang
    before = [e.att for e in path if e.element < 0 and not e.reference]
    after = [e.att for e in path if e.element >= 0]
    parts = [voice.say("figure.event_alt", {"unit": unit})]
    for key, values in (("figure.event_alt_before", before), ("figure.event_alt_after", after)):
        if values:
            ends = {"low": number(min(values), lang), "high": number(max(values), lang), "n": number(len(values), lang)}
            parts.append(voice.say(key, ends))
    return " ".join(parts)
