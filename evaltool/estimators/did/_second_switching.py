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


def _slopes_off(
    frame: pd.DataFrame, y: pd.DataFrame, start: pd.Series[float], was: pd.Series[float], names: tuple[str, ...]
) -> pd.DataFrame:
    """Outcomes less slopes on covariates, from statsmodels on changes of rows before the first switch."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    wide = {name: frame.pivot_table(index="unit", columns="period", values=f"x.{name}").loc[y.index] for name in names}
    w = frame.drop_duplicates("unit").set_index("unit")["weight"]
    left = y.copy()
    for b in sorted(was.unique()):
        mine = was == b
        moves = {n: v[mine].diff(axis=1).T.unstack() for n, v in {"y": y, **wide}.items()}  # noqa: PD010 - one column
        changes = pd.DataFrame(moves).dropna()
        unit, period = (changes.index.get_level_values(i) for i in (0, 1))
        early = period.to_numpy() < start.loc[unit].to_numpy()
        if not early.any():
            continue
        part, period, weights = changes[early], period[early], w.loc[unit[early]].to_numpy()
        x = pd.get_dummies(period.astype(str)).astype(float).set_index(part.index).join(part[list(names)])
        fit = sm.WLS(part["y"], x, weights=weights).fit()
        for name in names:
            left.loc[mine] -= float(fit.params[name]) * wide[name][mine]
    return left


def first_switch_again(request: EstimationRequest, covariates: tuple[str, ...], *, normalised: bool) -> SecondOpinion:
    """The mean effect of the first switch."""
    y, d, w = _wide(request)
    periods = [int(p) for p in y.columns]
    was = d[periods[0]]
    away = d.ne(was, axis=0) & d.notna()
    start = away.idxmax(axis=1).astype(float).where(away.any(axis=1), np.inf)
    for unit in start.index[np.isfinite(start)]:
        if np.isnan(d.loc[unit, periods[periods.index(int(start[unit])) - 1]]):
            last = d.loc[unit, : start[unit] - 1].last_valid_index()
            y.loc[unit, [p for p in periods if p > last]] = np.nan
            start[unit] = np.inf
    if covariates:
        y = _slopes_off(panel_of(request).frame, y, start, was, covariates)
    rows = []
    for g, b in sorted({(float(g), float(b)) for g, b in zip(start, was, strict=True) if np.isfinite(g)}):
        units = was.index[(start == g) & (was == b)]
        base = periods[periods.index(int(g)) - 1]
        for t in (p for p in periods if p >= g):
            there = (y[t] - y[base]).notna()
            stayed = (was == b) & (start > t) & there
            pair = stayed | (d.index.isin(units) & there)
            if not stayed.any() or stayed[pair].all():
                continue
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
            same = (d[before] == b) & d[now].notna()
            switched = same & (d[now] != b)
            if not switched.any() or not (same & ~switched).any():
                continue
            share = float(w[switched].sum())
            total += share * sign * _slope((y[now] - y[before])[same], switched[same], w[same])
            mass += share
    return SecondOpinion(value=total / mass, by=BY)
