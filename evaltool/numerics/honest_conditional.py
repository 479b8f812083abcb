"""The conditional test with a least-favourable first stage (C-LF) and the confidence set it inverts.

Andrews, Roth & Pakes (2023), as used by Rambachan & Roth (2023, section 3). The statistic is the largest of the moment
statistics. Size κ = α/10 goes to a first stage that rejects above the 1 − κ quantile of that maximum when all moments
bind; the rest, (α − κ)/(1 − κ), goes to a second stage that compares with a normal truncated to where the same moment
stays the largest. The quantile is the one thing found by draws: 100,000 of them, seeded, the same for every hypothesis.

The set of a union of polyhedra is the union of their sets. Its hull is reported: from the smallest to the largest value
that is not rejected, found on a grid that is widened until both ends are rejected, then by bisection.

Draws are the dear part, and most members of a union do not need them: a member tested with a critical value that is
surely too large (Bonferroni's) rejects less than it should, so a member that rejects even so is out, and one whose set
found in this way lies within what another keeps cannot move an end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.distributions import normal_quantile
from evaltool.numerics.honest_sets import EventStudy, Moments
from evaltool.numerics.inference import Floats
from evaltool.numerics.truncated_normal import log_upper_tail

FIRST_STAGE = 0.1
"""Share of the size spent on the first stage."""
DRAWS = 100_000
SEED = 20230
POINTS = 2_001
COARSE = 401
"""Points of the grid on which members of a union are compared before any is drawn for."""
ENDS = 1e-6
"""Ends are found to this many standard errors."""
MARGIN = 4.0
"""Bonferroni's tail is divided by this, so that the noise of a drawn quantile cannot exceed it."""
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


def noise(study: EventStudy, count: int = DRAWS) -> Floats:
    """(k, count) seeded normal draws with the covariance of the coefficients, and their mirror images."""
    values, vectors = np.linalg.eigh(study.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    half = root @ np.random.default_rng(SEED).standard_normal((values.shape[0], count // 2))
    return np.hstack([half, -half])


def prepare(study: EventStudy, moments: Moments, draws: Floats, alpha: float) -> Tested:
    """The first-stage critical value of one polyhedron at size ``alpha``."""
    largest = np.max(moments.loadings @ draws, axis=0)
    rank = int(np.ceil((1.0 - FIRST_STAGE * alpha) * largest.shape[0])) - 1
    return Tested(moments, moments.covariance(study), float(np.partition(largest, rank)[rank]))


def roughly(study: EventStudy, moments: Moments, alpha: float) -> Tested:
    """One polyhedron with a first-stage critical value that is surely not too small: Bonferroni's, without draws."""
    covariance = moments.covariance(study)
    tail = FIRST_STAGE * alpha / (MARGIN * covariance.shape[0])
    largest = float(np.sqrt(max(float(np.max(np.diag(covariance))), 0.0)))
    return Tested(moments, covariance, normal_quantile(1.0 - tail) * largest)


def is_kept(rough: Iterable[Tested], exactly: Callable[[Moments], Tested], theta: float, alpha: float) -> bool:
    """Whether one value of the target belongs to the set of the union; draws only where they can matter."""
    value = np.array([theta])
    for member in rough:
        if bool(rejected(member, value, alpha)[0]):
            continue
        if not bool(rejected(exactly(member.moments), value, alpha)[0]):
            return True
    return False


def deciding(
    rough: list[Tested], exactly: Callable[[Moments], Tested], centre: float, radius: float, alpha: float
) -> list[Tested]:
    """The members that can hold an end of the hull, ready to be tested, in their order."""
    for _ in range(WIDEST):
        grid = centre + np.linspace(-radius, radius, COARSE)
        sets = [np.flatnonzero(~rejected(member, grid, alpha)) for member in rough]
        if all(kept.shape[0] == 0 or (kept[0] > 0 and kept[-1] < COARSE - 1) for kept in sets):
            break
        radius *= 2.0
    else:
        return [exactly(member.moments) for member in rough]
    known: dict[int, Tested] = {}
    for end, away in ((0, 1), (-1, -1)):
        places = sorted((i for i, kept in enumerate(sets) if kept.shape[0]), key=lambda i: away * int(sets[i][end]))
        reached: int | None = None
        for i in places:
            if reached is not None and away * int(sets[i][end]) > away * reached + 1:
                break
            known.setdefault(i, exactly(rough[i].moments))
            own = sets[i][~rejected(known[i], grid[sets[i]], alpha)]
            if own.shape[0] and (reached is None or away * int(own[end]) < away * reached):
                reached = int(own[end])
    return [known[i] for i in sorted(known)]


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
