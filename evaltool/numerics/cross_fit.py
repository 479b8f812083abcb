"""Cross-fitting: everybody's outcome in both states from models that were fitted without the own part of the units.

With m̂_t(x_i) fitted in group t on the parts that unit i is not in, w the design's weights and q the target population,

    μ_t = [Σ q m̂_t + Σ_{D = t} w (y − m̂_t)] / Σ q      (Chernozhukov et al. 2018, section 5.1; one division into parts).

The error of m̂ does not enter the influence values at first order; the weights count as estimated where their equations
are given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.outcome_model import Means, Problem, coefficients_of, curve

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Predictor = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Predictor]
"""From (m, k) regressors without a constant and (m,) outcomes to a function of (n, k) regressors."""


def parts_of(ids: tuple[int | str, ...], treated: Bools, folds: int, seed: int) -> Ints:
    """(n,) part of each unit, 0 … folds − 1: by the sha256 of seed and id within its group, sizes even within one."""
    keys = [hashlib.sha256(f"{seed}:{unit}".encode()).hexdigest() for unit in ids]
    part = np.empty(len(ids), dtype=np.int64)
    for arm in (treated, ~treated):
        own = sorted(np.flatnonzero(arm).tolist(), key=lambda i: keys[i])
        part[own] = np.arange(len(own)) % folds
    return part


def held_out(x: Floats, y: Floats, treated: Bools, part: Ints, fit: Fit) -> Floats:
    """(n, 2) predictions with and without treatment, each from the other parts."""
    found = np.empty((y.shape[0], 2))
    for column, arm in enumerate((treated, ~treated)):
        for fold in np.unique(part).tolist():
            learn, rest = arm & (part != fold), part == fold
            found[rest, column] = fit(x[learn], y[learn])(x[rest])
    return found


def own_model(problem: Problem) -> Fit:
    """The generalised linear model of ``numerics.outcome_model``. The fit raises RunError."""

    def fit(x: Floats, y: Floats) -> Predictor:
        b = coefficients_of(problem, x, y)
        return lambda rows: curve(np.column_stack([np.ones(rows.shape[0]), rows]) @ b, problem.family)[0]

    return fit


def augmented_means(problem: Problem, predicted: Floats) -> Means:
    """Both means from (n, 2) predictions that no unit's own outcome went into."""
    n, total = float(problem.y.shape[0]), float(np.mean(problem.population))
    values, influences = [], []
    for column, arm in enumerate((problem.treated, ~problem.treated)):
        mean, own = predicted[:, column], arm.astype(np.float64)
        residual = own * (problem.y - mean)
        value = float(np.mean(problem.population * mean + problem.weights * residual)) / total
        influence = (problem.population * (mean - value) + problem.weights * residual) / total
        if problem.equations is not None:
            moved = (problem.equations.slope * residual[:, None]).mean(axis=0) / total
            influence = influence - problem.equations.psi @ np.linalg.solve(problem.equations.bread.T / n, moved)
        values.append(value)
        influences.append(influence)
    return Means(values[0], values[1], np.column_stack(influences))
