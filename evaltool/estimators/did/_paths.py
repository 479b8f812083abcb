"""Every average of a table of cells: event times, cohorts, calendar periods, single cells and the overall ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.estimators.did._effects import Piece, Terms
from evaltool.estimators.did._rows import Rows
from evaltool.estimators.did._window import check_window
from evaltool.numerics.cell_averages import Average, CellTable, Kind, elements, overall
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """The pieces of a path and of the tables; ``headline`` gives an overall average."""

    table: CellTable
    cohort_mass: FloatArray
    events: tuple[Piece, ...]
    groups: tuple[Piece, ...]
    calendar: tuple[Piece, ...]
    cells: tuple[tuple[int, int, Piece], ...]

    def headline(self, request: EstimationRequest) -> Average:
        """The overall average the plan asks for. Raises RunError (RUN_NO_EVENT_TIME)."""
        within = check_window(request, self.table.event[self.table.treated])
        return overall(self.table, kind_of(request), self.cohort_mass, within)


def kind_of(request: EstimationRequest) -> Kind:
    """The plan's average; ``simple`` where it states none."""
    aggregation = request.estimand.aggregation
    return "simple" if aggregation == "none" else aggregation


def averaged(rows: Rows, table: CellTable, terms: Terms) -> Averages:
    """All averages of ``terms``, one for each cell of ``table``."""
    everything = np.ones_like(table.treated)
    size = table.start.shape[0]

    def pieces(averages: list[Average]) -> tuple[Piece, ...]:
        return tuple(Piece(terms, average) for average in averages)

    mass = np.bincount(rows.unit_cohort, weights=rows.unit_weight, minlength=len(rows.starts))
    alone = [Average(int(table.time[k]), np.eye(1, size, k)[0], np.arange(size)) for k in range(size)]
    return Averages(
        table=table,
        cohort_mass=mass.astype(np.float64),
        events=pieces(elements(table, table.event, everything)),
        groups=pieces(elements(table, table.start, table.treated)),
        calendar=pieces(elements(table, table.time, table.treated)),
        cells=tuple(
            (int(g), int(t), Piece(terms, one)) for g, t, one in zip(table.start, table.time, alone, strict=True)
        ),
    )
