"""What every counterfactual of one treated unit yields, and what is fitted beside it: placebos, and one donor less.

Outcomes stand in one matrix (T, N). A ``Fitter`` takes the column of the target, the columns of its pool and the
windows, and never reads the target's outcomes after the start, nor columns outside the pool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex import SimplexSolution
from evaltool.numerics.simplex_control import TIED, Control, Rank, Windows, mean_of, rmspe_of


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A counterfactual ``path`` and ``gap`` (T,), the mean gap after the start, and errors before and after.

    ``weights`` (pool,) where the path is a weighted mean of the pool; ``solution`` where they solve a certified
    problem; ``figures`` what the method chose or measured on the way, by name.
    """

    path: Floats
    gap: Floats
    effect: float
    rmspe_before: float
    rmspe_after: float
    weights: Floats | None = None
    solution: SimplexSolution | None = None
    figures: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """RMSPE after over before; None when the fit before is perfect."""
        return self.rmspe_after / self.rmspe_before if self.rmspe_before > 0.0 else None


Fitter = Callable[[int, Ints, Windows], Fit]
Method = Callable[[Floats], Fitter]
"""Outcomes (T, N) → the fitter on them."""


def fit_from_path(
    y: Floats,
    path: Floats,
    windows: Windows,
    *,
    weights: Floats | None = None,
    figures: Mapping[str, bool | int | float | str | None] | None = None,
) -> Fit:
    """The gap of ``y`` from its counterfactual ``path``, both (T,)."""
    gap = y - path
    return Fit(
        path=path,
        gap=gap,
        effect=mean_of(gap[windows.after]),
        rmspe_before=rmspe_of(gap[windows.before], y),
        rmspe_after=rmspe_of(gap[windows.after], y),
        weights=weights,
        figures=figures or {},
    )


def fit_of(control: Control, figures: Mapping[str, bool | int | float | str | None] | None = None) -> Fit:
    """A synthetic control as a ``Fit``."""
    return Fit(
        path=control.path,
        gap=control.gap,
        effect=control.effect,
        rmspe_before=control.rmspe_before,
        rmspe_after=control.rmspe_after,
        weights=control.solution.weights,
        solution=control.solution,
        figures=figures or {},
    )


def fit_from_solution(y: Floats, donors: Floats, windows: Windows, solution: SimplexSolution) -> Fit:
    """The gap of ``y`` (T,) from weighted ``donors`` (T, J), for weights that solve a problem measured elsewhere."""
    return replace(
        fit_from_path(y, weighted_path(donors, solution.weights), windows, weights=solution.weights), solution=solution
    )


def weighted_path(values: Floats, weights: Floats) -> Floats:
    """(T,) Σ w_j Y_j, added donor by donor in order."""
    path = np.zeros(values.shape[0])
    for j in np.flatnonzero(weights):
        path += float(weights[j]) * values[:, j]
    return path


def in_space(fitter: Fitter, pool: Ints, windows: Windows) -> tuple[Fit, ...]:
    """Every donor in turn as if it were treated, with the other donors as its pool."""
    return tuple(fitter(int(j), pool[pool != j], windows) for j in pool.tolist())


def without_each(fitter: Fitter, target: int, pool: Ints, windows: Windows, fit: Fit) -> dict[int, Fit]:
    """The fit without each donor that carries weight (without each donor, where no weights are given)."""
    members = pool if fit.weights is None else pool[np.flatnonzero(fit.weights)]
    return {int(j): fitter(target, pool[pool != j], windows) for j in members.tolist()}


def ratio_rank(fit: Fit, placebos: tuple[Fit, ...]) -> Rank:
    """Place by RMSPE ratio, compared crosswise, so that a perfect fit before needs no division."""
    larger = sum(
        other.rmspe_after * fit.rmspe_before >= fit.rmspe_after * other.rmspe_before * (1.0 - TIED)
        for other in placebos
    )
    return Rank(place=1 + larger, units=1 + len(placebos))


def effect_rank(fit: Fit, placebos: tuple[Fit, ...]) -> Rank:
    """Place by the size of the mean gap after the start, whatever the fit before."""
    larger = sum(abs(other.effect) >= abs(fit.effect) * (1.0 - TIED) for other in placebos)
    return Rank(place=1 + larger, units=1 + len(placebos))


def placebo_spread(placebos: tuple[Fit, ...]) -> float:
    """Standard deviation of the placebo effects, divisor N: every donor once, nothing drawn."""
    effects = [fit.effect for fit in placebos]
    middle = math.fsum(effects) / len(effects)
    return math.sqrt(math.fsum((e - middle) ** 2 for e in effects) / len(effects))


def autocorrelation(residuals: Floats) -> float | None:
    """First-order autocorrelation of residuals in time order; None when they do not vary."""
    centred = residuals - mean_of(residuals)
    below = math.fsum((centred * centred).tolist())
    return math.fsum((centred[1:] * centred[:-1]).tolist()) / below if below > 0.0 else None
