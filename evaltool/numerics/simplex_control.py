"""Synthetic controls on arrays: one fit, and the rank of a treated unit among placebos."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution, simplex_least_squares

TIED = 1e-12
"""Two ratios this close, relatively, are the same."""
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """(T,) which periods weights are fitted on, and which count as treated."""

    before: Bools
    after: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """A fitted synthetic control: certified weights (J,), counterfactual and gap (T,), mean gap after the start.

    ``rmspe_before`` and ``rmspe_after`` are roots of mean squared gaps; their ratio is not squared.
    """

    solution: SimplexSolution
    path: Floats
    gap: Floats
    effect: float
    rmspe_before: float
    rmspe_after: float

    @property
    def ratio(self) -> float | None:
        """RMSPE after over before; None when the fit before is perfect."""
        return self.rmspe_after / self.rmspe_before if self.rmspe_before > 0.0 else None


def fit_control(y: Floats, donors: Floats, windows: Windows) -> Control:
    """Weights of ``donors`` (T, J) that follow ``y`` (T,) before the start. Raises RunError (RUN_NOT_OPTIMAL)."""
    solution = simplex_least_squares(donors[windows.before] - y[windows.before][:, None])
    path = np.zeros(y.shape[0])
    for j in np.flatnonzero(solution.weights):
        path += float(solution.weights[j]) * donors[:, j]
    gap = y - path
    return Control(
        solution=solution,
        path=path,
        gap=gap,
        effect=mean_of(gap[windows.after]),
        rmspe_before=rmspe_of(gap[windows.before], y),
        rmspe_after=rmspe_of(gap[windows.after], y),
    )


def mean_of(values: Floats) -> float:
    """Mean from an exactly rounded sum."""
    return math.fsum(values.tolist()) / values.shape[0]


def rmspe_of(gap: Floats, y: Floats) -> float:
    """Root of the mean squared gap; a gap that is rounding of the outcome counts as none."""
    value = math.sqrt(math.fsum((gap * gap).tolist()) / gap.shape[0])
    return value if value > 1e-14 * float(np.max(np.abs(y))) * math.sqrt(gap.shape[0]) else 0.0


@dataclass(frozen=True, slots=True)
class Rank:
    """Place of the treated unit by RMSPE ratio among all units (1: largest; ties count against it), and its p-value."""

    place: int
    units: int

    @property
    def p_value(self) -> float:
        """Share of units with a ratio at least as large, the treated unit among them."""
        return self.place / self.units


def rank_of(control: Control, placebos: tuple[Control, ...]) -> Rank:
    """Compare ratios crosswise, so that a perfect fit before needs no division."""
    larger = sum(
        other.rmspe_after * control.rmspe_before >= control.rmspe_after * other.rmspe_before * (1.0 - TIED)
        for other in placebos
    )
    return Rank(place=1 + larger, units=1 + len(placebos))
