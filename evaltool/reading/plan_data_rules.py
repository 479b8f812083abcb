"""Rules about ``[data]``: what a source needs, and what the columns' roles and types allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from pathlib import PurePosixPath, PureWindowsPath

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.csv_signs import is_text_encoding
from evaltool.records.plan.data import Column, Kind, Role
from evaltool.records.plan.evaluation_plan import EvaluationPlan

SINGLE: tuple[Role, ...] = ("unit", "time", "first_treated", "treated", "cluster", "weight", "cohort", "eligible")
"""Roles that one column at most may have."""
TYPES: dict[Role, tuple[Kind, ...]] = {
    "unit": ("integer", "text"),
    "time": ("integer", "date"),
    "first_treated": ("integer", "date"),
    "treated": ("boolean", "integer"),
    "outcome": ("number", "integer", "boolean"),
    "count": ("integer", "number"),
    "covariate": ("number", "integer", "boolean"),
    "cluster": ("integer", "text"),
    "weight": ("number", "integer"),
    "cohort": ("text", "integer"),
    "eligible": ("boolean", "integer"),
}
"""Types a role may have; ``ignore`` may have any."""


NEEDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "csv": ("path", "column"),
    "excel": ("path", "column"),
    "parquet": ("path", "column"),
    "duckdb": ("query", "files", "column"),
}
"""What each kind of source must state; of these keys it may state no other."""
EXAMPLES = {
    "path": 'Add path = "data.csv".',
    "query": 'Add query = "SELECT …".',
    "files": 'Add [data.files] with table = "file.csv" or "file.parquet".',
    "column": "Add a [[data.column]] for every column in use.",
}


ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""``https:``, ``s3:``, ``file:``; a single letter before the colon is a Windows drive."""


def _bad_source(cause: str, fix: str, key: str) -> Fault:
    """A source that lacks something or has too much."""
    return Fault(code="PLAN_DATA_SOURCE", cause=cause, fix=fix, place=Place(key=key))


def _source(plan: EvaluationPlan) -> Iterable[Fault]:
    """What each kind of source must and must not state."""
    data = plan.data
    stated = {
        "path": data.path is not None,
        "query": data.query is not None,
        "files": bool(data.files),
        "column": bool(data.column),
    }
    for key in NEEDS[data.source]:
        if not stated[key]:
            yield _bad_source(f"A source of kind '{data.source}' needs '{key}'.", EXAMPLES[key], "data.source")
    for key, there in stated.items():
        if there and key not in NEEDS[data.source]:
            cause = f"A source of kind '{data.source}' has no use for '{key}'."
            yield _bad_source(cause, f"Remove {key}, or correct the source.", f"data.{key}")


def _paths(plan: EvaluationPlan) -> Iterable[Fault]:
    """Paths are relative, so that the plan means the same on every machine."""
    paths = {"data.path": plan.data.path, **{f"data.files.{name}": path for name, path in plan.data.files.items()}}
    for key, path in paths.items():
        if path is None:
            continue
        if not path.strip() or any(not sign.isprintable() for sign in path) or ADDRESS.match(path):
            yield Fault(
                code="PLAN_BAD_PATH",
                cause=f"{path!r} is not the path of a file.",
                fix="Write the path relative to the plan's folder, without control characters and addresses.",
                place=Place(key=key),
            )
        elif PurePosixPath(path).is_absolute() or PureWindowsPath(path).anchor:
            yield Fault(
                code="PLAN_PATH_ABSOLUTE",
                cause=f"'{path}' is an absolute path, which exists on one machine only.",
                fix="Write the path relative to the plan's folder.",
                place=Place(key=key),
            )


def _tables(plan: EvaluationPlan) -> Iterable[Fault]:
    """DuckDB table names are plain words, and the files are of a kind that is read."""
    for name, path in plan.data.files.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            yield _bad_source(f"'{name}' is not a table name.", "Use letters, digits and _ only.", f"data.files.{name}")
        if PurePosixPath(path).suffix.lower() not in {".csv", ".txt", ".parquet"}:
            fix = "Export it as CSV or Parquet."
            yield _bad_source(f"'{path}' is neither CSV nor Parquet.", fix, f"data.files.{name}")


def _text_format(plan: EvaluationPlan) -> Iterable[Fault]:
    """Encoding, delimiter, signs and date format mean something."""
    data = plan.data
    if not is_text_encoding(data.encoding):
        known = ["utf-8", "utf-8-sig", "windows-1252", "iso-8859-1", "iso-8859-15", "utf-16"]
        yield Fault(
            code="PLAN_UNKNOWN_ENCODING",
            cause=f"'{data.encoding}' is not a text encoding.",
            fix=f"Usual ones: {', '.join(known)}.",
            place=Place(key="data.encoding"),
            suggestion=did_you_mean(data.encoding, known),
        )
    if data.thousands == data.decimal:
        yield Fault(
            code="PLAN_SIGNS_CLASH",
            cause=f"'{data.decimal}' cannot be both the decimal sign and the thousands sign.",
            fix='Danish files have decimal = "," and thousands = ".".',
            place=Place(key="data.thousands"),
        )
    if data.delimiter in {'"', "\n", "\r", "\0"} or data.delimiter.isalnum() or not data.delimiter.isascii():
        yield Fault(
            code="PLAN_BAD_DELIMITER",
            cause="The delimiter cannot be a letter, a digit, a quote, a line end or a sign beyond ASCII.",
            fix='Use ",", ";", "|" or "\\t".',
            place=Place(key="data.delimiter"),
        )
    if not _round_trips(data.date_format):
        yield Fault(
            code="PLAN_BAD_DATE_FORMAT",
            cause=f"'{data.date_format}' does not describe a whole date.",
            fix='Use %d, %m and %Y: "%d-%m-%Y" reads 31-01-2025, "%Y-%m-%d" reads 2025-01-31.',
            place=Place(key="data.date_format"),
        )


def _round_trips(pattern: str) -> bool:
    """Whether a date written with the pattern is read back as the same date."""
    day = date(2021, 11, 23)
    try:
        return datetime.strptime(day.strftime(pattern), pattern).date() == day  # noqa: DTZ007 - only the date is kept
    except (ValueError, re.error):  # strptime builds a regular expression, which a repeated sign breaks
        return False


def _columns(plan: EvaluationPlan) -> Iterable[Fault]:
    """Names are unique; single roles are single; types fit roles; ranges are ordered."""
    seen: set[str] = set()
    roles: dict[Role, str] = {}
    for number, column in enumerate(plan.data.column):
        key = f"data.column[{number}]"
        if column.name in seen:
            yield Fault(
                code="PLAN_DUPLICATE_COLUMN",
                cause=f"The column '{column.name}' is declared more than once.",
                fix="Declare each column once; one column has one role.",
                place=Place(key=f"{key}.name"),
            )
        seen.add(column.name)
        if column.role in SINGLE and column.role in roles:
            yield Fault(
                code="PLAN_ROLE_TWICE",
                cause=f"Both '{roles[column.role]}' and '{column.name}' have the role '{column.role}'.",
                fix=f"Only one column can be '{column.role}'.",
                place=Place(key=f"{key}.role"),
            )
        roles.setdefault(column.role, column.name)
        yield from _column(column, key)


def _column(column: Column, key: str) -> Iterable[Fault]:
    """One column by itself."""
    allowed = TYPES.get(column.role)
    if allowed is not None and column.type not in allowed:
        yield Fault(
            code="PLAN_ROLE_TYPE",
            cause=f"A column with the role '{column.role}' cannot have the type '{column.type}'.",
            fix=f"Use one of: {', '.join(allowed)}.",
            place=Place(key=f"{key}.type"),
        )
    ranged = column.minimum is not None or column.maximum is not None
    if ranged and column.type not in {"integer", "number"}:
        yield Fault(
            code="PLAN_RANGE_WITHOUT_NUMBER",
            cause=f"'{column.name}' has a range but is not a number.",
            fix="Remove minimum and maximum, or use allowed = [ … ].",
            place=Place(key=f"{key}.{'minimum' if column.minimum is not None else 'maximum'}"),
        )
    if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
        yield Fault(
            code="PLAN_RANGE_REVERSED",
            cause=f"'{column.name}' has a minimum ({column.minimum}) above its maximum ({column.maximum}).",
            fix="Correct one of the two.",
            place=Place(key=f"{key}.maximum"),
        )
    if column.never is not None and column.role != "first_treated":
        yield Fault(
            code="PLAN_NEVER_ELSEWHERE",
            cause=f"'{column.name}' states 'never' but does not have the role 'first_treated'.",
            fix="Remove 'never'.",
            place=Place(key=f"{key}.never"),
        )


def _of_file(plan: EvaluationPlan, role: Role) -> Column | None:
    """The first column of the file with the role, or None."""
    return next((column for column in plan.data.column if column.role == role), None)


def _wide(plan: EvaluationPlan) -> Iterable[Fault]:
    """One row per unit can be made of the columns, and nothing that is stated has no effect."""
    data, wide = plan.data, plan.data.wide
    if wide is None:
        return
    needed: tuple[Role, ...] = ("unit", "time", "first_treated")
    for role in needed:
        if _of_file(plan, role) is None:
            cause, fix = f"A long panel needs a column with the role '{role}'.", "Declare it under [[data.column]]."
            yield _bad_wide(cause, fix, "data.wide")
    if _of_file(plan, "treated") is not None:
        cause = "Who is treated follows from first_treated, and a column with the role 'treated' is declared as well."
        yield _bad_wide(cause, "Give it the role 'ignore'.", "data.wide")
    if data.balance != "refuse":
        cause = "balance has no effect on one row per unit: a cell that is not there is a missing value."
        yield _bad_wide(cause, "Leave balance out, and state missing for the columns.", "data.balance")
    time = _of_file(plan, "time")
    if time is not None and time.type != ("date" if isinstance(wide.baseline, date) else "integer"):
        cause = f"Periods are not written like the time '{time.name}', which is of type '{time.type}'."
        yield _bad_wide(cause, "Write whole numbers, or dates such as 2024-01-01.", "data.wide.baseline")
    names = [column.name for column in data.read]
    for name in sorted({name for name in names if names.count(name) > 1} - _twice(plan)):
        cause = f"Both a column of the file and an outcome before the start would be called '{name}'."
        yield _bad_wide(cause, "Rename the column of the file.", "data.wide.before")


def _twice(plan: EvaluationPlan) -> set[str]:
    """Names that the file's own columns share."""
    names = [column.name for column in plan.data.column]
    return {name for name in names if names.count(name) > 1}


def _bad_wide(cause: str, fix: str, key: str) -> Fault:
    """A long panel that cannot be read as one row per unit."""
    return Fault(code="PLAN_WIDE", cause=cause, fix=fix, place=Place(key=key))


def _time_types(plan: EvaluationPlan) -> Iterable[Fault]:
    """The start is told in the same type as the time, and needs a time."""
    time, start = (_of_file(plan, role) for role in ("time", "first_treated"))
    if start is None:
        return
    number = plan.data.column.index(start)
    if time is None:
        yield Fault(
            code="PLAN_START_WITHOUT_TIME",
            cause=f"'{start.name}' tells when treatment starts, but no column has the role 'time'.",
            fix='Declare the column with role = "time".',
            place=Place(key=f"data.column[{number}].role"),
        )
    elif time.type != start.type:
        yield Fault(
            code="PLAN_START_TYPE",
            cause=f"'{start.name}' is of type '{start.type}', but the time '{time.name}' is of type '{time.type}'.",
            fix="Both must have the same type.",
            place=Place(key=f"data.column[{number}].type"),
        )


def _column_outcomes(plan: EvaluationPlan) -> Iterable[Fault]:
    """Columns measure outcomes that exist, one column for each."""
    known = [outcome.id for outcome in plan.outcome]
    measured: set[str] = set()
    for number, column in enumerate(plan.data.column):
        key = f"data.column[{number}].outcome"
        if column.role not in {"outcome", "count"}:
            if column.outcome is not None:
                yield Fault(
                    code="PLAN_OUTCOME_ELSEWHERE",
                    cause=f"'{column.name}' names an outcome but has the role '{column.role}'.",
                    fix="Remove 'outcome', or use the role 'outcome' or 'count'.",
                    place=Place(key=key),
                )
            continue
        if column.outcome is None and len(known) > 1:
            yield Fault(
                code="PLAN_COLUMN_WITHOUT_OUTCOME",
                cause=f"The plan has {len(known)} outcomes; '{column.name}' does not say which one it measures.",
                fix=f'Add outcome = "…" ({", ".join(known)}).',
                place=Place(key=f"data.column[{number}]"),
            )
            continue
        name = known[0] if column.outcome is None else column.outcome
        if name not in known:
            yield Fault(
                code="PLAN_UNKNOWN_OUTCOME",
                cause=f"No [[outcome]] has the id '{name}'.",
                fix=f"Use one of: {', '.join(known)}.",
                place=Place(key=key),
                suggestion=did_you_mean(name, known),
            )
        elif name in measured:
            yield Fault(
                code="PLAN_OUTCOME_TWICE",
                cause=f"More than one column measures the outcome '{name}'.",
                fix="One outcome has one column.",
                place=Place(key=f"data.column[{number}]"),
            )
        measured.add(name)


def _cluster(plan: EvaluationPlan) -> Iterable[Fault]:
    """The clusters of ``[inference]`` are a declared column."""
    wanted = plan.inference.cluster
    found = [column.name for column in plan.data.column if column.role in {"cluster", "unit"}]
    if wanted is not None and wanted not in found:
        yield Fault(
            code="PLAN_UNKNOWN_CLUSTER",
            cause=f"No column with the role 'cluster' or 'unit' is called '{wanted}'.",
            fix='Declare the column with role = "cluster", or remove the cluster.',
            place=Place(key="inference.cluster"),
            suggestion=did_you_mean(wanted, [column.name for column in plan.data.column]),
        )


DATA_RULES: tuple[tuple[AbstractSet[str], Callable[[EvaluationPlan], Iterable[Fault]]], ...] = (
    ({"data"}, _source),
    ({"data"}, _paths),
    ({"data"}, _tables),
    ({"data"}, _text_format),
    ({"data"}, _columns),
    ({"data"}, _time_types),
    ({"data"}, _wide),
    ({"data", "outcome"}, _column_outcomes),
    ({"data", "inference"}, _cluster),
)
