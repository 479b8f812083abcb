"""A Parquet file with the types it was written with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evaltool.errors import Fault, Place
from evaltool.reading.data_faults import DataFaults
from evaltool.reading.file_bytes import file_bytes
from evaltool.reading.table import RawTable, plain_column


def read_parquet(path: Path, name: str, wanted: Sequence[str] | None) -> RawTable:
    """The declared columns of the file; all of them when ``wanted`` is None.

    Raises DataError: unreadable, empty, duplicate columns, a column without a plain value.
    """
    faults = DataFaults(name, _row)
    content = file_bytes(path, name)
    if not content:
        faults.whole("DATA_EMPTY", "The file is empty.", "Give the file with the data.")
        faults.stop()
    try:
        # reads this file and nothing else: no dataset discovery, no partition folders
        file = pq.ParquetFile(pa.BufferReader(content))
        names = list(file.schema_arrow.names)
        table = file.read(columns=[label for label in names if wanted is None or label in wanted])
    except (pa.ArrowException, OSError, ValueError) as error:
        cut = content.startswith(b"PAR1") and not content.endswith(b"PAR1")
        code = "DATA_TRUNCATED" if cut else "DATA_UNREADABLE"
        cause = "The file is cut off: its end is missing." if cut else f"Not a readable Parquet file: {error}"
        faults.whole(code, cause, "Copy or export the file again.")
        faults.stop()
        raise
    for label in sorted({label for label in names if names.count(label) > 1}):
        place = Place(file=name, column=label)
        cause = f"The file has {names.count(label)} columns called '{label}'."
        faults.add(Fault("DATA_DUPLICATE_COLUMN", cause, "Rename or remove one of them.", place))
    faults.stop()
    return arrow_table(table, name, names, faults)


def arrow_table(table: pa.Table, name: str, names: Sequence[str], faults: DataFaults) -> RawTable:
    """An Arrow table as delivered columns. ``names``: all columns there are, also those not read.

    Raises DataError: no rows, or a column of a kind that has no plain value (lists, structures, bytes).
    """
    columns = {label: plain_column(table.column(label)) for label in table.column_names}
    for label, column in columns.items():
        if column is None:
            cause = f"'{label}' is of type {table.schema.field(label).type}, which holds no single plain value."
            fix = "Export it as a number, text, date or boolean."
            faults.add(Fault("DATA_COLUMN_TYPE", cause, fix, Place(file=name, column=label)))
    if table.num_rows == 0:
        faults.whole("DATA_EMPTY", "The data have no rows.", f"Give the data; columns seen: {', '.join(names)}.")
    faults.stop()
    plain = {label: column for label, column in columns.items() if column is not None}
    return RawTable(file=name, columns=plain, rows=table.num_rows, line=_row)


def _row(row: int) -> int:
    """Rows of a Parquet file and of a query count from 1; there is no header."""
    return row + 1
