"""The data with roles, in canonical order: the only thing estimators read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.numerics.distinct import distinct
from evaltool.records.base import Record, Text
from evaltool.records.ledger import Ledger

NeverCoding = Literal["none", "empty", "zero", "infinity", "far_period", "declared"]
FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class DataIdentity(Record):
    """What the data were, without the data: content fingerprint and sizes."""

    source: Text
    fingerprint: str
    """sha256 of the canonical content: independent of row order, column order, chunking and file format."""
    rows: int
    units: int
    periods: tuple[str, ...]
    never_coding: NeverCoding
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A frame in canonical form, sorted by unit (integers numerically, text by code point) and period.

    Columns, present when the plan declares the role:

    ``unit``            int64 or str, never missing
    ``period``          int64; the time column itself when it is an integer, else 1, 2, … in time order
    ``first_treated``   float64 in units of ``period``; inf = never treated; constant within unit
    ``treated``         bool (cross-sections without time)
    ``weight``          float64 > 0, constant within unit; 1.0 when the plan names none
    ``cluster``         str or int64
    ``cohort``          str
    ``y.<outcome id>``  float64, no NaN (unless masked)
    ``x.<covariate>``   float64

    ``period_labels`` maps a period to the text a reader knows it by.
    """

    frame: pd.DataFrame
    identity: DataIdentity
    period_labels: Mapping[int, str] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    masked: bool = False

    def outcome(self, outcome_id: str) -> FloatArray:
        """(rows,) values of the outcome. Raises KeyError when it is not in the data."""
        return self.frame[f"y.{outcome_id}"].to_numpy(dtype=np.float64)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariate columns, without their prefix, in sorted order."""
        return tuple(sorted(c.removeprefix("x.") for c in self.frame.columns if c.startswith("x.")))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Ids of the outcomes in the data, in sorted order."""
        return tuple(sorted(c.removeprefix("y.") for c in self.frame.columns if c.startswith("y.")))

    @property
    def periods(self) -> tuple[int, ...]:
        """The distinct periods in order; empty for data without time."""
        return (
            tuple(int(p) for p in distinct(self.frame["period"].to_numpy(dtype=np.int64)))
            if "period" in self.frame
            else ()
        )

    @property
    def starts(self) -> tuple[int, ...]:
        """The distinct first treated periods in order, never-treated left out."""
        if "first_treated" not in self.frame:
            return ()
        starts = self.frame["first_treated"].to_numpy(dtype=np.float64)
        return tuple(int(g) for g in distinct(starts[np.isfinite(starts)]))

    def label(self, period: int) -> str:
        """The period as a reader knows it."""
        return self.period_labels.get(period, str(period))

    def with_frame(self, frame: pd.DataFrame, *, ledger: Ledger | None = None) -> Panel:
        """The same panel with another frame (already in canonical order), for refits on parts of the data."""
        return replace(self, frame=frame.reset_index(drop=True), ledger=self.ledger if ledger is None else ledger)

    def blinded(self, anticipation: int = 0) -> Panel:
        """The panel a design may see: outcomes are NaN from each unit's own earliest possible start.

        Never-treated units are masked from the earliest start of anyone, so that no outcome of the time of
        treatment can steer the choice of a comparison.
        """
        frame = self.frame.copy()
        outcome_columns = [f"y.{name}" for name in self.outcomes]
        if "first_treated" in frame and "period" in frame:
            starts = frame["first_treated"].to_numpy(dtype=np.float64)
            earliest = float(np.min(starts)) if len(starts) else np.inf
            own = np.where(np.isfinite(starts), starts, earliest)
            hidden = frame["period"].to_numpy(dtype=np.float64) >= own - anticipation
        else:
            hidden = np.ones(len(frame), dtype=bool)
        frame.loc[hidden, outcome_columns] = np.nan
        return replace(self, frame=frame, masked=True)
