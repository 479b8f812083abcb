"""sha256 of what the data say, whatever the file looked like."""

from __future__ import annotations

import hashlib

import numpy as np

from evaltool.numerics.distinct import ascending
from evaltool.reading.panel_columns import Columns
from evaltool.reading.values import Values
from evaltool.records.base import canonical_json
from evaltool.records.panel import IntArray

FORMAT = "evaltool content 1"


def fingerprint(columns: Columns) -> str:
    """sha256 over the declared columns in name order and the rows in canonical order.

    Independent of row order, column order, chunking and file format; columns that the plan does not declare do not
    count. −0.0 counts as 0.0. Rows left out later (missing values) count: it identifies what was delivered.
    """
    named = dict(columns.decoded)
    start = columns.spec.column("first_treated")
    if columns.starts is not None and start is not None:
        named[start.name] = Values("number", columns.starts.times, columns.starts.missing, columns.starts.wrong)
    names = sorted(named)
    order = _order(columns, [named[name] for name in names])
    digest = hashlib.sha256()
    kinds = [[name, named[name].kind] for name in names]
    digest.update(canonical_json({"format": FORMAT, "columns": kinds, "rows": columns.rows}))
    for name in names:
        for part in _bytes(named[name], order):
            digest.update(part)
    return digest.hexdigest()


def _order(columns: Columns, everything: list[Values]) -> IntArray:
    """Rows by unit and time; when those do not tell all rows apart, by every column."""
    keys = [values for values in (columns.of("unit"), columns.of("time")) if values is not None]
    ranks = [values.ids.ranks for values in keys]
    if ranks and all((rank >= 0).all() for rank in ranks):
        order = ascending(*ranks)
        again = np.logical_and.reduce([np.diff(rank[order]) == 0 for rank in ranks])
        if not again.any():
            return order
    every = ranks + [values.ids.ranks for values in everything]
    return ascending(*every)


def _bytes(values: Values, order: IntArray) -> list[bytes]:
    """A column as bytes: where values are missing, then the values, little-endian, fillers as zero.

    Text: the lengths and bytes of the distinct values in code-point order, then each row's place among them.
    """
    usable = values.usable[order]
    data = values.data[order]
    parts = [np.packbits(usable).tobytes()]
    if values.kind == "text":
        names = [str(name).encode("utf-8") for name in values.ids.names]
        lengths = np.array([len(name) for name in names], dtype="<i8")
        places = np.where(usable, values.ids.ranks[order], -1).astype("<i8")
        return [*parts, lengths.tobytes(), b"".join(names), places.tobytes()]
    if values.kind == "number":
        floats = np.where(usable, data.astype(np.float64), 0.0) + 0.0  # + 0.0 turns −0.0 into 0.0
        return [*parts, floats.astype("<f8").tobytes()]
    return [*parts, np.where(usable, data, 0).astype("<i8").tobytes()]
