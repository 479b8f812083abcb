"""Paper, pens and print: one style for every figure, and SVG whose bytes depend on the picture alone."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from evaltool.language.numbers import number

FONTS = Path(__file__).resolve().parent.parent / "report" / "looks" / "fonts"
FAMILY = "Inter"
WIDTH = 6.7
"""Inches: the text width of the A4 page."""
INK = "#1b2733"
MUTED = "#55636f"
GRID = "#dde3e8"
BLUE = "#0072b2"
VERMILLION = "#c04f00"
GREEN = "#007a5a"
PURPLE = "#a0457f"
TINTS = ("#ffffff", "#ecf4fa", "#dcebf6", "#cbe1f1", "#bad8ec")
"""Backgrounds of payment tiers, from none to the top. Never the only carrier of meaning."""
PALE = "#f3f5f7"
SERIES = ((BLUE, "-", "o"), (MUTED, (0, (5, 2)), "s"), (VERMILLION, (0, (1, 1.2)), "^"), (GREEN, "-.", "D"))
"""Colour, line style and marker of the first four series: three carriers for one distinction."""
STYLE: dict[str, object] = {
    "svg.hashsalt": "evaltool",
    "svg.fonttype": "path",
    "svg.image_inline": True,
    "font.family": FAMILY,
    "font.size": 8.5,
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,
    "text.hinting": "no_hinting",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "path.simplify": False,
    "figure.dpi": 72,
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished figure: SVG text, caption, alternative text, and the numbers it shows as rows of finished text."""

    name: str
    svg: str
    caption: str
    alt: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    note: str = ""
    widths: tuple[int, ...] = ()
    """Shares of the width by column of the data table; empty: as the contents ask."""


@cache
def _add_fonts() -> None:
    """Tell matplotlib about the shipped font, once; no font of the machine is used."""
    for name in ("Inter-Regular.otf", "Inter-SemiBold.otf"):
        font_manager.fontManager.addfont(FONTS / name)


def _style() -> AbstractContextManager[None]:
    """The house style for as long as a figure is drawn."""
    return mpl.rc_context(STYLE)  # type: ignore[arg-type]  # matplotlib's own keys; the stubs want literals


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """A blank figure of ``width`` × ``height`` inches in the house style."""
    _add_fonts()
    with _style():
        yield Figure(figsize=(width, height))


@cache
def _charmap() -> frozenset[int]:
    """The characters the shipped font can draw."""
    return frozenset(FT2Font(str(FONTS / "Inter-Regular.otf")).get_charmap())


def legible(text: str) -> str:
    """``text`` with every character the shipped font lacks as its code (``[U+4E2D]``); control characters are dropped.

    A page with an empty box where a name should be would hide something; a code does not.
    """
    known = _charmap()
    return "".join(
        sign
        if ord(sign) in known or sign == "\n"
        else ""
        if unicodedata.category(sign).startswith("C")
        else f"[U+{ord(sign):04X}]"
        for sign in text
    )


def to_svg(figure: Figure) -> str:
    """The figure as SVG text without date, program or declaration; the same picture gives the same bytes."""
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_text(legible(text.get_text()))
    with _style():
        page = io.StringIO()
        figure.savefig(
            page, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}, transparent=True
        )
    body = page.getvalue()
    return re.sub(r"^.*?(?=<svg )", "", body, count=1, flags=re.DOTALL).strip()


def draw(height: float, paint: Callable[[Figure], None], width: float = WIDTH) -> str:
    """The SVG of what ``paint`` puts on a blank canvas."""
    with canvas(height, width) as figure:
        paint(figure)
        return to_svg(figure)


def quiet_frame(axes: Axes, *, left: bool = False) -> None:
    """Only the bottom spine (and the left one on request)."""
    axes.spines["left"].set_visible(left)
    if not left:
        axes.tick_params(axis="y", length=0)


def wrapped(text: str, width: int) -> str:
    """``text`` broken into lines of at most ``width`` characters, on spaces."""
    lines: list[str] = [""]
    for word in legible(text).split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def fitted(text: str, inches: float, size: float) -> str:
    """``text`` broken on spaces into lines of at most ``inches`` in the house font at ``size`` points."""
    lines: list[str] = [""]
    for word in legible(text).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > inches:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def text_width(text: str, size: float) -> float:
    """Inches that one line of ``text`` takes in the house font at ``size`` points."""
    font = FT2Font(str(FONTS / "Inter-Regular.otf"))
    font.set_size(size, 72)
    font.set_text(legible(text), 0.0, flags=LoadFlags.NO_HINTING)
    return float(font.get_width_height()[0]) / 64 / 72


def steady(axis: Axis, lang: str) -> None:
    """Numbers on an axis in the reader's language, all with the same decimals."""
    ticks = [float(t) for t in axis.get_ticklocs()]
    step = min((b - a for a, b in pairwise(ticks)), default=1.0)
    exponent = Decimal(repr(round(step, 10))).normalize().as_tuple().exponent
    digits = max(0, -exponent) if isinstance(exponent, int) else 0
    axis.set_major_formatter(FuncFormatter(lambda v, _: number(round(float(v), 10) + 0.0, lang, digits)))


def halo() -> list[object]:
    """A white outline behind a label, so that it can be read over lines."""
    from matplotlib import patheffects  # noqa: PLC0415 - only figures with crowded labels need it

    return [patheffects.withStroke(linewidth=2.6, foreground="white")]
