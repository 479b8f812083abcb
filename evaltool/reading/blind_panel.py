"""The data as a design may be built from them: outcomes that are not known yet may be absent.

When a design is locked, outcomes of the time to come are empty cells, absent rows or an absent column. They are no
fault here. Everything else is checked as for a run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from evaltool.reading.panel_build import build_panel
from evaltool.reading.panel_file import read_table
from evaltool.reading.spec import PanelSpec, spec_of
from evaltool.reading.table import RawTable
from evaltool.reading.wide import widened
from evaltool.records.panel import Panel
from evaltool.records.plan.data import Column
from evaltool.records.plan.evaluation_plan import EvaluationPlan

MEASURED = ("outcome", "count")
MONTH = len("2025-01")


def read_blind_panel(plan: EvaluationPlan, data_file: Path | None = None) -> Panel | None:
    """The plan's data with outcomes NaN wherever they are not there; None when the plan reads no data.

    The identity is that of the data without outcomes. Raises DataError with every fault found.
    """
    if plan.data.source == "none":
        return None
    table, spec = widened(read_table(plan, data_file), spec_of(plan), blind=True)
    silent = replace(spec, columns=tuple(c for c in spec.columns if c.role not in MEASURED), outcomes=())
    panel = build_panel(table, silent)
    if "unit" not in panel.frame:
        return panel
    measured = [c for c in spec.columns if c.role in MEASURED]
    frame = panel.frame
    for outcome, column in zip(spec.outcomes, measured, strict=True):
        if column.name in table.columns:
            frame = frame.assign(**{f"y.{outcome}": _values(panel, table, spec, (outcome, column))})
    return panel.with_frame(frame)


def _values(panel: Panel, table: RawTable, spec: PanelSpec, measured: tuple[str, Column]) -> pd.Series[float]:
    """(rows of the panel,) the outcome, NaN where the file has none."""
    outcome, column = measured
    keys = [c for c in spec.columns if c.role in {"unit", "time"}]
    lenient = column.model_copy(update={"missing": "drop_row"})
    empty = pd.Series(np.nan, index=panel.frame.index, dtype="float64")
    if not _any_value(table, column, spec):
        return empty
    own = build_panel(
        table,
        replace(spec, columns=(*keys, lenient), outcomes=(outcome,), balance="keep", needs_comparison=False),
    )
    seen = own.frame
    by = ["unit"]
    left = panel.frame[["unit"]]
    if "period" in seen:
        by = ["unit", "label"]
        seen = seen.assign(label=[_day(own.label(int(p))) for p in seen["period"]])
        left = left.assign(label=[_day(panel.label(int(p))) for p in panel.frame["period"]])
    merged = left.merge(seen[[*by, f"y.{outcome}"]], on=by, how="left", validate="one_to_one")
    return pd.Series(merged[f"y.{outcome}"].to_numpy(dtype=np.float64), index=panel.frame.index)


def _day(label: str) -> str:
    """A month written like its first day: whether months or days are shown depends on all dates of a file."""
    return f"{label}-01" if len(label) == MONTH and label[4] == "-" else label


def _any_value(table: RawTable, column: Column, spec: PanelSpec) -> bool:
    """Whether the column holds anything but "no value"."""
    codes = set(spec.signs.missing_codes)
    return any(value is not None and str(value) not in codes for value in table.columns[column.name].to_pylist())
