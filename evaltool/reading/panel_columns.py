"""All declared columns of a table, decoded."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.identifiers import looks_like_cpr
from evaltool.reading.spec import PanelSpec
from evaltool.reading.starts import Starts, read_starts
from evaltool.reading.table import Raw, RawTable
from evaltool.reading.values import Values, convert
from evaltool.records.plan.data import Column, Kind, Role


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Decoded columns by name. ``starts`` stands apart, because of its codings of never."""

    spec: PanelSpec
    decoded: dict[str, Values]
    starts: Starts | None
    rows: int

    def of(self, role: Role) -> Values | None:
        """The decoded column with the role; None when it is not declared or not in the file."""
        column = self.spec.column(role)
        return None if column is None else self.decoded.get(column.name)

    def missing(self, column: Column) -> BoolArray | None:
        """(rows,) where the column has no value; None when it is not in the file."""
        if column.role == "first_treated":
            return None if self.starts is None else self.starts.missing
        values = self.decoded.get(column.name)
        return None if values is None else values.missing


def decode(table: RawTable, spec: PanelSpec, faults: DataFaults) -> Columns:
    """Every declared column that is in the file. Faults: missing columns, CPR-shaped ids, and those of the values."""
    for column in spec.columns:
        if column.name not in table.columns:
            near = did_you_mean(column.name, list(table.columns))
            cause = f"The file has no column '{column.name}' ({column.role})."
            fix = f"The file has: {', '.join(table.columns)}."
            place = Place(file=faults.file, line=None, column=column.name)
            faults.add(Fault("DATA_MISSING_COLUMN", cause, fix, place, near))
    here = [column for column in spec.columns if column.name in table.columns]
    values: dict[str, Values] = {}
    for column in sorted(here, key=lambda column: column.role != "unit"):
        if column.role == "first_treated":
            continue
        raw = table.columns[column.name]
        identifies = column.role in {"unit", "cluster"} and _identifies(raw, column, spec, faults)
        if identifies and (column.type != "text" or column.allowed):
            continue  # the faults of its values would repeat the ids
        values[column.name] = convert(raw, column, spec.signs, faults)
    start, time = spec.column("first_treated"), spec.column("time")
    starts = None
    if start is not None and start.name in table.columns:
        when = None if time is None else values.get(time.name)
        starts = read_starts(table.columns[start.name], start, when, signs=spec.signs, faults=faults)
    return Columns(spec, values, starts, table.rows)


def _identifies(raw: Raw, column: Column, spec: PanelSpec, faults: DataFaults) -> bool:
    """Whether the ids are shaped like CPR numbers, as delivered and before their declared type is applied.

    If so it is a fault, and no id is shown, here or in any other message.
    """
    kind: Kind = "text" if isinstance(raw, pa.StringArray) else "integer"
    as_delivered = column.model_copy(update={"type": kind, "minimum": None, "maximum": None, "allowed": ()})
    found = looks_like_cpr(convert(raw, as_delivered, spec.signs, DataFaults(faults.file)))
    if not found:
        return False
    faults.hide_units = True
    cause = f"{found} different values in '{column.name}' are shaped like CPR numbers (a date and four digits)."
    fix = (
        "Replace them by keyed pseudonyms before the data come here: evaltool.reading.identifiers.pseudonym(key, id) "
        "gives the same pseudonym for the same id and key, and cannot be undone without the key."
    )
    faults.add(Fault("DATA_CPR_SHAPED", cause, fix, Place(file=faults.file, column=column.name)))
    return True
