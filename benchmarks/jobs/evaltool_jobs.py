"""evaltool by the direct road: the frame is checked, the estimate and its standard error are made."""

from __future__ import annotations

import pandas as pd

import evaltool as ev

PANEL = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
WIDE = {"treatment": "treat", "covariates": [f"x{k}" for k in range(1, 21)], "unit": "id"}
PEOPLE = {"treatment": "treat", "covariates": [f"x{k}" for k in range(1, 6)], "unit": "id"}


def group_time(frame: pd.DataFrame, **options: object) -> float:
    return ev.did.group_time(frame, **PANEL, control_group="never_treated", **options).att


def group_time_bands(frame: pd.DataFrame, **options: object) -> float:
    found = ev.did.group_time(frame, **PANEL, control_group="never_treated", **options)
    return float(ev.did.bands(found)["band_upper"].max())


def effective(design: object) -> float:
    """Something that needs the whole design."""
    return float(design.weights.sum())


def honest(frame: pd.DataFrame) -> float:
    table = frame.set_index(frame["year"] - 2014)
    study = ev.did.published(table["estimate"].to_dict(), table.filter(like="cov_").to_numpy(), base=-1)
    grids = {"relative_magnitudes": [0.5, 1, 1.5, 2], "smoothness": [0, 0.01, 0.02, 0.03, 0.04, 0.05]}
    found = [ev.did.honest(study, kind=kind, weights="first", grid=grid).to_frame() for kind, grid in grids.items()]
    return float(sum(table["upper"].sum() for table in found))


def one(frame: pd.DataFrame) -> dict[str, object]:
    """Who is treated and when, as the synthetic control asks."""
    who = frame[frame["treated"] == 1]
    return {"outcome": "y", "unit": "unit", "time": "time", "treated": who["unit"].iloc[0], "start": who["time"].min()}


def control(frame: pd.DataFrame, **options: object) -> float:
    return ev.counterfactual.synthetic_control(frame, **one(frame), **options).att


def structural(frame: pd.DataFrame) -> float:
    start = frame.loc[frame["treated"] == 1, "time"].min()
    who = {"outcome": "y", "unit": "unit", "time": "time", "treated": "u0001", "start": start, "control": "u0000"}
    return ev.counterfactual.structural_series(frame, **who).att


WINDOW = [{"column": name, "periods": [1, 19]} for name in ("x1", "x2", "outcome")]
JOBS = {
    "honest": honest,
    "control": control,
    "control_conformal": lambda frame: control(frame, inference="conformal"),
    "prediction_intervals": lambda frame: control(frame, inference="prediction"),
    "control_predictors": lambda frame: control(frame, predictors=WINDOW),
    "structural": structural,
    "group_time_dr_bands": lambda frame: group_time_bands(frame, covariates=["x1", "x2"], method="dr"),
    "optimal_caliper": lambda frame: effective(ev.matching.optimal(frame, **PEOPLE, caliper=0.2)),
    "coarsened": lambda frame: effective(ev.matching.coarsened_exact(frame, **PEOPLE)),
    "entropy_20": lambda frame: effective(ev.weighting.entropy_balancing(frame, **WIDE)),
    "propensity": lambda frame: effective(ev.weighting.inverse_propensity(frame, **WIDE)),
    "two_way": lambda frame: ev.did.twfe(frame, **PANEL).att,
    "group_time": group_time,
    "group_time_dr": lambda frame: group_time(frame, covariates=["x1", "x2"], method="dr"),
    "group_time_bands": group_time_bands,
    "synthetic_did": lambda frame: ev.did.synthetic(frame, **PANEL).att,
    "nearest": lambda frame: effective(ev.matching.nearest(frame, **PEOPLE, caliper=0.2)),
    "nearest_replace": lambda frame: effective(ev.matching.nearest(frame, **PEOPLE, caliper=0.2, replace=True)),
    "optimal": lambda frame: effective(ev.matching.optimal(frame, **PEOPLE)),
    "full": lambda frame: effective(ev.matching.full(frame, **PEOPLE)),
    "entropy": lambda frame: effective(ev.weighting.entropy_balancing(frame, **PEOPLE)),
}
