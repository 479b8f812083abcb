"""How many clusters an effect really rests on, from the clusters' shares of either arm.

With a difference between a treated and a comparison mean, a cluster that holds the share s_T of the treated weight and
s_C of the comparison weight enters the variance with γ = (s_T − s_C)² when errors within a cluster are perfectly
correlated (the worst case of Carter, Schnepel & Steigerwald 2017, whose γ_g is then this). Their effective number of
clusters is G / (1 + Γ), Γ = mean((γ − γ̄)²) / γ̄², which equals (Σγ)² / Σγ². One treated cluster among any number of
others gives just above 1. A single mean, with nobody compared, has γ = s² over its own shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats, Ints


@dataclass(frozen=True, slots=True)
class Clusters:
    """The sizes that decide whether a clustered standard error can be believed."""

    treated: int
    """Clusters with treated weight."""
    comparison: int | None
    """Clusters with comparison weight; None where nobody is compared."""
    largest_share: float
    """Largest share of one arm's weight in one cluster: its leverage on that arm's mean."""
    largest_treated_share: float
    effective: float
    """Effective number of clusters, at most the number of clusters."""


def cluster_sizes(clusters: Ints, weight: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Clusters:
    """From (units,) cluster codes 0 … G−1, weights ≥ 0 and arms. Raises ValueError when an arm has no weight."""
    size = int(clusters.max()) + 1
    sums = [np.bincount(clusters[arm], weights=weight[arm], minlength=size) for arm in (treated, ~treated)]
    if not all(float(total.sum()) > 0 for total in sums):
        message = "both arms need units with weight"
        raise ValueError(message)
    shares = [total / total.sum() for total in sums]
    return Clusters(
        treated=int(np.count_nonzero(sums[0])),
        comparison=int(np.count_nonzero(sums[1])),
        largest_share=float(max(shares[0].max(), shares[1].max())),
        largest_treated_share=float(shares[0].max()),
        effective=_effective((shares[0] - shares[1]) ** 2),
    )


def cluster_sizes_alone(clusters: Ints, weight: Floats) -> Clusters:
    """The same for one mean without a comparison, from (units,) codes and weights. Raises ValueError without weight."""
    sums = np.bincount(clusters, weights=weight)
    if not float(sums.sum()) > 0:
        message = "units with weight are needed"
        raise ValueError(message)
    shares = sums / sums.sum()
    largest = float(shares.max())
    return Clusters(
        treated=int(np.count_nonzero(sums)),
        comparison=None,
        largest_share=largest,
        largest_treated_share=largest,
        effective=_effective(shares**2),
    )


def _effective(gamma: Floats) -> float:
    """(Σγ)² / Σγ²; 0 where every γ is 0."""
    square = float(np.dot(gamma, gamma))
    return float(gamma.sum()) ** 2 / square if square > 0 else 0.0
