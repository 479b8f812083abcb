"""scikit-learn: a logit and its neighbours alone, with replacement, with no caliper and no balance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

NAMES = [f"x{k}" for k in range(1, 6)]


def nearest_replace(frame: pd.DataFrame) -> float:
    x, arm = frame[NAMES].to_numpy(), frame["treat"].to_numpy() == 1
    score = LogisticRegression(C=1e6).fit(x, arm).predict_proba(x)[:, 1:]
    found = NearestNeighbors(n_neighbors=1).fit(score[~arm]).kneighbors(score[arm])
    return float(np.sum(found[0]))


JOBS = {"nearest_replace": nearest_replace}
