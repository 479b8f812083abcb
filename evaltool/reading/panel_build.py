"""A delivered table becomes a canonical panel, or a list of everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from evaltool.numerics.distinct import ascending, coded, distinct
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.fingerprint import fingerprint
from evaltool.reading.left_out import leave_out
from evaltool.reading.panel_checks import check_eligible, check_rows
from evaltool.reading.panel_columns import Columns, decode
from evaltool.reading.spec import PanelSpec
from evaltool.reading.table import RawTable, text_at
from evaltool.reading.values import EPOCH, Values
from evaltool.records.panel import DataIdentity, FloatArray, IntArray, Panel


@dataclass(frozen=True, slots=True, eq=False)
class _Calendar:
    """Distinct times of the data in order, and the period each stands for."""

    times: IntArray
    dated: bool

    def periods(self, times: IntArray) -> IntArray:
        """Times as periods: integers stay as they are, dates are numbered from 1."""
        return np.searchsorted(self.times, times).astype(np.int64) + 1 if self.dated else times

    def starts(self, starts: FloatArray) -> FloatArray:
        """First treated times as periods: 0 before the first date, one more than the last after it; inf stays."""
        if not self.dated:
            return starts
        places = np.searchsorted(self.times, starts).astype(np.float64) + 1
        places[starts < self.times[0]] = 0
        return np.where(np.isinf(starts), np.inf, places)

    def labels(self) -> dict[int, str]:
        """Period → text: the integer, the month when every date is the first of one, else the date."""
        if not self.dated:
            return {int(time): str(int(time)) for time in self.times}
        days = [EPOCH + timedelta(days=int(time)) for time in self.times]
        months = all(day.day == 1 for day in days)
        return {n: f"{day:%Y-%m}" if months else day.isoformat() for n, day in enumerate(days, start=1)}


def build_panel(table: RawTable, spec: PanelSpec) -> Panel:
    """The canonical panel of the table. Raises DataError with every fault found."""
    faults = DataFaults(table.file, table.line)
    columns = decode(table, spec, faults)
    check_eligible(columns, faults)
    kept = leave_out(columns, faults)
    check_rows(columns, kept.rows, faults)
    calendar = _calendar(columns, kept.rows)
    _check_starts_on_dates(table, columns, calendar, faults)
    if not faults.found() and not kept.rows.any():
        faults.whole("DATA_EMPTY", "The rules for missing values leave no row.", "Check the rules and the data.")
    faults.stop()
    frame = _frame(columns, kept.rows, calendar)
    labels = {} if calendar is None else calendar.labels()
    identity = DataIdentity(
        source=spec.source,
        fingerprint=fingerprint(columns),
        rows=len(frame),
        units=int(frame["unit"].nunique()) if "unit" in frame else len(frame),
        periods=tuple(labels.values()),
        never_coding="none" if columns.starts is None else columns.starts.coding,
        columns=tuple(sorted(column.name for column in spec.columns)),
    )
    return Panel(frame=frame, identity=identity, period_labels=labels, ledger=kept.ledger)


def _calendar(columns: Columns, kept: BoolArray) -> _Calendar | None:
    """The periods of the rows that are kept."""
    time = columns.of("time")
    if time is None:
        return None
    return _Calendar(distinct(time.data[kept & time.usable].astype(np.int64)), time.kind == "date")


def _check_starts_on_dates(table: RawTable, columns: Columns, calendar: _Calendar | None, faults: DataFaults) -> None:
    """A start inside the data's time must fall on one of its dates."""
    column = columns.spec.column("first_treated")
    if calendar is None or columns.starts is None or column is None or not calendar.dated or not len(calendar.times):
        return
    starts = columns.starts.times
    inside = (starts > calendar.times[0]) & (starts < calendar.times[-1]) & columns.starts.usable
    off = inside & ~np.isin(starts, calendar.times)
    faults.at(
        "DATA_START_NOT_A_PERIOD",
        off,
        column.name,
        lambda row: (
            f"'{text_at(table.columns[column.name], row)}' lies between two dates of the time column.",
            "Write the date of the first period that counts as treated.",
        ),
    )


def _frame(columns: Columns, kept: BoolArray, calendar: _Calendar | None) -> pd.DataFrame:
    """The canonical columns, sorted by unit and period."""
    spec = columns.spec
    data: dict[str, pd.Series[str] | FloatArray | IntArray | BoolArray] = {}
    order = _order(columns, kept)
    unit, time, treated, weight = (columns.of(role) for role in ("unit", "time", "treated", "weight"))
    if unit is not None:
        data["unit"] = _ids(unit, order)
    if time is not None and calendar is not None:
        data["period"] = calendar.periods(time.data[order].astype(np.int64))
    if columns.starts is not None and calendar is not None:
        data["first_treated"] = calendar.starts(columns.starts.times[order])
    if treated is not None:
        data["treated"] = treated.data[order] == 1
    data["weight"] = np.ones(len(order)) if weight is None else weight.data[order].astype(np.float64)
    cluster, cohort = columns.of("cluster"), columns.of("cohort")
    if cluster is not None:
        data["cluster"] = _ids(cluster, order)
    if cohort is not None:
        data["cohort"] = pd.Series([str(name) for name in cohort.data[order].tolist()], dtype="str")
    measured = [column for column in spec.columns if column.role in {"outcome", "count"}]
    named = {f"y.{outcome}": column for outcome, column in zip(spec.outcomes, measured, strict=True)}
    named |= {f"x.{column.name}": column for column in spec.columns if column.role == "covariate"}
    for name in sorted(named, key=lambda name: (name[0] != "y", name)):
        data[name] = columns.decoded[named[name].name].data[order].astype(np.float64)
    return pd.DataFrame(data)


def _ids(values: Values, order: IntArray) -> pd.Series[str] | IntArray:
    """Ids as int64 or as text."""
    if values.kind == "integer":
        return values.data[order].astype(np.int64)
    return pd.Series(values.data[order].tolist(), dtype="str")


def _order(columns: Columns, kept: BoolArray) -> IntArray:
    """The kept rows in canonical order: by unit and time; without units by every column."""
    index = np.flatnonzero(kept)
    keys = [values for values in (columns.of("unit"), columns.of("time")) if values is not None]
    if columns.of("unit") is None:
        keys += [columns.decoded[name] for name in sorted(columns.decoded)]
    ranks = [values.ids.ranks[index] for values in keys]
    if columns.starts is not None:
        ranks.append(coded(columns.starts.times[index])[1])
    return index[ascending(*ranks)] if ranks else index.astype(np.int64)
