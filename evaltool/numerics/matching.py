"""Nearest-neighbour matching on one score held as whole numbers, so that ties and distances are exact.

Scores are rounded once (``to_grid``) to multiples of 10⁻¹²; afterwards every comparison is between integers and no
choice depends on the last bits of a float. The comparison units of a stratum stand in one line by score and tie rank; a
treated unit takes the nearest left on either side of its own place. Path-halving pointers past those already taken make
greedy matching without replacement close to linear in the number of units.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats, Ints

GRID = 10**12
"""Scores are whole multiples of 1 / GRID."""
Order = Literal["largest", "smallest", "closest", "data"]


def to_grid(score: Floats) -> Ints:
    """(n,) scores as whole multiples of 10⁻¹² (nearest, half to even). Raises ValueError beyond ±10⁶."""
    if score.shape[0] and float(np.max(np.abs(score))) > 10**6:
        message = "a score beyond a million cannot be matched on"
        raise ValueError(message)
    return np.rint(score * float(GRID)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One arm: (n,) scores on the grid, stratum codes, and tie ranks (one strict total order over both arms)."""

    score: Ints
    stratum: Ints
    rank: Ints


@dataclass(frozen=True, slots=True)
class MatchRule:
    """How to match. ``caliper`` is the largest distance allowed, on the grid; None for no limit."""

    ratio: int = 1
    replace: bool = False
    caliper: int | None = None
    order: Order = "largest"


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Who is matched with whom, sorted by treated index, distance and tie rank of the comparison unit.

    ``treated`` and ``comparison`` (m,) index the arms; ``distance`` (m,) is on the grid; ``equidistant`` counts the
    choices where somebody above was exactly as far as somebody below (the lower score was taken).
    """

    treated: Ints
    comparison: Ints
    distance: Ints
    equidistant: int


def nearest(treated: Arm, comparison: Arm, rule: MatchRule) -> Pairs:
    """Match every treated unit with its nearest comparison units in its own stratum.

    With replacement each treated unit gets the ``ratio`` nearest and everybody tied with the last of them (Abadie &
    Imbens 2006, definition of J_M). Without replacement, greedily in ``order``; every treated unit gets its first
    match before any gets a second; at equal distance the lower score goes first, and among equal scores whoever
    stands nearest in the line of scores and tie ranks (what R MatchIt 4.7 does with the file row as tie rank).
    """
    found: list[tuple[int, int, int]] = []
    equidistant = 0
    for code in distinct(treated.stratum):
        mine, theirs = np.flatnonzero(treated.stratum == code), np.flatnonzero(comparison.stratum == code)
        if not theirs.shape[0]:
            continue
        line = _Line(comparison, theirs)
        if rule.replace:
            found += _with_replacement(treated, mine, line, rule)
        elif rule.order == "closest":
            found += _closest(treated, mine, line, rule)
        else:
            found += _greedy(treated, mine, line, rule)
        equidistant += line.equidistant
    found.sort(key=lambda p: (p[0], p[2], int(comparison.rank[p[1]])))
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return Pairs(treated=table[:, 0], comparison=table[:, 1], distance=table[:, 2], equidistant=equidistant)


class _Line:
    """Comparison units of one stratum in one line by score and tie rank, with pointers past those already taken."""

    def __init__(self, arm: Arm, members: Ints) -> None:
        """Sort the members."""
        order = members[np.lexsort((arm.rank[members], arm.score[members]))]
        self.units: list[int] = order.tolist()
        self.size = len(self.units)
        self.scores = arm.score[order]
        self._places = list(zip(self.scores.tolist(), arm.rank[order].tolist(), strict=True))
        self._values: list[int] = self.scores.tolist()
        self._below = list(range(self.size + 1))
        self._above = list(range(self.size + 1))
        self.equidistant = 0

    def at(self, score: int, rank: int) -> int:
        """The place in the line of somebody with this score and tie rank."""
        return bisect.bisect_left(self._places, (score, rank))

    def _sides(self, at: int) -> tuple[int | None, int | None]:
        """The nearest places not yet taken, below ``at`` and from ``at`` on."""
        low, high = _follow(self._below, at), _follow(self._above, at)
        return (low - 1 if low else None), (high if high < self.size else None)

    def choose(self, score: int, at: int) -> tuple[int, int] | None:
        """(distance, place) of the nearest unit left; the lower side when both are equally far; None when none is."""
        low, high = self._sides(at)
        down = None if low is None else score - self._values[low]
        up = None if high is None else self._values[high] - score
        if low is not None and down is not None and (up is None or down <= up):
            return down, low
        return None if high is None or up is None else (up, high)

    def is_free(self, place: int) -> bool:
        """Whether the unit at this place is not taken."""
        return self._above[place] == place

    def take(self, score: int, at: int, place: int) -> int:
        """Take the unit at ``place``, chosen from ``at``; counts the choice when the other side was as near."""
        low, high = self._sides(at)
        if low is not None and high is not None:
            down, up = score - self._values[low], self._values[high] - score
            self.equidistant += down == up and down > 0
        self._below[place + 1] = place
        self._above[place] = place + 1
        return self.units[place]

    def outwards(self, score: int) -> Iterator[tuple[int, list[int]]]:
        """(distance, units) from the nearest score outwards: everybody at one distance together."""
        high = bisect.bisect_left(self._values, score)
        low = high - 1
        while low >= 0 or high < self.size:
            down = score - self._values[low] if low >= 0 else None
            up = self._values[high] - score if high < self.size else None
            distance = min(d for d in (down, up) if d is not None)
            units: list[int] = []
            while low >= 0 and score - self._values[low] == distance:
                units.append(self.units[low])
                low -= 1
            while high < self.size and self._values[high] - score == distance:
                units.append(self.units[high])
                high += 1
            yield distance, units


def _follow(pointers: list[int], start: int) -> int:
    """The end of a chain of pointers, halving the path on the way."""
    while pointers[start] != start:
        pointers[start] = pointers[pointers[start]]
        start = pointers[start]
    return start


def _sequence(arm: Arm, mine: Ints, order: Order) -> list[int]:
    """Treated units in the order they choose; equal scores by tie rank, which alone is the order of ``data``."""
    if order == "data":
        return [int(i) for i in mine[np.argsort(arm.rank[mine])]]
    key = -arm.score[mine] if order == "largest" else arm.score[mine]
    return [int(i) for i in mine[np.lexsort((arm.rank[mine], key))]]


def _with_replacement(arm: Arm, mine: Ints, line: _Line, rule: MatchRule) -> list[tuple[int, int, int]]:
    """Everybody among the ``ratio`` nearest, ties included."""
    found = []
    for i in mine.tolist():
        count = 0
        for distance, units in line.outwards(int(arm.score[i])):
            if count >= rule.ratio or (rule.caliper is not None and distance > rule.caliper):
                break
            found += [(i, j, distance) for j in units]
            count += len(units)
    return found


def _greedy(arm: Arm, mine: Ints, line: _Line, rule: MatchRule) -> list[tuple[int, int, int]]:
    """One match each in order of score, ``ratio`` times over."""
    found = []
    sequence = _sequence(arm, mine, rule.order)
    scores: dict[int, int] = {i: int(arm.score[i]) for i in sequence}
    places = {i: line.at(scores[i], int(arm.rank[i])) for i in sequence}
    for _ in range(rule.ratio):
        left = []
        for i in sequence:
            choice = line.choose(scores[i], places[i])
            if choice is None or (rule.caliper is not None and choice[0] > rule.caliper):
                continue
            found.append((i, line.take(scores[i], places[i], choice[1]), choice[0]))
            left.append(i)
        sequence = left
    return found


def _closest(arm: Arm, mine: Ints, line: _Line, rule: MatchRule) -> list[tuple[int, int, int]]:
    """The closest pair of all first.

    Equal distances go to the larger treated score, equal scores by tie rank; whoever finds its nearest taken looks
    again and goes before those at the same distance who looked earlier (as MatchIt's queue does).
    """
    found = []
    sequence = [int(i) for i in mine[np.argsort(arm.rank[mine])]]
    scores: dict[int, int] = {i: int(arm.score[i]) for i in sequence}
    places = {i: line.at(scores[i], int(arm.rank[i])) for i in sequence}
    for _ in range(rule.ratio):
        queue: list[tuple[int, int, int, int, int]] = []
        matched: list[int] = []

        def join(i: int, turn: int, queue: list[tuple[int, int, int, int, int]] = queue) -> None:
            choice = line.choose(scores[i], places[i])
            if choice is not None and (rule.caliper is None or choice[0] <= rule.caliper):
                heapq.heappush(queue, (choice[0], -scores[i], turn, i, choice[1]))

        for turn, i in enumerate(sequence):
            join(i, turn)
        rejoined = 0
        while queue:
            distance, _, _, i, place = heapq.heappop(queue)
            if line.is_free(place):
                found.append((i, line.take(scores[i], places[i], place), distance))
                matched.append(i)
            else:
                rejoined += 1
                join(i, -rejoined)
        sequence = sorted(matched, key=lambda i: int(arm.rank[i]))
    return found
