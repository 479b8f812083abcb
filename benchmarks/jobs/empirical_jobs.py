"""empirical-calibration: entropy balancing of the comparison units' means, weights alone."""

from __future__ import annotations

import empirical_calibration as ec
import pandas as pd


def entropy(frame: pd.DataFrame, columns: int) -> float:
    x, arm = frame[[f"x{k}" for k in range(1, columns + 1)]].to_numpy(), frame["treat"].to_numpy() == 1
    weights, done = ec.calibrate(x[~arm], x[arm], objective=ec.Objective.ENTROPY)
    if not done:
        message = "not converged"
        raise RuntimeError(message)
    return float(weights.sum())


JOBS = {"entropy": lambda frame: entropy(frame, 5), "entropy_20": lambda frame: entropy(frame, 20)}
