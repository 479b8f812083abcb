"""Optimal pairs on a line: the same optimum, order between optima and certificate as ``assignment``, for long lists.

Only arcs that can be part of an optimum are looked at. Two sweeps bound each row's partner: from the left every row
takes the first free column at or after it, from the right the last one at or before it (the pruning of Sävje 2020 is of
this kind). The sparse problem is solved by scipy's ``min_weight_full_bipartite_matching`` (LAPJVsp), potentials come
from shortest paths in whole numbers. Columns' potentials are at most zero and costs grow with distance, so that a row's
arcs outside its window are no cheaper than its own potential as soon as the first ones outside are dearer than that;
rows where they are not get a wider window, and the problem is solved again. What is returned is therefore optimal over
all arcs, and every tight arc has been looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from evaltool.numerics.assignment import EXACT, Assignment, first_optimum
from evaltool.numerics.distinct import coded
from evaltool.numerics.inference import Floats, Ints

ARCS = 3 * 10**7
"""Largest number of arcs looked at."""


TOGETHER = 100
"""The solver's time grows with rows times columns, beside the arcs."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Places of rows (m,) and of columns (n,), and the whole-number widths allowed.

    Cost: |difference of places| in whole multiples of 1 / ``fine``. ``marks`` of rows and columns are whole numbers in
    the same order as the places; a pair is allowed when they differ by at most ``reach`` (None: always).
    """

    rows: Floats
    columns: Floats
    row_marks: Ints
    column_marks: Ints
    reach: int | None
    fine: int

    def cost(self, row: Ints, column: Ints) -> Ints:
        """Costs of pairs."""
        whole: Ints = np.rint(np.abs(self.rows[row] - self.columns[column]) * self.fine).astype(np.int64)
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """(m,) first and past-last column of each row's window, and of what is allowed; columns in order of place."""

    low: Ints
    high: Ints
    least: Ints
    most: Ints


def assign_on_line(line: Line) -> Assignment:
    """Pair rows with different columns: as many as possible, then at the least total cost.

    Rows and columns stand in the order that decides between optima. Raises ValueError when there are too many arcs, or
    costs that are not exact in floating point.
    """
    by = np.argsort(line.columns, kind="stable").astype(np.int64)
    ordered = Line(line.rows, line.columns[by], line.row_marks, line.column_marks[by], line.reach, line.fine)
    windows: _Windows | None = _swept(ordered)
    while windows is not None:
        arcs = _arcs(ordered, windows)
        solved = _solved(arcs, windows)
        windows = _wider(ordered, windows, solved.rows)
    return _in_order(line, arcs, solved, by)


def _swept(line: Line) -> _Windows:
    """Each row's partner from the left and from the right, as far as it may reach."""
    m, n = line.rows.shape[0], line.columns.shape[0]
    least, most = np.zeros(m, dtype=np.int64), np.full(m, n, dtype=np.int64)
    if line.reach is not None:
        least = np.searchsorted(line.column_marks, line.row_marks - line.reach, side="left").astype(np.int64)
        most = np.searchsorted(line.column_marks, line.row_marks + line.reach, side="right").astype(np.int64)
    low, high = least.copy(), most.copy()
    order = np.argsort(line.rows, kind="stable")
    at = np.searchsorted(line.columns, line.rows, side="left")
    taken = 0
    for i in order.tolist():
        taken = max(taken, int(at[i]), int(least[i]))
        if taken < most[i]:
            high[i] = taken + 1
            taken += 1
    at = np.searchsorted(line.columns, line.rows, side="right") - 1
    taken = n - 1
    for i in order[::-1].tolist():
        taken = min(taken, int(at[i]), int(most[i]) - 1)
        if taken >= least[i]:
            low[i] = taken
            taken -= 1
    low, high = np.minimum(low, high), np.maximum(low, high)
    return _Windows(low, high, least, most)


@dataclass(frozen=True, slots=True, eq=False)
class _Arcs:
    """(a,) arcs by row and then column, the last of each row to a column of its own that stands for staying alone."""

    row: Ints
    column: Ints
    cost: Ints
    shape: tuple[int, int]
    """Rows, and columns without the last m."""
    alone: int


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """Partners (m,) and potentials of rows (m,) and of columns (n + m,)."""

    partner: Ints
    rows: Ints
    columns: Ints


def _arcs(line: Line, windows: _Windows) -> _Arcs:
    """The arcs of the windows. Raises ValueError when there are too many, or costs that are not exact."""
    m, n = line.rows.shape[0], line.columns.shape[0]
    count = windows.high - windows.low
    total = int(np.sum(count))
    if total > ARCS:
        message = f"{total} arcs are more than can be solved at once"
        raise ValueError(message)
    row = np.repeat(np.arange(m), count + 1)
    begin = np.cumsum(count + 1) - count - 1
    column = np.arange(row.shape[0]) - np.repeat(begin - windows.low, count + 1)
    own = begin + count
    column[own] = 0
    cost = line.cost(row, column)
    cost[own] = 0
    alone = (int(np.max(cost, initial=0)) + 1) * (m + 1)
    if alone * 2 > EXACT:
        message = "distances are too large for exact costs"
        raise ValueError(message)
    column[own] = n + np.arange(m)
    cost[own] = alone
    return _Arcs(row, column, cost, (m, n), alone)


def _solved(arcs: _Arcs, windows: _Windows) -> _Solved:
    """An optimum over the arcs, with potentials that prove it. Raises ValueError if they do not."""
    m, n = arcs.shape
    partner = _paired(arcs, windows)
    held = arcs.cost[arcs.column == partner[arcs.row]]
    by = np.argsort(arcs.column, kind="stable")
    row, column, cost = arcs.row[by], arcs.column[by], arcs.cost[by]
    reached = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]]))
    columns = np.zeros(n + m, dtype=np.int64)
    for _ in range(m + 1):
        offered = np.minimum.reduceat((columns[partner] - held)[row] + cost, reached)
        lower = columns.copy()
        lower[column[reached]] = np.minimum(columns[column[reached]], offered)
        if np.array_equal(lower, columns):
            break
        columns = lower
    rows = held - columns[partner]
    free = np.ones(n + m, dtype=np.bool_)
    free[partner] = False
    slack = arcs.cost - rows[arcs.row] - columns[arcs.column]
    if int(np.min(slack)) < 0 or bool(np.any(columns[free] != 0)) or int(np.max(columns)) > 0:
        message = "the potentials do not prove the pairs optimal"
        raise ValueError(message)
    return _Solved(partner, rows, columns)


def _paired(arcs: _Arcs, windows: _Windows) -> Ints:
    """(m,) columns of an optimum. Rows whose windows do not touch are solved apart, about ``TOGETHER`` at a time."""
    m = arcs.shape[0]
    order = np.argsort(windows.low, kind="stable")
    reached = np.maximum.accumulate(windows.high[order])
    apart = np.concatenate([[True], windows.low[order][1:] >= reached[:-1]])
    begin = np.flatnonzero(apart)
    batch = np.empty(m, dtype=np.int64)
    batch[order] = coded(begin // TOGETHER)[1][np.cumsum(apart) - 1]
    by = np.argsort(batch[arcs.row], kind="stable")
    ends = np.searchsorted(batch[arcs.row][by], np.arange(int(batch.max()) + 2))
    partner = np.empty(m, dtype=np.int64)
    for k in range(ends.shape[0] - 1):
        own = by[ends[k] : ends[k + 1]]
        rows, row = coded(arcs.row[own])
        columns, column = coded(arcs.column[own])
        cost = arcs.cost[own].astype(np.float64) + 1.0
        table = csr_array((cost, (row, column)), shape=(rows.shape[0], columns.shape[0]))
        partner[rows] = columns[min_weight_full_bipartite_matching(table)[1]]
    return partner


def _wider(line: Line, windows: _Windows, rows: Ints) -> _Windows | None:
    """Windows with every arc no dearer than its row's potential; None when those at hand have them all."""
    m, n = line.rows.shape[0], line.columns.shape[0]
    all_rows = np.arange(m)
    below, above = np.maximum(windows.low - 1, 0), np.minimum(windows.high, n - 1)
    more_below = (windows.low > windows.least) & (line.cost(all_rows, below) <= rows)
    more_above = (windows.high < windows.most) & (line.cost(all_rows, above) <= rows)
    if not bool(np.any(more_below | more_above)):
        return None
    far = (rows + 1) / line.fine
    low = np.searchsorted(line.columns, line.rows - far, side="left")
    high = np.searchsorted(line.columns, line.rows + far, side="right")
    return _Windows(
        np.where(more_below, np.minimum(windows.low - 1, np.maximum(low, windows.least)), windows.low).astype(np.int64),
        np.where(more_above, np.maximum(windows.high + 1, np.minimum(high, windows.most)), windows.high).astype(
            np.int64
        ),
        windows.least,
        windows.most,
    )


def _in_order(line: Line, arcs: _Arcs, solved: _Solved, by: Ints) -> Assignment:
    """The first optimum in the order of rows and columns, columns numbered as they were given."""
    m, n = arcs.shape
    given = np.concatenate([by, n + np.arange(m)])
    tight = arcs.cost == solved.rows[arcs.row] + solved.columns[arcs.column]
    ends = np.searchsorted(arcs.row[tight], np.arange(m + 1))
    names = given[arcs.column[tight]]
    columns = np.zeros(n + m, dtype=np.int64)
    columns[given] = solved.columns
    lists = [np.sort(names[ends[i] : ends[i + 1]]).tolist() for i in range(m)]
    first, several = first_optimum(lists, np.flatnonzero(columns == 0).tolist(), given[solved.partner], n + m)
    paired = np.flatnonzero(first < n)
    total = int(np.sum(line.cost(paired, first[paired])))
    return Assignment(np.where(first < n, first, -1), solved.rows, columns, total, several)
