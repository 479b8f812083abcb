"""Any frame with roles becomes a panel: the direct road, with the same checks as the plan's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa

from evaltool.errors import DataError, Fault, Place, did_you_mean
from evaltool.reading.data_faults import DataFaults
from evaltool.reading.panel_build import build_panel
from evaltool.reading.spec import PanelSpec
from evaltool.reading.table import Raw, RawTable, plain_column
from evaltool.reading.wide import widened
from evaltool.records.panel import Panel
from evaltool.records.plan.data import Column, Kind, Role, Wide

FRAME = "frame"


@runtime_checkable
class ArrowFrame(Protocol):
    """Any frame with the Arrow interface, such as those of polars and pyarrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The frame as a stream of Arrow record batches."""
        ...


@dataclass(frozen=True, slots=True)
class FrameRoles:
    """Column names. The outcome becomes ``y.<outcome>`` and covariates ``x.<covariate>`` under their own names.

    ``first_treated``: never treated is empty, 0, infinity, or the value in ``never``; one coding only.
    """

    unit: str
    outcome: str | None
    """None where outcomes are not to be read (a design's own data)."""
    time: str | None = None
    first_treated: str | None = None
    treated: str | None = None
    covariates: tuple[str, ...] = ()
    cluster: str | None = None
    weight: str | None = None
    never: str | None = None
    balance: Literal["refuse", "drop_unit", "keep"] = "refuse"
    missing: Literal["refuse", "drop_row", "drop_unit"] = "refuse"
    """Rule for missing outcomes and covariates."""
    alone: bool = False
    """Whether the frame may hold the treated alone."""
    wide: Wide | None = None
    """How a long panel is read as one row per unit."""


def panel_from_frame(frame: pd.DataFrame | ArrowFrame, roles: FrameRoles) -> Panel:
    """The canonical panel of a frame (pandas, or anything with the Arrow interface).

    Types are taken from the frame: integers, floats, text, categories, booleans, dates. Rows in messages count from
    1. Raises DataError with every fault found.
    """
    wanted = _wanted(roles)
    table = _table(frame, [name for name, _ in wanted])
    columns = tuple(_column(name, role, table.columns.get(name), roles) for name, role in wanted)
    spec = PanelSpec(
        columns=columns,
        outcomes=() if roles.outcome is None else (roles.outcome,),
        source=FRAME,
        balance=roles.balance,
        needs_comparison=not roles.alone and (roles.first_treated is not None or roles.treated is not None),
        wide=roles.wide,
    )
    return build_panel(*widened(table, spec))


def _wanted(roles: FrameRoles) -> list[tuple[str, Role]]:
    """Column names with their roles. Raises DataError when one column has two roles (cluster may be the unit)."""
    named: list[tuple[str | None, Role]] = [
        (roles.unit, "unit"),
        (roles.time, "time"),
        (roles.outcome, "outcome"),
        (roles.first_treated, "first_treated"),
        (roles.treated, "treated"),
        *((name, "covariate") for name in roles.covariates),
        (None if roles.cluster == roles.unit else roles.cluster, "cluster"),
        (roles.weight, "weight"),
    ]
    wanted = [(name, role) for name, role in named if name is not None]
    names = [name for name, _ in wanted]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            [
                Fault(
                    code="DATA_ROLE_TWICE",
                    cause=f"'{name}' is given more than one role.",
                    fix="Give each column one role; copy the column if it must have two.",
                    place=Place(file=FRAME, column=name),
                )
                for name in twice
            ]
        )
    return wanted


def _column(name: str, role: Role, raw: Raw | None, roles: FrameRoles) -> Column:
    """The declaration a plan would have made for the column, with the type the frame has."""
    column = Column(name=name, role=role, type=_kind(role, raw))
    if role == "first_treated":
        return column.model_copy(update={"never": roles.never})
    return column.model_copy(update={"missing": roles.missing}) if role in {"outcome", "covariate"} else column


def _kind(role: Role, raw: Raw | None) -> Kind:
    """Numbers are whole where a role needs whole ones; the check of the values tells where they are not."""
    if role in {"outcome", "covariate", "weight"}:
        return "number"
    if role == "treated":
        return "boolean"
    if isinstance(raw, pa.Date32Array):
        return "date"
    if isinstance(raw, pa.StringArray):
        return "text" if role in {"unit", "cluster"} else "integer"
    return "integer"


def _table(frame: pd.DataFrame | ArrowFrame, names: list[str]) -> RawTable:
    """The columns of the frame that are wanted. Raises DataError for columns without plain values and no rows."""
    faults = DataFaults(FRAME, lambda row: row + 1)
    columns: dict[str, Raw] = {}
    if isinstance(frame, pd.DataFrame):
        there, rows = [str(name) for name in frame.columns], len(frame)
        arrays = {name: _arrow(frame[name]) for name in names if there.count(name) == 1}
    else:
        whole = pa.table(frame)
        there, rows = whole.column_names, whole.num_rows
        arrays = {name: whole.column(name) for name in names if there.count(name) == 1}
    for name, array in arrays.items():
        plain = None if array is None else plain_column(array)
        if plain is None:
            faults.add(_no_type(name, frame))
        else:
            columns[name] = plain
    for name in names:
        if name not in arrays:
            cause = f"The frame has {there.count(name) or 'no'} columns called '{name}'."
            near = did_you_mean(name, there)
            faults.add(
                Fault(
                    "DATA_MISSING_COLUMN", cause, f"It has: {', '.join(there)}.", Place(FRAME, None, None, name), near
                )
            )
    if rows == 0:
        faults.whole("DATA_EMPTY", "The frame has no rows.", "Give the frame with the data.")
    faults.stop()
    return RawTable(file=FRAME, columns=columns, rows=rows, line=lambda row: row + 1)


def _no_type(name: str, frame: pd.DataFrame | ArrowFrame) -> Fault:
    """A column without one plain type; of a pandas column, the first row whose value is of another kind."""
    odd: int | None = None
    if isinstance(frame, pd.DataFrame):
        kinds = [type(value) for value in frame[name].tolist()]
        rows = np.flatnonzero(frame[name].notna().to_numpy()).tolist()
        odd = next((row + 1 for row in rows if kinds[row] is not kinds[rows[0]]), None)
    cause = f"'{name}' holds values that are no number, text, date or boolean."
    if odd is not None:
        cause = f"'{name}' holds a value here that is of another kind than its first."
    return Fault("DATA_COLUMN_TYPE", cause, "Convert the column.", Place(file=FRAME, line=odd, column=name))


def _arrow(series: pd.Series[str]) -> pa.ChunkedArray[pa.Scalar[pa.DataType]] | None:
    """A pandas column as Arrow; None when its values have no common Arrow type."""
    try:
        array: object = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        return None
    if isinstance(array, pa.Array):
        return pa.chunked_array([array])
    return array if isinstance(array, pa.ChunkedArray) else None
