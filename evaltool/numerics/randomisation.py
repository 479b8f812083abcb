"""Randomisation inference on clusters: what the effect would look like if other clusters had been treated.

The sharp hypothesis is that treatment moves every unit's outcome by τ. The effect is the difference of two weighted
means, S_T/N_T − S_C/N_C, with S and N the clusters' *sums* of outcome and weight. The statistic is that difference over
its cluster-robust standard error (each arm with its own G/(G − 1)), so that the test also holds its size for a mean
effect in large samples when arms differ in spread (Janssen 1997; Chung & Romano 2013); with one cluster in an arm there
is no such error and the plain difference must be asked for. All assignments with as many treated clusters are
enumerated when they are at most the number allowed, and the p-value is exact; otherwise they are drawn from a seed and
the real one counts as one more draw. The interval inverts the test.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.inversion import farthest_kept

Statistic = Literal["t", "difference"]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
TIED = 1e-9
"""Two statistics this close, relatively, are the same."""
NOTHING = 1e-12
"""A variance below this share of the sum of squares is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """(G,) sums of outcome and of weight by cluster, and which clusters are treated."""

    outcome: Floats
    weight: Floats
    treated: Bools

    def __post_init__(self) -> None:
        """Raise ValueError unless there are clusters in both arms and all weigh something."""
        if not (bool(np.any(self.treated)) and not bool(np.all(self.treated)) and bool(np.all(self.weight > 0.0))):
            message = "both arms need clusters, and every cluster needs weight"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Assignments:
    """The statistic, how many assignments are allowed, and the seed when they are drawn."""

    statistic: Statistic = "t"
    most: int = 20_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RandomisationTest:
    """The effect, the p-value of τ = 0, the interval of all τ not rejected, and how many assignments were used."""

    effect: float
    p_value: float
    lower: float
    upper: float
    level: float
    assignments: int
    enumerated: bool


def randomisation_test(data: ClusterSums, plan: Assignments, *, level: float) -> RandomisationTest:
    """Test and invert, two-sided. Raises ValueError for the t statistic with one cluster in an arm."""
    chosen, enumerated = _assignments(data, plan)
    centred = _centred(data.outcome, data.weight)

    def p_value(tau: float) -> float:
        moved = -data.weight * data.treated if math.isinf(tau) else centred - tau * data.weight * data.treated
        moved = _centred(moved, data.weight)
        return _share(moved, data.weight, chosen, plan.statistic, enumerated=enumerated)

    own = data.treated.astype(np.float64)[None, :]
    difference, variance = _two_means(centred, data.weight, own)
    effect = float(difference[0])
    step = math.sqrt(float(variance[0])) if plan.statistic == "t" else float(np.std(centred / data.weight))
    step = step if step > 0.0 else max(abs(effect), 1.0)
    ends = [farthest_kept(p_value, effect, sign * step, 1.0 - level) for sign in (-1.0, 1.0)]
    return RandomisationTest(effect, p_value(0.0), ends[0], ends[1], level, chosen.shape[0] - 1, enumerated)


def randomisation_p_value(data: ClusterSums, plan: Assignments) -> float:
    """The p-value of no effect alone, without the interval. Raises ValueError as the test does."""
    chosen, enumerated = _assignments(data, plan)
    return _share(_centred(data.outcome, data.weight), data.weight, chosen, plan.statistic, enumerated=enumerated)


def _centred(outcome: Floats, weight: Floats) -> Floats:
    """Sums by cluster less what the mean over all of them would give: levels then cost no digits."""
    return outcome - weight * (float(np.sum(outcome)) / float(np.sum(weight)))


def _assignments(data: ClusterSums, plan: Assignments) -> tuple[Floats, bool]:
    """(1 + draws, G) the real assignment first, then all there are or those drawn."""
    treated = data.treated
    clusters, count = treated.shape[0], int(np.count_nonzero(treated))
    if plan.statistic == "t" and min(count, clusters - count) < 2:  # noqa: PLR2004 - one has no spread
        message = 'one cluster in an arm has no spread of its own: ask for statistic="difference"'
        raise ValueError(message)
    own = treated.astype(np.float64)[None, :]
    if math.comb(clusters, count) <= plan.most:
        picks = np.array(list(itertools.combinations(range(clusters), count)))
        enumerated = True
    else:
        keys = np.random.default_rng(plan.seed).random((plan.most, clusters))
        picks = np.argpartition(keys, count - 1, axis=1)[:, :count]
        enumerated = False
    chosen = np.zeros((picks.shape[0], clusters))
    np.put_along_axis(chosen, picks, 1.0, axis=1)
    return np.vstack([own, chosen]), enumerated


def _two_means(outcome: Floats, weight: Floats, chosen: Floats) -> tuple[Floats, Floats]:
    """(a,) differences of the arms' means and their cluster-robust variances (0 for an arm of one cluster)."""
    difference, variance = np.zeros(chosen.shape[0]), np.zeros(chosen.shape[0])
    for sign, arm in ((1.0, chosen), (-1.0, 1.0 - chosen)):
        total, count = arm @ weight, arm.sum(axis=1)
        mean = (arm @ outcome) / total
        squares = (
            arm @ (outcome * outcome) - 2.0 * mean * (arm @ (outcome * weight)) + mean**2 * (arm @ (weight * weight))
        )
        several = count > 1.0
        factor = np.where(several, count / np.where(several, count - 1.0, 1.0), 0.0)
        difference += sign * mean
        variance += factor * np.maximum(squares, 0.0) / total**2
    return difference, variance


def _share(outcome: Floats, weight: Floats, chosen: Floats, statistic: Statistic, *, enumerated: bool) -> float:
    """Share of assignments whose statistic is at least the real one's in size.

    Squares are compared crosswise: an assignment without spread counts as infinitely large, two of them as equal.
    """
    difference, variance = _two_means(outcome, weight, chosen)
    if statistic == "difference":
        variance = np.ones_like(variance)
    else:
        floor = NOTHING * float(outcome @ outcome) / float(np.sum(weight)) ** 2
        variance = np.where(variance > floor, variance, 0.0)
    squares = difference**2
    at_least = int(np.count_nonzero(squares[1:] * variance[0] >= squares[0] * variance[1:] * (1.0 - TIED)))
    others = chosen.shape[0] - 1
    return at_least / others if enumerated else (1 + at_least) / (1 + others)
