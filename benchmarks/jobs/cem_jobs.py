"""cem: Sturges' number of equal bins per covariate, weights of the strata."""

from __future__ import annotations

import math

import pandas as pd
from cem.match import match

NAMES = [f"x{k}" for k in range(1, 6)]


def coarsened(frame: pd.DataFrame) -> float:
    bins = math.ceil(math.log2(len(frame)) + 1)
    coarse = frame[NAMES].apply(lambda x: pd.cut(x, bins, labels=False)).assign(treat=frame["treat"])
    return float(match(coarse, "treat").sum())


JOBS = {"coarsened": coarsened}
