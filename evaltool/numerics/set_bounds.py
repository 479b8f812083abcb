"""Rosenbaum's bounds for matched sets of one unit with several others: a rank sum of aligned outcomes.

Within a set the odds of treatment of two units differ by at most Γ. The sum of the ranks of the treated lies, in large
samples, between two normal variables; each set takes the worst of the ways to give its highest (lowest) values the
weight Γ, ties to the larger variance (Gastwirth, Krieger & Rosenbaum 2000, JRSS B 62, section 3; Rosenbaum 2002,
Observational Studies, section 4.4; aligned ranks: Hodges & Lehmann 1962). Where one comparison unit stands with several
treated ones the roles change places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.distinct import distinct, mean_ranks
from evaltool.numerics.distributions import beyond
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.unmeasured import LARGEST, ROUNDS, Bounds

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Sets by size: (s, j) values of their units, highest first, and the sum over sets of the value of the single one.

    The single one is the treated unit, or the comparison unit with the sign of the values turned.
    """

    values: tuple[Floats, ...]
    found: float


def sets_of(outcome: Floats, treated: Bools, sets: Ints) -> Sets:
    """Aligned ranks of (n,) outcomes in sets 0, 1, …; raises ValueError unless each has one unit of some group."""
    count = np.bincount(sets)
    ours = np.bincount(sets, weights=treated.astype(np.float64))
    if bool(np.any(np.minimum(ours, count - ours) != 1)):
        message = "every set needs one treated or one comparison unit, and one or more of the other group"
        raise ValueError(message)
    aligned = outcome - (np.bincount(sets, weights=outcome) / count)[sets]
    ranks = mean_ranks(np.round(aligned, 12))
    turned = (ours > 1)[sets]
    value = np.where(turned, -ranks, ranks)
    single = np.where(turned, ~treated, treated)
    order = np.lexsort((-value, sets))
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    parts = []
    for size in distinct(count).tolist():
        of_size = starts[count == size]
        parts.append(value[order][of_size[:, None] + np.arange(size)])
    return Sets(tuple(parts), math.fsum(value[single].tolist()))


def set_bounds(sets: Sets, gamma: float) -> Bounds:
    """One-sided p-values of a large rank sum of the treated, smallest and largest that Γ allows. Raises ValueError."""
    if not 1.0 <= gamma < math.inf:
        message = f"gamma is a ratio of odds of at least 1, got {gamma!r}"
        raise ValueError(message)
    tails = []
    for sign in (1.0, -1.0):
        moments = [_worst(sign * part if sign > 0 else -part[:, ::-1], gamma) for part in sets.values]
        mean = sign * sum(one for one, _ in moments)
        variance = sum(two for _, two in moments)
        if variance <= 0.0:
            message = "no outcome differs within a set: there is nothing to be sensitive"
            raise ValueError(message)
        tails.append(beyond((sets.found - mean) / math.sqrt(variance)))
    return Bounds(gamma=gamma, lower=min(tails), upper=max(tails))


def _worst(values: Floats, gamma: float) -> tuple[float, float]:
    """Sum over sets of the largest mean that Γ allows, and of its variance; ``values`` (s, j) highest first."""
    size = values.shape[1]
    many = np.arange(1, size)
    weight = gamma * many + size - many
    totals, squares = np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)
    means = ((gamma - 1.0) * totals[:, :-1] + totals[:, -1:]) / weight
    spread = ((gamma - 1.0) * squares[:, :-1] + squares[:, -1:]) / weight - means**2
    best = np.max(means, axis=1)
    near = means >= best[:, None] - 1e-9 * np.maximum(1.0, np.abs(best[:, None]))
    variance = np.max(np.where(near, spread, 0.0), axis=1)
    return math.fsum(best.tolist()), math.fsum(variance.tolist())


def turning_gamma(bounds: Callable[[float], Bounds], alpha: float, *, reached: bool) -> float:
    """The Γ at which a hidden bias can turn a test at level ``alpha``: 1.0 when none is needed, infinite beyond 10⁶.

    ``reached``: the largest Γ at which the upper p-value is at most ``alpha``; else the largest at which the lower one
    is still above it. By bisection to the last bit.
    """

    def stands(gamma: float) -> bool:
        found = bounds(gamma)
        return found.upper <= alpha if reached else found.lower > alpha

    if not stands(1.0):
        return 1.0
    low, high = 1.0, 2.0
    while stands(high):
        low, high = high, high * 2.0
        if high > LARGEST:
            return math.inf
    for _ in range(ROUNDS):
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        if stands(middle):
            low = middle
        else:
            high = middle
    return low
