"""diff-diff."""

from __future__ import annotations

import pandas as pd
from diff_diff import CallawaySantAnna, SyntheticDiD

NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "start"}


def group_time(frame: pd.DataFrame, **more: object) -> float:
    return CallawaySantAnna(estimation_method="dr", base_period="universal").fit(frame, **NAMES, **more).overall_att


def bands(frame: pd.DataFrame) -> float:
    model = CallawaySantAnna(n_bootstrap=999, seed=1, base_period="universal")
    return model.fit(frame, **NAMES, aggregate="event_study").overall_att


def synthetic(frame: pd.DataFrame) -> float:
    whole = frame.assign(ever=(frame["start"] > 0).astype(int))
    after = sorted(whole.loc[whole["treated"] == 1, "time"].unique())
    model = SyntheticDiD(variance_method="placebo", n_bootstrap=200, seed=1)
    return model.fit(whole, outcome="y", treatment="ever", unit="unit", time="time", post_periods=after).att


JOBS = {
    "group_time": group_time,
    "group_time_dr": lambda frame: group_time(frame, covariates=["x1", "x2"]),
    "group_time_bands": bands,
    "synthetic_did": synthetic,
}
