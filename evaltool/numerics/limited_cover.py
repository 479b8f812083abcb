"""The cheapest cover of a bipartite graph in which nobody has fewer or more arcs than stated: whole numbers, a proof.

As ``edge_cover``, with limits: every unit with an arc is in at least ``least`` and at most ``most`` of the arcs chosen.
It is found as an assignment of copies: a unit has as many copies as it may have arcs, of which ``least`` must be used;
the graph stands beside its own mirror image, and a copy that is not used is assigned to its image (Gabow 1983, STOC 15,
section 2; Schrijver 2003, Combinatorial Optimization, section 21.10). Potentials y with y_i + y_j ≤ c_ij·B + 1 for all
arcs and Σ (least·max(y, 0) − most·max(−y, 0)) equal to what the arcs chosen count prove it, by weak duality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from evaltool.numerics.edge_cover import EXACT, WHOLE, Arcs, Bools, Cover
from evaltool.numerics.inference import Ints

COPIES = 2 * 10**7
"""Arcs between copies that are assigned at most."""
FREE = 5000
"""Arcs between optima that are decided one by one at most."""


class NoCoverError(ValueError):
    """Nobody can be covered within the limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Fewest and most arcs of a row, and of a column; where a row must have two or more, a column may have one."""

    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Bounds:
    """(m + n,) fewest and most arcs of every unit, rows first; 0 and 0 for those without arcs."""

    least: Ints
    most: Ints


def limited_cover(arcs: Arcs, limits: Limits) -> Cover:
    """The cheapest cover within the limits, with the fewest arcs.

    Among those as good, the one that holds the first arc, by row and column, that any of them holds; then the next.
    Raises NoCoverError when there is none, ValueError when the problem is too large to be solved exactly.
    """
    counted, bounds = arcs.counted(), _bounds(arcs, limits)
    if int(np.max(arcs.cost, initial=0)) * arcs.base > min(WHOLE, EXACT):
        message = "distances are too large for exact costs"
        raise ValueError(message)
    used = np.zeros(counted.shape[0], dtype=np.bool_)
    used[_assigned(arcs, counted, bounds)] = True
    y = _potentials(arcs, counted, used, bounds)
    m = arcs.shape[0]
    tight = np.flatnonzero(y[arcs.row] + y[arcs.column + m] == counted)
    fixed = _Bounds(np.where(y < 0, bounds.most, bounds.least), np.where(y > 0, bounds.least, bounds.most))
    held, several = _earliest((arcs.row[tight], arcs.column[tight] + m), used[tight], fixed)
    chosen = tight[held]
    check_limited(arcs, chosen, (y[:m], y[m:]), limits)
    return Cover(chosen, y[:m], y[m:], int(np.sum(arcs.cost[chosen])), several)


def check_limited(arcs: Arcs, chosen: Ints, potentials: tuple[Ints, Ints], limits: Limits) -> None:
    """Raise ValueError unless ``chosen`` keeps the limits and the potentials prove it the cheapest."""
    counted, bounds, y = arcs.counted(), _bounds(arcs, limits), np.concatenate(potentials)
    degree = _degree(arcs, chosen)
    proven = (
        bool(np.all((degree >= bounds.least) & (degree <= bounds.most)))
        and bool(np.all(y[arcs.row] + y[arcs.column + arcs.shape[0]] <= counted))
        and int(np.sum(np.where(y > 0, bounds.least, bounds.most) * y)) == int(np.sum(counted[chosen]))
    )
    if not proven:
        message = "the potentials do not prove the sets optimal"
        raise ValueError(message)


def _degree(arcs: Arcs, chosen: Ints) -> Ints:
    """(m + n,) arcs chosen of every unit."""
    ends = np.concatenate([arcs.row[chosen], arcs.column[chosen] + arcs.shape[0]])
    return np.bincount(ends, minlength=sum(arcs.shape)).astype(np.int64)


def _bounds(arcs: Arcs, limits: Limits) -> _Bounds:
    """The limits of every unit. Raises NoCoverError when somebody has fewer arcs than it must."""
    degree = _degree(arcs, np.arange(arcs.row.shape[0]))
    least, most = (
        np.repeat([row, column], arcs.shape) for row, column in zip(limits.rows, limits.columns, strict=True)
    )
    has = degree > 0
    if bool(np.any(has & (degree < least))):
        raise NoCoverError
    return _Bounds(np.where(has, least, 0), np.where(has, most, 0))


def _assigned(arcs: Arcs, counted: Ints, bounds: _Bounds) -> Ints:
    """Positions of the arcs of a cheapest cover. Raises NoCoverError, or ValueError when there are too many copies."""
    m = arcs.shape[0]
    degree = _degree(arcs, np.arange(counted.shape[0]))
    copies = np.minimum(bounds.most, degree)
    of_row, of_column = copies[arcs.row], copies[arcs.column + m]
    if 2 * int(np.sum(of_row + of_column)) > COPIES:
        message = f"there are more than {COPIES} pairs of copies"
        raise ValueError(message)
    start = np.concatenate([[0], np.cumsum(copies)])
    rows, total = int(start[m]), int(start[-1])
    first, again = _repeated(of_row), _repeated(of_column - 1)
    arc = np.concatenate([first[0], again[0]])
    one = np.concatenate([start[arcs.row[first[0]]] + first[1], start[arcs.row[again[0]]]])
    two = np.concatenate([start[arcs.column[first[0]] + m], start[arcs.column[again[0]] + m] + again[1] + 1])
    spare = np.flatnonzero(np.arange(total) - np.repeat(start[:-1], copies) >= np.repeat(bounds.least, copies))
    # Rows: copies of rows, images of copies of columns. Columns: images of copies of rows, copies of columns.
    place = (np.concatenate([one, two, spare]), np.concatenate([two, one, spare]))
    cost = np.concatenate([counted[arc], counted[arc], np.zeros(spare.shape[0], dtype=np.int64)]) + 1
    graph = csr_array((cost.astype(np.float64), place), shape=(total, total))
    try:
        mate = min_weight_full_bipartite_matching(graph)[1]
    except ValueError as error:
        raise NoCoverError from error
    by = np.full(total, -1, dtype=np.int64)
    by[np.arange(total)] = mate
    owner = np.repeat(np.arange(copies.shape[0]), copies)
    taken = np.flatnonzero(by[:rows] >= rows)
    keys = owner[taken] * arcs.shape[1] + owner[by[taken]] - m
    return np.asarray(np.searchsorted(arcs.row * arcs.shape[1] + arcs.column, keys), dtype=np.int64)


def _repeated(times: Ints) -> tuple[Ints, Ints]:
    """Each position as often as ``times`` says, and which repetition it is."""
    position = np.repeat(np.arange(times.shape[0]), times)
    return position, np.arange(position.shape[0]) - np.repeat(np.cumsum(times) - times, times)


def _potentials(arcs: Arcs, counted: Ints, used: Bools, bounds: _Bounds) -> Ints:
    """(m + n,) potentials by Bellman and Ford over what may still change; a hub gives and takes arcs."""
    m, n = arcs.shape
    degree, hub = _degree(arcs, np.flatnonzero(used)), m + n
    row, column = arcs.row, arcs.column + m
    may_more, may_less = degree < bounds.most, degree > bounds.least
    is_row = np.arange(m + n) < m
    out, into = (
        np.flatnonzero(np.where(is_row, may_less, may_more)),
        np.flatnonzero(np.where(is_row, may_more, may_less)),
    )
    start = np.concatenate([row, column[used], out, np.full(into.shape[0], hub)])
    end = np.concatenate([column, row[used], np.full(out.shape[0], hub), into])
    cost = np.concatenate([counted, -counted[used], np.zeros(out.shape[0] + into.shape[0], dtype=np.int64)])
    length = np.zeros(hub + 1, dtype=np.int64)
    for _ in range(hub + 2):
        shorter = length.copy()
        np.minimum.at(shorter, end, length[start] + cost)
        if bool(np.all(shorter == length)):
            return np.asarray(np.where(is_row, -1, 1) * (length[:hub] - length[hub]), dtype=np.int64)
        length = shorter
    message = "the cover is not the cheapest"
    raise ValueError(message)


def _earliest(ends: tuple[Ints, Ints], used: Bools, bounds: _Bounds) -> tuple[Bools, bool]:
    """The cover by tight arcs that holds the earliest ones, and whether there was a choice."""
    hub = bounds.least.shape[0]
    state = _Tight(ends, used, bounds)
    start, end = state.changes()
    graph = csr_array((np.ones(start.shape[0]), (start, end)), shape=(hub + 1, hub + 1))
    group = connected_components(graph, directed=True, connection="strong")[1]
    free = np.flatnonzero(group[ends[0]] == group[ends[1]])
    if bool(np.all(used[free])):
        return used, False
    if free.shape[0] > FREE:
        message = f"more than {FREE} pairs are in some optima and not in others"
        raise ValueError(message)
    state.settle(set(free.tolist()))
    return np.array(state.used), True


class _Tight:
    """A cover by tight arcs, changed along cycles through units that may have one arc more or less."""

    def __init__(self, ends: tuple[Ints, Ints], used: Bools, bounds: _Bounds) -> None:
        """``ends``: (a,) rows and columns as nodes; ``used``: (a,) the cover to start from."""
        self.one: list[int] = ends[0].tolist()
        self.two: list[int] = ends[1].tolist()
        self.used: list[bool] = used.tolist()
        self.least: list[int] = bounds.least.tolist()
        self.most: list[int] = bounds.most.tolist()
        self.hub = len(self.least)
        self.rows = int(np.min(ends[1], initial=self.hub))
        self.degree: list[int] = np.bincount(
            np.concatenate([ends[0][used], ends[1][used]]), minlength=self.hub
        ).tolist()
        self.near: list[list[int]] = [[] for _ in self.least]
        self.open: list[int] = []

    def changes(self) -> tuple[Ints, Ints]:
        """Every single step of an exchange: from, to."""
        steps = [(b, a) if held else (a, b) for a, b, held in zip(self.one, self.two, self.used, strict=True)]
        for v in range(self.hub):
            steps += [(v, self.hub)] * self._gives(v) + [(self.hub, v)] * self._takes(v)
        return np.array([a for a, _ in steps], dtype=np.int64), np.array([b for _, b in steps], dtype=np.int64)

    def _gives(self, v: int) -> bool:
        """Whether an exchange may go on from ``v`` to the hub: a row gives an arc away, a column takes one more."""
        return self.degree[v] > self.least[v] if v < self.rows else self.degree[v] < self.most[v]

    def _takes(self, v: int) -> bool:
        """Whether an exchange may come from the hub to ``v``."""
        return self.degree[v] < self.most[v] if v < self.rows else self.degree[v] > self.least[v]

    def settle(self, free: set[int]) -> None:
        """Bring in each free arc in turn where some cover that keeps what is settled has it."""
        for arc in free:
            self.near[self.one[arc]].append(arc)
            self.near[self.two[arc]].append(arc)
        self.open = [v for v, arcs in enumerate(self.near) if arcs]
        for arc in sorted(free):
            self.near[self.one[arc]].remove(arc)
            self.near[self.two[arc]].remove(arc)
            if not self.used[arc]:
                self._bring(arc)

    def _bring(self, arc: int) -> None:
        """Change the cover along a shortest cycle through ``arc``, if there is one."""
        start, goal = self.two[arc], self.one[arc]
        came: dict[int, tuple[int, int]] = {start: (start, -1)}
        queue = [start]
        for node in queue:
            for by, reached in self._steps(node):
                if reached not in came:
                    came[reached] = (node, by)
                    queue.append(reached)
            if goal in came:
                self._apply(arc, came)
                return

    def _steps(self, node: int) -> list[tuple[int, int]]:
        """Where an exchange leads from ``node``, and the arc it changes (−1: through the hub)."""
        if node == self.hub:
            return [(-1, v) for v in self.open if self._takes(v)]
        row = node < self.rows
        through = [(-1, self.hub)] if self._gives(node) else []
        may = (arc for arc in self.near[node] if self.used[arc] != row)
        return through + [(arc, self.two[arc] if row else self.one[arc]) for arc in may]

    def _apply(self, arc: int, came: dict[int, tuple[int, int]]) -> None:
        """Change every arc of the cycle."""
        changed, node, start = [arc], self.one[arc], self.two[arc]
        while node != start:
            node, by = came[node]
            if by >= 0:
                changed.append(by)
        for one in changed:
            self.used[one] = not self.used[one]
            for end in (self.one[one], self.two[one]):
                self.degree[end] += 1 if self.used[one] else -1
