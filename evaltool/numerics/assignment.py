"""Optimal pairs: everybody matched who can be, at the least total distance, unique, and with a certificate.

Costs are whole numbers. An optimum is found by scipy's ``linear_sum_assignment`` (Crouse 2016); potentials of the dual
come from shortest paths in whole numbers (Bellman–Ford on the residual graph); among all optima the one is taken in
which the first unit in order has its earliest partner, then the second, and so on, by exchanges along arcs whose
reduced cost is zero. Whoever holds costs, pairs and potentials can check optimality in one pass over the arcs: every
reduced cost is at least zero, that of a pair is zero, and a comparison unit without a partner has potential zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Ints

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
CELLS = 10**8
"""Largest number of rows times columns."""
EXACT = 2**52
"""Whole numbers up to here are exact in floating point."""


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """(m,) column of each row (−1: none); potentials (m,) of rows and (n,) of columns; ``total`` cost of the pairs."""

    partner: Ints
    rows: Ints
    columns: Ints
    total: int
    optima: bool
    """Whether other optima exist (the order decided)."""


def assign(cost: Ints, allowed: Bools) -> Assignment:
    """Pair rows of ``cost`` (m, n) with different columns: as many as possible, then at the least total cost.

    Rows and columns stand in the order that decides between optima. Raises ValueError when there are too many arcs, or
    costs that are not exact in floating point.
    """
    m, n = cost.shape
    if m * (n + m) > CELLS:
        message = f"{m} times {n} arcs are more than can be solved at once"
        raise ValueError(message)
    most = int(np.max(cost, where=allowed, initial=0))
    alone = (most + 1) * (m + 1)
    if alone * 2 > EXACT:
        message = "distances are too large for exact costs"
        raise ValueError(message)
    full = np.full((m, n + m), 2 * alone, dtype=np.int64)
    full[:, :n] = np.where(allowed, cost, 2 * alone)
    full[np.arange(m), n + np.arange(m)] = alone
    partner = linear_sum_assignment(full.astype(np.float64))[1].astype(np.int64)
    columns = _potentials(full, partner)
    rows = full[np.arange(m), partner] - columns[partner]
    tight = [np.flatnonzero(row == 0).tolist() for row in full - rows[:, None] - columns[None, :]]
    first, several = first_optimum(tight, np.flatnonzero(columns == 0).tolist(), partner, n + m)
    check(full, first, rows, columns)
    paired = first < n
    total = int(np.sum(full[np.arange(m), first][paired]))
    return Assignment(np.where(paired, first, -1), rows, columns, total, several)


def check(cost: Ints, partner: Ints, rows: Ints, columns: Ints) -> None:
    """Raise ValueError unless the potentials prove the pairs optimal: one pass over the arcs, in whole numbers."""
    reduced = cost - rows[:, None] - columns[None, :]
    free = np.ones(cost.shape[1], dtype=np.bool_)
    free[partner] = False
    once = distinct(partner).shape[0] == partner.shape[0]
    tight = bool(np.all(reduced[np.arange(cost.shape[0]), partner] == 0))
    if (
        not once
        or not tight
        or int(np.min(reduced)) < 0
        or bool(np.any(columns[free] != 0))
        or int(np.max(columns)) > 0
    ):
        message = "the potentials do not prove the pairs optimal"
        raise ValueError(message)


def _potentials(cost: Ints, partner: Ints) -> Ints:
    """(n,) shortest distances from the columns without a row: v_k ≤ v_partner(i) + c_ik − c_i,partner(i), v ≤ 0."""
    held = cost[np.arange(cost.shape[0]), partner]
    columns = np.zeros(cost.shape[1], dtype=np.int64)
    for _ in range(cost.shape[0] + 1):
        reached = np.min((columns[partner] - held)[:, None] + cost, axis=0)
        lower = np.minimum(columns, reached)
        if bool(np.all(lower == columns)):
            return columns
        columns = lower
    message = "the pairs are not optimal"
    raise ValueError(message)


def first_optimum(tight: list[list[int]], loose: list[int], partner: Ints, n: int) -> tuple[Ints, bool]:
    """The first optimum in lexicographic order of rows' partners, and whether there was any choice.

    ``tight``: each row's columns of reduced cost zero, ascending; ``loose``: the columns of potential zero of all
    ``n``; ``partner``: any optimum. Columns without a row are held by rows that cost nothing and may hold any column of
    potential zero: then every optimum is a perfect matching along tight arcs, and two of them differ by cycles.
    """
    m = len(tight)
    held = partner.tolist() + sorted(set(range(n)) - set(partner.tolist()))
    row_of = {column: row for row, column in enumerate(held)}
    several = False
    for i in range(m):
        for j in tight[i]:
            if several and j == held[i]:
                break
            cycle = [] if j == held[i] else _cycle(i, j, (tight, loose, held, row_of))
            several = several or bool(cycle)
            if cycle and j < held[i]:
                for row, column in cycle:
                    held[row] = column
                    row_of[column] = row
                break
    return np.array(held[:m], dtype=np.int64), several


Graph = tuple[list[list[int]], list[int], list[int], dict[int, int]]


def _cycle(i: int, j: int, graph: Graph) -> list[tuple[int, int]]:
    """New partners that give row ``i`` column ``j``, rows before it left alone; empty when no optimum does.

    Breadth first from whoever holds ``j`` to the column that ``i`` gives up.
    """
    tight, loose, held, row_of = graph
    start, m = row_of[j], len(tight)
    if start < i:
        return []
    came, queue, scanned = {start: -1}, [start], False
    for row in queue:
        spare = row >= m
        if spare and scanned:
            continue
        scanned = scanned or spare
        for column in loose if spare else tight[row]:
            if column == held[i]:
                cycle = [(i, j), (row, column)]
                while came[row] >= 0:
                    cycle.append((came[row], held[row]))
                    row = came[row]  # noqa: PLW2901 - walking back along the chain
                return cycle
            other = row_of[column]
            if other > i and other not in came:
                came[other] = row
                queue.append(other)
    return []
