"""scipy: the assignment alone, on a dense matrix of score distances, unique or not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LogisticRegression

NAMES = [f"x{k}" for k in range(1, 6)]


def optimal(frame: pd.DataFrame) -> float:
    x, arm = frame[NAMES].to_numpy(), frame["treat"].to_numpy() == 1
    score = LogisticRegression(C=1e6).fit(x, arm).predict_proba(x)[:, 1]
    cost = np.abs(score[arm][:, None] - score[~arm][None, :])
    return float(cost[linear_sum_assignment(cost)].sum())


JOBS = {"optimal": optimal}
