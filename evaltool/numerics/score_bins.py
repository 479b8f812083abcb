"""Scores of two groups in bins that no person can be seen in: for the figure of overlap.

Bins start as equal steps of 1, 2 or 5 times a power of ten and are merged with the next one until each holds, of every
group and of those matched and not matched in it, either nobody or at least ``minimum``. Where fewer than that of a
group are not matched, they are left out, and the bins tell of the matched alone. Edges are whole steps, so that no edge
is anybody's score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats

SMALLEST = 10
"""The strictest profile's minimum, so that bins may be shown under every profile."""
FINEST = 24
"""About how many steps the whole range is cut into before merging."""
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Bin:
    """Counts from ``lower`` (inclusive) to ``upper``: treated and comparison units, and how many of each took part."""

    lower: float
    upper: float
    treated: int
    treated_matched: int
    comparison: int
    comparison_matched: int


def score_bins(score: Floats, treated: Bools, matched: Bools, *, minimum: int = SMALLEST) -> tuple[Bin, ...]:
    """Bins of the (n,) scores, in rising order; none at all when even one bin would hold too few of somebody."""
    told = np.ones(score.shape[0], dtype=np.bool_)
    for arm in (treated, ~treated):
        if 0 < int(np.sum(arm & ~matched)) < minimum:
            told &= ~(arm & ~matched)
    score, treated, matched = score[told], treated[told], matched[told]
    if score.shape[0] == 0:
        return ()
    step = _step((float(np.max(score)) - float(np.min(score))) / FINEST)
    place = np.floor(score / step).astype(np.int64)
    first = int(np.min(place))
    size = int(np.max(place)) - first + 1
    groups = (treated & matched, treated & ~matched, ~treated & matched, ~treated & ~matched)
    counts = np.column_stack([np.bincount(place[own] - first, minlength=size) for own in groups])
    cuts = _cuts(counts, minimum)
    return tuple(
        _bin((first + start) * step, (first + end) * step, counts[start:end].sum(axis=0).tolist())
        for start, end in cuts
    )


def _step(width: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``width``; 1 for no width at all."""
    if width <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next((m * power for m in (1.0, 2.0, 5.0) if m * power >= width), 10.0 * power)


def _cuts(counts: np.ndarray[tuple[int, int], np.dtype[np.int64]], minimum: int) -> list[tuple[int, int]]:
    """Runs of steps in which every group counts nobody or enough; what is left at the end joins the last run."""
    runs: list[tuple[int, int]] = []
    start, size = 0, counts.shape[0]
    for end in range(1, size + 1):
        if _enough(counts[start:end], minimum):
            runs.append((start, end))
            start = end
    while start < size and runs:
        start = runs.pop()[0]
        if _enough(counts[start:], minimum):
            return [*runs, (start, size)]
    return runs if start == size else []


def _enough(rows: np.ndarray[tuple[int, int], np.dtype[np.int64]], minimum: int) -> bool:
    """Whether the run holds somebody, and of no group too few."""
    total = rows.sum(axis=0)
    return bool(np.any(total > 0)) and bool(np.all((total == 0) | (total >= minimum)))


def _bin(lower: float, upper: float, counts: list[int]) -> Bin:
    """A bin from the counts of (treated matched, treated not, comparison matched, comparison not)."""
    mine, alone, theirs, unused = counts
    return Bin(
        lower=round(lower, 12),
        upper=round(upper, 12),
        treated=mine + alone,
        treated_matched=mine,
        comparison=theirs + unused,
        comparison_matched=theirs,
    )
