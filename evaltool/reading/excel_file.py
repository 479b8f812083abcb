"""The values of an Excel sheet: first row the header, every further row a row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.data_faults import DataFaults
from evaltool.reading.excel_errors import NoValue, cells_without_value, is_xlsx
from evaltool.reading.file_bytes import file_bytes
from evaltool.reading.table import Raw, RawTable, number_text
from evaltool.records.plan.data import Data

Cell = int | float | str | bool | date | datetime | time | timedelta


def read_excel(path: Path, name: str, data: Data, wanted: Sequence[str]) -> RawTable:
    """The declared columns of the declared sheet (or of the only one), as values; formulas are not computed.

    Raises DataError: unreadable, no or several sheets, empty, duplicate columns, cells that show an error.
    """
    faults = DataFaults(name)
    rows, failed = _rows(file_bytes(path, name), data, faults)
    faults.stop()
    while rows and all(cell == "" for cell in rows[-1]):
        rows.pop()
    if len(rows) < 2:  # noqa: PLR2004 - a header and a row
        what = "The sheet has a header but no rows." if rows else "The sheet is empty."
        faults.whole("DATA_EMPTY", what, "Give the sheet with the data.")
        faults.stop()
    header = [str(cell).strip() for cell in rows[0]]
    for label in sorted({label for label in header if label and header.count(label) > 1}):
        place = Place(file=name, line=1, column=label)
        cause = f"The sheet has {header.count(label)} columns called '{label}'."
        faults.add(Fault("DATA_DUPLICATE_COLUMN", cause, "Rename or remove one of them.", place))
    for cell in failed:
        label = header[cell.column] if cell.column < len(header) else ""
        if label in wanted:
            faults.add(_no_value(cell, Place(file=name, line=cell.row + 1, column=label)))
    faults.stop()
    lines = [number for number, row in enumerate(rows) if number and any(cell != "" for cell in row)]
    columns = {
        label: _column([rows[line][place] for line in lines], data)
        for place, label in enumerate(header)
        if label in wanted
    }
    return RawTable(file=name, columns=columns, rows=len(lines), line=lambda row: lines[row] + 1)


def _no_value(cell: NoValue, place: Place) -> Fault:
    """The fault of a cell that shows an error or holds a formula without a result."""
    if cell.shown is None:
        cause = "The cell holds a formula that was never computed, so it has no value."
        return Fault(
            "DATA_CELL_ERROR", cause, "Open the workbook in Excel, save it, or replace it by its value.", place
        )
    cause = f"The cell shows the error {cell.shown}; it is neither a value nor an empty cell."
    return Fault("DATA_CELL_ERROR", cause, "Mend the formula, or empty the cell where no value is meant.", place)


def _rows(content: bytes, data: Data, faults: DataFaults) -> tuple[list[list[Cell]], tuple[NoValue, ...]]:
    """All cells of the sheet, from its first row on, and those that only seem to be empty."""
    if not content:
        faults.whole("DATA_EMPTY", "The file is empty.", "Give the file with the data.")
        return [], ()
    if not is_xlsx(content):
        cause = "Not an Excel workbook of the kind .xlsx; in older kinds an error cannot be told from an empty cell."
        faults.whole("DATA_UNREADABLE", cause, "Save the workbook as .xlsx without a password, or export CSV.")
        return [], ()
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
        if data.sheet is None and len(names) != 1:
            cause = f"The workbook has {len(names)} sheets and the plan does not say which."
            faults.whole("DATA_SHEET", cause, f"Declare sheet = … in [data]: {', '.join(names)}.")
            return [], ()
        if data.sheet is not None and data.sheet not in names:
            cause = f"The workbook has no sheet '{data.sheet}'."
            near = did_you_mean(data.sheet, names)
            fix = f"It has: {', '.join(names)}."
            faults.add(Fault("DATA_SHEET", cause, fix, Place(file=faults.file), near))
            return [], ()
        sheet = data.sheet or names[0]
        return book.get_sheet_by_name(sheet).to_python(skip_empty_area=False), cells_without_value(content, sheet)
    except (CalamineError, OSError, ValueError) as error:
        cause = f"Not a readable Excel workbook: {error}."
        faults.whole("DATA_UNREADABLE", cause, "Save the workbook again as .xlsx, or export CSV.")
        return [], ()


def _column(cells: list[Cell], data: Data) -> Raw:
    """Cells as one plain column: all numbers, all dates or all booleans keep their type, a mixture becomes text."""
    present = [cell for cell in cells if cell != ""]
    if present and all(isinstance(cell, bool) for cell in present):
        return pa.array([cell if isinstance(cell, bool) else None for cell in cells], type=pa.bool_())
    if present and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present):
        numbers = [float(cell) if isinstance(cell, int | float) else None for cell in cells]
        return pa.array(numbers, type=pa.float64())
    if present and all(_is_day(cell) for cell in present):
        days = [cell.date() if isinstance(cell, datetime) else cell for cell in cells]
        return pa.array([day if isinstance(day, date) else None for day in days], type=pa.date32())
    return pa.array([_text(cell, data) for cell in cells], type=pa.string())


def _is_day(cell: Cell) -> bool:
    """A date, or a time stamp at midnight."""
    if isinstance(cell, datetime):
        return cell.time() == time(0)
    return isinstance(cell, date)


def _text(cell: Cell, data: Data) -> str:
    """A cell of a mixed column as it would be written in a CSV file of the same plan."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        return number_text(float(cell)).replace(".", data.decimal)
    if _is_day(cell) and isinstance(cell, date):
        return cell.strftime(data.date_format)
    return str(cell)
