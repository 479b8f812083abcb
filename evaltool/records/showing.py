"""How a result shows itself: as text and as a picture, on a terminal and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pandas as pd

if TYPE_CHECKING:
    from evaltool.records.estimate import Estimate, Interval

Table = pd.DataFrame
WIDTH = 86
ABSENT = "–"
WHOLE_FROM, WHOLE_TO = 1e5, 1e12
"""Between these, figures are shown as whole numbers."""
REASONS = {
    "ONE_UNIT_PER_ARM": "there is one unit in each arm",
    "PUBLISHED_WITHOUT": "the figure was published without one",
    "VERIFIED_COUNT": "a verified count is not an estimate",
    "REFERENCE_PERIOD": "the reference period is zero by construction",
    "TOO_FEW_CLUSTERS": "one arm has a single cluster",
    "NO_VARIATION": "the outcome does not vary",
    "SYNTHETIC_CONTROL": "a synthetic control is judged by placebos",
    "EXACT_INTERVAL": "the interval is exact and needs none",
}
"""Why there is no standard error, in one phrase each."""


@runtime_checkable
class Drawn(Protocol):
    """A finished figure of ``plotting``."""

    svg: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as SVG text, with its caption and its alternative text. A notebook shows it."""

    svg: str
    caption: str
    alt: str

    @classmethod
    def of(cls, drawing: object) -> Picture:
        """The picture of a drawing. Raises TypeError for anything else."""
        if not isinstance(drawing, Drawn):
            message = f"{type(drawing).__name__} is no drawing"
            raise TypeError(message)
        return cls(svg=drawing.svg, caption=drawing.caption, alt=drawing.alt)

    def save(self, path: str | Path) -> Path:
        """Write the picture as an SVG file; returns its path. Raises OSError."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_svg_(self) -> str:
        """For notebooks."""
        return self.svg

    def __repr__(self) -> str:
        """What the picture shows, in words."""
        return f"<Picture: {self.caption} {self.alt}>"


@dataclass(frozen=True, slots=True)
class Summary:
    """A result as text; prints and shows as it stands."""

    text: str

    def __str__(self) -> str:
        """The text."""
        return self.text

    def __repr__(self) -> str:
        """The text, so that a console shows it without being asked to print."""
        return self.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.text)}</pre>"


def summary_of(estimate: Estimate) -> Summary:
    """Head, the effect, its relative size, the path and every choice that changes a digit."""
    blocks = [_head(estimate), _effect(estimate), *_path(estimate), _conventions(estimate)]
    return Summary(("\n" + "-" * WIDTH + "\n").join(blocks))


def _head(estimate: Estimate) -> str:
    """Method, estimand and sizes, in two columns."""
    counts = estimate.counts
    pairs = [
        ("Method", estimate.method),
        ("Estimand", estimate.estimand),
        ("Outcome", estimate.key.outcome),
        ("Unit", estimate.unit),
        ("Observations", _size(counts.observations)),
        ("Clusters", ABSENT if counts.clusters is None else str(counts.clusters)),
        ("Treated units", _size(counts.treated)),
        ("Comparison units", _size(counts.comparison)),
    ]
    return "\n".join(
        f"{left + ':':15}{first:<38.38} {right + ':':18}{second}".rstrip()
        for (left, first), (right, second) in zip(pairs[::2], pairs[1::2], strict=True)
    )


def _size(count: int | None) -> str:
    """A count, or a dash where it was not published."""
    return ABSENT if count is None else str(count)


def _effect(estimate: Estimate) -> str:
    """The effect and, where it was computed, its relative size."""
    interval = estimate.interval
    level = "" if interval is None else f" {100 * interval.level:g}%"
    head = ("", "Effect", "Std. err.", "T-stat", "P-value", f"Lower{level}", f"Upper{level}")
    name = "att" if estimate.kind == "effect" else estimate.kind
    lines = [_line(head), _row(name, (estimate.att, estimate.se), estimate.p_value, interval)]
    found = estimate.relative
    if found is not None:
        lines.append(_row("relative", (found.value, found.se), found.p_value, found.interval))
        size = _figure(found.denominator_value)
        known = f", {size}" if found.denominator_value is not None else " (not published)"
        lines.append(f"relative: divided by the {found.denominator} mean of the treated{known}")
    if estimate.absent is not None:
        lines.append(f"No standard error: {REASONS[estimate.absent]}.")
    return "\n".join(lines)


def _path(estimate: Estimate) -> list[str]:
    """Effects by time since the start."""
    if not estimate.path:
        return []
    lines = ["Effect by periods since the start"]
    for element in estimate.path:
        if element.reference:
            lines.append(f"{_line((element.label, _figure(element.att)))}   (reference)")
        else:
            lines.append(_row(element.label, (element.att, element.se), element.p_value, element.interval))
    return ["\n".join(lines)]


def _conventions(estimate: Estimate) -> str:
    """Every choice that changes a digit, and what a reader must be told."""
    stated = [(name, value) for name, value in estimate.conventions.items() if value is not None]
    lines = [f"{name}: {_figure(value) if isinstance(value, float) else value}" for name, value in stated]
    if estimate.notes:
        lines.append(f"notes: {', '.join(estimate.notes)}")
    if estimate.source is not None:
        lines.append(f"source: {estimate.source}")
    return "\n".join(lines)


def _row(name: str, effect: tuple[float, float | None], p_value: float | None, interval: Interval | None) -> str:
    """One effect with its inference; ``effect`` is the effect and its standard error."""
    value, se = effect
    ends = (None, None) if interval is None else (interval.lower, interval.upper)
    ratio = ABSENT if se is None else f"{value / se:.4f}"
    shown = ABSENT if p_value is None else f"{p_value:.4f}"
    return _line((name, _figure(value), _figure(se), ratio, shown, *(_figure(end) for end in ends)))


def _figure(value: float | None) -> str:
    """Five significant digits, whole numbers from a hundred thousand on, or a dash."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if WHOLE_FROM <= abs(value) < WHOLE_TO else f"{value:.5g}"


def _line(cells: Sequence[str]) -> str:
    """One row of the table: a name and six figures."""
    name, *figures = cells
    return (f"{name:<14.14}" + "".join(f"{figure:>12}" for figure in figures)).rstrip()
