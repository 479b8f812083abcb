"""A panel as (unit × period) arrays sorted by cohort, for difference-in-differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.group_time import NEVER, Layout
from evaltool.records.panel import FloatArray, IntArray, Panel
from evaltool.records.plugins import EstimationRequest

SHOWN = 5
"""How many units a message names."""


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


def arrange(request: EstimationRequest, anticipation: int, covariates: tuple[str, ...]) -> Arranged:
    """The panel's units that the design kept, as arrays.

    A unit that starts after the last period (plus anticipation) is never treated within the data; one that starts
    before it was ever seen untreated is left out, and its outcomes are not read. Raises RunError:
    RUN_UNBALANCED_PANEL, RUN_UNKNOWN_COVARIATE, RUN_NO_CLUSTER_COLUMN, RUN_CLUSTER_VARIES, RUN_NOBODY_TREATED.
    """
    panel = panel_of(request)
    frame = panel.frame
    if request.design.roster is not None:
        kept = frame["unit"].isin(request.design.roster["unit"])
        frame = frame if bool(kept.all()) else frame.loc[kept]
    periods = np.unique(frame["period"].to_numpy(dtype=np.int64))
    units = _balanced_units(frame, periods)
    size = periods.shape[0]
    start = frame["first_treated"].to_numpy(dtype=np.float64)[::size].copy()
    start[start > periods[-1] + anticipation] = NEVER
    seen_untreated = start > periods[0] + anticipation
    order = np.argsort(start, kind="stable")
    order = order[seen_untreated[order]]
    if not bool(np.any(np.isfinite(start[order]))):
        raise nobody_treated(bool(np.any(np.isfinite(start))))
    starts, counts = np.unique(start[order], return_counts=True)
    weights = frame["weight"].to_numpy(dtype=np.float64)[::size] if "weight" in frame else np.ones(units.shape[0])
    outcome = frame[f"y.{request.outcome.id}"].to_numpy(dtype=np.float64).reshape(-1, size)
    layout = Layout(
        outcome=outcome[order],
        weights=weights[order],
        starts=tuple(float(g) for g in starts),
        offsets=(0, *(int(c) for c in np.cumsum(counts))),
        periods=tuple(int(p) for p in periods),
        covariates=_covariates(frame, covariates, order, size),
        names=covariates,
    )
    return Arranged(
        layout=layout,
        clusters=_clusters(request, frame, order, size),
        weighted=bool(np.ptp(weights[order]) > 0.0),
        without_base=int(np.sum(~seen_untreated)),
        labels=tuple(panel.label(int(p)) for p in periods),
        rank=np.argsort(order, kind="stable").astype(np.int64),
    )


def _balanced_units(frame: pd.DataFrame, periods: IntArray) -> pd.Series[int] | pd.Series[str]:
    """One row per unit. Raises RunError (RUN_UNBALANCED_PANEL) when a unit lacks a period."""
    rows = frame.groupby("unit", sort=False)["period"].size()
    short = rows.index[rows.to_numpy() != periods.shape[0]]
    if len(short):
        named = ", ".join(str(u) for u in short[:SHOWN])
        raise RunError(
            Fault(
                code="RUN_UNBALANCED_PANEL",
                cause=f"{len(short)} of {len(rows)} units are not observed in all {periods.shape[0]} periods "
                f"({named}{', …' if len(short) > SHOWN else ''}).",
                fix='State balance = "drop_unit" in [data] to leave those units out (they are counted in the ledger), '
                "or complete the data.",
                place=Place(key="data.balance"),
            )
        )
    return rows


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


def _covariates(frame: pd.DataFrame, names: tuple[str, ...], order: IntArray, size: int) -> FloatArray | None:
    """(units, periods, k) covariate values, or None. Raises RunError (RUN_UNKNOWN_COVARIATE) naming all unknown."""
    check_covariates(frame, names)
    if not names:
        return None
    values = np.stack([frame[f"x.{name}"].to_numpy(dtype=np.float64).reshape(-1, size) for name in names], axis=2)
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
    varying = np.unique(unit[codes != codes[first][unit]])
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


def _clusters(request: EstimationRequest, frame: pd.DataFrame, order: IntArray, size: int) -> IntArray | None:
    """(units,) cluster codes in the order of the layout; None when the unit is the cluster. Raises RunError."""
    codes = cluster_codes(request, frame)
    return None if codes is None else np.unique(codes[::size][order], return_inverse=True)[1].astype(np.int64)
