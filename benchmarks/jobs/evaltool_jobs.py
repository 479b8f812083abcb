"""evaltool by the direct road: the frame is checked, the estimate and its standard error are made."""

from __future__ import annotations

import pandas as pd

import evaltool as ev

PANEL = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
PEOPLE = {"treatment": "treat", "covariates": [f"x{k}" for k in range(1, 6)], "unit": "id"}


def group_time(frame: pd.DataFrame, **options: object) -> float:
    return ev.did.group_time(frame, **PANEL, control_group="never_treated", **options).att


def group_time_bands(frame: pd.DataFrame) -> float:
    found = ev.did.group_time(frame, **PANEL, control_group="never_treated")
    return float(ev.did.bands(found)["band_upper"].max())


def effective(design: object) -> float:
    """Something that needs the whole design."""
    return float(design.weights.sum())


JOBS = {
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
