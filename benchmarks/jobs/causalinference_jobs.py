"""causalinference: nearest neighbours with replacement on all covariates, with its standard error."""

from __future__ import annotations

import pandas as pd
from causalinference import CausalModel

NAMES = [f"x{k}" for k in range(1, 6)]


def nearest_replace(frame: pd.DataFrame) -> float:
    model = CausalModel(frame["y"].to_numpy(), frame["treat"].to_numpy(), frame[NAMES].to_numpy())
    model.est_via_matching(matches=1)
    return float(model.estimates["matching"]["att"])


JOBS = {"nearest_replace": nearest_replace}
