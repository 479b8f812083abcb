"""mlsynth."""

from __future__ import annotations

import pandas as pd
from mlsynth import SDID, VanillaSC

NAMES = {"outcome": "y", "treat": "treated", "unitid": "unit", "time": "time", "display_graphs": False}


def control(frame: pd.DataFrame, inference: str = "placebo", **more: object) -> float:
    found = VanillaSC({"df": frame, **NAMES, "inference": inference, **more}).fit()
    return float(found.effects.att)


def synthetic(frame: pd.DataFrame) -> float:
    return float(SDID({"df": frame, **NAMES}).fit().effects.att)


JOBS = {
    "control": control,
    "control_conformal": lambda frame: control(frame, "conformal"),
    "prediction_intervals": lambda frame: control(frame, "scpi"),
    "control_predictors": lambda frame: control(frame, covariates=["x1", "x2"], backend="mscmt"),
    "synthetic_did": synthetic,
}
