"""A CSV file in its declared encoding and delimiter, every value as text."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pc

from evaltool.errors import Fault, Place
from evaltool.reading.csv_signs import (
    better_delimiter,
    byte_order_mark,
    is_text_encoding,
    is_utf8,
    likely_encoding,
    other_format,
)
from evaltool.reading.data_faults import DataFaults
from evaltool.reading.file_bytes import file_bytes
from evaltool.reading.table import RawTable, plain_column


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """What the plan declares about the text."""

    encoding: str
    delimiter: str


def read_csv(path: Path, name: str, form: CsvFormat, wanted: Sequence[str]) -> RawTable:
    """The file's columns as text. ``name`` is what messages call the file, ``wanted`` the declared columns.

    Raises DataError: unreadable, empty, not in the declared encoding, another delimiter, truncated, ragged.
    """
    faults = DataFaults(name)
    text = _decoded(file_bytes(path, name), form, faults)
    faults.stop()
    header = _header(text, form, wanted, faults)
    faults.stop()
    _check_quotes(text, form, faults)
    faults.stop()
    table = _table(text, form, header, faults)
    if table.num_rows == 0 and not faults.found():
        faults.whole("DATA_EMPTY", "The file has a header but no rows.", "Give the file with the data.")
    faults.stop()
    columns = {label: plain_column(table.column(label)) for label in header}
    return RawTable(
        file=name,
        columns={label: column for label, column in columns.items() if column is not None},
        rows=table.num_rows,
        line=_liner(text, form, table.num_rows),
    )


def _decoded(content: bytes, form: CsvFormat, faults: DataFaults) -> str:
    """The text, in the declared encoding and no other."""
    if not content.strip():
        faults.whole("DATA_EMPTY", "The file is empty.", "Give the file with the data.")
        return ""
    other = other_format(content)
    if other is not None:
        cause = f"The file is not a CSV file; it looks like {other}."
        faults.whole("DATA_UNREADABLE", cause, "Declare the right source, or export the data as CSV.")
        return ""
    if not is_text_encoding(form.encoding):
        cause = f"'{form.encoding}' is not a text encoding."
        faults.whole("DATA_ENCODING", cause, 'Declare the encoding the file has, for example encoding = "utf-8".')
        return ""
    marked, declared = byte_order_mark(content), codecs.lookup(form.encoding).name
    if marked is not None and declared not in {marked[1], marked[1].replace("utf-8-sig", "utf_8_sig")}:
        _wrong_encoding(form, marked, None, faults)
        return ""
    try:
        text = content.decode(form.encoding)
    except UnicodeDecodeError as error:
        _wrong_encoding(form, likely_encoding(content), content[: error.start].count(b"\n") + 1, faults)
        return ""
    if not declared.startswith("utf") and not content.isascii() and is_utf8(content):
        _wrong_encoding(form, ("UTF-8", "utf-8"), None, faults)
    zero = text.find("\0")
    if zero >= 0:
        _nul(text, zero, content, faults)
    return text


def _nul(text: str, zero: int, content: bytes, faults: DataFaults) -> None:
    """NUL characters: another encoding, or a damaged file."""
    likely = likely_encoding(content)
    line = text.count("\n", 0, zero) + 1
    place = Place(file=faults.file, line=line)
    if likely is not None and likely[1].startswith("utf-16"):
        cause = f"The file looks like {likely[0]}."
        faults.add(Fault("DATA_ENCODING", cause, f'Declare encoding = "{likely[1]}".', place))
    else:
        cause = "The file contains NUL bytes: it was damaged or cut off while it was copied."
        faults.add(Fault("DATA_TRUNCATED", cause, "Copy or export the file again.", place))


def _wrong_encoding(form: CsvFormat, likely: tuple[str, str] | None, line: int | None, faults: DataFaults) -> None:
    """The file is not in the declared encoding."""
    what = f" It looks like {likely[0]}." if likely else ""
    fix = f'Declare encoding = "{likely[1]}" in [data].' if likely else "Find out how the file was exported."
    cause = f"The file is not in the declared encoding '{form.encoding}'.{what}"
    faults.add(Fault("DATA_ENCODING", cause, fix, Place(file=faults.file, line=line)))


def _header(text: str, form: CsvFormat, wanted: Sequence[str], faults: DataFaults) -> list[str]:
    """The column names."""
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter), [])
    except csv.Error as error:
        faults.whole("DATA_UNREADABLE", f"The header cannot be read as CSV: {error}.", "Export the file again.")
        return []
    names = [name.strip() for name in first]
    if not set(wanted) <= set(names):
        line = text.split("\n", 1)[0].rstrip("\r")
        better = better_delimiter(line, wanted, form.delimiter)
        if better is not None:
            shown = {"\t": "\\t"}.get(better, better)
            cause = f"The header is not separated by '{form.delimiter}'; it is separated by '{shown}'."
            fix = f'Declare delimiter = "{shown}" in [data].'
            faults.add(Fault("DATA_DELIMITER", cause, fix, Place(file=faults.file, line=1)))
    for name in sorted({name for name in names if names.count(name) > 1}):
        cause = f"The file has {names.count(name)} columns called '{name}'."
        place = Place(file=faults.file, line=1, column=name)
        faults.add(Fault("DATA_DUPLICATE_COLUMN", cause, "Rename or remove one of them.", place))
    return names


def _check_quotes(text: str, form: CsvFormat, faults: DataFaults) -> None:
    """An odd number of quotes means that one was never closed: the rest of the file would become one value."""
    if text.count('"') % 2 == 0:
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True)
    start = 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error:
        cause = "A quote is opened on this line and never closed: the file is cut off, or a quote is missing."
        place = Place(file=faults.file, line=start)
        faults.add(Fault("DATA_TRUNCATED", cause, "Export the file again, or close the quote.", place))


def _table(text: str, form: CsvFormat, header: list[str], faults: DataFaults) -> pa.Table:
    """All rows as text. Rows with another number of fields than the header are faults."""
    last = text.rstrip("\r\n").count("\n") + 1
    kinds = {name: pa.string() for name in header}

    def ragged(row: pc.InvalidRow) -> Literal["skip"]:
        line = row.number
        place = Place(file=faults.file, line=line)
        if row.actual_columns < row.expected_columns and line is not None and line >= last:
            cause = f"The last line has {row.actual_columns} of {row.expected_columns} fields: the file is cut off."
            faults.add(Fault("DATA_TRUNCATED", cause, "Export or copy the file again.", place))
        else:
            cause = f"The line has {row.actual_columns} fields; the header has {row.expected_columns}."
            fix = "Correct the line; a delimiter inside a value needs quotes around the value."
            faults.add(Fault("DATA_RAGGED_ROW", cause, fix, place))
        return "skip"

    try:
        return pc.read_csv(
            io.BytesIO(text.encode("utf-8")),
            read_options=pc.ReadOptions(use_threads=False, column_names=header, skip_rows=0, skip_rows_after_names=1),
            parse_options=pc.ParseOptions(
                delimiter=form.delimiter, newlines_in_values='"' in text, invalid_row_handler=ragged
            ),
            convert_options=pc.ConvertOptions(
                column_types=kinds, strings_can_be_null=False, quoted_strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        faults.whole("DATA_UNREADABLE", f"The file cannot be read as CSV: {error}.", "Export the file again.")
        return pa.table({name: pa.array([], pa.string()) for name in header})


def _liner(text: str, form: CsvFormat, rows: int) -> Callable[[int], int]:
    """Row number → line. Exact also when values span lines or lines are blank; counted only when it is asked for."""
    if text.rstrip("\r\n").count("\n") == rows:
        return lambda row: row + 2

    @cache
    def starts() -> list[int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter)
        lines, before = [], 0
        for fields in reader:
            if fields:
                lines.append(before + 1)
            before = reader.line_num
        return lines[1:]

    return lambda row: starts()[row] if row < len(starts()) else row + 2
