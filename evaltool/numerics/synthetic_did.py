"""Synthetic difference-in-differences on arrays: weights of units and of periods, one cohort at a time.

With donors Y (J, T), the mean of the treated y (T,) and T₀ periods to fit on, weights of donors ω and of periods λ,
none negative and each set summing to one, minimise

    ‖(Y − its mean)ᵀω − (y − its mean)‖² / T₀ + ζ_ω²‖ω‖²      over periods before the start,
    ‖(Y − its mean) λ − (later − its mean)‖² / J + ζ_λ²‖λ‖²      over donors, later the mean of each after the start.

ζ_ω = (treated units · treated periods)^¼ σ and ζ_λ = 10⁻⁶ σ, σ the standard deviation (n − 1) of the donors' first
differences before the start. Both problems are least squares over the simplex (``simplex``), with a row for each
weight.

Source: Arkhangelsky, Athey, Hirshberg, Imbens & Wager 2021 (AER 111), equations 4–6 and algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.frank_wolfe import Schedule, frank_wolfe_weights, measured
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_control import Windows, mean_of

Solver = Literal["exact", "frank_wolfe"]
PERIODS = 1e-6
"""ζ_λ as a share of σ."""
STOPS = 1e-5
"""Frank–Wolfe stops when the loss falls by less than the square of this share of σ."""


@dataclass(frozen=True, slots=True)
class Penalties:
    """σ and the two ζ; placebos are fitted with those of the estimate itself."""

    noise: float
    units: float
    periods: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How weights are found; equal ones for both make it plain difference-in-differences."""

    solver: Solver = "exact"
    equal_units: bool = False
    equal_periods: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticDid:
    """ω (J,), λ (T₀,), the gap of every period from the base that λ weighs (T,), and its mean from the start on.

    ``relative_gaps`` are the duality gaps of the two problems as shares of their scales: 0 for equal weights.
    """

    units: Floats
    periods: Floats
    gap: Floats
    effect: float
    relative_gaps: tuple[float, float]


def penalties_of(donors: Floats, windows: Windows, treated: int) -> Penalties:
    """σ and ζ for donors (J, T) and the number of treated units."""
    steps = np.diff(donors[:, windows.before], axis=1).ravel()
    middle = mean_of(steps)
    noise = math.sqrt(math.fsum(((steps - middle) ** 2).tolist()) / max(steps.shape[0] - 1, 1))
    later = int(np.sum(windows.after))
    return Penalties(noise=noise, units=(treated * later) ** 0.25 * noise, periods=PERIODS * noise)


def synthetic_did(
    donors: Floats, treated: Floats, windows: Windows, penalties: Penalties, rules: Rules
) -> SyntheticDid:
    """Fit for donors (J, T) and the mean of the treated (T,). Raises RunError (RUN_NOT_OPTIMAL)."""
    early, own, later = donors[:, windows.before], treated[windows.before], donors[:, windows.after].mean(axis=1)
    units: Floats = np.full(donors.shape[0], 1.0 / donors.shape[0])
    periods: Floats = np.full(early.shape[1], 1.0 / early.shape[1])
    first, second = 0.0, 0.0
    if not rules.equal_units:
        units, first = _weights(early.T, own, penalties.units, penalties.noise, rules.solver)
    if not rules.equal_periods:
        periods, second = _weights(early, later, penalties.periods, penalties.noise, rules.solver)
    apart = treated - _combined(donors.T, units)
    gap = apart - float(_combined(apart[windows.before][None, :], periods)[0])
    return SyntheticDid(units, periods, gap, mean_of(gap[windows.after]), (first, second))


def _combined(columns: Floats, weights: Floats) -> Floats:
    """(m,) weighted sum of the columns, added in order."""
    total = np.zeros(columns.shape[0])
    for k in np.flatnonzero(weights):
        total += float(weights[k]) * columns[:, k]
    return total


def _weights(a: Floats, b: Floats, zeta: float, noise: float, solver: Solver) -> tuple[Floats, float]:
    """Weights of the columns of A (m, n) that follow b (m,) up to a constant, and their relative duality gap."""
    a, b = a - a.mean(axis=0), b - float(b.mean())
    ridge = math.sqrt(a.shape[0]) * zeta
    c = np.vstack([a - b[:, None], ridge * np.eye(a.shape[1])])
    if solver == "exact":
        solution = simplex_least_squares(c)
        return solution.weights, solution.relative_gap
    weights = frank_wolfe_weights(a, b, Schedule(ridge * ridge, (STOPS * noise) ** 2))
    return weights, measured(c, weights).relative_gap
