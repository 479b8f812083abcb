"""How far an effect can move when tied units take each other's places.

Units of one arm with the same score and stratum are interchangeable: every order of ties gives them the same weights
in another order, and every order of the weights comes from some order of ties. The range of a difference in means is
therefore exact by rearrangement (Hardy, Littlewood & Pólya 1934, theorem 368): largest weights on the largest outcomes,
and on the smallest. An adjusted effect is enumerated when the orders are few, otherwise climbed along its derivative
in the weights and then pair by pair, which can only make the range too narrow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from evaltool.numerics.inference import Floats, Ints

ENUMERATED = 4096
"""Largest number of weight orders that are all tried for an adjusted effect."""
SWEEPS = 50
PAIRS = 1000
"""Largest number of pairs that are swapped one by one."""
GROUPS = 50
"""Groups moved alone, when moving all at once gains nothing."""
COUNTED = 10**15
"""Counting stops here."""


@dataclass(frozen=True, slots=True)
class TieRange:
    """Smallest and largest effect over tie orders and how it was found."""

    lower: float
    upper: float
    how: Literal["no_ties", "exact", "enumerated", "searched"]
    orders: int
    """Different ways to place the weights (capped at 10¹⁵)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tied:
    """(n,) outcomes, 1.0 for treated, weights, and codes of tie groups; all submitted units, matched or not."""

    y: Floats
    treated: Floats
    weights: Floats
    groups: Ints

    def moving(self) -> list[Ints]:
        """Members of every group whose weights differ, in order of the group's code."""
        members = np.flatnonzero(uneven(self.groups, self.weights))
        order = members[np.argsort(self.groups[members], kind="stable")]
        cuts = np.flatnonzero(np.diff(self.groups[order])) + 1
        return [part for part in np.split(order, cuts) if part.shape[0]]


def uneven(groups: Ints, weights: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(n,) whether a unit's group (codes 0, 1, …) holds different weights."""
    size = int(groups.max()) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, groups, weights)
    np.maximum.at(high, groups, weights)
    return np.asarray((low < high)[groups], dtype=np.bool_)


def placements(tied: Tied) -> int:
    """The number of different ways to place the weights, capped at 10¹⁵."""
    ways = 1
    for part in tied.moving():
        _, counts = np.unique(tied.weights[part], return_counts=True)
        left = len(part)
        for count in counts.tolist():
            ways *= math.comb(left, count)
            left -= count
        if ways >= COUNTED:
            return COUNTED
    return ways


def mean_range(tied: Tied) -> TieRange:
    """The exact range of the weighted difference in means over all tie orders."""
    effects = []
    for sign in (1.0, -1.0):
        weights = tied.weights.copy()
        for part in tied.moving():
            good = sign if tied.treated[part[0]] == 1.0 else -sign
            weights[part[np.argsort(good * tied.y[part], kind="stable")]] = np.sort(tied.weights[part])
        effects.append(_difference(tied, weights))
    how: Literal["no_ties", "exact"] = "exact" if tied.moving() else "no_ties"
    return TieRange(lower=min(effects), upper=max(effects), how=how, orders=placements(tied))


def _difference(tied: Tied, weights: Floats) -> float:
    """Weighted difference in means, exactly rounded sums so that no order of units matters."""
    total = 0.0
    for arm, sign in ((1.0, 1.0), (0.0, -1.0)):
        own = (tied.treated == arm) & (weights > 0.0)
        products = (weights[own] * tied.y[own]).tolist()
        total += sign * math.fsum(products) / math.fsum(weights[own].tolist())
    return total


def adjusted_range(tied: Tied, covariates: Floats) -> TieRange:
    """The range of the treatment coefficient of a weighted regression on treatment and (n, p) covariates."""
    return ranged(tied, _normal(tied, covariates, tied.moving()))


class Moves(Protocol):
    """An effect, and its derivative, as functions of the weights of the groups that move."""

    def effect(self, weights: list[Floats]) -> float:
        """The effect."""

    def slopes(self, weights: list[Floats]) -> list[Floats]:
        """Its derivative in every moving weight."""


def ranged(tied: Tied, normal: Moves, most: int = ENUMERATED, pairs: int = PAIRS) -> TieRange:
    """The range of an effect over all tie orders, tried one by one when there are at most ``most``, else searched.

    Single pairs are swapped where there are at most ``pairs``.
    """
    moving = tied.moving()
    start = [tied.weights[part] for part in moving]
    if not moving:
        value = normal.effect(start)
        return TieRange(lower=value, upper=value, how="no_ties", orders=1)
    orders = placements(tied)
    if orders <= most:
        choices = itertools.product(*(list(_orders(part)) for part in start))
        values = [normal.effect(list(choice)) for choice in choices]
        return TieRange(lower=min(values), upper=max(values), how="enumerated", orders=orders)
    low, high = (_climb(normal, start, sign, pairs) for sign in (-1.0, 1.0))
    return TieRange(lower=min(low, high), upper=max(low, high), how="searched", orders=orders)


def _orders(weights: Floats) -> Iterator[Floats]:
    """Every different order of a few weights."""
    values, counts = np.unique(weights, return_counts=True)

    def extend(prefix: list[float], left: list[int]) -> Iterator[list[float]]:
        if not any(left):
            yield prefix
            return
        for k, count in enumerate(left):
            if count:
                yield from extend([*prefix, float(values[k])], [c - (j == k) for j, c in enumerate(left)])

    for order in extend([], [int(c) for c in counts]):
        yield np.array(order)


@dataclass(frozen=True, slots=True, eq=False)
class _Normal:
    """Normal equations: the sum over units whose weight never moves, and rows and outcomes of each moving group."""

    square: Floats
    product: Floats
    parts: tuple[tuple[Floats, Floats], ...]

    def _system(self, weights: list[Floats]) -> tuple[Floats, Floats]:
        """Both sides under these weights of the moving groups."""
        left, right = self.square.copy(), self.product.copy()
        for (rows, y), w in zip(self.parts, weights, strict=True):
            weighted = rows * w[:, None]
            left += weighted.T @ rows
            right += weighted.T @ y
        return left, right

    def effect(self, weights: list[Floats]) -> float:
        """The coefficient of treatment."""
        left, right = self._system(weights)
        return float(np.linalg.lstsq(left, right, rcond=None)[0][0])

    def slopes(self, weights: list[Floats]) -> list[Floats]:
        """Derivative of the effect in every moving weight: residual times row of the inverse."""
        left, right = self._system(weights)
        both = np.column_stack([right, np.eye(left.shape[0])[:, 0]])
        solved = np.linalg.lstsq(left, both, rcond=None)[0]
        return [(y - rows @ solved[:, 0]) * (rows @ solved[:, 1]) for rows, y in self.parts]


def _normal(tied: Tied, covariates: Floats, moving: list[Ints]) -> _Normal:
    """The normal equations with columns scaled to one."""
    scale = np.max(np.abs(covariates), axis=0)
    scaled = covariates / np.where(scale > 0.0, scale, 1.0)
    x = np.column_stack([tied.treated, np.ones_like(tied.y), scaled])
    still = np.ones(tied.y.shape[0], dtype=bool)
    for part in moving:
        still[part] = False
    fixed = x[still] * tied.weights[still][:, None]
    parts = tuple((x[part], tied.y[part]) for part in moving)
    return _Normal(square=fixed.T @ x[still], product=fixed.T @ tied.y[still], parts=parts)


def _climb(normal: Moves, start: list[Floats], sign: float, most: int) -> float:
    """Largest weights where the effect gains most, until nothing is gained; then swaps of pairs where they are few."""
    weights, best = [w.copy() for w in start], normal.effect(start)
    for _ in range(SWEEPS):
        slopes = normal.slopes(weights)
        moved = [_sorted_by(w, sign * slope) for w, slope in zip(weights, slopes, strict=True)]
        tries = [moved, *([*weights[:k], moved[k], *weights[k + 1 :]] for k in range(len(weights)))]
        value, chosen = max(((sign * normal.effect(t), k) for k, t in enumerate(tries[:GROUPS])), default=(0.0, 0))
        if value <= sign * best:
            break
        best, weights = sign * value, tries[chosen]
    if sum(math.comb(w.shape[0], 2) for w in weights) > most:
        return best
    swaps = [(k, i, j) for k, w in enumerate(weights) for i, j in itertools.combinations(range(w.shape[0]), 2)]
    return _swap(normal, weights, swaps, sign)


def _sorted_by(weights: Floats, gain: Floats) -> Floats:
    """The same weights, the largest where the gain is largest."""
    placed = np.empty_like(weights)
    placed[np.argsort(gain, kind="stable")] = np.sort(weights)
    return placed


def _swap(normal: Moves, weights: list[Floats], pairs: list[tuple[int, int, int]], sign: float) -> float:
    """Swap weights pair by pair while the effect moves in the wanted direction."""
    weights = [w.copy() for w in weights]
    best = normal.effect(weights)
    for _ in range(SWEEPS):
        before = best
        for k, i, j in pairs:
            w = weights[k]
            if w[i] == w[j]:
                continue
            w[i], w[j] = w[j], w[i]
            value = normal.effect(weights)
            if sign * value > sign * best:
                best = value
            else:
                w[i], w[j] = w[j], w[i]
        if best == before:
            break
    return best
