"""A panel as arrays of rows, balanced or not, for difference-in-differences by regression or imputation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._layout import check_covariates, cluster_codes, nobody_treated, panel_of, repeated_rows
from evaltool.numerics.distinct import coded
from evaltool.numerics.group_time import NEVER
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import EstimationRequest

BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows sorted by unit and period. ``unit``, ``period``, ``cohort`` (n,) codes; ``starts`` (cohorts,) ascending.

    ``covariates`` (n, k); ``clusters`` (units,) codes, None when the unit is the cluster. ``without_base`` units were
    left out because no row of theirs is untreated; their outcomes are not read.
    """

    outcome: FloatArray
    weights: FloatArray
    unit: IntArray
    period: IntArray
    cohort: IntArray
    starts: tuple[float, ...]
    periods: tuple[int, ...]
    labels: tuple[str, ...]
    covariates: FloatArray
    names: tuple[str, ...]
    clusters: IntArray | None
    anticipation: int
    without_base: int
    weighted: bool

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.unit[-1]) + 1

    @property
    def start(self) -> FloatArray:
        """(n,) first treated period of each row's unit, inf for never."""
        return np.array(self.starts)[self.cohort]

    @property
    def time(self) -> FloatArray:
        """(n,) period of each row, as a number."""
        return np.array(self.periods, dtype=np.float64)[self.period]

    @property
    def event(self) -> FloatArray:
        """(n,) periods since the start; −inf for never."""
        return self.time - self.start

    @property
    def untouched(self) -> BoolArray:
        """(n,) before the start could be felt."""
        return self.time + self.anticipation < self.start

    @property
    def treated(self) -> BoolArray:
        """(n,) from the start on."""
        return self.time >= self.start

    @property
    def first_rows(self) -> IntArray:
        """(units,) index of each unit's first row."""
        return np.flatnonzero(np.diff(self.unit, prepend=-1)).astype(np.int64)

    @property
    def unit_cohort(self) -> IntArray:
        """(units,) cohort codes."""
        return self.cohort[self.first_rows]

    @property
    def unit_weight(self) -> FloatArray:
        """(units,) weights."""
        return self.weights[self.first_rows]

    @property
    def cluster_rows(self) -> IntArray:
        """(n,) cluster of each row; the unit without clusters."""
        return self.unit if self.clusters is None else self.clusters[self.unit]

    @property
    def cluster_units(self) -> IntArray:
        """(units,) cluster of each unit; the unit itself without clusters."""
        return np.arange(self.units, dtype=np.int64) if self.clusters is None else self.clusters

    @property
    def balanced(self) -> bool:
        """Whether every unit has every period."""
        return self.unit.shape[0] == self.units * len(self.periods)

    @property
    def last_untouched(self) -> IntArray:
        """(units,) index of each unit's last row before its start could be felt."""
        rows = np.flatnonzero(self.untouched)
        found = np.zeros(self.units, dtype=np.int64)
        found[self.unit[rows]] = rows  # rows ascend, so the last one stays
        return found

    def by_unit(self, values: FloatArray) -> FloatArray:
        """(units,) sums of ``values`` (n,)."""
        return np.bincount(self.unit, weights=values, minlength=self.units).astype(np.float64)


def design_frame(request: EstimationRequest) -> pd.DataFrame:
    """The rows of the design's units. Raises RunError (RUN_NEEDS_DATA)."""
    frame = panel_of(request).frame
    if request.design.roster is None:
        return frame
    kept = frame["unit"].isin(request.design.roster["unit"])
    return frame if bool(kept.all()) else frame.loc[kept]


def arrange_rows(request: EstimationRequest, anticipation: int, covariates: tuple[str, ...]) -> Rows:
    """The panel's rows that the design kept.

    A unit that starts after the last period (plus anticipation) is never treated within the data; one without an
    untreated row is left out. Raises RunError: RUN_UNKNOWN_COVARIATE, RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES,
    RUN_NOBODY_TREATED, RUN_REPEATED_ROWS.
    """
    frame = design_frame(request)
    check_covariates(frame, covariates)
    clusters = cluster_codes(request, frame)
    time = frame["period"].to_numpy(dtype=np.int64)
    start = frame["first_treated"].to_numpy(dtype=np.float64).copy()
    start[start > time.max() + anticipation] = NEVER
    unit = pd.factorize(frame["unit"])[0].astype(np.int64)
    seen = np.bincount(unit, weights=time + anticipation < start) > 0.0
    kept = seen[unit]
    if not bool(np.any(np.isfinite(start[kept]) & (time[kept] >= start[kept]))):
        raise nobody_treated(bool(np.any(np.isfinite(start))))
    periods, period = coded(time[kept])
    starts, cohort = coded(start[kept])
    own = coded(unit[kept])[1]
    _check_keys(own, period.astype(np.int64))
    first = np.flatnonzero(np.diff(own, prepend=-1))
    by_unit = None if clusters is None else coded(clusters[kept][first])[1]
    weights = frame["weight"].to_numpy(dtype=np.float64)[kept] if "weight" in frame else np.ones(own.shape[0])
    values = [frame[f"x.{name}"].to_numpy(dtype=np.float64)[kept] for name in covariates]
    return Rows(
        outcome=frame[f"y.{request.outcome.id}"].to_numpy(dtype=np.float64)[kept],
        weights=weights,
        unit=own,
        period=period.astype(np.int64),
        cohort=cohort.astype(np.int64),
        starts=tuple(float(g) for g in starts),
        periods=tuple(int(p) for p in periods),
        labels=tuple(panel_of(request).label(int(p)) for p in periods),
        covariates=np.column_stack(values) if values else np.zeros((own.shape[0], 0)),
        names=covariates,
        clusters=by_unit,
        anticipation=anticipation,
        without_base=int(np.sum(~seen)),
        weighted=bool(np.ptp(weights) > 0.0),
    )


def _check_keys(unit: IntArray, period: IntArray) -> None:
    """Refuse rows that are not sorted or repeat a unit and period: a panel made by hand."""
    step = np.diff(unit) * (int(period.max()) + 1) + np.diff(period)
    if bool(np.any(step <= 0)):
        raise repeated_rows()


def restrict(rows: Rows, kept: BoolArray, never: float | None = None) -> Rows:
    """The ``kept`` rows (n,) with codes made anew. Units that start at ``never`` become never-treated."""
    starts = np.array(rows.starts)[rows.cohort[kept]]
    if never is not None:
        starts = np.where(starts >= never, NEVER, starts)
    units, unit = coded(rows.unit[kept])
    present, period = coded(rows.period[kept])
    cohorts, cohort = coded(starts)
    clusters = None
    if rows.clusters is not None:
        clusters = coded(rows.clusters[units])[1]
    return replace(
        rows,
        outcome=rows.outcome[kept],
        weights=rows.weights[kept],
        unit=unit.astype(np.int64),
        period=period.astype(np.int64),
        cohort=cohort.astype(np.int64),
        starts=tuple(float(g) for g in cohorts),
        periods=tuple(rows.periods[p] for p in present),
        labels=tuple(rows.labels[p] for p in present),
        covariates=rows.covariates[kept],
        clusters=clusters,
    )


def no_comparison(cause: str, fix: str) -> RunError:
    """The refusal when there is nobody to compare with."""
    return RunError(
        Fault(code="RUN_NO_COMPARISON", cause=cause, fix=fix, place=Place(key="estimator.options.control_group"))
    )
