"""A file's columns as they were delivered, before their declared types are applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Strings = pa.StringArray
Raw = pa.StringArray | pa.Int64Array | pa.DoubleArray | pa.Date32Array | pa.BooleanArray
"""What every source is brought to: text, whole numbers, floats, dates or booleans, with nulls."""


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """Columns of equal length. ``line`` turns a row number (from 0) into the line or row of the file."""

    file: str
    columns: Mapping[str, Raw]
    rows: int
    line: Callable[[int], int]


def plain_column(column: pa.ChunkedArray) -> Raw | None:  # noqa: PLR0911 - one return per kind of column
    """The column as one of the five plain kinds; None when it is of a kind that has no plain value."""
    whole = column.combine_chunks()
    array = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
    kind = array.type
    if pa.types.is_dictionary(kind):
        return plain_column(pa.chunked_array([array.dictionary_decode()]))
    if pa.types.is_boolean(kind):
        return array
    if pa.types.is_null(kind) or pa.types.is_decimal(kind) or pa.types.is_uint64(kind):
        return array.cast(pa.string())
    if pa.types.is_integer(kind):
        return array.cast(pa.int64())
    if pa.types.is_floating(kind):
        return _without_nan(array.cast(pa.float64()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_date(kind):
        return array.cast(pa.date32())
    if pa.types.is_timestamp(kind):
        return _midnights(array)
    return None


def _without_nan(array: pa.DoubleArray) -> pa.DoubleArray:
    """NaN as null: in a float column both mean that there is no value."""
    values = array.to_numpy(zero_copy_only=False)
    return pa.array(values, type=pa.float64(), from_pandas=True)


def _midnights(array: pa.TimestampArray) -> Raw:
    """Timestamps at midnight as dates; when any has a time of day, all as text, for the date check to refuse."""
    local = array.cast(pa.timestamp("us"), safe=False)
    days = local.cast(pa.date32(), safe=False)
    if pc.all(pc.equal(days.cast(pa.timestamp("us")), local), min_count=0).as_py():
        return days
    return pc.strftime(local, format="%Y-%m-%dT%H:%M:%S")


def texts(array: Raw) -> list[str | None]:
    """Every value as the text a reader would recognise; whole floats without a decimal point."""
    if isinstance(array, pa.DoubleArray):
        return [None if v is None else number_text(v) for v in array.to_pylist()]
    if isinstance(array, pa.BooleanArray):
        return [None if v is None else str(v).lower() for v in array.to_pylist()]
    return [None if v is None else str(v) for v in array.to_pylist()]


def text_at(array: Raw, row: int) -> str:
    """One value as text."""
    return texts(array.slice(row, 1))[0] or ""


def number_text(value: float) -> str:
    """12.0 as ``12``, anything else as Python writes it."""
    return str(int(value)) if np.isfinite(value) and value == int(value) else repr(value)
