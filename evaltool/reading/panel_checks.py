"""What must hold between rows: keys, starts that stay, constant weights, balance, two arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evaltool.numerics.distinct import ascending, distinct
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.panel_columns import Columns
from evaltool.reading.values import Ids, Values
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plan.data import Role

CONSTANT: tuple[Role, ...] = ("weight", "cluster", "cohort", "treated")
"""Roles whose value belongs to the unit, not to the row."""


def check_rows(columns: Columns, kept: BoolArray, faults: DataFaults) -> None:
    """Every check between rows, on the rows that are kept and whose columns could be decoded."""
    unit = columns.of("unit")
    _check_weights(columns, kept, faults)
    _check_arms(columns, kept, faults)
    if unit is None:
        return
    ids = unit.ids
    _check_keys(columns, ids, kept & unit.usable, faults)
    if columns.starts is not None:
        start = columns.spec.column("first_treated")
        rows = kept & unit.usable & columns.starts.usable
        _check_constant(ids, columns.starts.times, rows, faults, (start.name if start else "", "DATA_START_VARIES"))
    for role in CONSTANT:
        column = columns.spec.column(role)
        values = columns.of(role)
        if column is None or values is None or (role == "treated" and columns.of("time") is not None):
            continue
        codes = values.ids.ranks
        _check_constant(
            ids, codes, kept & unit.usable & values.usable, faults, (column.name, "DATA_VARIES_WITHIN_UNIT")
        )


def _namer(ids: Ids, faults: DataFaults) -> Callable[[int], str]:
    """A row's unit as messages may name it."""
    return lambda row: faults.unit(ids.names[ids.ranks[row]])


def _check_keys(columns: Columns, ids: Ids, rows: BoolArray, faults: DataFaults) -> None:
    """One row for each unit and time."""
    time = columns.of("time")
    column = columns.spec.column("unit")
    if column is None:
        return
    if time is not None:
        rows = rows & time.usable
    index = np.flatnonzero(rows)
    when = np.zeros(len(rows), dtype=np.int64) if time is None else time.data.astype(np.int64)
    order = index[ascending(ids.ranks[index], when[index])]
    same = (np.diff(ids.ranks[order]) == 0) & (np.diff(when[order]) == 0)
    repeated = np.zeros(len(rows), dtype=bool)
    repeated[order[1:][same]] = True
    earlier = dict(zip(order[1:][same].tolist(), order[:-1][same].tolist(), strict=True))
    name = _namer(ids, faults)
    what = "" if time is None else " and the same time"
    faults.at(
        "DATA_DUPLICATE_KEY",
        repeated,
        column.name,
        lambda row: (
            f"A second row for {name(row)}{what}; another stands in line {faults.line(earlier[row])}.",
            "Remove one, or add them up before the data come here.",
        ),
    )


def check_eligible(columns: Columns, faults: DataFaults) -> None:
    """A unit belongs to the target group or it does not; in every row, those left out for it included."""
    unit, values, column = columns.of("unit"), columns.of("eligible"), columns.spec.column("eligible")
    if unit is not None and values is not None and column is not None:
        told = (column.name, "DATA_VARIES_WITHIN_UNIT")
        _check_constant(unit.ids, values.ids.ranks, unit.usable & values.usable, faults, told)


def _check_constant(
    ids: Ids, values: FloatArray | IntArray, rows: BoolArray, faults: DataFaults, told: tuple[str, str]
) -> None:
    """The value is the same in every row of a unit; ``told`` is (column, code)."""
    index = np.flatnonzero(rows)
    order = index[np.argsort(ids.ranks[index], kind="stable")]
    ranks, sorted_values = ids.ranks[order], values[order]
    changes = np.flatnonzero((np.diff(ranks) == 0) & (sorted_values[1:] != sorted_values[:-1])) + 1
    _, first_of_unit = np.unique(ranks[changes], return_index=True)
    wrong = np.zeros(len(rows), dtype=bool)
    wrong[order[changes[first_of_unit]]] = True
    column, code = told
    name = _namer(ids, faults)
    faults.at(
        code,
        wrong,
        column,
        lambda row: (
            f"'{column}' changes within {name(row)}.",
            "It belongs to the unit and must be the same in all its rows.",
        ),
    )


def _check_weights(columns: Columns, kept: BoolArray, faults: DataFaults) -> None:
    """Weights are above zero."""
    weight, column = columns.of("weight"), columns.spec.column("weight")
    if weight is None or column is None:
        return
    faults.at(
        "DATA_WEIGHT_NOT_POSITIVE",
        kept & weight.usable & (weight.data.astype(np.float64) <= 0),
        column.name,
        lambda row: (f"The weight is {weight.data[row]}.", "Weights must be above 0; remove units that do not count."),
    )


def _check_arms(columns: Columns, kept: BoolArray, faults: DataFaults) -> None:
    """Somebody is treated in the time of the data, and somebody can be compared with them."""
    if not columns.spec.needs_comparison:
        return
    time, treated = columns.of("time"), columns.of("treated")
    if columns.starts is not None and time is not None:
        rows = kept & columns.starts.usable & time.usable
        starts = distinct(columns.starts.times[rows])
        if len(starts) == 0:
            return
        first, last = int(time.data[rows].min()), int(time.data[rows].max())
        later = starts[starts > first]
        if not ((later <= last) & np.isfinite(later)).any():
            faults.whole(
                "DATA_EMPTY_ARM",
                "Nobody is treated: no unit starts after the first and up to the last period.",
                "Check the column of first treated times and how never treated is coded.",
            )
        elif len(later) == 1:
            faults.whole(
                "DATA_EMPTY_ARM",
                "There is nobody to compare with: all units start at the same time.",
                "Add units that are never treated or start later, or choose a measurement without a comparison.",
            )
    elif treated is not None:
        _check_treated(treated, kept & treated.usable, faults)


def _check_treated(treated: Values, rows: BoolArray, faults: DataFaults) -> None:
    """Both arms of a cross-section."""
    seen = set(distinct(treated.data[rows].astype(np.int64)).tolist())
    if seen and 1 not in seen:
        faults.whole("DATA_EMPTY_ARM", "Nobody is treated.", "Check the column that says who is treated.")
    elif seen == {1}:
        faults.whole("DATA_EMPTY_ARM", "There is nobody to compare with.", "Add untreated units.")
