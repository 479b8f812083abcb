"""A two-way fixed-effects coefficient taken apart: the frame of its comparisons, and what was left out."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.numerics.bacon import ALWAYS, NEVER, Bacon, decompose
from evaltool.numerics.distinct import distinct
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.panel import Panel
from evaltool.records.showing import Summary

AlwaysTreated = Literal["leave_out", "compare"]
COLUMNS = ("treated", "comparison", "type", "weight", "estimate")
OUTSIDE = {NEVER: "never", ALWAYS: "always"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Decomposition:
    """Comparisons with weights and estimates; ``coefficient`` is computed from the panel without them."""

    parts: Bacon
    labels: dict[float, str]
    ledger: Ledger

    @property
    def coefficient(self) -> float:
        """The two-way fixed-effects coefficient that is taken apart."""
        return self.parts.coefficient

    def to_frame(self) -> pd.DataFrame:
        """One row per comparison: ``treated, comparison, type, weight, estimate``; starts as their labels."""
        rows = [
            (self.labels[c.treated], self.labels[c.comparison], c.kind, c.weight, c.estimate)
            for c in self.parts.comparisons
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def by_type(self) -> pd.DataFrame:
        """One row per type: total ``weight`` and the weighted mean ``estimate``."""
        frame = self.to_frame()
        grouped = frame.assign(estimate=frame["weight"] * frame["estimate"]).groupby("type", sort=True)
        sums = grouped[["weight", "estimate"]].sum()
        sums["estimate"] /= sums["weight"]
        return sums.reset_index()

    @property
    def forbidden(self) -> float:
        """Weight on comparisons with units already treated, which are no counterfactual when effects change."""
        return self.parts.share("later vs earlier treated") + self.parts.share("treated vs always treated")

    @property
    def summary(self) -> Summary:
        """The coefficient, its types of comparison, and the weight on units already treated."""
        table = self.by_type().to_string(index=False, float_format="{:.5f}".format)
        lines = [
            f"Two-way fixed-effects coefficient: {self.coefficient:.6g}",
            "",
            table,
            "",
            f"Weight on comparisons with units already treated: {100 * self.forbidden:.1f}%",
            *(f"left out: {e.count} {e.what}s ({e.arm}): {e.detail or e.reason}" for e in self.ledger.entries),
        ]
        return Summary("\n".join(lines))

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.summary.text)}</pre>"


def decomposition(panel: Panel, outcome: str, always_treated: AlwaysTreated) -> Decomposition:
    """Take the coefficient of a balanced panel apart. A panel that was read has a start within it and a comparison."""
    frame = panel.frame
    periods = distinct(frame["period"].to_numpy(dtype=np.float64))
    size = periods.shape[0]
    starts = frame["first_treated"].to_numpy(dtype=np.float64)[::size]
    weights = frame["weight"].to_numpy(dtype=np.float64)[::size]
    values = frame[f"y.{outcome}"].to_numpy(dtype=np.float64).reshape(-1, size)
    throughout = starts <= periods[0]
    keep = np.ones(starts.shape[0], dtype=bool) if always_treated == "compare" else ~throughout
    found = decompose(values[keep], starts[keep], periods, weights[keep])
    names = {float(p): panel.label(int(p)) for p in periods}
    return Decomposition(found, {**names, **OUTSIDE}, _ledger(panel, int(np.sum(~keep))))


def _ledger(panel: Panel, dropped: int) -> Ledger:
    """The panel's ledger, with the units treated throughout when they were left out."""
    if not dropped:
        return panel.ledger
    entry = LedgerEntry(
        stage="estimation",
        reason="always_treated",
        what="unit",
        arm="treated",
        count=dropped,
        detail="treated in every period",
    )
    return panel.ledger.plus(entry)
