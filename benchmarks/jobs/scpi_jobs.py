"""scpi_pkg: weights on the simplex and prediction intervals with 200 simulations."""

from __future__ import annotations

import contextlib
import io
import random

import numpy as np
import pandas as pd
from scpi_pkg.scdata import scdata
from scpi_pkg.scpi import scpi


def intervals(frame: pd.DataFrame) -> float:
    ever = frame.groupby("unit")["treated"].max()
    start = int(frame.loc[frame["treated"] == 1, "time"].min())
    times = np.array(sorted(frame["time"].unique()))
    data = scdata(
        df=frame, id_var="unit", time_var="time", outcome_var="y", period_pre=times[times < start],
        period_post=times[times >= start], unit_tr=ever.index[ever == 1][0], unit_co=ever.index[ever == 0].tolist(),
        constant=False, cointegrated_data=True,
    )  # fmt: skip
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the package draws from the global generator
    with contextlib.redirect_stdout(io.StringIO()):
        found = scpi(data, sims=200, w_constr={"name": "simplex", "Q": 1}, cores=1, e_method="gaussian")
    return float(np.asarray(found.Y_post_fit).mean())


JOBS = {"prediction_intervals": intervals}
