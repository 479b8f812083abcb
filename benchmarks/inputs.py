"""The inputs of the benchmarks, seeded: panels and cross-sections of the sizes that stand in ``rows.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


def two_way(units: int, periods: int, seed: int) -> pd.DataFrame:
    """Starts at a third, a half or three quarters of the time, or never; a walk over time; an effect of 1."""
    r = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(units), periods), np.tile(np.arange(1, periods + 1), units)
    start = r.choice([0, periods // 3 + 1, periods // 2 + 1, 3 * periods // 4 + 1], units)
    level, walk = r.normal(size=units), r.normal(size=periods).cumsum()
    own = start[unit]
    treated = ((own > 0) & (time >= own)).astype(int)
    y = level[unit] + walk[time - 1] + treated + r.normal(size=unit.size)
    return pd.DataFrame({"unit": unit, "time": time, "start": own, "treated": treated, "y": y})


def staggered(units: int, periods: int, seed: int) -> pd.DataFrame:
    """Starts from the third period on or never; two covariates that matter for start and trend."""
    r = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(1, units + 1), periods), np.tile(np.arange(1, periods + 1), units)
    x1, x2 = r.normal(size=units), r.normal(size=units)
    ever = r.random(units) < 1 / (1 + np.exp(-(0.3 * x1 - 0.2 * x2)))
    start = np.where(ever, r.integers(3, periods + 1, units), 0)
    level, own = r.normal(size=units) + 0.5 * x1, np.repeat(start, periods)
    effect = np.where((own > 0) & (time >= own), 1 + 0.1 * (time - own), 0.0)
    trend = 0.1 * time + 0.05 * time * np.repeat(x1, periods)
    y = np.repeat(level, periods) + trend + effect + r.normal(size=unit.size)
    frame = {"unit": unit, "time": time, "start": own, "y": y}
    return pd.DataFrame({**frame, "x1": np.repeat(x1, periods), "x2": np.repeat(x2, periods)})


def people(treated: int, others: int, seed: int) -> pd.DataFrame:
    """Five covariates, shifted for the treated; rows in no order."""
    r = np.random.default_rng(seed)
    n = treated + others
    x = r.normal(size=(n, 5))
    x[:treated] += np.array([0.4, 0.2, -0.3, 0.1, 0.0])
    arm = np.r_[np.ones(treated, int), np.zeros(others, int)]
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 6)])
    frame.insert(0, "id", np.arange(n))
    frame["treat"] = arm
    frame["y"] = x.sum(axis=1) + arm + r.normal(size=n)
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def factors(units: int, periods: int, donors: int, before: int, seed: int) -> pd.DataFrame:
    """Three factors that walk; the units after the donors are treated after ``before``, with an effect of 1."""
    r = np.random.default_rng(seed)
    walks, loads = r.normal(size=(periods, 3)).cumsum(axis=0), r.normal(size=(units, 3))
    y = loads @ walks.T + r.normal(size=(units, 1)) + r.normal(size=(units, periods))
    y[donors:, before:] += 1
    treated = np.zeros((units, periods), int)
    treated[donors:, before:] = 1
    return pd.DataFrame({
        "unit": np.repeat([f"u{k:04d}" for k in range(units)], periods),
        "time": np.tile(np.arange(1, periods + 1), units),
        "start": np.repeat(np.where(np.arange(units) >= donors, before + 1, 0), periods),
        "treated": treated.ravel(),
        "y": y.ravel(),
    })  # fmt: skip


INPUTS: dict[str, Callable[[], pd.DataFrame]] = {
    "two_way_1e6": lambda: two_way(100_000, 10, 1),
    "two_way_1e7": lambda: two_way(1_000_000, 10, 2),
    "staggered_10k": lambda: staggered(10_000, 10, 3),
    "staggered_100k": lambda: staggered(100_000, 10, 4),
    "people_55k": lambda: people(5_000, 50_000, 5),
    "people_520k": lambda: people(20_000, 500_000, 6),
    "people_12k": lambda: people(2_000, 10_000, 7),
    "factors_39": lambda: factors(39, 31, 38, 19, 10),
    "factors_100": lambda: factors(100, 50, 99, 40, 8),
}


def written(name: str, folder: Path) -> Path:
    """The input as Parquet in ``folder``, made once."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        INPUTS[name]().to_parquet(path, index=False)
    return path
