"""What a report is made of. A section returns blocks; every rendering draws the same ones."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Record, Text

MIME = "application/vnd.evaltool.blocks+json"
"""MIME type under which a notebook cell publishes its blocks."""


Tone = Literal["good", "watch", "bad", "none"]


class Prose(Record):
    """A heading with paragraphs in Markdown (HTML is off)."""

    kind: Literal["prose"] = "prose"
    heading: str = ""
    level: int = Field(default=2, ge=1, le=4)
    text: str = ""


class Table(Record):
    """A table: column heads, rows of finished text, and which columns hold numbers (set right-aligned)."""

    kind: Literal["table"] = "table"
    caption: Text
    head: tuple[str, ...] = Field(min_length=1)
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    """Indices of numeric columns."""
    wide: tuple[int, ...] = ()
    """Indices of columns that hold sentences and take the room that is left."""
    widths: tuple[int, ...] = ()
    """Shares of the width by column; empty: as the contents ask."""
    tones: tuple[Tone, ...] = ()
    """How each row's second cell is to be seen, beside its words: for tables of verdicts."""
    total: bool = False
    """Whether the last row is a sum of the others."""
    note: str = ""


class Figure(Record):
    """A drawing with its alternative text and the numbers it shows."""

    kind: Literal["figure"] = "figure"
    name: Text
    caption: Text
    alt: Text
    svg: str
    data: Table


class Facts(Record):
    """Labels and values, one pair a line."""

    kind: Literal["facts"] = "facts"
    caption: Text
    """Names the list for those who hear it; not drawn."""
    items: tuple[tuple[str, str], ...] = Field(min_length=1)


class Picture(Record):
    """A bitmap from an evaluator's own cell, as base64 PNG."""

    kind: Literal["picture"] = "picture"
    caption: Text
    alt: Text
    png: str = Field(pattern=r"^[A-Za-z0-9+/=\s]+$")


class Literally(Record):
    """Text output of an evaluator's own cell, shown as it is."""

    kind: Literal["literally"] = "literally"
    text: str


class DecisionBox(Record):
    """The decision as it stands on top of a notice. The state here must equal the stored one."""

    kind: Literal["decision"] = "decision"
    state: Text
    title: Text
    amount: str
    lines: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    """Remarks that change how the decision is to be read (provisional, fragile, capped), as short labels."""
    tone: Literal["paid", "unpaid", "undecided", "interim"]


Block = Annotated[Prose | Table | Facts | Figure | Picture | Literally | DecisionBox, Field(discriminator="kind")]


class Blocks(Record):
    """The blocks of one section, as published by one notebook cell."""

    section: Text
    blocks: tuple[Block, ...]
