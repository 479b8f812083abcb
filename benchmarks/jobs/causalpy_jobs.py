"""CausalPy without sampling: weights on the simplex by scipy, no placebos."""

from __future__ import annotations

import causalpy as cp
import pandas as pd


def control(frame: pd.DataFrame) -> float:
    ever = frame.groupby("unit")["treated"].max()
    wide = frame.pivot_table(index="time", columns="unit", values="y")
    start = int(frame.loc[frame["treated"] == 1, "time"].min())
    found = cp.SyntheticControl(
        wide, start, control_units=ever.index[ever == 0].tolist(), treated_units=ever.index[ever == 1].tolist(),
        model=cp.skl_models.WeightedProportion(),
    )  # fmt: skip
    return float(found.score.iloc[0]) if hasattr(found.score, "iloc") else float(found.score)


JOBS = {"control": control}
