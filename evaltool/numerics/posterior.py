"""Probabilities of an effect, given its estimate and what was believed before: a flat or a normal prior.

With a flat prior the answer is the confidence distribution of the estimate, θ ~ estimate + se · t_df (normal without
degrees of freedom), so that P(θ > 0) is one minus the one-sided p-value. With a normal prior N(m, s²):

    normal likelihood   N((estimate/se² + m/s²)/(1/se² + 1/s²), 1/(1/se² + 1/s²)), in closed form
    t likelihood        density ∝ t_df((θ − estimate)/se) · φ((θ − m)/s), integrated by Gauss–Legendre panels

The panels are laid by doubling round the estimate, the prior mean and every mode of the product (two at the most: its
slope is a cubic), and end where the density is e⁻⁸⁰ of its top. No random numbers: one input, one answer.

Source: Gelman et al. 2013 (Bayesian Data Analysis), sections 2.5 and 5.4; Xie & Singh 2013 (confidence distributions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import optimize

from evaltool.numerics.distributions import beyond, critical
from evaltool.numerics.inference import Floats

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
NEGLIGIBLE = 80.0
"""Natural logarithm of the density's top over its value at the ends of the panels."""
STEPS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0)


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """What was believed of an effect before it was measured: mean and standard deviation, on the effect's scale."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse a prior that is none."""
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0.0):
            message = f"a normal prior needs a finite mean and a positive standard deviation, got {self!r}"
            raise ValueError(message)


def exceedance(estimate: float, se: float, df: float | None, prior: NormalPrior | None, threshold: float) -> float:
    """Probability that the effect is greater than ``threshold``; ``prior`` None is flat, ``df`` None is normal.

    Raises ValueError unless ``estimate`` and ``threshold`` are finite, ``se`` and ``df`` positive.
    """
    _check(estimate, se, df)
    if not math.isfinite(threshold):
        message = f"a threshold must be finite, got {threshold!r}"
        raise ValueError(message)
    if prior is None:
        return beyond((threshold - estimate) / se, df)
    if df is None:
        mean, sd = normal_posterior(estimate, se, prior)
        return beyond((threshold - mean) / sd)
    return _Product.of(estimate, se, df, prior).above((threshold - estimate) / se)


def exceeded_with(estimate: float, se: float, df: float | None, prior: NormalPrior | None, probability: float) -> float:
    """The value that the effect exceeds with this probability: the inverse of ``exceedance``.

    Raises ValueError unless 0 < ``probability`` < 1, ``estimate`` is finite, ``se`` and ``df`` positive.
    """
    _check(estimate, se, df)
    if not 0.0 < probability < 1.0:
        message = f"a probability lies between 0 and 1, got {probability!r}"
        raise ValueError(message)
    if prior is None:
        return estimate + se * critical(probability, df)
    if df is None:
        mean, sd = normal_posterior(estimate, se, prior)
        return mean + sd * critical(probability)
    return estimate + se * _Product.of(estimate, se, df, prior).with_above(probability)


def normal_posterior(estimate: float, se: float, prior: NormalPrior) -> tuple[float, float]:
    """Mean and standard deviation of the effect after a normal likelihood and a normal prior."""
    weight = prior.sd / math.hypot(prior.sd, se)
    share = weight * weight
    return share * estimate + (1.0 - share) * prior.mean, se * weight


def _check(estimate: float, se: float, df: float | None) -> None:
    """Refuse what describes no estimate."""
    if not (math.isfinite(estimate) and math.isfinite(se) and se > 0.0):
        message = f"a posterior needs a finite estimate and a positive standard error, got {estimate!r} and {se!r}"
        raise ValueError(message)
    if df is not None and not (math.isfinite(df) and df > 0.0):
        message = f"degrees of freedom must be positive and finite (None for a normal law), got {df!r}"
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class _Product:
    """t likelihood times normal prior in x = (θ − estimate)/se: t_df(x) · φ((x − mean)/sd), not normalised."""

    df: float
    mean: float
    sd: float
    top: float
    """Logarithm of the density's highest value."""
    breaks: tuple[float, ...]
    """Ends of the panels, ascending; beyond the first and the last nothing is left."""

    @classmethod
    def of(cls, estimate: float, se: float, df: float, prior: NormalPrior) -> _Product:
        """The product of an estimate and a prior, with its panels."""
        mean, sd = (prior.mean - estimate) / se, prior.sd / se
        roots = np.roots(np.array([1.0, -mean, df + sd * sd * (df + 1.0), -mean * df]))
        modes = sorted(float(root.real) for root in roots if abs(root.imag) <= 1e-6 * (1.0 + abs(root)))
        centres = (*modes, 0.0, mean)
        top = max(_log_density(x, df, mean, sd) for x in centres)
        low, high = (_end(side, centres, top, (df, mean, sd)) for side in (-1.0, 1.0))
        scales = ((0.0, 1.0), (mean, sd), *((mode, _width(mode, df, sd)) for mode in modes))
        laid = {low, high}
        for centre, scale in scales:
            laid |= {x for x in _doubling(centre, scale, high - low) if low < x < high}
        return cls(df=df, mean=mean, sd=sd, top=top, breaks=tuple(sorted(laid)))

    def above(self, x: float) -> float:
        """Share of the mass above ``x``."""
        below = self._mass((*(b for b in self.breaks if b < x), x)) if x > self.breaks[0] else 0.0
        over = self._mass((x, *(b for b in self.breaks if b > x))) if x < self.breaks[-1] else 0.0
        return over / (below + over)

    def with_above(self, probability: float) -> float:
        """The x with this share of the mass above it."""
        low, high = self.breaks[0], self.breaks[-1]
        return float(optimize.brentq(lambda x: self.above(x) - probability, low, high, xtol=1e-13 * (1.0 + high - low)))

    def _mass(self, ends: tuple[float, ...]) -> float:
        """Integral of the density over the panels between ``ends``."""
        edges = np.asarray([e for e in ends if self.breaks[0] <= e <= self.breaks[-1]], dtype=np.float64)
        half = np.diff(edges) / 2.0
        x: Floats = edges[:-1, None] + half[:, None] * (1.0 + NODES[None, :])
        logs = -(self.df + 1.0) / 2.0 * np.log1p(x * x / self.df) - ((x - self.mean) / self.sd) ** 2 / 2.0
        return math.fsum((half[:, None] * WEIGHTS[None, :] * np.exp(logs - self.top)).ravel().tolist())


def _log_density(x: float, df: float, mean: float, sd: float) -> float:
    """Logarithm of the product at ``x``, without its constant."""
    return -(df + 1.0) / 2.0 * math.log1p(x * x / df) - ((x - mean) / sd) ** 2 / 2.0


def _end(side: float, centres: tuple[float, ...], top: float, law: tuple[float, float, float]) -> float:
    """Where, outside every centre on this side, the density has fallen to e^−NEGLIGIBLE of its top or less."""
    start = side * max(side * centre for centre in centres)
    reach = min(1.0, law[2])
    while _log_density(start + side * reach, *law) > top - NEGLIGIBLE:
        reach *= 2.0
    fallen = partial(_fallen, start=start, side=side, top=top, law=law)
    if fallen(0.0) >= 0.0:
        return start + side * reach
    return start + side * float(optimize.brentq(fallen, 0.0, reach, xtol=1e-3 * reach))


def _fallen(reach: float, *, start: float, side: float, top: float, law: tuple[float, float, float]) -> float:
    """How far beyond negligible the density is at this distance from ``start``: negative inside."""
    return top - NEGLIGIBLE - _log_density(start + side * reach, *law)


def _width(mode: float, df: float, sd: float) -> float:
    """Standard deviation of the normal law with the density's curvature at ``mode``; never wider than the prior."""
    square = mode * mode
    curvature = (df + 1.0) * (df - square) / (df + square) ** 2 + 1.0 / (sd * sd)
    return min(sd, curvature**-0.5) if curvature > 0.0 else sd


def _doubling(centre: float, scale: float, span: float) -> tuple[float, ...]:
    """Points round ``centre``: close ones every half ``scale``, then ever farther apart until ``span`` is reached."""
    reaches = [scale * step for step in STEPS]
    while reaches[-1] < span:
        reaches.append(reaches[-1] * 1.5)
    return tuple(centre + side * reach for reach in reaches for side in (-1.0, 1.0))
