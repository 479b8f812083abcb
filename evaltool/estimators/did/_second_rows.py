"""Regression and imputation again by another road: linearmodels, or sparse least squares on indicators, with pandas.

Shares no code with the partialling out and the closed forms of the first computation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import lsqr

from evaltool.estimators.did._second_opinion import inside, long_frame
from evaltool.records.estimate import SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest

TIGHT = 1e-15
STEPS = 20_000


def untreated_once(request: EstimationRequest, anticipation: int) -> pd.DataFrame:
    """The long frame of units that are seen untreated; starts after the last period are never."""
    frame = long_frame(request)
    last = frame["period"].max()
    frame.loc[frame["start"] > last + anticipation, "start"] = np.inf
    frame["untouched"] = frame["period"] + anticipation < frame["start"]
    frame["treated"] = frame["period"] >= frame["start"]
    frame["event"] = frame["period"] - frame["start"]
    return frame[frame.groupby("unit")["untouched"].transform("any")].reset_index(drop=True)


def twfe_again(request: EstimationRequest, covariates: tuple[str, ...]) -> SecondOpinion:
    """The coefficient on being treated from linearmodels."""
    frame = untreated_once(request, 0).assign(d=lambda f: f["treated"].astype(float))
    values = panel_ols(frame, ["d", *(f"x.{name}" for name in covariates)])
    return SecondOpinion(value=float(values["d"]), by="linearmodels.PanelOLS with unit and period effects")


def event_study_again(
    request: EstimationRequest, covariates: tuple[str, ...], window: tuple[int, int | None, int | None]
) -> SecondOpinion:
    """The mean of the coefficients from the start on; ``window``: base, first and last event time."""
    base, first, last = window
    frame = untreated_once(request, -1 - base)
    event = frame["event"].clip(lower=first, upper=last)
    times = sorted(int(e) for e in event[np.isfinite(frame["event"])].unique() if e != base)
    indicators = {f"event{e}": ((event == e) & np.isfinite(frame["event"])).astype(float) for e in times}
    table = pd.concat([frame, pd.DataFrame(indicators)], axis=1)
    values = panel_ols(table, [*indicators, *(f"x.{name}" for name in covariates)])
    after = [e for e in times if e >= 0]
    if request.estimand.event_times is not None:
        after = [e for e in after if request.estimand.event_times[0] <= e <= request.estimand.event_times[1]]
    found = pd.Series([float(values[f"event{e}"]) for e in after], index=after)
    weights = pd.Series([float(table.loc[table[f"event{e}"] > 0, "w"].sum()) for e in after], index=after)
    simple = request.estimand.aggregation == "simple"
    value = float((found * weights).sum() / weights.sum()) if simple else float(found.mean())
    return SecondOpinion(value=value, by="linearmodels.PanelOLS on event-time indicators")


def sun_abraham_again(request: EstimationRequest, covariates: tuple[str, ...], anticipation: int) -> SecondOpinion:
    """The headline from a regression on indicators of cohort and period, averaged with pandas."""
    frame = untreated_once(request, anticipation)
    if np.isfinite(frame["start"]).all():
        last = frame["start"].max()
        frame = frame[frame["period"] + anticipation < last].reset_index(drop=True)
        frame.loc[frame["start"] == last, "start"] = np.inf
    own = frame[np.isfinite(frame["start"])]
    base = own[own["untouched"]].groupby("start")["period"].max()
    pairs = [(g, t) for g, t in own.groupby(["start", "period"]).groups if t != base[g]]
    names = [f"cell{k}" for k in range(len(pairs))]
    indicators = {
        name: ((frame["start"] == g) & (frame["period"] == t)).astype(float)
        for name, (g, t) in zip(names, pairs, strict=True)
    }
    values = panel_ols(
        pd.concat([frame, pd.DataFrame(indicators)], axis=1), [*names, *(f"x.{name}" for name in covariates)]
    )
    table = pd.DataFrame(pairs, columns=["start", "period"]).assign(att=values[names].to_numpy())
    value = average_of(frame, inside(table, request), request.estimand.aggregation)
    return SecondOpinion(value=value, by="linearmodels.PanelOLS on cohort-by-period indicators, averaged with pandas")


def imputation_again(
    request: EstimationRequest, covariates: tuple[str, ...], anticipation: int, *, drop_singletons: bool = False
) -> SecondOpinion:
    """The headline from the untreated rows' least squares on indicators and means of what it leaves."""
    frame = untreated_once(request, anticipation)
    fitted = frame[frame["untouched"]]
    while drop_singletons:
        many = (fitted.groupby("unit")["y"].transform("size") > 1) & (
            fitted.groupby("period")["y"].transform("size") > 1
        )
        if many.all():
            break
        fitted = fitted[many]
    columns = [f"x.{name}" for name in covariates]
    slopes, unit, period = sparse_ols(fitted, columns)
    left = frame["y"] - frame["unit"].map(unit) - frame["period"].map(period)
    left = left - frame[columns].to_numpy(dtype=float) @ slopes.to_numpy(dtype=float)
    own, other = _connected(fitted)
    reached = frame["unit"].map(own) == frame["period"].map(other)
    known = frame.assign(left=left * frame["w"])[reached & frame["treated"]]
    sums = known.groupby(["start", "period"])[["left", "w"]].sum()
    table = (sums["left"] / sums["w"]).rename("att").reset_index()
    value = average_of(known, inside(table, request), request.estimand.aggregation, people=frame)
    return SecondOpinion(value=value, by="sparse least squares on untreated rows, what it leaves averaged with pandas")


def _connected(frame: pd.DataFrame) -> tuple[pd.Series[int], pd.Series[int]]:
    """The connected set of each unit and of each period."""
    unit, units = pd.factorize(frame["unit"])
    period, periods = pd.factorize(frame["period"])
    size = len(units) + len(periods)
    links = sparse.coo_array((np.ones(len(frame)), (unit, period + len(units))), shape=(size, size))
    labels = csgraph.connected_components(links.tocsr(), directed=False)[1]
    return pd.Series(labels[: len(units)], index=units), pd.Series(labels[len(units) :], index=periods)


def average_of(frame: pd.DataFrame, table: pd.DataFrame, kind: str, *, people: pd.DataFrame | None = None) -> float:
    """One average of a table of cells (start, period, att), each weighing as its rows of ``frame`` do.

    ``people`` holds every unit, where ``frame`` does not: cohorts weigh by them.
    """
    mass = frame.groupby(["start", "period"], as_index=False)["w"].sum()
    cells = table[table["period"] >= table["start"]].merge(mass, on=["start", "period"])
    cells = cells.assign(product=cells["att"] * cells["w"], event=cells["period"] - cells["start"])
    if kind not in {"dynamic", "group", "calendar"}:
        return float(cells["product"].sum() / cells["w"].sum())
    by = {"dynamic": "event", "group": "start", "calendar": "period"}[kind]
    sums = cells.groupby(by)[["product", "w"]].sum()
    each = sums["product"] / sums["w"]
    if kind != "group":
        return float(each.mean())
    everybody = (frame if people is None else people).drop_duplicates("unit")
    size = everybody.groupby("start")["w"].sum()[each.index]
    return float((each * size).sum() / size.sum())


def panel_ols(frame: pd.DataFrame, columns: list[str]) -> pd.Series[float]:
    """Coefficients of ``columns`` with unit and period effects; sparse indicators where linearmodels cannot."""
    from linearmodels.panel import PanelOLS  # noqa: PLC0415 - loaded only when a second opinion is asked for

    if len(frame) <= frame["unit"].nunique() + frame["period"].nunique() + len(columns):
        return sparse_ols(frame, columns)[0]
    table = frame.set_index(["unit", "period"])
    model = PanelOLS(table["y"], table[columns], weights=table["w"], entity_effects=True, time_effects=True)
    found: pd.Series[float] = model.fit(cov_type="unadjusted").params
    return found


def sparse_ols(frame: pd.DataFrame, columns: list[str]) -> tuple[pd.Series[float], pd.Series[float], pd.Series[float]]:
    """Coefficients, unit effects and period effects by LSQR on indicators, weighted by ``w``.

    Columns are centred and scaled to unit length first, so that the iteration sees a well-conditioned problem.
    """
    unit, units = pd.factorize(frame["unit"])
    period, periods = pd.factorize(frame["period"], sort=True)
    root = np.sqrt(frame["w"].to_numpy(dtype=float))
    rows = np.arange(len(frame))
    blocks = [
        sparse.csr_array((root, (rows, unit)), shape=(len(frame), len(units))),
        sparse.csr_array((root, (rows, period)), shape=(len(frame), len(periods))),
        *([sparse.csr_array(frame[columns].to_numpy(dtype=float) * root[:, None])] if columns else []),
    ]
    matrix = sparse.hstack(blocks, format="csc")
    length = np.sqrt(np.asarray(matrix.power(2).sum(axis=0)).ravel())
    scaled = matrix @ sparse.diags_array(1.0 / np.where(length > 0.0, length, 1.0))
    y = frame["y"].to_numpy(dtype=float)
    centre = float(np.mean(y))
    solution = _refined(scaled, (y - centre) * root) / np.where(length > 0.0, length, 1.0)
    first, second = len(units), len(units) + len(periods)
    return (
        pd.Series(solution[second:], index=columns),
        pd.Series(solution[:first] + centre, index=units),
        pd.Series(solution[first:second], index=periods),
    )


def _refined(matrix: sparse.csc_array[np.float64], y: FloatArray) -> FloatArray:
    """Minimum-norm least squares, solved and then solved again for what is left."""
    solution = np.zeros(matrix.shape[1])
    for _ in range(3):
        rest = y - matrix @ solution
        solution = solution + lsqr(matrix, rest, atol=TIGHT, btol=TIGHT, conlim=0.0, iter_lim=STEPS)[0]
    return solution
