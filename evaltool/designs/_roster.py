"""What every design seals: the roster of units that take part."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaltool.numerics.distinct import distinct
from evaltool.records.base import Record, seal_of
from evaltool.records.design import DesignCohort
from evaltool.records.panel import Panel


def unit_table(panel: Panel) -> pd.DataFrame:
    """One row per unit in canonical order: ``unit``, ``first_treated`` (inf = never), ``weight``.

    Without a treatment start every unit counts as never treated, or, where a ``treated`` column exists, as treated
    from the only period (1).
    """
    frame = panel.frame
    first = frame.loc[~frame["unit"].duplicated()]
    if "first_treated" in frame:
        start = first["first_treated"].to_numpy(dtype=float)
    elif "treated" in frame:
        start = first["treated"].map({True: 1.0, False: float("inf")}).to_numpy(dtype=float)
    else:
        start = pd.Series(float("inf"), index=first.index).to_numpy()
    weight = first["weight"].to_numpy(dtype=float) if "weight" in frame else 1.0
    return pd.DataFrame({"unit": first["unit"].to_numpy(), "first_treated": start, "weight": weight})


def design_seal(method: str, options: Record | Mapping[str, object], roster: pd.DataFrame | None) -> str:
    """Hexadecimal sha256 of method, options and roster (unit, start and weight to the last bit)."""
    digest = None
    if roster is not None:
        rows = zip(roster["unit"].tolist(), roster["first_treated"].tolist(), roster["weight"].tolist(), strict=True)
        lines = "\n".join(f"{unit!r}\t{start!r}\t{weight!r}" for unit, start, weight in rows)
        digest = hashlib.sha256(lines.encode()).hexdigest()
    return seal_of({"method": method, "options": options, "roster": digest})


def cohorts_of(panel: Panel, roster: pd.DataFrame, *, never: str) -> tuple[DesignCohort, ...]:
    """The cohorts in order of start; those who never start come last under the label ``never``."""
    start = roster["first_treated"].to_numpy(dtype=float)
    weight = roster["weight"].to_numpy(dtype=float)
    return tuple(
        DesignCohort(
            label=panel.label(int(g)) if np.isfinite(g) else never,
            start=int(g) if np.isfinite(g) else None,
            units=int(np.sum(start == g)),
            weight=float(np.sum(weight[start == g])),
        )
        for g in distinct(start)
    )
