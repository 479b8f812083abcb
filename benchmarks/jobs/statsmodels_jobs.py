"""statsmodels: outcomes and treatment demeaned by unit and period, a logit for weights, its structural series."""

from __future__ import annotations

import pandas as pd
import statsmodels.api as sm


def two_way(frame: pd.DataFrame) -> float:
    both = frame[["y", "treated"]].astype(float)
    inside = both - both.groupby(frame["unit"]).transform("mean") - both.groupby(frame["time"]).transform("mean")
    inside += both.mean()
    fit = sm.OLS(inside["y"], inside[["treated"]]).fit(cov_type="cluster", cov_kwds={"groups": frame["unit"]})
    return float(fit.params["treated"])


def structural(frame: pd.DataFrame) -> float:
    wide = frame.pivot_table(index="time", columns="unit", values="y")
    start = int(frame.loc[frame["treated"] == 1, "time"].min())
    own, others = wide["u0001"], wide[["u0000"]]
    early = own.index < start
    model = sm.tsa.UnobservedComponents(own[early].to_numpy(), level="llevel", exog=others[early].to_numpy())
    ahead = model.fit(disp=0).get_forecast(int((~early).sum()), exog=others[~early].to_numpy())
    return float((own[~early].to_numpy() - ahead.predicted_mean).mean())


def propensity(frame: pd.DataFrame) -> float:
    x = sm.add_constant(frame[[f"x{k}" for k in range(1, 21)]])
    score = sm.Logit(frame["treat"], x).fit(disp=0).predict(x)
    return float((score / (1 - score))[frame["treat"] == 0].sum())


JOBS = {"two_way": two_way, "structural": structural, "propensity": propensity}
