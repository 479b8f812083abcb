"""Effects of switching again by another road: statsmodels regressions of changes, averaged with pandas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from evaltool.estimators.did._layout import panel_of
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest

BY = "statsmodels regressions of changes on switching, averaged with pandas"


def _wide(request: EstimationRequest) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series[float]]:
    """Outcomes and treatment (unit by period), and weights."""
    frame = panel_of(request).frame
    if request.design.roster is not None:
        frame = frame.merge(request.design.roster[["unit"]], on="unit", how="inner")
    y = frame.pivot_table(index="unit", columns="period", values=f"y.{request.outcome.id}")
    d = frame.assign(d=frame["treated"].astype(float)).pivot_table(index="unit", columns="period", values="d")
    return y, d, frame.drop_duplicates("unit").set_index("unit")["weight"].loc[y.index]


def _slope(change: pd.Series[float], switched: pd.Series[bool], weights: pd.Series[float]) -> float:
    """Coefficient on having switched in a weighted regression of the change."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    x = np.column_stack([np.ones(len(change)), switched.to_numpy(dtype=float)])
    return float(sm.WLS(change.to_numpy(), x, weights=weights.to_numpy()).fit().params[1])


def first_switch_again(request: EstimationRequest, *, normalised: bool) -> SecondOpinion:
    """The mean effect of the first switch."""
    y, d, w = _wide(request)
    periods = [int(p) for p in y.columns]
    was = d[periods[0]]
    away = d.ne(was, axis=0)
    start = away.idxmax(axis=1).astype(float).where(away.any(axis=1), np.inf)
    rows = []
    for g, b in sorted({(float(g), float(b)) for g, b in zip(start, was, strict=True) if np.isfinite(g)}):
        units = was.index[(start == g) & (was == b)]
        base = periods[periods.index(int(g)) - 1]
        for t in (p for p in periods if p >= g):
            stayed = (was == b) & (start > t)
            if not stayed.any():
                continue
            pair = stayed | d.index.isin(units)
            effect = (1.0 if b == 0 else -1.0) * _slope((y[t] - y[base])[pair], ~stayed[pair], w[pair])
            mine = away.loc[units]
            dose = np.average(mine[t], weights=w[units]), np.average(mine.loc[:, :t].sum(axis=1), weights=w[units])
            rows.append((t - g, float(w[units].sum()), effect, float(dose[0]), float(dose[1])))
    table = pd.DataFrame(rows, columns=["event", "share", "effect", "now", "sum"])
    products = table[["effect", "now", "sum"]].mul(table["share"], axis=0)
    if request.estimand.aggregation == "dynamic":
        sums = products.groupby(table["event"]).sum()
        over = sums["sum"] if normalised else table.groupby("event")["share"].sum()
        return SecondOpinion(value=float((sums["effect"] / over).mean()), by=BY)
    over_all = float(products["now"].sum() if normalised else table["share"].sum())
    return SecondOpinion(value=float(products["effect"].sum()) / over_all, by=BY)


def every_switch_again(request: EstimationRequest) -> SecondOpinion:
    """The mean effect of every switch in its own period."""
    y, d, w = _wide(request)
    periods = [int(p) for p in y.columns]
    total = mass = 0.0
    for before, now in pairwise(periods):
        for b, sign in ((0.0, 1.0), (1.0, -1.0)):
            same = d[before] == b
            switched = same & (d[now] != b)
            if not switched.any() or not (same & ~switched).any():
                continue
            share = float(w[switched].sum())
            total += share * sign * _slope((y[now] - y[before])[same], switched[same], w[same])
            mass += share
    return SecondOpinion(value=total / mass, by=BY)
