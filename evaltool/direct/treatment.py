"""A column that says in which rows a unit is treated becomes the time of its first treatment."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from evaltool.direct.call import Frame, frame_of
from evaltool.errors import Fault, Place, UsageError
from evaltool.records.base import Record

SHOWN = 5


class Indicator(Record):
    """Column names: treated or not in each row, and what a row is."""

    treatment: str
    unit: str
    time: str


def with_first_treated(frame: Frame, columns: Indicator, call: str) -> tuple[pd.DataFrame, str]:
    """The frame with a column of first treated times (empty for never), and that column's name.

    Raises UsageError (USAGE_FRAME, USAGE_BAD_ARGUMENT): no frame, a missing column, values other than 0 and 1, a unit
    whose treatment ends.
    """
    given = frame_of(frame, call)
    table = given if isinstance(given, pd.DataFrame) else pa.table(given).to_pandas()
    faults = [
        _fault(call, name, f"The frame has no column '{value}'.", f"It has: {', '.join(map(str, table.columns))}.")
        for name, value in (("treatment", columns.treatment), ("unit", columns.unit), ("time", columns.time))
        if value not in table
    ]
    if faults:
        raise UsageError(faults)
    on = table[columns.treatment]
    if on.isna().any() or not on.isin([0, 1]).all():
        cause = f"'{columns.treatment}' holds values other than 0 and 1."
        raise UsageError(_fault(call, "treatment", cause, "Give 1 in treated rows and 0 in the others."))
    first = table[columns.time].where(on.astype(bool)).groupby(table[columns.unit]).transform("min")
    ended = table[(table[columns.time] >= first) & ~on.astype(bool)]
    if len(ended):
        units = sorted({str(unit) for unit in ended[columns.unit]})
        named = ", ".join(units[:SHOWN]) + (", …" if len(units) > SHOWN else "")
        cause = f"Treatment ends within {len(units)} units ({named})."
        raise UsageError(_fault(call, "treatment", cause, "Use did.switching, for treatment that switches off."))
    name = f"first_treated ({columns.treatment})"
    kept = first.astype("Int64") if pd.api.types.is_integer_dtype(table[columns.time]) else first
    return table.assign(**{name: kept}), name


def _fault(call: str, name: str, cause: str, fix: str) -> Fault:
    """A fault of one argument."""
    return Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{call}.{name}"))
