"""How alike two weighted groups are: mean difference, variance ratio, distance and overlap of distributions.

Conventions are R cobalt's (4.5.5): the mean difference is divided by the treated group's standard deviation before
matching, √(p(1 − p)) for a covariate with two values; weighted variances are unbiased under reliability weights; no
variance ratio for a covariate with two values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evaltool.numerics.distinct import two_values
from evaltool.numerics.inference import Floats
from evaltool.numerics.overlap import Arm, Bools, bandwidth, overlap


@dataclass(frozen=True, eq=False)
class Groups:
    """Two groups of units by weight: (n,) booleans for the treated, (n,) weights ≥ 0 (0: takes no part)."""

    treated: Bools
    weights: Floats

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """The treated and the others. Raises ValueError when either has no weight."""
        one, other = self.treated & (self.weights > 0.0), ~self.treated & (self.weights > 0.0)
        if not (bool(one.any()) and bool(other.any())):
            message = "balance needs units with weight in both groups"
            raise ValueError(message)
        a, b = self.weights[one], self.weights[other]
        return Side(one, a, math.fsum(a)), Side(other, b, math.fsum(b))


class Side(NamedTuple):
    """One group: (n,) who takes part, (m,) their weights, and their sum."""

    members: Bools
    weights: Floats
    total: float


@dataclass(frozen=True, slots=True)
class Alike:
    """One covariate compared between treated and comparison units.

    ``smd`` is None when the standard deviation it is divided by is zero and the means differ; ``variance_ratio``
    (treated over comparison) is None for two-valued covariates and where the comparison does not vary.
    """

    smd: float | None
    variance_ratio: float | None
    ks: float
    mean_treated: float
    mean_comparison: float
    overlap: float
    """Area that both densities share, 0 to 1."""


def is_binary(x: Floats) -> bool:
    """Whether a covariate takes at most two values."""
    return two_values(x)


def spread(x: Floats) -> float:
    """The standard deviation that mean differences are divided by: n − 1, or √(p(1 − p)) for two values scaled 0/1."""
    if not two_values(x):
        return float(np.std(x, ddof=1))
    low, high = float(np.min(x)), float(np.max(x))
    share = float(np.mean(x == high))
    return math.sqrt(share * (1.0 - share)) * (high - low)


def weighted_spread(x: Floats, weights: Floats) -> float:
    """The standard deviation √(Σw(x − mean)² / (1 − Σw²)) under weights of sum one; √(p(1 − p)) for two values."""
    if not two_values(x):
        return math.sqrt(_variance(x, weights))
    low, high = float(np.min(x)), float(np.max(x))
    share = weighted_mean((x == high).astype(np.float64), weights)
    return math.sqrt(max(0.0, share * (1.0 - share))) * (high - low)


def compare(x: Floats, groups: Groups, *, sd: float, binary: bool) -> Alike:
    """Compare one covariate (n,) between the weighted groups; ``sd`` is the stated denominator.

    Raises ValueError when either group has no weight.
    """
    (one, u, total_u), (other, v, total_v) = groups.sides
    a, b = x[one], x[other]
    mean_a, mean_b = weighted_mean(a, u), weighted_mean(b, v)
    difference = mean_a - mean_b
    smd = difference / sd if sd > 0.0 else (0.0 if difference == 0.0 else None)
    ratio = None
    if not binary:
        below = _variance(b, v)
        ratio = _variance(a, u) / below if below > 0.0 else None
    return Alike(
        smd=smd,
        variance_ratio=ratio,
        ks=_distance(a, u, b, v),
        mean_treated=mean_a,
        mean_comparison=mean_b,
        overlap=overlap(Arm(a, u, total_u), Arm(b, v, total_v), bandwidth(x, groups.treated)),
    )


def weighted_mean(x: Floats, w: Floats) -> float:
    """Weighted mean."""
    return float(np.dot(x, w) / np.sum(w))


def _variance(x: Floats, w: Floats) -> float:
    """Σ w (x − mean)² / (1 − Σ w²) with weights that sum to one; 0.0 for one unit."""
    share = w / float(np.sum(w))
    free = 1.0 - float(np.dot(share, share))
    return float(np.dot(share, (x - np.dot(share, x)) ** 2)) / free if free > 0.0 else 0.0


def _distance(a: Floats, u: Floats, b: Floats, v: Floats) -> float:
    """Largest difference between two weighted distribution functions."""
    values = np.concatenate([a, b])
    order = np.argsort(values)
    ahead = np.cumsum(np.concatenate([u / float(np.sum(u)), -v / float(np.sum(v))])[order])
    ordered = values[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    return float(np.max(np.abs(ahead[last])))


def effective_size(weights: Floats) -> float:
    """Kish's effective number of units, (Σw)² / Σw²; 0.0 without weight."""
    squares = float(np.dot(weights, weights))
    return float(np.sum(weights)) ** 2 / squares if squares > 0.0 else 0.0


def largest_share(weights: Floats) -> float:
    """The largest single weight as a share of all; 0.0 without weight."""
    total = float(np.sum(weights))
    return float(np.max(weights)) / total if total > 0.0 else 0.0


def common_support(score: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """Share of the treated whose score lies within the range of the comparison units' scores."""
    mine, theirs = score[treated], score[~treated]
    inside = (mine >= float(np.min(theirs))) & (mine <= float(np.max(theirs)))
    return float(np.mean(inside))
