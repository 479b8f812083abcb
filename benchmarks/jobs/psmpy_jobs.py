"""psmpy."""

from __future__ import annotations

import contextlib
import io

import pandas as pd
from psmpy import PsmPy


def nearest(frame: pd.DataFrame, *, replace: bool) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        match = PsmPy(frame, treatment="treat", indx="id", exclude=["y"])
        match.logistic_ps(balance=False)
        match.kdtree_matched(matcher="propensity_score", replacement=replace, caliper=0.05, drop_unmatched=True)
    return float(len(match.matched_ids))


JOBS = {
    "nearest": lambda frame: nearest(frame, replace=False),
    "nearest_replace": lambda frame: nearest(frame, replace=True),
}
