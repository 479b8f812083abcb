"""How strong something unmeasured must be to undo a finding: Rosenbaum bounds, E-value, robustness value.

Rosenbaum 2002 (Observational Studies), section 4.3: within a pair the odds of treatment differ by at most Γ; the signed
rank statistic then lies, in large samples, between two normal variables with p = Γ/(1 + Γ) and 1/(1 + Γ). VanderWeele &
Ding 2017 (Annals of Internal Medicine 167): E = R + √(R(R − 1)). Cinelli & Hazlett 2020 (JRSS B 82), equations 4 and
18.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.distinct import mean_ranks
from evaltool.numerics.distributions import beyond, critical
from evaltool.numerics.inference import Floats

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
ALONE = 1e-12
"""Below this share of its variance a treatment is explained by the covariates."""
LARGEST = 1e6
"""Γ is not looked for beyond this."""
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """One-sided p-values of the signed rank test, the smallest and largest that a hidden bias of Γ allows."""

    gamma: float
    lower: float
    upper: float


def rosenbaum_bounds(differences: Floats, gamma: float) -> Bounds:
    """Bounds for (n,) treated minus comparison differences of pairs, in the direction of good.

    Pairs without a difference are left out; equal sizes share their mean rank. Raises ValueError when every difference
    is zero, or Γ is below 1.
    """
    if not 1.0 <= gamma < math.inf:
        message = f"gamma is a ratio of odds of at least 1, got {gamma!r}"
        raise ValueError(message)
    told = differences[differences != 0.0]
    if not told.shape[0]:
        message = "no pair differs: there is nothing to be sensitive"
        raise ValueError(message)
    ranks = mean_ranks(np.abs(told))
    found = float(np.sum(ranks[told > 0.0]))
    tails = []
    for p in (1.0 / (1.0 + gamma), gamma / (1.0 + gamma)):
        mean, variance = p * float(np.sum(ranks)), p * (1.0 - p) * float(np.sum(ranks**2))
        tails.append(beyond((found - mean) / math.sqrt(variance)))
    return Bounds(gamma=gamma, lower=min(tails), upper=max(tails))


def sensitivity_gamma(differences: Floats, alpha: float) -> float:
    """The largest Γ at which the upper p-value is still at most ``alpha``; 1.0 when it is not even there at Γ = 1.

    By bisection to the last bit, since the upper p-value rises with Γ; infinite beyond a million.
    """
    if rosenbaum_bounds(differences, 1.0).upper > alpha:
        return 1.0
    low, high = 1.0, 2.0
    while rosenbaum_bounds(differences, high).upper <= alpha:
        low, high = high, high * 2.0
        if high > LARGEST:
            return math.inf
    for _ in range(ROUNDS):
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        if rosenbaum_bounds(differences, middle).upper <= alpha:
            low = middle
        else:
            high = middle
    return low


def e_value(ratio: float, lower: float | None = None, upper: float | None = None) -> tuple[float, float | None]:
    """The E-value of a risk ratio, and of the end of its interval nearer to one (1.0 when the interval holds one).

    Raises ValueError unless the ratio is positive.
    """
    if not 0.0 < ratio < math.inf:
        message = f"a ratio is positive, got {ratio!r}"
        raise ValueError(message)
    near = lower if ratio >= 1.0 else upper
    if near is None:
        return _needed(ratio), None
    crosses = near <= 1.0 if ratio >= 1.0 else near >= 1.0
    return _needed(ratio), 1.0 if crosses else _needed(near)


def _needed(ratio: float) -> float:
    """R + √(R(R − 1)), of 1/R for a ratio below one."""
    r = max(ratio, 1.0 / ratio)
    return r + math.sqrt(r * (r - 1.0))


@dataclass(frozen=True, slots=True)
class Robustness:
    """Share of the residual variance of treatment and of outcome that a confounder must explain to undo the effect.

    ``value``: to bring it to (1 − q) of itself; ``significance``: to make it insignificant; ``partial_r2``: what the
    treatment itself explains of the outcome.
    """

    value: float
    significance: float
    partial_r2: float


def robustness(t: float, df: float, *, q: float = 1.0, alpha: float = 0.05) -> Robustness:
    """Robustness values from a regression's t statistic and degrees of freedom (above 1). Raises ValueError."""
    if not (df > 1.0 and 0.0 < q <= 1.0 and 0.0 < alpha < 1.0 and math.isfinite(t)):
        message = f"robustness needs df above 1, q in (0, 1] and alpha in (0, 1); got {df!r}, {q!r}, {alpha!r}"
        raise ValueError(message)
    f = q * abs(t) / math.sqrt(df)
    bar = abs(critical(alpha / 2.0, df - 1.0)) / math.sqrt(df - 1.0)
    return Robustness(_root(f), _significant(f, bar), t * t / (t * t + df))


def _root(f: float) -> float:
    """½(√(f⁴ + 4f²) − f²), written so that nothing cancels; 1 in the limit."""
    return 0.0 if f == 0.0 else 2.0 / (1.0 + math.sqrt(1.0 + 4.0 / (f * f)))


def _significant(f: float, critical: float) -> float:
    """Equation 19: 0 when insignificant already; the larger solution where the confounder's own strength binds."""
    rest = f - critical
    if rest <= 0.0:
        return 0.0
    return _root(rest) if f < 1.0 / critical else (f * f - critical * critical) / (1.0 + f * f)


def robustness_of(y: Floats, treated: Bools, weights: Floats, x: Floats, apart: float) -> float | None:
    """The share a confounder must explain of both residual variances to move a coefficient by ``apart``.

    Of the weighted regression of (n,) ``y`` on treatment and (n, k) covariates: f = apart · ‖treatment‖/‖outcome‖,
    both residuals. None where one has no variation left.
    """
    root = np.sqrt(weights)
    basis = np.column_stack([np.ones(y.shape[0]), x]) * root[:, None]
    scaled = basis / np.maximum(np.sqrt(np.sum(basis**2, axis=0)), np.finfo(np.float64).tiny)
    q = np.linalg.qr(scaled)[0]
    d = treated.astype(np.float64) * root
    d = d - q @ (q.T @ d)
    size = float(d @ d)
    if size <= ALONE * float(np.sum(weights)):
        return None
    e = y * root
    e = e - q @ (q.T @ e)
    e = e - d * (float(d @ e) / size)
    left = float(e @ e)
    return None if left <= 0.0 else _root(apart * math.sqrt(size / left))
