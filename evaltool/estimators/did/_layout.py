"""A panel as (unit × period) arrays sorted by cohort, for difference-in-differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import coded, distinct
from evaltool.numerics.group_time import NEVER, Layout
from evaltool.numerics.uneven_cells import Bools, Sampling
from evaltool.records.panel import FloatArray, IntArray, Panel
from evaltool.records.plugins import EstimationRequest

SHOWN = 5
"""How many units a message names."""
Rule = Literal["balanced", "pairs", "rows", "cross_sections"]
"""What to do where a unit lacks a period: refuse, difference the units seen in both of two periods, take rows as drawn
anew in each period; or the data are cross-sections to begin with."""


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """The arrays and what was needed to make them.

    ``clusters`` (units,) codes 0 … G−1 in the order of the layout, None when the unit is the cluster; ``weighted``
    says whether weights differ; ``without_base`` units were left out because they have no untreated period.
    """

    layout: Layout
    clusters: IntArray | None
    weighted: bool
    without_base: int
    labels: tuple[str, ...]
    rank: IntArray
    """(units,) position of each unit, in canonical unit order, within the layout."""


def panel_of(request: EstimationRequest) -> Panel:
    """The panel of a request. Raises RunError (RUN_NEEDS_DATA) when there is none or its outcomes are masked."""
    if request.panel is None or request.panel.masked:
        raise RunError(
            Fault(
                code="RUN_NEEDS_DATA",
                cause="This method needs the data with its outcomes, and was given none.",
                fix="State a [data] source with a unit, a time, an outcome and a first_treated column.",
                place=Place(key="data.source"),
            )
        )
    return request.panel


def arrange(
    request: EstimationRequest, anticipation: int, covariates: tuple[str, ...], rule: Rule = "balanced"
) -> Arranged:
    """The panel's units that the design kept, as arrays.

    A unit that starts after the last period (plus anticipation) is never treated within the data; one that starts
    before it was ever seen untreated is left out, and its outcomes are not read (in ``cross_sections`` where its whole
    cohort was not). ``rule`` says what to do where a unit lacks a period. Raises RunError: RUN_UNBALANCED_PANEL,
    RUN_REPEATED_ROWS, RUN_UNKNOWN_COVARIATE, RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES, RUN_NOBODY_TREATED.
    """
    panel = panel_of(request)
    frame = panel.frame
    if request.design.roster is not None:
        kept = frame["unit"].isin(request.design.roster["unit"])
        frame = frame if bool(kept.all()) else frame.loc[kept]
    periods = distinct(frame["period"].to_numpy(dtype=np.int64))
    grid = _grid(frame, periods, rule)
    start = frame["first_treated"].to_numpy(dtype=np.float64)[grid.first].copy()
    start[start > periods[-1] + anticipation] = NEVER
    seen_untreated = start > grid.earliest + anticipation
    order = np.argsort(start, kind="stable")
    order = order[seen_untreated[order]]
    if not bool(np.any(np.isfinite(start[order]))):
        raise nobody_treated(bool(np.any(np.isfinite(start))))
    starts, counts = np.unique(start[order], return_counts=True)
    weights = frame["weight"].to_numpy(dtype=np.float64)[grid.first] if "weight" in frame else np.ones(start.shape[0])
    layout = Layout(
        outcome=grid.spread(frame[f"y.{request.outcome.id}"])[order],
        weights=weights[order],
        starts=tuple(float(g) for g in starts),
        offsets=(0, *(int(c) for c in np.cumsum(counts))),
        periods=tuple(int(p) for p in periods),
        covariates=_covariates(frame, covariates, order, grid),
        names=covariates,
        sampling=grid.sampling,
        ids=frame["unit"].to_numpy(dtype=object)[grid.first][order],
    )
    return Arranged(
        layout=layout,
        clusters=_clusters(request, frame, order, grid),
        weighted=bool(np.ptp(weights[order]) > 0.0),
        without_base=int(np.sum(~seen_untreated)),
        labels=tuple(panel.label(int(p)) for p in periods),
        rank=np.argsort(order, kind="stable").astype(np.int64),
    )


def arrange_treated(request: EstimationRequest) -> tuple[Arranged, Bools]:
    """The panel's units in one cohort, in canonical order, and who is treated when (units, periods).

    Raises RunError: RUN_UNBALANCED_PANEL, RUN_REPEATED_ROWS, RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES.
    """
    panel = panel_of(request)
    frame = panel.frame
    if request.design.roster is not None:
        kept = frame["unit"].isin(request.design.roster["unit"])
        frame = frame if bool(kept.all()) else frame.loc[kept]
    periods = distinct(frame["period"].to_numpy(dtype=np.int64))
    grid = _grid(frame, periods, "balanced")
    units = grid.first.shape[0]
    order = np.arange(units, dtype=np.int64)
    weights = frame["weight"].to_numpy(dtype=np.float64)[grid.first] if "weight" in frame else np.ones(units)
    layout = Layout(
        outcome=grid.spread(frame[f"y.{request.outcome.id}"]),
        weights=weights,
        starts=(NEVER,),
        offsets=(0, units),
        periods=tuple(int(p) for p in periods),
        covariates=None,
        names=(),
    )
    arranged = Arranged(
        layout=layout,
        clusters=_clusters(request, frame, order, grid),
        weighted=bool(np.ptp(weights) > 0.0),
        without_base=0,
        labels=tuple(panel.label(int(p)) for p in periods),
        rank=order,
    )
    treated: Bools = frame["treated"].to_numpy(dtype=np.bool_).reshape((-1, periods.shape[0]))
    return arranged, treated


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """``first`` (units,) row of each unit, its ``earliest`` period seen, ``place`` (rows,) in units times periods."""

    first: IntArray
    earliest: FloatArray
    place: IntArray
    periods: int
    sampling: Sampling

    def spread(self, column: pd.Series[float]) -> FloatArray:
        """(units, periods) values, NaN where a unit was not seen."""
        values: FloatArray = np.asarray(column, dtype=np.float64)
        if self.sampling == "balanced":
            return values.reshape((-1, self.periods))
        found = np.full(self.first.shape[0] * self.periods, np.nan)
        found[self.place] = values
        shaped: FloatArray = found.reshape(-1, self.periods)
        return shaped


def _grid(frame: pd.DataFrame, periods: IntArray, rule: Rule) -> _Grid:
    """The grid of units by periods. Raises RunError (RUN_UNBALANCED_PANEL, RUN_REPEATED_ROWS)."""
    unit = pd.factorize(frame["unit"])[0].astype(np.int64)
    time = frame["period"].to_numpy(dtype=np.int64)
    first = np.flatnonzero(np.diff(unit, prepend=-1)).astype(np.int64)
    size = periods.shape[0]
    place = unit * size + np.searchsorted(periods, time)
    if bool(np.any(np.diff(place) <= 0)):
        raise repeated_rows()
    whole = place.shape[0] == first.shape[0] * size
    if not whole and rule == "balanced":
        raise _unbalanced(frame, first, size)
    gaps: Sampling = "balanced" if whole else "rows" if rule == "rows" else "pairs"
    sampling: Sampling = "rows" if rule == "cross_sections" else gaps
    earliest = (
        np.full(first.shape[0], float(periods[0])) if rule == "cross_sections" else time[first].astype(np.float64)
    )
    return _Grid(first, earliest, place, size, sampling)


def repeated_rows() -> RunError:
    """The refusal of rows that are not sorted or repeat a unit and period: a panel made by hand."""
    return RunError(
        Fault(
            code="RUN_REPEATED_ROWS",
            cause="The panel holds a unit and period twice, or its rows are not sorted.",
            fix="Make the panel with read_panel or panel_from_frame.",
            place=Place(key="data.source"),
        )
    )


def _unbalanced(frame: pd.DataFrame, first: IntArray, size: int) -> RunError:
    """The refusal of gaps without a rule."""
    rows = np.diff(np.append(first, len(frame)))
    short = frame["unit"].to_numpy()[first[rows != size]]
    named = ", ".join(str(u) for u in short[:SHOWN])
    return RunError(
        Fault(
            code="RUN_UNBALANCED_PANEL",
            cause=f"{len(short)} of {len(first)} units are not observed in all {size} periods "
            f"({named}{', …' if len(short) > SHOWN else ''}).",
            fix='State balance = "drop_unit" in [data] to leave those units out (they are counted in the ledger), '
            "complete the data, or use a method with a rule for gaps and state it.",
            place=Place(key="data.balance"),
        )
    )


def nobody_treated(always: bool) -> RunError:
    """The refusal when no unit starts within the data after having been seen untreated."""
    cause = (
        "Everybody treated is treated from the first period on: there is no untreated period to compare with."
        if always
        else "Nobody is treated within the periods of the data."
    )
    return RunError(
        Fault(
            code="RUN_NOBODY_TREATED",
            cause=cause,
            fix="Include periods before the start, and units that start within them.",
            place=Place(key="data.column"),
        )
    )


def check_covariates(frame: pd.DataFrame, names: tuple[str, ...]) -> None:
    """Raise RunError (RUN_UNKNOWN_COVARIATE) naming every covariate that the data do not hold."""
    unknown = [name for name in names if f"x.{name}" not in frame]
    if unknown:
        known = ", ".join(sorted(c.removeprefix("x.") for c in frame.columns if c.startswith("x."))) or "none"
        raise RunError(
            [
                Fault(
                    code="RUN_UNKNOWN_COVARIATE",
                    cause=f"'{name}' is not among the covariates of the data ({known}).",
                    fix='Give its column the role "covariate".',
                    place=Place(key="estimator.options.covariates", column=name),
                )
                for name in unknown
            ]
        )


def _covariates(frame: pd.DataFrame, names: tuple[str, ...], order: IntArray, grid: _Grid) -> FloatArray | None:
    """(units, periods, k) covariate values, or None. Raises RunError (RUN_UNKNOWN_COVARIATE) naming all unknown."""
    check_covariates(frame, names)
    if not names:
        return None
    values = np.stack([grid.spread(frame[f"x.{name}"]) for name in names], axis=2)
    return values[order]


def cluster_codes(request: EstimationRequest, frame: pd.DataFrame) -> IntArray | None:
    """(rows,) cluster codes among sorted values; None when the unit is the cluster.

    Raises RunError: RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES.
    """
    name = request.inference.cluster
    if name is None:
        return None
    if "cluster" not in frame:
        raise RunError(
            Fault(
                code="RUN_NO_CLUSTER_COLUMN",
                cause=f"Standard errors are to be clustered by '{name}', but no column has the role cluster.",
                fix='Give the column the role "cluster", or leave inference.cluster out to cluster by unit.',
                place=Place(key="inference.cluster"),
            )
        )
    codes = pd.factorize(frame["cluster"], sort=True)[0].astype(np.int64)
    unit = pd.factorize(frame["unit"])[0]
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    varying = distinct(unit[codes != codes[first][unit]])
    if varying.shape[0]:
        named = ", ".join(str(u) for u in frame["unit"].to_numpy()[first[varying]][:SHOWN])
        raise RunError(
            Fault(
                code="RUN_CLUSTER_VARIES",
                cause=f"The cluster changes over time for {varying.shape[0]} units ({named}).",
                fix="Give each unit one cluster for the whole period, for example its first.",
                place=Place(key="inference.cluster"),
            )
        )
    return codes


def _clusters(request: EstimationRequest, frame: pd.DataFrame, order: IntArray, grid: _Grid) -> IntArray | None:
    """(units,) cluster codes in the order of the layout; None when the unit is the cluster. Raises RunError."""
    codes = cluster_codes(request, frame)
    return None if codes is None else coded(codes[grid.first][order])[1]
