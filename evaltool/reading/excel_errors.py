"""Cells of an Excel sheet that show an error, or a formula nobody has computed: they are not empty cells.

The reader of the values gives both as empty. Where an empty cell has a meaning (never treated, no value), a ``#REF!``
would take it on without a word, so the sheet's own XML is asked. Formats before .xlsx cannot be asked.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

WORKBOOK = "xl/workbook.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoValue:
    """One cell; row and column count from 0."""

    row: int
    column: int
    shown: str | None
    """The error as Excel shows it; None for a formula that was never computed."""


def is_xlsx(content: bytes) -> bool:
    """Whether the bytes are a workbook whose sheets are XML."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {WORKBOOK, RELATIONS} <= set(archive.namelist())


def cells_without_value(content: bytes, sheet: str) -> tuple[NoValue, ...]:
    """Every such cell of the sheet, row by row. Raises ValueError when the workbook does not say where it is."""
    found = _Sheet()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        try:
            with archive.open(_part(archive, sheet)) as stream:
                _parse(stream, found.start, found.end, found.text)
        except (KeyError, expat.ExpatError, zipfile.BadZipFile) as error:
            message = f"the sheet '{sheet}' cannot be looked through: {error}"
            raise ValueError(message) from error
    return tuple(found.cells)


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The member of the archive that holds the sheet. Raises KeyError."""
    ids: dict[str, str] = {}
    targets: dict[str, str] = {}

    def sheet_id(name: str, attributes: Attributes) -> None:
        if name == "sheet":
            ids[attributes["name"]] = next(v for n, v in attributes.items() if n.endswith(":id"))

    def target(name: str, attributes: Attributes) -> None:
        if name == "Relationship":
            targets[attributes["Id"]] = attributes["Target"]

    for member, start in ((WORKBOOK, sheet_id), (RELATIONS, target)):
        with archive.open(member) as stream:
            _parse(stream, start)
    return posixpath.normpath(posixpath.join("/xl", targets[ids[sheet]])).lstrip("/")


def _parse(
    stream: IO[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] = lambda _name: None,
    text: Callable[[str], None] = lambda _text: None,
) -> None:
    """Walk through XML; names come without their prefix. A document type is refused: sheets have none."""
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ParseFile(stream)


def _refuse_doctype(*_declared: object) -> None:
    """Entities could make a small file endless."""
    message = "it declares a document type"
    raise ValueError(message)


@dataclass(slots=True)
class _Sheet:
    """What is known of the cell being read, and the cells found so far."""

    cells: list[NoValue] = field(default_factory=list)
    row: int = -1
    column: int = -1
    kind: str = "n"
    formula: bool = False
    inside: bool = False
    said: str = ""

    def start(self, name: str, attributes: Attributes) -> None:
        """A row, a cell, or what is in one. References may be left out: then the next row or cell is meant."""
        if name == "row":
            self.row, self.column = int(attributes.get("r", self.row + 2)) - 1, -1
        elif name == "c":
            self.column = _column(attributes["r"]) if "r" in attributes else self.column + 1
            self.kind, self.formula, self.said = attributes.get("t", "n"), False, ""
        elif name == "f":
            self.formula = True
        elif name == "v":
            self.inside = True

    def end(self, name: str) -> None:
        """A cell is judged when it is complete. A formula whose result is an empty text says so by its type."""
        if name == "v":
            self.inside = False
        elif name == "c" and self.kind == "e":
            self.cells.append(NoValue(self.row, self.column, self.said))
        elif name == "c" and self.formula and not self.said and self.kind != "str":
            self.cells.append(NoValue(self.row, self.column, None))

    def text(self, piece: str) -> None:
        """The text of a value."""
        if self.inside:
            self.said += piece


def _column(reference: str) -> int:
    """``A1`` is 0, ``AA1`` is 26. Raises ValueError."""
    found = REFERENCE.fullmatch(reference)
    if found is None:
        message = f"'{reference}' is no cell"
        raise ValueError(message)
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
