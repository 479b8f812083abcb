"""The multiplier bootstrap over influence values, and bands that hold for all effects at once.

Draw b is (1/n) Σ_g V_bg Ψ_g, with Ψ_g the influence values *summed* within cluster g and V independent with mean 0 and
variance 1 (Callaway & Sant'Anna 2021, algorithm 1). A simultaneous (sup-t) band takes one critical value for all
effects: the level quantile of max_k |draw_k| / se_k (Montiel Olea & Plagborg-Møller 2019). Standard errors in the band
are those of the influence values, so that band and pointwise interval differ in the critical value alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distributions import normal_quantile
from evaltool.numerics.inference import Floats, Ints, influence_covariance, influence_sums

Multiplier = Literal["rademacher", "mammen"]
ROOT5 = math.sqrt(5.0)
CHUNK = 2_000_000
"""Most multipliers held at once."""
FEWEST = 99
"""Fewer draws than this cannot carry a quantile near 0.95."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How many draws, from which seed, with which multipliers."""

    draws: int
    seed: int
    multiplier: Multiplier = "rademacher"

    def __post_init__(self) -> None:
        """Raise ValueError for too few draws."""
        if self.draws < FEWEST:
            message = f"at least {FEWEST} draws are needed, got {self.draws}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A simultaneous band: ends (k,), standard errors (k,), its critical value, and the p-value of all being zero.

    ``adjusted`` (k,) are p-values for each effect that count all of them (single-step max-t). The band excludes 0 at an
    effect exactly where its adjusted p-value is at most 1 − level.
    """

    lower: Floats
    upper: Floats
    se: Floats
    critical: float
    level: float
    adjusted: Floats
    p_value: float


def multipliers(shape: tuple[int, int], generator: np.random.Generator, kind: Multiplier) -> Floats:
    """Independent values with mean 0 and variance 1: ±1, or Mammen's two points, whose third moment is 1 as well."""
    if kind == "rademacher":
        signs: Floats = 2.0 * generator.integers(0, 2, size=shape).astype(np.float64) - 1.0
        return signs
    high = generator.random(shape) < (ROOT5 - 1.0) / (2.0 * ROOT5)
    values: Floats = np.where(high, (1.0 + ROOT5) / 2.0, (1.0 - ROOT5) / 2.0)
    return values


def multiplier_draws(influence: Floats, clusters: Ints | None, drawing: Drawing) -> Floats:
    """(draws, k) bootstrap deviations of k effects from ``influence`` (units, k); ``clusters`` are codes 0 … G − 1."""
    sums = influence_sums(influence, clusters)
    generator = np.random.default_rng(drawing.seed)
    rows = max(1, CHUNK // sums.shape[0])
    parts = [
        multipliers((min(rows, drawing.draws - start), sums.shape[0]), generator, drawing.multiplier) @ sums
        for start in range(0, drawing.draws, rows)
    ]
    return np.vstack(parts) / float(influence.shape[0])


def spread_by_quartiles(draws: Floats) -> Floats:
    """(k,) standard errors from the draws' interquartile range over a normal's, as R did reports them."""
    low, high = np.quantile(draws, [0.25, 0.75], axis=0, method="inverted_cdf")
    spread: Floats = (high - low) / (2.0 * normal_quantile(0.75))
    return spread


def sup_t_critical(covariance: Floats, *, level: float, drawing: Drawing) -> float:
    """The critical value of a band for effects known by their (k, k) covariance alone: quantile of max|Z_k| by draws.

    Normal draws, whatever the multiplier; never below the pointwise value. Raises ValueError for an effect without
    variation.
    """
    se = np.sqrt(np.diag(covariance))
    if not bool(np.all(se > 0.0)):
        message = "an effect without variation has no place in a simultaneous band"
        raise ValueError(message)
    values, vectors = np.linalg.eigh(covariance / np.outer(se, se))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(drawing.seed).standard_normal((drawing.draws, se.shape[0])) @ root.T
    largest = np.sort(np.max(np.abs(draws), axis=1))
    rank = min(math.ceil(level * (drawing.draws + 1) - 1e-9), drawing.draws)
    return max(float(largest[rank - 1]), normal_quantile((1.0 + level) / 2.0))


def simultaneous_band(
    effects: Floats, influence: Floats, clusters: Ints | None, *, drawing: Drawing, level: float
) -> Band:
    """The sup-t band of ``effects`` (k,). Raises ValueError when one of them does not vary."""
    se = np.sqrt(np.diag(influence_covariance(influence, clusters)))
    if not bool(np.all(se > 0.0)):
        message = "an effect without variation has no place in a simultaneous band"
        raise ValueError(message)
    largest = np.sort(np.max(np.abs(multiplier_draws(influence, clusters, drawing)) / se, axis=1))
    total = drawing.draws + 1
    rank = min(math.ceil(level * total - 1e-9), drawing.draws)
    critical = float(largest[rank - 1])
    reached = np.abs(effects) / se
    above = drawing.draws - np.searchsorted(largest, reached, side="left")
    adjusted = (1.0 + above) / total
    return Band(
        lower=effects - critical * se,
        upper=effects + critical * se,
        se=se,
        critical=critical,
        level=level,
        adjusted=adjusted,
        p_value=float(np.min(adjusted)),
    )
