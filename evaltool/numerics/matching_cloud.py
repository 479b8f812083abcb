"""Nearest-neighbour matching on several coordinates, or with conditions on every pair.

Distances are rounded once to multiples of 10⁻¹², so that every comparison is between whole numbers. Where one line of
scores is enough ``numerics.matching`` is faster; here every treated unit looks at every unit it may have.

Among units at the same distance: on one coordinate the lower one, and among equals whoever stands nearest in tie order;
on several, walking outwards in turns from the own place in the line of the first coordinate (ties by rank; down first),
the one met last. Both are what R MatchIt 4.7 does with the file row as tie order.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.matching import GRID, Order, Pairs

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
FARTHEST = 9.0e6
"""Distances beyond this do not fit the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """One arm: (n, p) coordinates, (n,) scores on the grid, stratum codes and tie ranks over both arms.

    ``place`` (n,) is the place of each unit in the line of both arms by first coordinate and rank; ``limited`` (n, q)
    are values with a caliper of their own, ``apart`` (n, a) values that must differ within a pair.
    """

    points: Floats
    score: Ints
    stratum: Ints
    rank: Ints
    place: Ints
    limited: Floats
    apart: Floats


@dataclass(frozen=True, slots=True, eq=False)
class CloudRule:
    """How to match: ``wanted`` (treated,) matches each; ``caliper`` on the score's grid; ``widths`` of ``limited``."""

    wanted: Ints
    replace: bool = False
    caliper: int | None = None
    widths: tuple[float, ...] = ()
    order: Order = "largest"


def nearest_in_cloud(treated: Cloud, comparison: Cloud, rule: CloudRule) -> Pairs:
    """Match every treated unit with its nearest comparison units among those it may have.

    With replacement each gets its ``wanted`` nearest and everybody tied with the last of them; without, greedily in
    ``order``, one match each before anybody gets another. Raises ValueError when a distance does not fit the grid.
    """
    search = _Search(treated, comparison, rule)
    if rule.replace:
        found = [pair for i in range(search.size) for pair in search.everybody(i)]
    elif rule.order == "closest":
        found = _closest(search, rule)
    else:
        found = _greedy(search, rule)
    found.sort(key=lambda p: (p[0], p[2], int(comparison.rank[p[1]])))
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return Pairs(treated=table[:, 0], comparison=table[:, 1], distance=table[:, 2], equidistant=search.equidistant)


class _Search:
    """Who is free, and the nearest of them."""

    def __init__(self, treated: Cloud, comparison: Cloud, rule: CloudRule) -> None:
        """Everybody is free."""
        self.mine, self.theirs, self.rule = treated, comparison, rule
        self.size = int(treated.rank.shape[0])
        self.free = np.ones(comparison.rank.shape[0], dtype=np.bool_)
        self.equidistant = 0

    def allowed(self, i: int) -> Ints:
        """Indices of the free comparison units that treated unit ``i`` may have."""
        mine, theirs, rule = self.mine, self.theirs, self.rule
        may = self.free & (theirs.stratum == mine.stratum[i])
        if rule.caliper is not None:
            may &= np.abs(theirs.score - mine.score[i]) <= rule.caliper
        for q, width in enumerate(rule.widths):
            may &= np.abs(theirs.limited[:, q] - mine.limited[i, q]) <= width
        for a in range(theirs.apart.shape[1]):
            may &= theirs.apart[:, a] != mine.apart[i, a]
        return np.flatnonzero(may)

    def distances(self, i: int, those: Ints) -> Ints:
        """Distances from ``i`` on the grid, added up coordinate by coordinate."""
        squares = np.zeros(those.shape[0])
        for p in range(self.mine.points.shape[1]):
            squares += (self.theirs.points[those, p] - self.mine.points[i, p]) ** 2
        distance = np.sqrt(squares)
        if distance.shape[0] and float(np.max(distance)) > FARTHEST:
            message = "a distance beyond nine million cannot be matched on"
            raise ValueError(message)
        return np.rint(distance * float(GRID)).astype(np.int64)

    def nearest(self, i: int) -> tuple[int, int] | None:
        """(distance, unit) of the nearest; None when there is none."""
        those = self.allowed(i)
        if not those.shape[0]:
            return None
        distance = self.distances(i, those)
        least = int(np.min(distance))
        tied = those[distance == least]
        if tied.shape[0] == 1:
            return least, int(tied[0])
        points = self.theirs.points[tied]
        self.equidistant += bool(np.any(points != points[0]))
        return least, self._among(i, tied)

    def _among(self, i: int, tied: Ints) -> int:
        """The one taken among units at the same distance."""
        if self.mine.points.shape[1] > 1:
            away = self.theirs.place[tied] - self.mine.place[i]
            return int(tied[np.argmax(np.where(away < 0, -2 * away - 1, 2 * away))])
        value = self.theirs.points[tied, 0]
        tied = tied[value == np.min(value)]
        away = self.theirs.place[tied] - self.mine.place[i]
        below = tied[away < 0]
        return int(below[np.argmax(away[away < 0])]) if below.shape[0] else int(tied[np.argmin(away)])

    def everybody(self, i: int) -> list[tuple[int, int, int]]:
        """The nearest of ``i`` with replacement, everybody tied with the last included."""
        those = self.allowed(i)
        distance = self.distances(i, those)
        wanted = min(int(self.rule.wanted[i]), those.shape[0])
        if not wanted:
            return []
        last = int(np.partition(distance, wanted - 1)[wanted - 1])
        return [(i, int(j), int(d)) for j, d in zip(those, distance, strict=True) if d <= last]


def _sequence(arm: Cloud, order: Order) -> list[int]:
    """Treated units in the order they choose; equal scores by tie rank."""
    keys = {"largest": (arm.rank, -arm.score), "smallest": (arm.rank, arm.score)}
    return [int(i) for i in np.lexsort(keys.get(order, (arm.rank,)))]


def _greedy(search: _Search, rule: CloudRule) -> list[tuple[int, int, int]]:
    """One match each in order, as often as somebody wants another."""
    found = []
    sequence = _sequence(search.mine, rule.order)
    for turn in range(int(np.max(rule.wanted, initial=0))):
        left = []
        for i in (i for i in sequence if int(rule.wanted[i]) > turn):
            choice = search.nearest(i)
            if choice is None:
                continue
            search.free[choice[1]] = False
            found.append((i, choice[1], choice[0]))
            left.append(i)
        sequence = left
    return found


def _closest(search: _Search, rule: CloudRule) -> list[tuple[int, int, int]]:
    """The closest pair of all first; equal distances to the larger score, then by tie rank."""
    found = []
    score, rank = search.mine.score, search.mine.rank
    sequence = list(range(search.size))
    for turn in range(int(np.max(rule.wanted, initial=0))):
        queue: list[tuple[int, int, int, int, int]] = []
        left: list[int] = []

        def join(i: int, queue: list[tuple[int, int, int, int, int]] = queue) -> None:
            choice = search.nearest(i)
            if choice is not None:
                heapq.heappush(queue, (choice[0], -int(score[i]), int(rank[i]), i, choice[1]))

        for i in (i for i in sequence if int(rule.wanted[i]) > turn):
            join(i)
        while queue:
            distance, _, _, i, j = heapq.heappop(queue)
            if search.free[j]:
                search.free[j] = False
                found.append((i, j, distance))
                left.append(i)
            else:
                join(i)
        sequence = left
    return found
