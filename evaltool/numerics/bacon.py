"""The Goodman-Bacon decomposition: which two-group comparisons a two-way fixed-effects coefficient is an average of.

Balanced panel, treatment that stays on. With n_k a group's share of the units and D_k its share of periods treated
(Goodman-Bacon 2021, equations 7 to 10; the weights before they are divided by their sum):

    k against never treated U            n_k n_U D_k (1 − D_k)
    k against always treated A           n_k n_A D_k (1 − D_k)
    earlier k against later l            n_k n_l (D_k − D_l)(1 − D_k)        periods before l starts
    later l against earlier k            n_k n_l D_l (D_k − D_l)             periods from k's start on

The sum of the weights is the variance of the treatment left after both effects; weights times estimates add up to the
coefficient, which is computed beside them from the panel itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats

NEVER = math.inf
ALWAYS = -math.inf
Kind = Literal[
    "treated vs never treated",
    "treated vs always treated",
    "earlier vs later treated",
    "later vs earlier treated",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One two-group, two-window difference-in-differences.

    ``treated`` and ``comparison`` are starts in the scale of the periods; inf: never, −inf: treated throughout.
    """

    treated: float
    comparison: float
    kind: Kind
    weight: float
    estimate: float


@dataclass(frozen=True, slots=True)
class Bacon:
    """The comparisons, and the coefficient computed from the panel without them."""

    comparisons: tuple[Comparison, ...]
    coefficient: float

    def share(self, kind: Kind) -> float:
        """Total weight of one kind of comparison."""
        return math.fsum(c.weight for c in self.comparisons if c.kind == kind)

    def total(self) -> float:
        """Σ weight · estimate."""
        return math.fsum(c.weight * c.estimate for c in self.comparisons)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Units that start together: start, share of the weight, periods treated (a share), mean outcome (periods,)."""

    start: float
    first: int
    share: float
    treated: float
    mean: Floats


def decompose(outcome: Floats, starts: Floats, periods: Floats, weights: Floats | None = None) -> Bacon:
    """Decompose the coefficient of ``outcome`` (units, periods) on treatment with unit and period effects.

    ``starts`` (units,) in the scale of ``periods`` (ascending): inf or after the last period is never treated, at or
    before the first is treated throughout. ``weights`` (units,) > 0 are constant over time. Raises ValueError when
    the treatment does not vary once both effects are taken out (nobody starts within the panel, or all together with
    nobody else to compare).
    """
    w = np.ones(outcome.shape[0]) if weights is None else weights
    groups = _groups(outcome, starts, periods, w / float(np.sum(w)))
    parts = [part for k in groups for other in groups if (part := _compare(k, other, periods.shape[0])) is not None]
    total = math.fsum(weight for *_, weight, _ in parts)
    if not total > 0.0:
        message = "the treatment does not vary after unit and period effects: there is nothing to decompose"
        raise ValueError(message)
    comparisons = tuple(
        Comparison(treated, comparison, kind, weight / total, estimate)
        for treated, comparison, kind, weight, estimate in parts
    )
    return Bacon(comparisons, _coefficient(outcome, starts, periods, w))


def _groups(outcome: Floats, starts: Floats, periods: Floats, shares: Floats) -> list[_Group]:
    """Groups by start: treated throughout, then by start, then never treated."""
    last, first = float(periods[-1]), float(periods[0])
    normal = np.where(starts > last, NEVER, np.where(starts <= first, ALWAYS, starts))
    found = []
    for start in distinct(normal).tolist():
        members = normal == start
        weight = shares[members]
        share = math.fsum(weight.tolist())
        on = int(np.searchsorted(periods, start, side="left"))
        mean = (weight @ outcome[members]) / share
        found.append(_Group(start, on, share, 1.0 - on / periods.shape[0], mean))
    return found


def _compare(k: _Group, other: _Group, size: int) -> tuple[float, float, Kind, float, float] | None:
    """``k`` as treated against ``other``: starts, kind, weight before scaling, estimate. None: not a comparison."""
    if k.start in {NEVER, ALWAYS} or k.start == other.start:
        return None
    mass = k.share * other.share
    if other.start in {NEVER, ALWAYS}:
        kind: Kind = "treated vs never treated" if other.start == NEVER else "treated vs always treated"
        weight, window = mass * k.treated * (1.0 - k.treated), slice(0, size)
    elif k.start < other.start:
        kind, window = "earlier vs later treated", slice(0, other.first)
        weight = mass * (k.treated - other.treated) * (1.0 - k.treated)
    else:
        kind, window = "later vs earlier treated", slice(other.first, size)
        weight = mass * k.treated * (other.treated - k.treated)
    gap = (k.mean - other.mean)[window]
    on = k.first - window.start
    estimate = float(np.mean(gap[on:]) - np.mean(gap[:on]))
    return k.start, other.start, kind, weight, estimate


def _coefficient(outcome: Floats, starts: Floats, periods: Floats, weights: Floats) -> float:
    """The two-way fixed-effects coefficient, by taking unit and period means out of the treatment."""
    treated = (periods[None, :] >= starts[:, None]).astype(np.float64)
    rest = treated - treated.mean(axis=1)[:, None]
    rest -= (weights @ rest)[None, :] / float(np.sum(weights))
    weighted = rest * weights[:, None]
    return float(np.sum(weighted * outcome)) / float(np.sum(weighted * treated))
