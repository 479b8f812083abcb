"""One small table as every kind of frame the direct road takes, and frames that it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

KINDS: dict[str, Callable[[pd.DataFrame], object]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


def school_absence(root: Path) -> pd.DataFrame:
    """The sample's file as an analyst would read it: dates as dates, empty starts as missing."""
    frame = pd.read_csv(
        root / "data_samples" / "school_absence" / "absence.csv", sep=";", decimal=",", encoding="cp1252"
    )
    for column in ("måned", "programstart"):
        frame[column] = pd.to_datetime(frame[column], format="%d-%m-%Y")
    return frame.rename(columns={"fraværsdage": "absence"})


def staggered(seed: int = 3) -> pd.DataFrame:
    """Forty units, six periods, starts 3 and 5 and never (0), one covariate, ten clusters, unequal weights."""
    r = np.random.default_rng(seed)
    starts = np.repeat([3, 5, 0, 0], 10)
    rows = []
    for unit, start in enumerate(starts):
        level, size, x = r.normal(), float(r.integers(5, 30)), float(r.normal())
        rows += [
            {
                "school": f"S{unit:02d}",
                "year": t,
                "start": int(start),
                "Days away": level + 0.1 * t + 0.2 * x * t + (t >= start > 0) * -0.5 + 0.1 * r.normal(),
                "pupils": size,
                "income": x,
                "town": f"T{unit % 10}",
            }
            for t in range(1, 7)
        ]
    return pd.DataFrame(rows)


def people(seed: int = 4) -> pd.DataFrame:
    """Thirty treated and ninety others, one row each, with a true effect of 2."""
    r = np.random.default_rng(seed)
    treated = np.arange(120) < 30
    age, debt = r.normal(40, 9, 120) + 3 * treated, r.normal(0, 1, 120)
    return pd.DataFrame(
        {
            "person": [f"p{n:03d}" for n in range(120)],
            "offered": treated.astype(int),
            "age": age,
            "debt": debt,
            "weeks": 0.1 * age - debt + 2.0 * treated + r.normal(size=120),
        }
    )


def towns(seed: int = 5) -> pd.DataFrame:
    """One town that starts in 2010 against seven others, 2001 to 2014."""
    r = np.random.default_rng(seed)
    common = np.cumsum(r.normal(size=14))
    rows = []
    for n in range(8):
        loading = 0.5 + n / 7
        rows += [
            {
                "Town": f"town {n}",
                "Year": 2001 + t,
                "Nights": 100 + 10 * loading * common[t] + r.normal() - 8 * (n == 3 and t >= 9),
            }
            for t in range(14)
        ]
    return pd.DataFrame(rows)
