"""A file's columns as they were delivered, before their declared types are applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Raw = pa.StringArray | pa.Int64Array | pa.DoubleArray | pa.Date32Array | pa.BooleanArray
"""What every source is brought to: text, whole numbers, floats, dates or booleans, with nulls."""


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """Columns of equal length. ``line`` turns a row number (from 0) into the line or row of the file."""

    file: str
    columns: Mapping[str, Raw]
    rows: int
    line: Callable[[int], int]


def plain_column(column: pa.ChunkedArray[pa.Scalar[pa.DataType]]) -> Raw | None:
    """The column as one of the five plain kinds; None when it is of a kind that has no plain value.

    Decimals and unsigned 64-bit integers become text, so that no digit is lost; NaN becomes null, since in a float
    column both mean that there is no value.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain_column(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        return _midnights(column)
    for fits, plain in _PLAIN:
        if fits(kind):
            return one_array(column.cast(plain))
    return None


def _is_text(kind: pa.DataType) -> bool:
    """Text of any layout, values told as text to keep their digits, and columns without any value."""
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_uint64(kind)
    )


_PLAIN = (
    (_is_text, pa.string()),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_date, pa.date32()),
)


def one_array(column: pa.ChunkedArray[pa.Scalar[pa.DataType]]) -> Raw:
    """The chunks as one array, NaN as null."""
    array = column.combine_chunks()
    if pa.types.is_floating(array.type):
        array = pa.array(array.to_numpy(zero_copy_only=False), type=pa.float64(), from_pandas=True)
    return cast("Raw", array)


def _midnights(column: pa.ChunkedArray[pa.Scalar[pa.DataType]]) -> Raw:
    """Timestamps at midnight as dates; when any has a time of day, all as text, for the date check to refuse."""
    local = column.cast(pa.timestamp("us"), safe=False)
    days = local.cast(pa.date32(), safe=False)
    back = days.cast(pa.timestamp("us"))
    if pc.all(pc.equal(back, local), min_count=0).as_py():
        return one_array(days)
    return one_array(local.cast(pa.string()))


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
