"""Inference when few groups are treated and many are not: shocks of the untreated stand in for those of the treated.

One common start. A group's change is its mean after less its mean before; the effect is the mean change of the treated
less that of the others. The error of the effect is then, with many others, the mean of the treated groups' own shocks,
and those of the others show how large such shocks are:

    Conley & Taber (2011)     any other group's shock could have been a treated one's
    Ferman & Pinto (2019)     … after scaling: a shock has variance A + B/M, with M the group's size; a group of 50
                              people says little about one of 5,000

A shock is a group's change less the mean of the *other* untreated groups, which is how a treated group is measured too.
With several treated groups all combinations of shocks are enumerated, or drawn from a seed. The p-value counts the
effect itself among them, so it is never below 1/(combinations + 1); the interval inverts that test and is infinite when
nothing can be rejected.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats, Ints

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
TIED = 1e-9
FEWEST = 3
"""Fewer untreated groups than this show no spread."""


@dataclass(frozen=True, slots=True)
class Placebos:
    """How many combinations of shocks are allowed, and the seed when they are drawn."""

    most: int = 100_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class FewTreated:
    """The effect, p-value of no effect, interval; A and B of the variance of a shock (B is 0 without sizes)."""

    effect: float
    p_value: float
    lower: float
    upper: float
    level: float
    constant: float
    by_size: float
    placebos: int
    enumerated: bool


def few_treated_test(
    changes: Floats, treated: Bools, sizes: Floats | None, plan: Placebos, *, level: float
) -> FewTreated:
    """Conley & Taber's test of (G,) changes, or Ferman & Pinto's with ``sizes`` (G,) > 0.

    Raises ValueError with nobody treated, fewer than three untreated groups, sizes that are not positive, or untreated
    groups that all change alike.
    """
    others = ~treated
    count = int(np.count_nonzero(others))
    if count < FEWEST or count == changes.shape[0]:
        message = f"at least one treated and {FEWEST} untreated groups are needed"
        raise ValueError(message)
    if sizes is not None and not bool(np.all(sizes > 0.0)):
        message = "sizes of groups must be positive"
        raise ValueError(message)
    mean = float(np.mean(changes[others]))
    effect = float(np.mean(changes[treated])) - mean
    shocks = (changes[others] - mean) * count / (count - 1.0)
    if not float(np.max(np.abs(shocks))) > 0.0:
        message = "all untreated groups change alike: their spread says nothing"
        raise ValueError(message)
    constant, by_size = _variance(shocks, None if sizes is None else sizes[others])
    ones = np.ones(changes.shape[0]) if sizes is None else sizes
    spread = np.sqrt(constant + by_size / ones)
    scaled, own = shocks / spread[others], spread[treated]
    picks, enumerated = _picks(own.shape[0], scaled.shape[0], plan)
    draws = (scaled[picks] @ own) / own.shape[0]
    p_value, half = _verdict(effect, draws, level)
    return FewTreated(
        effect, p_value, effect - half, effect + half, level, constant, by_size, draws.shape[0], enumerated
    )


def few_paths_test(
    effect: float, shocks: Floats, sizes: tuple[Floats | None, Floats | None], plan: Placebos, *, level: float
) -> FewTreated:
    """The same for starts that differ: ``shocks`` (N₁, N₀) of each untreated group on each treated one's own path.

    The error of the effect is a sum over the treated groups of one shock each. ``sizes`` of the treated (N₁,) and the
    untreated (N₀,) scale shocks (Ferman & Pinto); None leaves them as they are (Conley & Taber). ``constant`` and
    ``by_size`` are those of the first treated group.
    """
    own, others = sizes
    variances = [_variance(row, others) for row in shocks]
    scaled = shocks
    if own is not None and others is not None:
        ratio = [_ratio(found, m, others) for found, m in zip(variances, own, strict=True)]
        scaled = shocks * np.sqrt(np.array(ratio))
    picks, enumerated = _picks(shocks.shape[0], shocks.shape[1], plan)
    draws = np.sum(scaled[np.arange(shocks.shape[0]), picks], axis=1)
    p_value, half = _verdict(effect, draws, level)
    constant, by_size = variances[0]
    return FewTreated(
        effect, p_value, effect - half, effect + half, level, constant, by_size, draws.shape[0], enumerated
    )


def _verdict(effect: float, draws: Floats, level: float) -> tuple[float, float]:
    """The p-value of no effect, the effect counted among the draws, and half the width of the interval."""
    sorted_draws = np.sort(np.abs(draws))
    total = draws.shape[0] + 1
    p_value = (1 + int(np.count_nonzero(sorted_draws >= abs(effect) * (1.0 - TIED)))) / total
    allowed = math.floor((1.0 - level) * total + TIED) - 1
    return p_value, math.inf if allowed < 0 else float(sorted_draws[draws.shape[0] - 1 - allowed])


def _variance(shocks: Floats, sizes: Floats | None) -> tuple[float, float]:
    """A and B of variance = A + B/M by least squares on squared shocks; the one that is negative is left out."""
    squares = shocks * shocks
    level = float(np.mean(squares))
    if sizes is None or float(np.ptp(sizes)) == 0.0:
        return level, 0.0
    inverse = 1.0 / sizes
    centred = inverse - float(np.mean(inverse))
    slope = float(centred @ squares) / float(centred @ centred)
    constant = level - slope * float(np.mean(inverse))
    if slope <= 0.0:
        return level, 0.0
    if constant < 0.0:
        return 0.0, float(inverse @ squares) / float(inverse @ inverse)
    return constant, slope


def _ratio(variance: tuple[float, float], size: float, others: Floats) -> Floats:
    """(N₀,) variance at a size over that at the others' sizes; ones where nothing varies."""
    constant, by_size = variance
    below = constant + by_size / others
    return (constant + by_size / size) / below if bool(np.all(below > 0.0)) else np.ones(others.shape[0])


def _picks(treated: int, others: int, plan: Placebos) -> tuple[Ints, bool]:
    """(draws, treated) an untreated group for each treated one, and whether these are all combinations."""
    enumerated = others**treated <= plan.most
    if enumerated:
        return np.array(list(itertools.product(range(others), repeat=treated)), dtype=np.int64), True
    return np.random.default_rng(plan.seed).integers(0, others, size=(plan.most, treated)), False
