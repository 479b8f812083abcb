"""Full matching as the cheapest cover of a bipartite graph, in whole numbers, unique and with a proof.

Every unit with somebody it may be matched with is in a set of one unit of either group with one or more of the other.
Such a partition into stars of least total distance is a cover by arcs of least cost, found as a matching of greatest
weight (Schrijver 2003, Combinatorial Optimization, section 19.3): a pair saves what both pay for their nearest
partners, and whoever is left over joins its nearest. An arc of cost c counts c·B + 1 with B above the number of units:
least total distance first, then the fewest arcs, which is the most sets. Potentials y ≥ 0 with y_i + y_j ≤ c_ij·B + 1
for all arcs and Σ y equal to what the arcs of the cover count prove it, by weak duality, in one pass over the arcs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from evaltool.numerics.inference import Ints

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
WHOLE = 2**61
"""Costs up to here can be added as whole numbers of 64 bits."""
EXACT = 2**50
"""What pairs save up to here is added exactly in floating point."""


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """(a,) arcs between ``shape`` rows and columns with whole costs, each pair once and sorted by row, then column.

    Rows and columns stand in tie order.
    """

    row: Ints
    column: Ints
    cost: Ints
    shape: tuple[int, int]

    @property
    def base(self) -> int:
        """B: above the number of arcs of any cover that is not wasteful."""
        return sum(self.shape) + 1

    def counted(self) -> Ints:
        """(a,) c·B + 1."""
        return self.cost * self.base + 1


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """(k,) positions of the arcs chosen, potentials of rows and columns (0 without arcs), total cost of the arcs."""

    chosen: Ints
    rows: Ints
    columns: Ints
    total: int
    optima: bool
    """Whether other covers are as good (the order decided)."""


def cover(arcs: Arcs) -> Cover:
    """The cheapest cover of all rows and columns that have an arc, with the fewest arcs.

    Among those as good, the rows in order and then the columns choose: whoever may be in one arc alone joins the
    partner that the fewest have joined so far, the earliest of those. Raises ValueError when costs are not exact in
    floating point.
    """
    counted = arcs.counted()
    least = _least(arcs, counted)
    saved = least[0][arcs.row] + least[1][arcs.column] - counted
    if int(np.max(arcs.cost, initial=0)) * arcs.base > WHOLE or int(np.max(saved, initial=0)) > EXACT:
        message = "distances are too large for exact costs"
        raise ValueError(message)
    use = np.flatnonzero(saved >= 0)
    partner = _heaviest(arcs, saved, use)
    rows, columns = _potentials(arcs, saved, use, partner)
    rows, columns = least[0] - rows, least[1] - columns
    tight = np.flatnonzero(rows[arcs.row] + columns[arcs.column] == counted)
    used = _held(arcs, tight, partner, (rows, columns))
    own = Arcs(arcs.row[tight], arcs.column[tight], arcs.cost[tight], arcs.shape)
    used, several = _first(own, used, np.concatenate([rows, columns]) > 0)
    chosen = tight[used]
    check(arcs, chosen, rows, columns)
    return Cover(chosen, rows, columns, int(np.sum(arcs.cost[chosen])), several)


def check(arcs: Arcs, chosen: Ints, rows: Ints, columns: Ints) -> None:
    """Raise ValueError unless ``chosen`` covers everybody with an arc and the potentials prove it the cheapest."""
    counted = arcs.counted()
    reached = np.zeros(arcs.shape[0], dtype=np.bool_), np.zeros(arcs.shape[1], dtype=np.bool_)
    has = np.zeros_like(reached[0]), np.zeros_like(reached[1])
    for sides, those in ((reached, chosen), (has, np.arange(counted.shape[0]))):
        sides[0][arcs.row[those]] = True
        sides[1][arcs.column[those]] = True
    proven = (
        all(bool(np.all(one == other)) for one, other in zip(reached, has, strict=True))
        and bool(np.all(rows >= 0))
        and bool(np.all(columns >= 0))
        and bool(np.all(rows[arcs.row] + columns[arcs.column] <= counted))
        and int(np.sum(rows) + np.sum(columns)) == int(np.sum(counted[chosen]))
    )
    if not proven:
        message = "the potentials do not prove the sets optimal"
        raise ValueError(message)


def _least(arcs: Arcs, counted: Ints) -> tuple[Ints, Ints]:
    """What the cheapest arc of each row and column counts; 0 without arcs."""
    found = []
    for own, size in ((arcs.row, arcs.shape[0]), (arcs.column, arcs.shape[1])):
        least = np.full(size, np.iinfo(np.int64).max)
        np.minimum.at(least, own, counted)
        least[least == np.iinfo(np.int64).max] = 0
        found.append(least)
    return found[0], found[1]


def _heaviest(arcs: Arcs, saved: Ints, use: Ints) -> Ints:
    """(m,) position among all arcs of each row's arc in a matching of greatest total ``saved``; −1 for none."""
    m, n = arcs.shape
    alone = np.arange(m)
    if not use.shape[0]:
        return np.full(m, -1)
    top = int(np.max(saved)) + 1
    costs = np.concatenate([top - saved[use], np.full(m, top)]).astype(np.float64)
    places = (np.concatenate([arcs.row[use], alone]), np.concatenate([arcs.column[use], n + alone]))
    found = min_weight_full_bipartite_matching(csr_array((costs, places), shape=(m, n + m)))[1]
    at = np.searchsorted(arcs.row[use] * (n + m) + arcs.column[use], alone * (n + m) + found)
    return np.where(found < n, use[np.minimum(at, use.shape[0] - 1)], -1)


def _potentials(arcs: Arcs, saved: Ints, use: Ints, partner: Ints) -> tuple[Ints, Ints]:
    """Potentials p ≥ 0 with p_i + p_j ≥ saved, equal where matched, 0 where not: by Bellman and Ford.

    Columns rise from 0 only as far as rows' other arcs ask for: the same whichever matching is the heaviest.
    """
    m, n = arcs.shape
    paired = np.flatnonzero(partner >= 0)
    mate = arcs.column[partner[paired]]
    gain = np.zeros(m, dtype=np.int64)
    gain[paired] = saved[partner[paired]]
    row, column, value = arcs.row[use], arcs.column[use], saved[use]
    columns = np.zeros(n, dtype=np.int64)
    for _ in range(m + 2):
        rows = np.zeros(m, dtype=np.int64)
        rows[paired] = gain[paired] - columns[mate]
        higher = columns.copy()
        np.maximum.at(higher, column, value - rows[row])
        if bool(np.all(higher == columns)):
            return rows, columns
        columns = higher
    message = "the matching is not the heaviest"
    raise ValueError(message)


def _held(arcs: Arcs, tight: Ints, partner: Ints, potentials: tuple[Ints, Ints]) -> Bools:
    """Which tight arcs are in a cover: the matching, and an arc to a unit of potential 0 for everybody left over."""
    row, column = arcs.row[tight], arcs.column[tight]
    held = np.isin(tight, partner[partner >= 0])
    paired = held.copy()
    sides = ((row, potentials[1][column]), (column, potentials[0][row]))
    for own, other in sides:
        covered = np.zeros(int(np.max(own, initial=0)) + 1, dtype=np.bool_)
        covered[own[paired]] = True
        open_to = np.flatnonzero(~covered[own] & (other == 0))
        held[open_to[np.unique(own[open_to], return_index=True)[1]]] = True
    return held


def _first(arcs: Arcs, used: Bools, alone: Bools) -> tuple[Bools, bool]:
    """The cover that the order decides among all covers by tight arcs, and whether there was any choice.

    ``alone``: rows, then columns, that are in exactly one arc of every optimum (positive potential).
    """
    m = arcs.shape[0]
    group = _exchangeable(arcs, used, alone)
    free = group[arcs.row] == group[arcs.column + m]
    if bool(np.all(used[free])):
        return used, False
    state = _Exchange((arcs.row.tolist(), (arcs.column + m).tolist()), m, used.tolist(), alone.tolist(), free.tolist())
    for v in np.flatnonzero(alone).tolist():
        state.decide(v)
    return np.array(state.used), True


def _exchangeable(arcs: Arcs, used: Bools, alone: Bools) -> Ints:
    """(m + n + 1,) components of the graph of exchanges: arcs between components are in every optimum or in none."""
    m, n = arcs.shape
    one, two, hub = arcs.row, arcs.column + m, m + n
    degree = np.bincount(np.concatenate([one[used], two[used]]), minlength=hub)
    loose = np.flatnonzero(~alone & (degree > 0))
    spare = loose[degree[loose] > 1]
    out = np.concatenate([loose[loose >= m], spare[spare < m]])
    into = np.concatenate([loose[loose < m], spare[spare >= m]])
    start = np.concatenate([one[~used], two[used], out, np.full(into.shape[0], hub)])
    end = np.concatenate([two[~used], one[used], np.full(out.shape[0], hub), into])
    graph = csr_array((np.ones(start.shape[0]), (start, end)), shape=(hub + 1, hub + 1))
    return np.asarray(connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


class _Exchange:
    """A cover by tight arcs, changed along cycles until every choice is made.

    Nodes are rows, then columns, then a hub through which units in several arcs take one more or give one away.
    """

    def __init__(
        self, ends: tuple[list[int], list[int]], rows: int, used: list[bool], alone: list[bool], free: list[bool]
    ) -> None:
        """``ends`` and ``used``, ``free`` by arc, ``alone`` by node; ``rows`` is how many there are."""
        self.one, self.two = ends
        self.rows, self.hub = rows, len(alone)
        self.used, self.alone = used, alone
        self.frozen = [not exchangeable for exchangeable in free]
        self.choices: list[list[int]] = [[] for _ in alone]
        self.degree, self.joined = [0] * len(alone), [0] * len(alone)
        for arc, held in enumerate(used):
            for node, other in ((self.one[arc], self.two[arc]), (self.two[arc], self.one[arc])):
                self.degree[node] += held
                self.joined[other] += held and self.frozen[arc] and alone[node]
                if free[arc]:
                    self.choices[node].append(arc)
        self.loose = [v for v, only in enumerate(alone) if not only and self.choices[v]]

    def other(self, arc: int, node: int) -> int:
        """The other end."""
        return self.two[arc] if self.one[arc] == node else self.one[arc]

    def decide(self, v: int) -> None:
        """Give ``v`` its one arc: to the partner that the fewest have joined so far, the earliest of those."""
        if any(self.used[arc] and self.frozen[arc] for arc in self.choices[v]):
            return
        for arc in sorted(self.choices[v], key=lambda a: (self.joined[self.other(a, v)], self.other(a, v))):
            if self.used[arc] or self._turned(arc):
                self.frozen[arc] = True
                self.joined[self.other(arc, v)] += 1
                self.joined[v] += self.alone[self.other(arc, v)]
                return

    def _turned(self, arc: int) -> bool:
        """Bring ``arc`` into the cover along a shortest cycle that leaves what is decided; False when none does."""
        start, goal = self.two[arc], self.one[arc]
        came: dict[int, tuple[int, int]] = {}
        queue = [start]
        for node in queue:
            for by, reached in self._steps(node):
                if reached != start and reached not in came:
                    came[reached] = (node, by)
                    queue.append(reached)
            if goal in came:
                self._apply(arc, came)
                return True
        return False

    def _steps(self, node: int) -> list[tuple[int, int]]:
        """Where an exchange leads from ``node``, and the arc it changes (−1: through the hub)."""
        if node == self.hub:
            return [(-1, v) for v in self.loose if v < self.rows or self.degree[v] > 1]
        row = node < self.rows
        through = not self.alone[node] and (not row or self.degree[node] > 1)
        found = [(-1, self.hub)] if through else []
        may = [arc for arc in self.choices[node] if self.used[arc] != row and not (self.frozen[arc] and not row)]
        return found + [(arc, self.other(arc, node)) for arc in may]

    def _apply(self, arc: int, came: dict[int, tuple[int, int]]) -> None:
        """Change every arc of the cycle from the second end of ``arc`` to its first."""
        changed, node = [arc], self.one[arc]
        while node in came:
            node, by = came[node]
            if by >= 0:
                changed.append(by)
        for one in changed:
            self.used[one] = not self.used[one]
            step = 1 if self.used[one] else -1
            self.degree[self.one[one]] += step
            self.degree[self.two[one]] += step
