"""A DuckDB query over the plan's own files, in a database that can reach nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa

from evaltool.errors import DataError, Fault, Place
from evaltool.reading.csv_file import CsvFormat, read_csv
from evaltool.reading.data_faults import DataFaults
from evaltool.reading.parquet_file import arrow_table, read_parquet
from evaltool.reading.table import RawTable
from evaltool.records.plan.data import Data

NAME = "query"
_UNSTABLE = re.compile(
    r"\b(?:(?:now|today|random|uuid|gen_random_uuid|uuidv4|uuidv7|setseed|age|get_current_time\w*|transaction_timestamp)\s*\("
    r"|current_(?:date|time|timestamp)\b|localtime(?:stamp)?\b|tablesample\b|using\s+sample\b)",
    re.IGNORECASE,
)


def read_query(data: Data, folder: Path, form: CsvFormat) -> RawTable:
    """The result of the plan's query over the tables of ``[data.files]``.

    CSV files arrive as text columns; Parquet files keep their types. The files are read here and handed to a
    database in memory whose access to files, network, extensions and configuration is off.
    Raises DataError: files unreadable, query refused or wrong, no rows.
    """
    query = data.query or ""
    _refuse(query)
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "threads": "1",
        },
    )
    try:
        for table, path in sorted(data.files.items()):
            connection.register(table, _load(folder / path, path, form))
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        result = connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        cause = f"DuckDB refuses the query: {str(error).strip()}"
        fix = "Correct the query; it may use the tables of [data.files] and nothing else."
        raise DataError(Fault("DATA_QUERY_FAILED", cause, fix, Place(file=NAME))) from error
    finally:
        connection.close()
    return arrow_table(result, NAME, result.column_names, DataFaults(NAME, lambda row: row + 1))


def _load(path: Path, name: str, form: CsvFormat) -> pa.Table:
    """One of the plan's files as a table."""
    raw = read_parquet(path, name, None) if path.suffix.lower() == ".parquet" else read_csv(path, name, form, ())
    return pa.table(dict(raw.columns))


def _refuse(query: str) -> None:
    """One SELECT that says the same today and tomorrow. Raises DataError (DATA_QUERY_REFUSED)."""
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        cause = f"The query is not SQL that DuckDB understands: {str(error).strip()}"
        raise DataError(Fault("DATA_QUERY_FAILED", cause, "Correct the query.", Place(file=NAME))) from error
    causes: list[str] = []
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        causes.append("The query is not exactly one SELECT.")
    found = _UNSTABLE.search(query)
    if found:
        causes.append(f"The query uses '{found.group().rstrip('(').strip()}', whose answer changes from run to run.")
    if causes:
        fix = "Write one SELECT over the tables of [data.files], without clock or chance."
        raise DataError([Fault("DATA_QUERY_REFUSED", cause, fix, Place(file=NAME)) for cause in causes])
