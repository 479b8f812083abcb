"""The plan's data become its panel."""

from __future__ import annotations

from pathlib import Path

from evaltool.errors import DataError, Fault
from evaltool.reading.csv_file import CsvFormat, read_csv
from evaltool.reading.duckdb_query import read_query
from evaltool.reading.excel_file import read_excel
from evaltool.reading.panel_build import build_panel
from evaltool.reading.parquet_file import read_parquet
from evaltool.reading.spec import spec_of
from evaltool.reading.table import RawTable
from evaltool.reading.wide import widened
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def read_panel(plan: EvaluationPlan, data_file: Path | None = None) -> Panel | None:
    """The plan's data with their roles, in canonical order; None when the plan reads no data.

    ``data_file`` takes the place of ``[data] path``. Raises DataError with every fault found.
    """
    if plan.data.source == "none":
        return None
    return build_panel(*widened(read_table(plan, data_file), spec_of(plan)))


def read_table(plan: EvaluationPlan, data_file: Path | None = None) -> RawTable:
    """The plan's data as they were delivered. Raises DataError when they cannot be read."""
    data = plan.data
    folder = _folder(plan) if data_file is None else Path()
    wanted = [column.name for column in data.column if column.role != "ignore"]
    form = CsvFormat(data.encoding, data.delimiter)
    if data.source == "duckdb":
        return read_query(data, folder, form)
    name = data.path or "" if data_file is None else data_file.name
    path = folder / name if data_file is None else data_file
    if data.source == "csv":
        return read_csv(path, name, form, wanted)
    if data.source == "excel":
        return read_excel(path, name, data, wanted)
    return read_parquet(path, name, wanted)


def _folder(plan: EvaluationPlan) -> Path:
    """The folder data paths are relative to. Raises DataError when the plan has no file."""
    if plan.path is None:
        raise DataError(
            Fault(
                code="DATA_NO_FOLDER",
                cause="This plan was not read from a file, so its data path is relative to nothing.",
                fix="Read the plan with read_plan, or give the data file.",
            )
        )
    return plan.path.parent
