"""diff-diff."""

from __future__ import annotations

import numpy as np
import pandas as pd
from diff_diff import CallawaySantAnna, HonestDiD, SyntheticControl, SyntheticDiD, TwoWayFixedEffects
from diff_diff.results import MultiPeriodDiDResults, PeriodEffect

START = 2014
NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "start"}


def group_time(frame: pd.DataFrame, **more: object) -> float:
    return CallawaySantAnna(estimation_method="dr", base_period="universal").fit(frame, **NAMES, **more).overall_att


def two_way(frame: pd.DataFrame) -> float:
    model = TwoWayFixedEffects(cluster="unit")
    return float(model.fit(frame, outcome="y", treatment="treated", time="time", unit="unit").att)


def bands(frame: pd.DataFrame, **more: object) -> float:
    model = CallawaySantAnna(n_bootstrap=999, seed=1, base_period="universal")
    return model.fit(frame, **NAMES, aggregate="event_study", **more).overall_att


def synthetic(frame: pd.DataFrame) -> float:
    whole = frame.assign(ever=(frame["start"] > 0).astype(int))
    after = sorted(whole.loc[whole["treated"] == 1, "time"].unique())
    model = SyntheticDiD(variance_method="placebo", n_bootstrap=200, seed=1)
    return model.fit(whole, outcome="y", treatment="ever", unit="unit", time="time", post_periods=after).att


def honest(frame: pd.DataFrame) -> float:
    years, covariance = frame["year"].tolist(), frame.filter(like="cov_").to_numpy()
    se = np.sqrt(np.diag(covariance))
    effects = {
        y: PeriodEffect(y, b, s, b / s, 0.0, (0.0, 0.0)) for y, b, s in zip(years, frame["estimate"], se, strict=True)
    }
    study = MultiPeriodDiDResults(
        effects, 0.0, 1.0, 0.0, 1.0, (0.0, 0.0), 100, 50, 50, [y for y in years if y < START],
        [y for y in years if y >= START], vcov=covariance, reference_period=2013,
        interaction_indices={y: k for k, y in enumerate(years)},
    )  # fmt: skip
    first = np.array([1.0, 0.0])
    found = [HonestDiD("relative_magnitude", m, l_vec=first).fit(study) for m in (0.5, 1.0, 1.5, 2.0)]
    found += [HonestDiD("smoothness", m, l_vec=first).fit(study) for m in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)]
    return float(sum(one.ci_ub for one in found))


def control(frame: pd.DataFrame) -> float:
    after = sorted(frame.loc[frame["treated"] == 1, "time"].unique())
    names = {"outcome": "y", "treatment": "treated", "unit": "unit", "time": "time"}
    found = SyntheticControl().fit(frame, **names, post_periods=after)
    found.in_space_placebo()
    return float(found.att)


JOBS = {
    "two_way": two_way,
    "honest": honest,
    "control": control,
    "group_time": group_time,
    "group_time_dr": lambda frame: group_time(frame, covariates=["x1", "x2"]),
    "group_time_bands": bands,
    "group_time_dr_bands": lambda frame: bands(frame, covariates=["x1", "x2"]),
    "synthetic_did": synthetic,
}
