"""The extended two-way regression again with statsmodels, on columns built with pandas."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.estimators.did._second_opinion import inside
from evaltool.estimators.did._second_rows import average_of, sparse_ols, untreated_once
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest

FAMILIES = {"poisson": "Poisson", "logit": "Binomial"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What decides the regression."""

    family: str
    control: str
    effects: str


def extended_again(
    request: EstimationRequest, covariates: tuple[str, ...], anticipation: int, choices: Choices
) -> SecondOpinion:
    """The headline from one regression on indicators."""
    control = choices.control
    frame = untreated_once(request, anticipation)
    if np.isfinite(frame["start"]).all():
        last = frame["start"].max()
        frame = frame[frame["period"] + anticipation < last].reset_index(drop=True)
        frame.loc[frame["start"] == last, "start"] = np.inf
    own = frame[np.isfinite(frame["start"])]
    base = own[own["untouched"]].groupby("start")["period"].max()
    shown = own if control == "never_treated" else own[~own["untouched"]]
    pairs = [(g, t) for g, t in shown.groupby(["start", "period"]).groups if control != "never_treated" or t != base[g]]
    plain = pd.concat(
        [
            pd.Series(1.0, index=frame.index, name="constant"),
            pd.get_dummies(frame["start"], prefix="start", dtype=float).iloc[:, :-1],
            pd.get_dummies(frame["period"], prefix="period", dtype=float).iloc[:, 1:],
        ],
        axis=1,
    )
    products = [
        plain.mul(frame[f"x.{name}"], axis=0).set_axis([f"{column}.{name}" for column in plain.columns], axis=1)
        for name in covariates
    ]
    cells = {}
    for k, (g, t) in enumerate(pairs):
        own_cell = (frame["start"] == g) & (frame["period"] == t)
        cells[f"cell{k}"] = own_cell.astype(float)
        for name in covariates:
            x = frame[f"x.{name}"]
            cells[f"cell{k}.{name}"] = (x - np.average(x[own_cell], weights=frame.loc[own_cell, "w"])).where(
                own_cell, 0.0
            )
    treated = pd.DataFrame(cells, index=frame.index)
    design = pd.concat([plain, *products, treated], axis=1)
    if choices.effects == "unit":
        rest = pd.concat([*products, treated], axis=1)
        values = sparse_ols(pd.concat([frame, rest], axis=1), list(rest.columns))[0]
        change = treated @ values[list(treated.columns)]
    else:
        change = _difference(frame, design, list(treated.columns), choices.family)
    sums = frame.assign(change=change * frame["w"]).groupby(["start", "period"])[["change", "w"]].sum()
    table = (sums["change"] / sums["w"]).rename("att").reset_index()
    table = table[[pair in set(pairs) for pair in zip(table["start"], table["period"], strict=True)]]
    value = average_of(frame, inside(table, request), request.estimand.aggregation)
    route = "sparse least squares" if choices.effects == "unit" else "statsmodels"
    return SecondOpinion(value=value, by=f"{route} on indicators of cohort, period and cell, averaged with pandas")


def _difference(frame: pd.DataFrame, design: pd.DataFrame, terms: list[str], family: str) -> pd.Series[float]:
    """(rows,) fitted mean with the treatment terms less that without them."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    x, y, w = design.to_numpy(dtype=float), frame["y"].to_numpy(dtype=float), frame["w"].to_numpy(dtype=float)
    without = design.assign(**dict.fromkeys(terms, 0.0)).to_numpy(dtype=float)
    if family == "linear":
        coefficients = np.asarray(sm.WLS(y, x, weights=w).fit().params, dtype=float)
        return pd.Series((x - without) @ coefficients, index=frame.index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = sm.GLM(y, x, family=getattr(sm.families, FAMILIES[family])(), freq_weights=w).fit(tol=1e-14, maxiter=200)
    return pd.Series(np.asarray(fit.predict(x) - fit.predict(without), dtype=float), index=frame.index)
