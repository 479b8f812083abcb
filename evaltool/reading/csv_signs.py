"""What a text file is in fact: byte order marks, encodings and delimiters that were not declared."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

MARKS: tuple[tuple[bytes, str, str], ...] = (
    (codecs.BOM_UTF8, "UTF-8 with a byte order mark", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
BINARY: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"SQLite format 3", "an SQLite database"),
)
NOT_FOR_FILES = {"idna", "punycode", "unicode-escape", "raw-unicode-escape"}
"""Codecs from text to bytes that write names or source code, not files."""
DELIMITERS = (";", ",", "\t", "|")


def is_text_encoding(name: str) -> bool:
    """Whether Python knows the name as an encoding in which files of text are written."""
    try:
        "".encode(name)
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return False
    return known not in NOT_FOR_FILES


def other_format(content: bytes) -> str | None:
    """What the first bytes say the file is, when it is no text at all."""
    return next((what for mark, what in BINARY if content.startswith(mark)), None)


def byte_order_mark(content: bytes) -> tuple[str, str] | None:
    """(in words, name to declare) of the encoding whose byte order mark the file starts with."""
    return next(((what, name) for mark, what, name in MARKS if content.startswith(mark)), None)


def is_utf8(content: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(content: bytes) -> tuple[str, str] | None:
    """(in words, name to declare) of the encoding the bytes most likely are in; None when nothing fits."""
    marked = byte_order_mark(content)
    if marked is not None:
        return marked
    if b"\0" in content[:2000]:
        even, odd = content[0:2000:2].count(0), content[1:2000:2].count(0)
        return ("UTF-16 without a byte order mark", "utf-16-le" if odd > even else "utf-16-be") if even != odd else None
    if is_utf8(content):
        return ("UTF-8", "utf-8")
    try:
        content.decode("windows-1252")
    except UnicodeDecodeError:
        return ("ISO-8859-1", "iso-8859-1")
    return ("windows-1252 (Danish Windows programs write it)", "windows-1252")


def better_delimiter(header: str, wanted: Sequence[str], declared: str) -> str | None:
    """The delimiter that splits the header into the declared columns, when the declared one does not."""
    found = {
        mark: sum(part.strip().strip('"') in wanted for part in header.split(mark))
        for mark in DELIMITERS
        if mark != declared
    }
    best = max(found, key=lambda mark: found[mark])
    now = sum(part.strip().strip('"') in wanted for part in header.split(declared))
    return best if found[best] > max(now, min(len(wanted), 2) - 1) else None
