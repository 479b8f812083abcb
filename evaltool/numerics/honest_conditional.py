"""The conditional test with a least-favourable first stage (C-LF) and the confidence set it inverts.

Andrews, Roth & Pakes (2023), as used by Rambachan & Roth (2023, section 3). The statistic is the largest of the moment
statistics. Size κ = α/10 goes to a first stage that rejects above the 1 − κ quantile of that maximum when all moments
bind; the rest, (α − κ)/(1 − κ), goes to a second stage that compares with a normal truncated to where the same moment
stays the largest. The quantile is the one thing found by draws: 100,000 of them, seeded, the same for every hypothesis.

The set of a union of polyhedra is the union of their sets. Its hull is reported: from the smallest to the largest value
that is not rejected, found on a grid that is widened until both ends are rejected, then by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.honest_sets import EventStudy, Moments
from evaltool.numerics.inference import Floats
from evaltool.numerics.truncated_normal import log_upper_tail

FIRST_STAGE = 0.1
"""Share of the size spent on the first stage."""
DRAWS = 100_000
SEED = 20230
POINTS = 2_001
ENDS = 1e-6
"""Ends are found to this many standard errors."""
WIDEST = 40
"""Doublings of the grid after which the set counts as unbounded."""
FIXED = 1e-12
"""Variance of a statistic below which it is a number and no variable (statistics are in standard deviations)."""
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A polyhedron ready to be tested: moments, covariance of the statistics, first-stage critical value."""

    moments: Moments
    covariance: Floats
    critical: float


def noise(study: EventStudy) -> Floats:
    """(k, DRAWS) seeded normal draws with the covariance of the coefficients, and their mirror images."""
    values, vectors = np.linalg.eigh(study.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    half = root @ np.random.default_rng(SEED).standard_normal((values.shape[0], DRAWS // 2))
    return np.hstack([half, -half])


def prepare(study: EventStudy, moments: Moments, draws: Floats, alpha: float) -> Tested:
    """The first-stage critical value of one polyhedron at size ``alpha``."""
    largest = np.max(moments.loadings @ draws, axis=0)
    rank = int(np.ceil((1.0 - FIRST_STAGE * alpha) * largest.shape[0])) - 1
    return Tested(moments, moments.covariance(study), float(np.partition(largest, rank)[rank]))


def rejected(tested: Tested, theta: Floats, alpha: float) -> Bools:
    """(t,) whether each value of the target is rejected at size ``alpha``."""
    moments = tested.moments
    statistics = moments.at_zero[None, :] + np.outer(theta, moments.slope)
    largest = np.argmax(statistics, axis=1)
    eta = np.take_along_axis(statistics, largest[:, None], axis=1)[:, 0]
    variance = np.diag(tested.covariance)[largest]
    random = variance > FIXED
    deviation = np.sqrt(np.where(random, variance, 1.0))
    share = tested.covariance[largest] / np.where(random, variance, 1.0)[:, None]
    gap = 1.0 - share
    level = np.abs(gap) > np.sqrt(FIXED)
    meets = (statistics - share * eta[:, None]) / np.where(level, gap, 1.0)
    low = np.max(np.where(level & (gap > 0.0), meets, -np.inf), axis=1)
    high = np.min(np.where(level & (gap < 0.0), meets, np.inf), axis=1)
    kappa = FIRST_STAGE * alpha
    second = np.log((alpha - kappa) / (1.0 - kappa))
    tail = log_upper_tail(eta / deviation, low / deviation, np.minimum(high, tested.critical) / deviation)
    return np.where(random, (eta > tested.critical) | ((eta > 0.0) & (tail < second)), eta > FIXED)


def all_rejected(members: list[Tested], theta: Floats, alpha: float) -> Bools:
    """(t,) whether every member of the union rejects."""
    found = np.ones(theta.shape[0], dtype=bool)
    for member in members:
        left = np.flatnonzero(found)
        if left.shape[0] == 0:
            break
        found[left] = rejected(member, theta[left], alpha)
    return found


def hull(members: list[Tested], centre: float, radius: float, alpha: float) -> tuple[float, float]:
    """Smallest and largest value not rejected. ``radius`` is a first guess of how far to look.

    ``centre`` is the middle of the set as estimated, which no member union rejects: its largest statistic is not
    positive. Raises ValueError when the set is still unbounded after the widest grid.
    """
    for _ in range(WIDEST):
        grid = centre + np.linspace(-radius, radius, POINTS)
        accepted = ~all_rejected(members, grid, alpha)
        accepted[POINTS // 2] = True
        kept = np.flatnonzero(accepted)
        edge = POINTS // 20
        if kept[0] >= edge and kept[-1] < POINTS - edge:
            break
        radius *= 2.0
    else:
        message = "the confidence set does not end: the event study carries no information about the target"
        raise ValueError(message)
    step = 2.0 * radius / (POINTS - 1)
    low, high = float(grid[kept[0]]), float(grid[kept[-1]])
    return _end(members, (low - step, low), alpha, step), _end(members, (high + step, high), alpha, step)


def _end(members: list[Tested], between: tuple[float, float], alpha: float, step: float) -> float:
    """Bisection between a rejected and an accepted value; returns the accepted side."""
    out, inside = between
    for _ in range(max(1, int(np.ceil(np.log2(1.0 / ENDS))))):
        middle = (out + inside) / 2.0
        if bool(all_rejected(members, np.array([middle]), alpha)[0]):
            out = middle
        else:
            inside = middle
        if abs(inside - out) < ENDS * step:
            break
    return inside
