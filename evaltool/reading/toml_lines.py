"""Key path → line of a TOML document that ``tomllib`` has already accepted.

The standard library gives no positions for valid values, so this small scanner walks the text a second time. It
trusts the document to be valid and looks only for keys, brackets and the ends of values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from types import MappingProxyType

KeyPath = tuple[str | int, ...]
_TRIPLES = ('"""', "'''")


def index_lines(text: str) -> Mapping[KeyPath, int]:
    """Every key, table, array element and inline key of ``text`` with the line it stands on, counted from 1.

    ``text`` must be valid TOML. A table that is opened more than once keeps its first line.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return MappingProxyType(scanner.lines)


def spelled(path: KeyPath) -> str:
    """``("payment", "rule", 0, "cap")`` as ``payment.rule[0].cap``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def line_of(index: Mapping[KeyPath, int], key: str) -> int | None:
    """The line of ``key`` (spelled as in a fault), or of the nearest table around it that stands in the document."""
    lines = {spelled(path): line for path, line in index.items()}
    while key:
        if key in lines:
            return lines[key]
        cut = max(key.rfind("."), key.rfind("["))
        key = key[:cut] if cut > 0 else ""
    return None


class _Scanner:
    """A cursor over the text. ``lines`` grows while it moves."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[KeyPath, int] = {}
        self.elements: dict[KeyPath, int] = {}

    def document(self) -> None:
        """Walk the whole text."""
        table: KeyPath = ()
        while True:
            self.skip_blank(newlines=True)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[[", self.at):
                table = self.array_header()
            elif self.text[self.at] == "[":
                table = self.table_header()
            else:
                self.key_value(table)

    def array_header(self) -> KeyPath:
        """``[[a.b]]``: a new element of the array ``a.b``."""
        line = self.line
        self.forward(2)
        keys = self.key_parts()
        self.skip_blank()
        self.forward(2)
        parent = self.resolve((), keys[:-1], line)
        array = (*parent, keys[-1])
        number = self.elements.get(array, -1) + 1
        self.elements[array] = number
        self.note(array, line)
        self.note((*array, number), line)
        return (*array, number)

    def table_header(self) -> KeyPath:
        """``[a.b]``: the table ``a.b``, inside the last element of every array on the way."""
        line = self.line
        self.forward(1)
        keys = self.key_parts()
        self.skip_blank()
        self.forward(1)
        return self.resolve((), keys, line)

    def resolve(self, start: KeyPath, keys: list[str], line: int) -> KeyPath:
        """The path of ``keys`` below ``start``; every table on the way is noted."""
        path = start
        for key in keys:
            path = (*path, key)
            self.note(path, line)
            if path in self.elements:
                path = (*path, self.elements[path])
        return path

    def key_value(self, table: KeyPath) -> None:
        """``a.b = value``."""
        line = self.line
        keys = self.key_parts()
        path = table
        for key in keys:
            path = (*path, key)
            self.note(path, line)
        self.skip_blank()
        self.forward(1)
        self.value(path)

    def key_parts(self) -> list[str]:
        """A bare, quoted or dotted key as its parts."""
        parts: list[str] = []
        while True:
            self.skip_blank()
            start = self.at
            if self.text[self.at] in "\"'":
                self.string()
                parts.append(str(tomllib.loads(f"k = {self.text[start : self.at]}")["k"]))
            else:
                while self.at < len(self.text) and self.text[self.at] not in " \t.=]":
                    self.forward(1)
                parts.append(self.text[start : self.at])
            self.skip_blank()
            if self.text[self.at : self.at + 1] != ".":
                return parts
            self.forward(1)

    def value(self, path: KeyPath) -> None:
        """Any value; arrays and inline tables note what stands inside them."""
        self.skip_blank()
        first = self.text[self.at]
        if first in "\"'":
            self.string()
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.forward(1)

    def array(self, path: KeyPath) -> None:
        """``[a, b, …]``, over several lines if need be."""
        self.forward(1)
        number = 0
        while True:
            self.skip_blank(newlines=True)
            if self.text[self.at] == "]":
                self.forward(1)
                return
            if self.text[self.at] == ",":
                self.forward(1)
                continue
            self.note((*path, number), self.line)
            self.value((*path, number))
            number += 1

    def inline_table(self, path: KeyPath) -> None:
        """``{a = 1, b = 2}``."""
        self.forward(1)
        while True:
            self.skip_blank(newlines=True)
            if self.text[self.at] == "}":
                self.forward(1)
                return
            if self.text[self.at] == ",":
                self.forward(1)
                continue
            self.key_value(path)

    def string(self) -> None:
        """Move past a string of any of the four kinds."""
        opening = self.text[self.at : self.at + 3]
        mark = opening if opening in _TRIPLES else self.text[self.at]
        escapes = mark[0] == '"'
        self.forward(len(mark))
        while not self.text.startswith(mark, self.at):
            self.forward(2 if escapes and self.text[self.at] == "\\" else 1)
        self.forward(len(mark))
        if len(mark) == len(opening):  # a multi-line string may end with one or two quotes of its own
            while self.text.startswith(mark[0], self.at):
                self.forward(1)

    def skip_blank(self, *, newlines: bool = False) -> None:
        """Move past spaces and tabs; with ``newlines`` also past line ends and comments."""
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in " \t" or (newlines and here == "\n"):
                self.forward(1)
            elif newlines and here == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def note(self, path: KeyPath, line: int) -> None:
        """Remember the first line of a path."""
        self.lines.setdefault(path, line)

    def forward(self, count: int) -> None:
        """Move ``count`` characters, counting lines."""
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count
