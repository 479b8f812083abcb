"""Weights that average effects by cohort and period into simple, event-time, cohort and calendar averages.

Cells weigh by their weighted number of rows (``mass``); in a balanced panel these are the weights of Callaway &
Sant'Anna (2021), table 1, with cohort shares taken as known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats, Ints

Kind = Literal["simple", "dynamic", "group", "calendar"]


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Cells (k,): code of the cohort, its start, the period, and the weighted number of rows."""

    cohort: Ints
    start: Ints
    time: Ints
    mass: Floats

    @property
    def event(self) -> Ints:
        """(k,) periods since the start."""
        return self.time - self.start

    @property
    def treated(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(k,) from the start on."""
        return self.time >= self.start


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """One average: its element (event time, start, period; 0 for overall ones), weights (k,), and a partition (k,).

    The partition says which cells share one coefficient where averages are read off a regression on indicators.
    """

    element: int
    weights: Floats
    partition: Ints


def elements(table: CellTable, by: Ints, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[Average]:
    """One average by mass for each value of ``by`` (k,) among the ``chosen`` cells."""
    found = []
    for value in distinct(by[chosen]):
        inside = chosen & (by == value)
        weights = np.where(inside, table.mass, 0.0)
        found.append(Average(int(value), weights / float(np.sum(weights)), by))
    return found


def overall(table: CellTable, kind: Kind, cohort_mass: Floats, within: tuple[int, int] | None = None) -> Average:
    """The overall average of one kind over treated cells; ``cohort_mass`` (cohorts,) weighs cohorts in ``group``.

    ``within``: first and last event time that count; at least one treated cell must lie there.
    """
    chosen = table.treated
    if within is not None:
        chosen = chosen & (table.event >= within[0]) & (table.event <= within[1])
    if kind == "simple":
        part = elements(table, np.zeros_like(table.start), chosen)[0]
        return Average(0, part.weights, part.partition)
    by = {"dynamic": table.event, "group": table.start, "calendar": table.time}[kind]
    parts = elements(table, by, chosen)
    shares = np.full(len(parts), 1.0 / len(parts))
    if kind == "group":
        masses = np.array([cohort_mass[table.cohort[np.flatnonzero(part.weights)[0]]] for part in parts])
        shares = masses / float(np.sum(masses))
    weights = np.sum([share * part.weights for share, part in zip(shares, parts, strict=True)], axis=0)
    return Average(0, weights, by)
