"""Difference-in-differences again by another road: long frames, linearmodels or statsmodels, and pandas sums.

Shares no code with the slices and influence functions of the first computation, so that a mistake in either shows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, RunError
from evaltool.estimators.did._layout import Rule, panel_of
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


@dataclass(frozen=True, slots=True)
class Again:
    """How gaps are treated, and for how many periods after its start a cohort must be seen."""

    rule: Rule = "balanced"
    balance: int | None = None


def group_time_again(
    request: EstimationRequest, choices: Choices, covariates: tuple[str, ...], how: Again
) -> SecondOpinion:
    """The headline aggregate from two-period regressions. Raises RunError when no cell can be formed."""
    frame = long_frame(request)
    first, last = frame["period"].min(), frame["period"].max()
    frame.loc[frame["start"] > last + choices.anticipation, "start"] = np.inf
    if how.rule in {"pairs", "rows"}:
        untouched = frame["period"] + choices.anticipation < frame["start"]
        frame = frame[untouched.groupby(frame["unit"]).transform("any")]
    people = frame.drop_duplicates("unit").groupby("start")["w"].sum()
    cells = []
    for start in sorted(g for g in frame["start"].unique() if np.isfinite(g) and g > first + choices.anticipation):
        before = [p for p in sorted(frame["period"].unique()) if p + choices.anticipation < start]
        for period in sorted(p for p in frame["period"].unique() if p >= start):
            pair = frame[frame["period"].isin([before[-1], period])]
            own = pair["start"] == start
            if choices.control == "never_treated":
                other = np.isinf(pair["start"])
            else:
                other = (pair["start"] > period + choices.anticipation) & ~own
            effect = _cell_again(pair[own | other], (start, period), choices.method, covariates, how.rule)
            if effect is not None:
                cells.append((start, period, float(people[start]), effect))
    if how.balance is not None:
        cells = [c for c in cells if last - c[0] >= how.balance and c[1] - c[0] <= how.balance]
    if not cells:
        raise RunError(
            Fault(code="RUN_NO_COMPARISON", cause="The second computation found no cell.", fix="See the first.")
        )
    table = inside(pd.DataFrame(cells, columns=["start", "period", "share", "att"]), request)
    route = "statsmodels" if covariates else "linearmodels"
    return SecondOpinion(
        value=average_of_cells(table, request.estimand.aggregation),
        by=f"{route} on each pair of periods, averaged with pandas",
    )


def _cell_again(
    pair: pd.DataFrame, cell: tuple[float, int], method: str, covariates: tuple[str, ...], rule: Rule
) -> float | None:
    """The effect of one pair of periods; None where one side is not seen."""
    if rule == "pairs":
        pair = pair[pair.groupby("unit")["period"].transform("size") == 2]  # noqa: PLR2004 - both periods
    treated, after = pair["start"] == cell[0], pair["period"] == cell[1]
    if any(not bool((d & t).any()) for d in (treated, ~treated) for t in (after, ~after)):
        return None
    if rule in {"rows", "cross_sections"}:
        return cross_sections_again(pair, treated, after, covariates, method)
    return TwoByTwo(pair, treated, after, covariates).effect(method)


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


def two_by_two_of_rows(
    request: EstimationRequest, anticipation: int, method: str, covariates: tuple[str, ...]
) -> SecondOpinion:
    """The effect of one common start from cross-sections: the mean of each treated period's effect against the base."""
    frame = long_frame(request)
    start = frame.loc[frame["start"] <= frame["period"].max(), "start"].min()
    frame = frame[(frame["start"] == start) | (frame["start"] > frame["period"].max() + anticipation)]
    base = frame.loc[frame["period"] + anticipation < start, "period"].max()
    after = sorted(p for p in frame["period"].unique() if p >= start)
    pairs = [(period, frame[frame["period"].isin([base, period])]) for period in after]
    found = [_cell_again(pair, (start, period), method, covariates, "cross_sections") for period, pair in pairs]
    known = [value for value in found if value is not None]
    return SecondOpinion(value=float(np.mean(known)), by="statsmodels on the rows of each pair of periods")


def average_of_cells(table: pd.DataFrame, kind: str) -> float:
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
        from linearmodels.iv import IV2SLS  # noqa: PLC0415 - loaded only when a second opinion is asked for

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
        import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

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


def cross_sections_again(
    rows: pd.DataFrame, treated: pd.Series[bool], after: pd.Series[bool], covariates: tuple[str, ...], method: str
) -> float:
    """The ATT of two cross-sections from statsmodels fits on the rows (Sant'Anna & Zhao 2020, eq. 2.2, 2.9, 4.1)."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    d, t = treated.to_numpy(dtype=bool), after.to_numpy(dtype=bool)
    y, w = rows["y"].to_numpy(dtype=float), rows["w"].to_numpy(dtype=float)
    if not covariates:
        x = np.column_stack([np.ones(len(rows)), d, t, d & t]).astype(float)
        return float(sm.WLS(y, x, weights=w).fit().params[3])
    x = sm.add_constant(rows[[f"x.{name}" for name in covariates]].to_numpy(dtype=float))

    def fitted(own: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
        found: FloatArray = sm.WLS(y[own], x[own], weights=w[own]).fit().predict(x)
        return found

    def change(values: FloatArray, weights: FloatArray) -> float:
        return float(np.average(values[t], weights=weights[t]) - np.average(values[~t], weights=weights[~t]))

    mine = np.where(d, w, 0.0)
    if method == "ipw":
        return change(y, mine) - change(y, _odds(x, d, w))
    late, early = fitted(~d & t), fitted(~d & ~t)
    if method == "reg":
        return change(y, mine) - float(np.average(late - early, weights=mine))
    rest = y - np.where(t, late, early)
    gain, level = fitted(d & t) - late, fitted(d & ~t) - early
    local = np.average(gain, weights=mine) - np.average(gain[t], weights=mine[t])
    local -= np.average(level, weights=mine) - np.average(level[~t], weights=mine[~t])
    return change(rest, mine) - change(rest, _odds(x, d, w)) + float(local)


def _odds(x: FloatArray, treated: np.ndarray[tuple[int], np.dtype[np.bool_]], weights: FloatArray) -> FloatArray:
    """Weights of the comparison units, w·p/(1 − p), from a statsmodels logit."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

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
