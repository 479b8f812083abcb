"""A long panel becomes one row per unit: covariates at the baseline, outcomes before and their mean after the start.

The table that comes out is read, checked and fingerprinted like one that was delivered in that form. A cell that is not
there is a missing value of the unit, under its column's rule. Lines in messages are those of the unit's first row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pyarrow as pa

from evaltool.numerics.distinct import ascending, distinct
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.panel_checks import check_eligible, check_rows
from evaltool.reading.panel_columns import Columns, decode
from evaltool.reading.spec import PanelSpec, Signs
from evaltool.reading.starts import Starts
from evaltool.reading.table import Raw, RawTable
from evaltool.reading.values import EPOCH, Values
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plan.data import MEASURED, Column, Period, Role, Wide, earlier


@dataclass(frozen=True, slots=True, eq=False)
class _Long:
    """The decoded long panel: ``first`` (units,) each unit's first row, ``ranks`` and ``times`` (rows,)."""

    columns: Columns
    wide: Wide
    first: IntArray
    ranks: IntArray
    times: IntArray

    def rows_at(self, period: Period) -> IntArray:
        """(units,) the row of each unit in the period, −1 where it has none."""
        found = np.full(len(self.first), -1, dtype=np.int64)
        here = np.flatnonzero((self.times == _time(period)) & (self.ranks >= 0))
        found[self.ranks[here]] = here
        return found

    def cells(self, column: Column, period: Period) -> FloatArray:
        """(units,) the column in the period, NaN without a value."""
        values, rows = self.columns.decoded[column.name], self.rows_at(period)
        there = (rows >= 0) & values.usable[rows]
        return np.where(there, values.data[rows].astype(np.float64), np.nan)

    def mean(self, column: Column) -> FloatArray:
        """(units,) the column's mean over the periods after the start, NaN where any has no value."""
        total = np.zeros(len(self.first))
        for period in self.wide.after:
            total = total + self.cells(column, period)
        return total / len(self.wide.after)


def widened(table: RawTable, spec: PanelSpec, *, blind: bool = False) -> tuple[RawTable, PanelSpec]:
    """The table as one row per unit, and what it is made of; both unchanged where the spec asks for neither.

    ``blind``: outcomes of the time to come may be absent. Raises DataError with every fault found.
    """
    wide = spec.wide
    if wide is None:
        return table, spec
    faults, columns = DataFaults(table.file, table.line), wide.columns(spec.columns)
    names = [column.name for column in columns]
    for name in sorted({name for name in names if names.count(name) > 1}):
        cause = f"Both a column of the data and an outcome before the start would be called '{name}'."
        faults.whole("DATA_ROLE_TWICE", cause, "Rename the column of the data.")
    long = _decoded(table, spec, wide, faults)
    if long is not None:
        _check_periods(long, faults, blind=blind)
        _check_starts(long, faults)
    faults.stop()
    assembled = {} if long is None else _assembled(long)
    first = [] if long is None else long.first.tolist()
    made = RawTable(table.file, assembled, len(first), lambda row: table.line(first[row]))
    signs = Signs(missing_codes=())
    return made, replace(spec, columns=columns, signs=signs, balance="keep", wide=None)


def _decoded(table: RawTable, spec: PanelSpec, wide: Wide, faults: DataFaults) -> _Long | None:
    """The columns with their types; None when unit, time or start are not there or not complete."""
    absent = [c for c in spec.columns if c.role in MEASURED and c.name not in table.columns and not wide.before]
    there = replace(spec, columns=tuple(c for c in spec.columns if c not in absent), needs_comparison=False)
    columns = decode(table, there, faults)
    check_eligible(columns, faults)
    rows = _target_group(columns)
    unit, time, starts = columns.of("unit"), columns.of("time"), columns.starts
    _check_there(columns, "unit", rows, faults)
    _check_there(columns, "time", rows, faults)
    check_rows(columns, rows, faults)
    if unit is None or time is None or starts is None or faults.found():
        return None
    times = time.data.astype(np.int64)
    order = ascending(unit.ids.ranks, times)
    order = order[unit.ids.ranks[order] >= 0]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = np.diff(unit.ids.ranks[order]) > 0
    return _Long(columns, wide, order[new], unit.ids.ranks, np.where(time.usable, times, np.iinfo(np.int64).min))


def _target_group(columns: Columns) -> BoolArray:
    """(rows,) everybody but those who are not eligible, who may lack anything."""
    eligible = columns.of("eligible")
    if eligible is None:
        return np.ones(columns.rows, dtype=np.bool_)
    return ~np.asarray(eligible.usable & (eligible.data != 1), dtype=np.bool_)


def _check_there(columns: Columns, role: Role, rows: BoolArray, faults: DataFaults) -> None:
    """Rows without a unit or a time."""
    column, values = columns.spec.column(role), columns.of(role)
    if values is None or column is None:
        return
    told = (f"'{column.name}' has no value.", "Supply it, or leave the row out: nobody knows whose or when it is.")
    faults.at("DATA_MISSING_VALUE", values.missing & rows, column.name, lambda _row: told)


def _check_periods(long: _Long, faults: DataFaults, *, blind: bool) -> None:
    """The periods named are in the data."""
    inside = _target_group(long.columns)
    known = distinct(long.times[inside & (long.ranks >= 0)])
    named = (*long.wide.early, *(() if blind else long.wide.after))
    for period in [p for p in named if _time(p) not in known]:
        shown = ", ".join(_text(int(time), period) for time in known.tolist())
        cause = f"[data.wide] names the period {period}, in which the data have no row."
        faults.whole("DATA_NO_SUCH_PERIOD", cause, f"Periods of the data: {shown}.")


def _check_starts(long: _Long, faults: DataFaults) -> None:
    """Everybody who starts by the end of the time after does so between the time before and the time after."""
    column, starts, unit = long.columns.spec.column("first_treated"), long.columns.starts, long.columns.of("unit")
    if column is None or starts is None or unit is None:
        return
    early, (first, last) = long.wide.early[-1], _ends(long.wide.after)
    own = np.zeros(long.columns.rows, dtype=np.bool_)
    own[long.first] = (_target_group(long.columns) & starts.usable)[long.first]
    begun, late = starts.times <= _time(early), (starts.times > _time(first)) & (starts.times <= _time(last))

    def told(row: int) -> tuple[str, str]:
        starting = f"{faults.unit(unit.data[row])} starts in {_text(int(starts.times[row]), early)}"
        if begun[row]:
            fix = "Name earlier periods under baseline and before, or leave the unit out."
            return f"{starting}, and what is read in {early} is to be from before the start.", fix
        fix = "Name later periods under after, or leave the unit out."
        return f"{starting}, and the time after begins in {first}: it was not treated in all of it.", fix

    faults.at("DATA_START_IN_WINDOW", own & (begun | late), column.name, told)


def _ends(periods: tuple[Period, ...]) -> tuple[Period, Period]:
    """The first and the last of the periods."""
    ordered = sorted(periods, key=_time)
    return ordered[0], ordered[-1]


def _assembled(long: _Long) -> dict[str, Raw]:
    """The columns of one row per unit."""
    return dict(_columns(long))


def _columns(long: _Long) -> Iterator[tuple[str, Raw]]:
    """Each column with its name."""
    columns, wide = long.columns, long.wide
    for column in columns.spec.columns:
        if column.role == "first_treated" and columns.starts is not None:
            yield column.name, _treated(columns.starts, long)
        elif column.role == "covariate":
            yield column.name, _floats(long.cells(column, wide.baseline))
        elif column.role in MEASURED:
            yield column.name, _floats(long.mean(column))
            for period in wide.before:
                yield earlier(column, period), _floats(long.cells(column, period))
        elif column.role != "time":
            yield column.name, _first(columns.decoded[column.name], long.first)


def _treated(starts: Starts, long: _Long) -> Raw:
    """(units,) who has started when the time after begins; null where nobody knows."""
    on = starts.times[long.first] <= min(_time(period) for period in long.wide.after)
    return cast("Raw", pa.array(on, mask=~starts.usable[long.first]))


def _first(values: Values, first: IntArray) -> Raw:
    """(units,) the value in each unit's first row: what belongs to the unit is the same in all."""
    data, missing = values.data[first], ~values.usable[first]
    if values.kind == "boolean":
        return cast("Raw", pa.array(data == 1, mask=missing))
    if values.kind == "text":
        return pa.array([None if gone else str(v) for v, gone in zip(data.tolist(), missing, strict=True)], pa.string())
    return cast("Raw", pa.array(data.astype(np.int64 if values.kind == "integer" else np.float64), mask=missing))


def _floats(values: FloatArray) -> Raw:
    """Numbers, NaN as null."""
    return cast("Raw", pa.array(values, mask=np.isnan(values)))


def _time(period: Period) -> int:
    """A period as the decoded time column has it."""
    return period if isinstance(period, int) else (period - EPOCH).days


def _text(time: int, like: Period) -> str:
    """A decoded time as the file has it; ``like`` is a period of the same kind."""
    return str(time) if isinstance(like, int) else str(EPOCH.fromordinal(EPOCH.toordinal() + time))
