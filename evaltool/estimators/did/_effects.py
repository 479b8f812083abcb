"""Effects as a table of terms (cells, event times, or one), with influence values of any average of them.

What every regression-like estimator hands over; ``_finish`` turns it into an ``Estimate``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.estimators.did._rows import BoolArray, Rows, no_comparison, restrict
from evaltool.numerics.cell_averages import Average, CellTable
from evaltool.numerics.distinct import coded, distinct
from evaltool.numerics.effects_regression import Fit
from evaltool.numerics.group_time import NEVER
from evaltool.numerics.inference import influence_covariance
from evaltool.records.panel import FloatArray, IntArray

Control = Literal["not_yet_treated", "never_treated", "everybody"]
Influence = Callable[[Average], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Effects (k,). ``row_term`` (n,) says which rows a term is the effect on, −1 for none.

    ``involved``, ``compared`` (k, cohorts): whose effect a term is, and with whom it is compared. ``influence`` gives
    (units,) values of an average; the covariance is their cluster sums times ``factor``, unless ``matrix`` (k, k) is
    given. ``reference`` (k,) marks terms that are zero by construction.
    """

    values: FloatArray
    row_term: IntArray
    involved: BoolArray
    compared: BoolArray
    reference: BoolArray
    influence: Influence
    factor: float = 1.0
    matrix: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One average of the terms of one table: its place in a path or list, and the table."""

    terms: Terms
    average: Average

    @property
    def att(self) -> float:
        """Its value."""
        used = np.flatnonzero(self.average.weights)
        return float(self.average.weights[used] @ self.terms.values[used])

    @property
    def used(self) -> BoolArray:
        """(k,) terms with a weight."""
        found: BoolArray = self.average.weights != 0.0
        return found

    @property
    def reference(self) -> bool:
        """Whether it is zero by construction."""
        return bool(np.all(self.terms.reference[self.used]))

    def cohorts(self) -> tuple[BoolArray, BoolArray]:
        """(cohorts,) whose effect it is, and with whom they are compared; one cohort may be both."""
        return np.any(self.terms.involved[self.used], axis=0), np.any(self.terms.compared[self.used], axis=0)


def covariance(rows: Rows, pieces: list[Piece]) -> FloatArray:
    """(m, m) covariance of several averages."""
    first = pieces[0].terms
    if first.matrix is not None and all(piece.terms is first for piece in pieces):
        weights = np.column_stack([piece.average.weights for piece in pieces])
        return weights.T @ first.matrix @ weights
    columns = np.column_stack([piece.terms.influence(piece.average) for piece in pieces])
    roots = np.sqrt([piece.terms.factor for piece in pieces])
    joint: FloatArray = influence_covariance(columns, rows.clusters) * np.outer(roots, roots)
    return joint


def cell_table(rows: Rows, chosen: BoolArray) -> tuple[CellTable, IntArray]:
    """Cells of the ``chosen`` rows (n,) by cohort and period, and the cell of each row (−1 for others)."""
    size = len(rows.periods)
    code = rows.cohort * size + rows.period
    present, inverse = coded(code[chosen])
    row_cell = np.full(code.shape[0], -1, dtype=np.int64)
    row_cell[chosen] = inverse
    mass = np.bincount(inverse, weights=rows.weights[chosen], minlength=present.shape[0]).astype(np.float64)
    cohort = (present // size).astype(np.int64)
    table = CellTable(
        cohort=cohort,
        start=np.array(rows.starts)[cohort].astype(np.int64),
        time=np.array(rows.periods, dtype=np.int64)[present % size],
        mass=mass,
    )
    return table, row_cell


def compared_cohorts(rows: Rows, table: CellTable, control: Control) -> BoolArray:
    """(k, cohorts) with whom each cell is compared: those untouched up to the later of its period and its base."""
    starts = np.array(rows.starts)
    own = np.arange(starts.shape[0])[None, :] == table.cohort[:, None]
    if control == "everybody":
        others: BoolArray = ~own
        return others
    if control == "never_treated":
        return np.broadcast_to(starts == NEVER, own.shape).copy()
    base = np.array([max((p for p in rows.periods if p + rows.anticipation < g), default=g) for g in table.start])
    bound = np.maximum(table.time, base)[:, None] + rows.anticipation
    return np.asarray((starts[None, :] > bound) & ~own, dtype=np.bool_)


def involved_cohorts(rows: Rows, table: CellTable) -> BoolArray:
    """(k, cohorts) the cohort of each cell."""
    found: BoolArray = np.arange(len(rows.starts))[None, :] == table.cohort[:, None]
    return found


def never_or_everybody(rows: Rows) -> BoolArray:
    """(cohorts,) with whom a coefficient common to all starts is compared.

    Those who do not start within the data; everybody where all do.
    """
    later = np.array(rows.starts) > rows.periods[-1]
    return later if bool(np.any(later)) else ~later


def regression_influence(rows: Rows, fit: Fit, loading: FloatArray) -> Influence:
    """(units,) influence of averages of terms; ``loading`` (k, terms) maps terms to a fit's coefficients."""

    def influence(average: Average) -> FloatArray:
        return rows.by_unit(fit.influence(loading @ average.weights)) * rows.units

    return influence


def with_never(rows: Rows) -> Rows:
    """The rows with a comparison cohort: the never-treated, or the last to start, up to when it does."""
    if NEVER in rows.starts:
        return rows
    last = rows.starts[-1]
    kept: BoolArray = rows.time + rows.anticipation < last
    if not bool(np.any(rows.treated & kept)):
        cause = "Nobody is treated before the last cohort starts: there is nobody to compare with."
        raise no_comparison(cause, "Include units that never start, or that start later than the others.")
    return restrict(rows, kept, never=last)


def base_cells(rows: Rows, table: CellTable) -> BoolArray:
    """(k,) the base of each cohort: its last period with rows before the start could be felt."""
    before = table.time + rows.anticipation < table.start
    last = {int(c): int(np.max(table.time[before & (table.cohort == c)])) for c in distinct(table.cohort)}
    found: BoolArray = table.time == np.array([last[int(c)] for c in table.cohort])
    return found
