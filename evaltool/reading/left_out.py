"""Rows and units that are left out before anything is estimated: each by a rule of the plan, each in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place
from evaltool.numerics.distinct import coded, distinct
from evaltool.reading.data_faults import BoolArray, DataFaults
from evaltool.reading.panel_columns import Columns
from evaltool.records.ledger import Ledger, LedgerEntry, LedgerReason
from evaltool.records.panel import IntArray

MEMBERS = 1000
"""Ids a ledger entry lists at most."""
Arm = Literal["treated", "comparison", "unknown"]
ARMS: tuple[Arm, ...] = ("treated", "comparison", "unknown")


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """(rows,) which rows go on, and the ledger of the others."""

    rows: BoolArray
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class _Drop:
    """What a ledger entry says."""

    reason: LedgerReason
    what: Literal["row", "unit"]
    detail: str | None


def leave_out(columns: Columns, faults: DataFaults) -> Kept:
    """Apply the rules for missing values, column by column in the plan's order, then the rule for balance.

    Who is not eligible goes first and may lack anything else. A row or unit is counted once, for the first column that
    takes it out. Faults: DATA_MISSING_VALUE where the rule is ``refuse``; DATA_UNBALANCED.
    """
    ranks = _unit_ranks(columns)
    arms = _arms(columns)
    kept, entries = _eligible(columns, arms)
    asked = kept.copy()
    for column in columns.spec.columns:
        missing = columns.missing(column)
        if missing is None or not missing.any():
            continue
        if column.missing == "refuse":
            cause = f"'{column.name}' has no value."
            fix = 'Supply it, or state in the plan what was agreed: missing = "drop_row" or "drop_unit".'
            faults.at("DATA_MISSING_VALUE", missing & asked, column.name, _always(cause, fix))
        elif column.missing == "drop_row" or ranks is None:
            out = missing & kept
            entries += _entries(columns, out, arms, _Drop("missing_value_row", "row", column.name))
            kept &= ~out
        else:
            out = kept & (missing | (np.isin(ranks, distinct(ranks[missing & (ranks >= 0)])) & (ranks >= 0)))
            entries += _entries(columns, out, arms, _Drop("missing_value_unit", "unit", column.name))
            kept &= ~out
    kept, more = _balance(columns, kept, arms, faults)
    return Kept(kept, Ledger().plus(*entries, *more))


def _eligible(columns: Columns, arms: IntArray) -> tuple[BoolArray, list[LedgerEntry]]:
    """Rows of the agreed target group, those without a value among them, and the entries of the others."""
    values, column = columns.of("eligible"), columns.spec.column("eligible")
    if values is None or column is None:
        return np.ones(columns.rows, dtype=np.bool_), []
    out = values.usable & (values.data != 1)
    return ~out, _entries(columns, out, arms, _Drop("not_eligible", "unit", column.name))


def _always(cause: str, fix: str) -> Callable[[int], tuple[str, str]]:
    """The same words for every row."""
    return lambda _row: (cause, fix)


def _unit_ranks(columns: Columns) -> IntArray | None:
    """Each row's unit by rank."""
    unit = columns.of("unit")
    return None if unit is None else unit.ids.ranks


def _arms(columns: Columns) -> IntArray:
    """(rows,) place in ``ARMS``."""
    unknown = np.full(columns.rows, 2, dtype=np.int64)
    if columns.starts is not None:
        arms = np.where(np.isfinite(columns.starts.times), 0, 1)
        return np.where(columns.starts.usable, arms, unknown).astype(np.int64)
    treated = columns.of("treated")
    if treated is not None:
        return np.where(treated.usable, np.where(treated.data == 1, 0, 1), unknown).astype(np.int64)
    return unknown


def _entries(columns: Columns, out: BoolArray, arms: IntArray, drop: _Drop) -> list[LedgerEntry]:
    """One entry for each arm that lost something."""
    unit = columns.of("unit")
    found: list[LedgerEntry] = []
    for number, arm in enumerate(ARMS):
        rows = out & (arms == number)
        if not rows.any():
            continue
        ids: list[str] = []
        if unit is not None:
            ids = [str(name) for name in distinct(unit.data[rows & unit.usable]).tolist()]
        count = len(ids) if drop.what == "unit" and ids else int(rows.sum())
        found.append(
            LedgerEntry(
                stage="reading",
                reason=drop.reason,
                what=drop.what if ids or drop.what == "row" else "row",
                arm=arm,
                count=count,
                detail=drop.detail,
                members=tuple(ids[:MEMBERS]),
            )
        )
    return found


def _balance(
    columns: Columns, kept: BoolArray, arms: IntArray, faults: DataFaults
) -> tuple[BoolArray, list[LedgerEntry]]:
    """Units that lack a period, by the plan's rule."""
    unit, time = columns.of("unit"), columns.of("time")
    column = columns.spec.column("unit")
    if unit is None or time is None or column is None or columns.spec.balance == "keep":
        return kept, []
    ids = unit.ids
    rows = kept & unit.usable & time.usable
    periods, codes = coded(time.data[rows].astype(np.int64))
    cells = distinct(ids.ranks[rows] * len(periods) + codes) if len(periods) else np.array([], dtype=np.int64)
    present = np.bincount(cells // max(len(periods), 1), minlength=len(ids.names))
    short = np.flatnonzero((present > 0) & (present < len(periods)))
    if not len(short):
        return kept, []
    lacking = np.isin(ids.ranks, short) & kept
    if columns.spec.balance == "drop_unit":
        drop = _Drop("unbalanced_unit", "unit", f"fewer than {len(periods)} periods")
        return kept & ~lacking, _entries(columns, lacking, arms, drop)
    for rank in short.tolist():
        cause = (
            f"{faults.unit(ids.names[rank])} has {present[rank]} of {len(periods)} periods."
            if not faults.hide_units
            else f"A unit has {present[rank]} of {len(periods)} periods."
        )
        fix = 'Supply the missing rows, or state in [data] what was agreed: balance = "drop_unit" or "keep".'
        faults.add(Fault("DATA_UNBALANCED", cause, fix, Place(file=faults.file, column=column.name)))
    return kept, []
