"""ebal: entropy balancing for the treated to its own tolerance (1e-4), without principal components."""

from __future__ import annotations

import pandas as pd
from ebal import ebal_bin


def entropy(frame: pd.DataFrame, columns: int) -> float:
    model = ebal_bin(print_level=-1, PCA=False, effect="ATT")
    x = frame[[f"x{k}" for k in range(1, columns + 1)]]
    found = model.ebalance(frame["treat"].to_numpy(), x.to_numpy(), frame["y"].to_numpy())
    return float(found["w"].sum())


JOBS = {"entropy": lambda frame: entropy(frame, 5), "entropy_20": lambda frame: entropy(frame, 20)}
