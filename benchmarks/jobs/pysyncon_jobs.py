"""pysyncon: outcomes of every period before the start as predictors, every donor as placebo."""

from __future__ import annotations

import pandas as pd
from pysyncon import Dataprep, Synth
from pysyncon.utils import PlaceboTest


def control(frame: pd.DataFrame) -> float:
    ever = frame.groupby("unit")["treated"].max()
    treated, donors = ever.index[ever == 1].tolist(), ever.index[ever == 0].tolist()
    start = int(frame.loc[frame["treated"] == 1, "time"].min())
    before = [int(t) for t in sorted(frame["time"].unique()) if t < start]
    prep = Dataprep(
        foo=frame, predictors=[], predictors_op="mean", dependent="y", unit_variable="unit", time_variable="time",
        treatment_identifier=treated[0], controls_identifier=donors, time_predictors_prior=before,
        time_optimize_ssr=before, special_predictors=[("y", [t], "mean") for t in before],
    )  # fmt: skip
    test = PlaceboTest()
    test.fit(dataprep=prep, scm=Synth(), scm_options={"optim_method": "Nelder-Mead", "optim_initial": "equal"})
    return float(test.pvalue(treatment_time=start))


JOBS = {"control": control}
