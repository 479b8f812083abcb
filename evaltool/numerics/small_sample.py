"""Small-sample factors of regression standard errors, each a stated choice: K, G/(G − 1) and the t distribution.

The defaults are those of R fixest: (n − 1)/(n − K) with unit or period effects that are nested in the clusters not
counted in K, G/(G − 1), t with G − 1 degrees of freedom (the smallest G of several cluster dimensions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import coded, distinct
from evaltool.numerics.inference import Floats, Ints, influence_sums

Variance = Literal["cluster", "two_way", "hc1", "iid"]


@dataclass(frozen=True, slots=True)
class SmallSample:
    """``k_adj``: (n − 1)/(n − K). ``k_fixef``: which effects count in K. ``k_exact``: their rank instead of U + T − 1.

    ``g_adj``: G/(G − 1). ``t_df``: ``min`` is G − 1 with clusters and n − K without, ``conventional`` n − K,
    ``normal`` infinity.
    """

    k_adj: bool = True
    k_fixef: Literal["nonnested", "full", "none"] = "nonnested"
    k_exact: bool = False
    g_adj: bool = True
    t_df: Literal["min", "conventional", "normal"] = "min"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows, slopes, levels of each effect, whether each is nested in the clusters, and the rank of all effects."""

    rows: int
    slopes: int
    levels: tuple[int, ...] = ()
    nested: tuple[bool, ...] = ()
    rank: int = 0


def parameters(sizes: Sizes, choice: SmallSample, variance: Variance) -> int:
    """K: slopes and the effects that count."""
    whole = sizes.rank if choice.k_exact else sum(sizes.levels) - max(len(sizes.levels) - 1, 0)
    if variance in {"hc1", "iid"} and choice.k_fixef == "nonnested":
        return sizes.slopes + whole
    if choice.k_fixef == "none":
        return sizes.slopes
    nested = sum(n - 1 for n, inside in zip(sizes.levels, sizes.nested, strict=True) if inside)
    return sizes.slopes + whole - (nested if choice.k_fixef == "nonnested" else 0)


def variance_factor(sizes: Sizes, choice: SmallSample, variance: Variance, clusters: int | None) -> float:
    """What the plain sandwich (or, for ``iid``, SSR/n times the bread) is multiplied by."""
    n, k = sizes.rows, parameters(sizes, choice, variance)
    if variance == "iid":
        return n / (n - k) if choice.k_adj else 1.0
    groups = n if clusters is None else clusters
    factor = (n - 1) / (n - k) if choice.k_adj else 1.0
    return factor * (groups / (groups - 1) if choice.g_adj else 1.0)


def degrees_of_freedom(sizes: Sizes, choice: SmallSample, variance: Variance, clusters: int | None) -> float | None:
    """Of the t distribution; None for the normal."""
    if choice.t_df == "normal":
        return None
    if choice.t_df == "conventional" or clusters is None:
        return float(sizes.rows - parameters(sizes, choice, variance))
    return float(clusters - 1)


def cluster_covariance(scores: Floats, clusters: Ints | None) -> Floats:
    """(k, k) sum over clusters of the outer products of summed ``scores`` (n, k); rows are clusters without codes."""
    if scores.shape[1] == 0:
        return np.zeros((0, 0))
    sums = influence_sums(scores, clusters)
    return sums.T @ sums


def two_way_covariance(scores: Floats, first: Ints, second: Ints) -> Floats:
    """Cameron, Gelbach & Miller (2011), equation 2.11: both one-way covariances minus that of their intersection."""
    both = coded(first * (int(second.max()) + 1) + second)[1]
    return cluster_covariance(scores, first) + cluster_covariance(scores, second) - cluster_covariance(scores, both)


def nested_in(codes: Ints, clusters: Ints) -> bool:
    """Whether every level of ``codes`` (n,) lies in one cluster."""
    pairs = distinct(codes * (int(clusters.max()) + 1) + clusters).shape[0]
    return bool(pairs == distinct(codes).shape[0])
