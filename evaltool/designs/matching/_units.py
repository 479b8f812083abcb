"""The units to be matched: covariates, strata and tie ranks. Outcome columns are never touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.numerics.distinct import row_codes
from evaltool.records.panel import FloatArray, IntArray, Panel

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """(n,) units in canonical order; ``x`` (n, k) covariates; ``more`` other columns by name."""

    ids: tuple[int | str, ...]
    treated: Bools
    x: FloatArray
    names: tuple[str, ...]
    exact: FloatArray
    exact_names: tuple[str, ...]
    stratum: IntArray
    rank: IntArray
    more: Mapping[str, FloatArray] = field(default_factory=dict)


def units_of(
    panel: Panel | None,
    covariates: tuple[str, ...],
    exact: tuple[str, ...] = (),
    tie_order: str | None = None,
    more: tuple[str, ...] = (),
) -> Units:
    """The units of a cross-section. Raises RunError with every fault found.

    RUN_NEEDS_CROSS_SECTION, RUN_NOBODY_TREATED, RUN_NO_COMPARISON, RUN_UNKNOWN_COVARIATE, RUN_COVARIATE_MISSING,
    RUN_TIE_ORDER, RUN_UNIT_WEIGHTS.
    """
    if panel is None or "treated" not in panel.frame or bool(panel.frame["unit"].duplicated().any()):
        raise RunError(
            Fault(
                code="RUN_NEEDS_CROSS_SECTION",
                cause="Matching needs one row per unit and a column that says who was treated.",
                fix='Declare a column with role "treated" and give one row per unit; a long panel takes [data.wide].',
                place=Place(key="data.column"),
            )
        )
    frame = panel.frame
    treated = frame["treated"].to_numpy(dtype=bool)
    faults = [*_arm_faults(treated), *_weight_faults(frame)]
    wanted = dict.fromkeys((*covariates, *exact, *([] if tie_order is None else [tie_order]), *more))
    faults += _column_faults(panel, list(wanted))
    if tie_order is not None and tie_order in panel.covariates:
        faults += _tie_faults(frame, tie_order)
    if faults:
        raise RunError(faults)
    values = frame[[f"x.{name}" for name in exact]].to_numpy(dtype=np.float64)
    return Units(
        ids=tuple(frame["unit"].tolist()),
        treated=treated,
        x=frame[[f"x.{name}" for name in covariates]].to_numpy(dtype=np.float64),
        names=covariates,
        exact=values,
        exact_names=exact,
        stratum=_strata(values),
        rank=_ranks(frame, tie_order),
        more={name: frame[f"x.{name}"].to_numpy(dtype=np.float64) for name in more},
    )


def _strata(values: FloatArray) -> IntArray:
    """(n,) codes of the distinct rows of the exact columns; all 0 without any."""
    if values.shape[1] == 0:
        return np.zeros(values.shape[0], dtype=np.int64)
    return row_codes(values)


def _ranks(frame: pd.DataFrame, tie_order: str | None) -> IntArray:
    """(n,) places in tie order; the canonical order of ids without a column."""
    if tie_order is None:
        return np.arange(len(frame), dtype=np.int64)
    order = np.argsort(frame[f"x.{tie_order}"].to_numpy(dtype=np.float64), kind="stable")
    ranks = np.empty(len(frame), dtype=np.int64)
    ranks[order] = np.arange(len(frame))
    return ranks


def _arm_faults(treated: Bools) -> list[Fault]:
    """An arm without anybody."""
    if not bool(treated.any()):
        cause, code = "Nobody in the data is treated.", "RUN_NOBODY_TREATED"
    elif bool(treated.all()):
        cause, code = "Everybody in the data is treated: there is nobody to be matched with.", "RUN_NO_COMPARISON"
    else:
        return []
    return [Fault(code=code, cause=cause, fix="Include units of both groups.", place=Place(key="data.column"))]


def _weight_faults(frame: pd.DataFrame) -> list[Fault]:
    """Unit weights that differ: matching counts every unit once."""
    if "weight" not in frame or float(np.ptp(frame["weight"].to_numpy(dtype=np.float64))) == 0.0:
        return []
    cause = "Units carry different weights, and matching counts every unit once: the weights would be ignored."
    fix = "Leave the weight column out, or use a method that supports weights."
    return [Fault(code="RUN_UNIT_WEIGHTS", cause=cause, fix=fix, place=Place(key="data.column"))]


def _column_faults(panel: Panel, names: list[str]) -> list[Fault]:
    """Columns that are not in the data or not complete."""
    known = panel.covariates
    faults = []
    for name in names:
        if name not in known:
            faults.append(
                Fault(
                    code="RUN_UNKNOWN_COVARIATE",
                    cause=f"The data have no covariate '{name}'.",
                    fix=f"Known covariates: {', '.join(known) or 'none'}.",
                    place=Place(key="design.options", column=name),
                    suggestion=did_you_mean(name, list(known)),
                )
            )
        elif missing := int(np.sum(~np.isfinite(panel.frame[f"x.{name}"].to_numpy(dtype=np.float64)))):
            faults.append(
                Fault(
                    code="RUN_COVARIATE_MISSING",
                    cause=f"Covariate '{name}' has no value for {missing} units.",
                    fix='Complete it, or state missing = "drop_unit" for the column (counted in the ledger).',
                    place=Place(key="data.column", column=name),
                )
            )
    return faults


def _tie_faults(frame: pd.DataFrame, tie_order: str) -> list[Fault]:
    """A tie order in which two units share a place."""
    values = frame[f"x.{tie_order}"]
    doubled = values[values.duplicated(keep=False)]
    if not len(doubled):
        return []
    return [
        Fault(
            code="RUN_TIE_ORDER",
            cause=f"Column '{tie_order}' is to order the units, but {len(doubled)} units share a value with another.",
            fix="Name a column in which every value stands once, such as the file row, or leave tie_order out.",
            place=Place(key="design.options.tie_order", column=tie_order),
        )
    ]
