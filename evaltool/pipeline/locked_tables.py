"""A design in use and a design on disk: the same values, to the last bit."""

from __future__ import annotations

import pandas as pd

from evaltool.records.design import Design
from evaltool.records.design_lock import LockedColumn, LockedDesign, LockedTable, Real, Truth, Whole, Written


def packed(design: Design) -> LockedDesign:
    """The design as it is stored."""
    tables = (design.roster, design.weights, design.pairs)
    roster, weights, pairs = (_packed_table(table) for table in tables)
    return LockedDesign(
        summary=design.summary,
        ledger=design.ledger,
        columns=tuple(() if table is None else tuple(str(c) for c in table.columns) for table in tables),
        roster=roster,
        weights=weights,
        pairs=pairs,
    )


def unpacked(locked: LockedDesign) -> Design:
    """The design as it was built."""
    tables = (locked.roster, locked.weights, locked.pairs)
    roster, weights, pairs = (_frame(t, order) for t, order in zip(tables, locked.columns, strict=True))
    return Design(summary=locked.summary, roster=roster, ledger=locked.ledger, weights=weights, pairs=pairs)


def _packed_table(table: pd.DataFrame | None) -> LockedTable | None:
    """A frame column by column."""
    if table is None:
        return None
    return {str(name): _packed_column(table[name]) for name in table.columns}


def _packed_column(column: pd.Series[str]) -> LockedColumn:
    """A column by the kind of its values."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return Truth(cells=tuple(bool(v) for v in column))
    if pd.api.types.is_integer_dtype(column.dtype):
        return Whole(cells=tuple(int(v) for v in column))
    if pd.api.types.is_float_dtype(column.dtype):
        return Real(cells=tuple(None if float(v) == float("inf") else float(v) for v in column))
    return Written(cells=tuple(str(v) for v in column))


def _frame(table: LockedTable | None, order: tuple[str, ...]) -> pd.DataFrame | None:
    """The frame that was packed."""
    return None if table is None else pd.DataFrame({name: _series(table[name]) for name in order})


def _series(column: LockedColumn) -> pd.Series[str] | pd.Series[float]:
    """One column with the type it had."""
    if isinstance(column, Real):
        values = [float("inf") if value is None else value for value in column.cells]
        return pd.Series(values, dtype="float64")
    kind = "int64" if isinstance(column, Whole) else "bool" if isinstance(column, Truth) else "str"
    return pd.Series(list(column.cells), dtype=kind)
