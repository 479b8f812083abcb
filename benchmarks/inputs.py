"""The inputs of the benchmarks, seeded: panels and cross-sections of the sizes that stand in ``rows.py``."""

from __future__ import annotations

import os
import subprocess
import sys
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


def series(periods: int, before: int, seed: int) -> pd.DataFrame:
    """One treated series that follows another, with a level that walks; an effect of 1."""
    r = np.random.default_rng(seed)
    other = r.normal(size=periods).cumsum() / 4
    own = 0.8 * other + r.normal(scale=0.3, size=periods).cumsum() / 4 + r.normal(size=periods)
    own[before:] += 1
    after = (np.arange(periods) >= before).astype(int)
    time = np.arange(1, periods + 1)
    one = pd.DataFrame({"unit": "u0000", "time": time, "start": 0, "treated": 0, "y": other})
    return pd.concat(
        [one, pd.DataFrame({"unit": "u0001", "time": time, "start": before + 1, "treated": after, "y": own})]
    )


def with_predictors(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Two covariates that do not change over time."""
    r = np.random.default_rng(seed)
    names = frame["unit"].unique()
    level = frame.groupby("unit")["y"].mean()
    first, second = pd.Series(r.normal(size=len(names)), names), pd.Series(r.normal(size=len(names)), names)
    own = frame["unit"]
    return frame.assign(x1=(level + first).loc[own].to_numpy(), x2=second.loc[own].to_numpy())


def wide_people(size: int, columns: int, seed: int) -> pd.DataFrame:
    """Covariates that shift the chance of treatment, a tenth of ``size`` treated."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(size, columns))
    arm = (r.random(size) < 1 / (1 + np.exp(2.2 - 0.2 * x[:, :5].sum(axis=1)))).astype(int)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(1, columns + 1)])
    frame.insert(0, "id", np.arange(size))
    return frame.assign(treat=arm, y=x.sum(axis=1) + arm + r.normal(size=size))


def reference(name: str) -> Path:
    """A file of the folder that EVALTOOL_REFERENCE names. Raises KeyError without it."""
    return Path(os.environ["EVALTOOL_REFERENCE"]) / "data" / name


def prop99() -> pd.DataFrame:
    """Cigarette sales in 39 states (Abadie, Diamond & Hainmueller 2010)."""
    frame = pd.read_csv(reference("california_prop99.csv"))
    frame.columns = ["unit", "time", "y", "treated"]
    return frame.assign(start=np.where(frame["unit"] == "California", 1989, 0))


INPUTS: dict[str, Callable[[], pd.DataFrame]] = {
    "two_way_1e6": lambda: two_way(100_000, 10, 1),
    "two_way_1e7": lambda: two_way(1_000_000, 10, 2),
    "staggered_10k": lambda: staggered(10_000, 10, 3),
    "staggered_100k": lambda: staggered(100_000, 10, 4),
    "people_55k": lambda: people(5_000, 50_000, 5),
    "people_520k": lambda: people(20_000, 500_000, 6),
    "people_12k": lambda: people(2_000, 10_000, 7),
    "people_220k": lambda: people(20_000, 200_000, 11),
    "people_1200k": lambda: people(200_000, 1_000_000, 12),
    "people_1m": lambda: wide_people(1_000_000, 20, 13),
    "prop99": prop99,
    "medicaid": lambda: pd.read_csv(reference("medicaid_event_study.csv")),
    "series_200": lambda: series(200, 150, 14),
    "factors_39_x": lambda: with_predictors(factors(39, 31, 38, 19, 10), 15),
    "factors_200": lambda: factors(200, 100, 199, 80, 16),
    "factors_500_1": lambda: factors(500, 100, 499, 80, 18),
    "factors_500": lambda: factors(500, 100, 480, 80, 9),
    "factors_500_200": lambda: factors(500, 200, 499, 150, 17),
    "factors_39": lambda: factors(39, 31, 38, 19, 10),
    "factors_100": lambda: factors(100, 50, 99, 40, 8),
}


REFERENCE = frozenset({"prop99", "medicaid"})
"""Read from the folder of reference data."""


def written(name: str, folder: Path) -> Path:
    """The input as Parquet in ``folder``, made once by a process of its own, so that nobody inherits its peak."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, __file__, name, str(path)], check=True)
    return path


if __name__ == "__main__":
    INPUTS[sys.argv[1]]().to_parquet(sys.argv[2], index=False)
