"""Difference-in-differences again by another road: long frames, linearmodels or statsmodels, and pandas sums.

Shares no code with the slices and influence functions of the first computation, so that a mistake in either shows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from linearmodels.iv import IV2SLS

from evaltool.errors import Fault, RunError
from evaltool.estimators.did._layout import panel_of
from evaltool.numerics.group_time import Choices
from evaltool.numerics.two_period import NO_OVERLAP, TRIM
from evaltool.records.estimate import SecondOpinion
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest


def long_frame(request: EstimationRequest) -> pd.DataFrame:
    """The design's units in long form: unit, period, start, y, w and covariates."""
    panel = panel_of(request)
    frame = panel.frame
    if request.design.roster is not None:
        frame = frame.merge(request.design.roster[["unit"]], on="unit", how="inner")
    columns = {name: frame[name] for name in frame.columns if name.startswith("x.")}
    return pd.DataFrame(
        {
            "unit": frame["unit"],
            "period": frame["period"],
            "start": frame["first_treated"],
            "y": frame[f"y.{request.outcome.id}"],
            "w": frame.get("weight", 1.0),
            **columns,
        }
    )


def inside(table: pd.DataFrame, request: EstimationRequest) -> pd.DataFrame:
    """The rows of a table of cells (start, period) at the event times the plan averages over."""
    if request.estimand.event_times is None:
        return table
    first, last = request.estimand.event_times
    return table[(table["period"] - table["start"]).between(first, last)]


def group_time_again(request: EstimationRequest, choices: Choices, covariates: tuple[str, ...]) -> SecondOpinion:
    """The headline aggregate from two-period regressions. Raises RunError when no cell can be formed."""
    frame = long_frame(request)
    last = frame["period"].max()
    frame.loc[frame["start"] > last + choices.anticipation, "start"] = np.inf
    cells = []
    for start in sorted(g for g in frame["start"].unique() if np.isfinite(g)):
        before = [p for p in sorted(frame["period"].unique()) if p + choices.anticipation < start]
        if not before:
            continue
        for period in sorted(p for p in frame["period"].unique() if p >= start):
            pair = frame[frame["period"].isin([before[-1], period])]
            own = pair["start"] == start
            if choices.control == "never_treated":
                other = np.isinf(pair["start"])
            else:
                other = (pair["start"] > period + choices.anticipation) & ~own
            if not bool(other.any()):
                continue
            both = pair[own | other]
            pieces = TwoByTwo(both, both["start"] == start, both["period"] == period, covariates)
            share = float(frame.loc[(frame["start"] == start) & (frame["period"] == period), "w"].sum())
            cells.append((start, period, share, pieces.effect(choices.method)))
    if not cells:
        raise RunError(
            Fault(code="RUN_NO_COMPARISON", cause="The second computation found no cell.", fix="See the first.")
        )
    table = inside(pd.DataFrame(cells, columns=["start", "period", "share", "att"]), request)
    route = "statsmodels" if covariates else "linearmodels"
    return SecondOpinion(
        value=_average(table, request.estimand.aggregation),
        by=f"{route} on each pair of periods, averaged with pandas",
    )


def two_by_two_again(
    request: EstimationRequest, anticipation: int, method: str, covariates: tuple[str, ...], *, base: str
) -> SecondOpinion:
    """The effect of one common start from two rows per unit: the base, and the mean of the treated periods."""
    frame = long_frame(request)
    start = frame.loc[frame["start"] <= frame["period"].max(), "start"].min()
    frame = frame[(frame["start"] == start) | (frame["start"] > frame["period"].max() + anticipation)]
    untouched = frame[frame["period"] + anticipation < start]
    last = untouched[untouched["period"] == untouched["period"].max()].set_index("unit")
    before = last["y"] if base == "last_pre" else untouched.groupby("unit")["y"].mean()
    after = frame[frame["period"] >= start].groupby("unit")["y"].mean()
    kept = last[["start", "w", *(f"x.{name}" for name in covariates)]]
    halves = [kept.assign(y=value, period=index).reset_index() for index, value in enumerate((before, after))]
    rows = pd.concat(halves, ignore_index=True)
    pieces = TwoByTwo(rows, rows["start"] == start, rows["period"] == 1, covariates)
    route = "statsmodels" if covariates else "linearmodels"
    return SecondOpinion(value=pieces.effect(method), by=f"{route} on units collapsed to before and after")


def _average(table: pd.DataFrame, kind: str) -> float:
    """The aggregate of a table of treated cells."""
    table = table.assign(event=table["period"] - table["start"], product=table["att"] * table["share"])
    if kind == "group":
        each = table.groupby("start").agg(att=("att", "mean"), share=("share", "first"))
        return float((each["att"] * each["share"]).sum() / each["share"].sum())
    if kind in {"dynamic", "calendar"}:
        sums = table.groupby("event" if kind == "dynamic" else "period")[["product", "share"]].sum()
        return float((sums["product"] / sums["share"]).mean())
    return float(table["product"].sum() / table["share"].sum())


@dataclass(frozen=True, slots=True, eq=False)
class TwoByTwo:
    """Two periods in long form: rows, who is treated, which rows are after."""

    rows: pd.DataFrame
    treated: pd.Series[bool]
    after: pd.Series[bool]
    covariates: tuple[str, ...]

    def effect(self, method: str) -> float:
        """The ATT of the two periods."""
        return self._regression() if not self.covariates else self._adjusted(method)

    def _regression(self) -> float:
        """Coefficient of the treated in a weighted regression of each unit's change: unit effects differenced away."""
        rows = self.rows.assign(d=self.treated, post=self.after)
        before, after = (rows[rows["post"] == post].set_index("unit") for post in (False, True))
        if len(before) <= 2:  # noqa: PLR2004 - one unit per arm: nothing is left over
            halves = rows.set_index(["d", "post"])["y"]
            return float((halves[True, True] - halves[True, False]) - (halves[False, True] - halves[False, False]))
        change = (after["y"] - before["y"]).rename("change")
        design = pd.DataFrame({"period": 1.0, "d": after["d"].astype(float)})
        model = IV2SLS(change, design, None, None, weights=after["w"])
        return float(model.fit(cov_type="unadjusted").params["d"])

    def _adjusted(self, method: str) -> float:
        """Outcome regression, inverse probability weighting or both, from statsmodels fits."""
        earlier, later = self.rows["period"].min(), self.rows["period"].max()
        first = self.rows[self.rows["period"] == earlier].set_index("unit")
        second = self.rows[self.rows["period"] == later].set_index("unit")
        sign = 1.0 if bool(self.after[self.rows["period"] == later].all()) else -1.0
        change = sign * (second["y"] - first["y"]).reindex(first.index).to_numpy()
        treated = self.treated[self.rows["period"] == earlier].to_numpy(dtype=bool)
        weights = first["w"].to_numpy(dtype=float)
        x = sm.add_constant(first[[f"x.{name}" for name in self.covariates]].to_numpy(dtype=float))
        odds = np.where(treated, 0.0, weights) if method == "reg" else _odds(x, treated, weights)
        fitted = np.zeros_like(change)
        if method != "ipw":
            fitted = sm.WLS(change[~treated], x[~treated], weights=weights[~treated]).fit().predict(x)
        rest = change - fitted
        mine = float(np.average(rest[treated], weights=weights[treated]))
        return mine if method == "reg" else mine - float(np.average(rest[~treated], weights=odds[~treated]))


def _odds(x: FloatArray, treated: np.ndarray[tuple[int], np.dtype[np.bool_]], weights: FloatArray) -> FloatArray:
    """Weights of the comparison units, w·p/(1 − p), from a statsmodels logit."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if float(np.ptp(weights)) > 0.0:
            family = sm.families.Binomial()
            fit = sm.GLM(treated.astype(float), x, family=family, freq_weights=weights).fit(tol=1e-14, maxiter=200)
        else:
            fit = sm.Logit(treated.astype(float), x).fit(disp=0, method="newton", maxiter=200, tol=1e-12)
    p = np.asarray(fit.predict(x), dtype=float)
    if float(p.max()) >= NO_OVERLAP:
        raise RunError(
            Fault(code="RUN_NO_OVERLAP", cause=f"The score reaches {float(p.max()):.4f}.", fix="See the first.")
        )
    return np.where(treated | (p >= TRIM), 0.0, weights * p / (1.0 - p))
