"""Who is treated from when, written into a frame as a column of starts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from evaltool.direct.call import Frame
from evaltool.errors import Fault, Place, UsageError, did_you_mean

PLACE = "counterfactual.synthetic_control"


def marked_frame(frame: Frame, unit: str, treated: object, start: object) -> tuple[Frame, str]:
    """The frame with a column that holds each treated unit's start, and its name.

    ``treated`` is an id or a list of ids, ``start`` a time or, for a list, a mapping from id to time. Raises UsageError
    (USAGE_BAD_ARGUMENT) when a unit or a start is not there.
    """
    column = "first treated"
    if isinstance(frame, pd.DataFrame):
        while column in frame.columns:
            column += " "
        ids: list[object] = list(frame[unit]) if unit in frame.columns else []
        starts = pd.Series(_starts((unit, ids), treated, start), index=frame.index, dtype="object")
        return frame.assign(**{column: starts}), column
    table = pa.table(frame)
    while column in table.column_names:
        column += " "
    ids = list(table.column(unit).to_pylist()) if unit in table.column_names else []
    return table.append_column(column, pa.array(_starts((unit, ids), treated, start))), column


def _starts(units: tuple[str, list[object]], treated: object, start: object) -> list[object]:
    """The start in the rows of treated units, None elsewhere. Raises UsageError (USAGE_BAD_ARGUMENT)."""
    column, ids = units
    named = list(treated) if isinstance(treated, list | tuple) else [treated]
    by_unit = {name: start.get(name) if isinstance(start, Mapping) else start for name in named}
    faults = []
    known = set(ids)
    for name, own in by_unit.items():
        if name not in known:
            near = did_you_mean(str(name), sorted({str(one) for one in known}))
            cause = f"No row of the frame has {name!r} in the column '{column}'."
            fix = "Write the id of the treated unit as the frame holds it."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{PLACE}.treated"), near))
        if own is None:
            cause, fix = f"{name!r} has no start.", "Write the first treated time as the frame holds it."
            faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{PLACE}.start")))
    if not by_unit:
        fix = "Name at least one treated unit."
        faults.append(Fault("USAGE_BAD_ARGUMENT", "treated is empty.", fix, Place(key=f"{PLACE}.treated")))
    if faults:
        raise UsageError(faults)
    return [by_unit.get(name) for name in ids]
