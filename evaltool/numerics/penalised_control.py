"""Penalised synthetic controls: distant donors cost, so the weights are unique and rest on donors that are near.

Weights on the simplex minimise ‖x₁ − X w‖² + λ Σ w_j ‖x₁ − x_j‖² for outcomes before the start. λ = 0 is the synthetic
control, λ → ∞ the nearest neighbour. λ is stated, or chosen from a fixed grid by the error in the last periods before
the start of weights fitted on the earlier ones; among equals the larger.

Source: Abadie & L'Hour 2021 (JASA 116), equations 5 and 6; section 3.2 (choice by a holdout before the start).
"""

from __future__ import annotations

import math

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution
from evaltool.numerics.simplex_linear import priced_least_squares

GRID: tuple[float, ...] = (0.0, *(10.0 ** (k / 4) for k in range(-16, 9)))
"""0, and 25 values from 10⁻⁴ to 10²."""


def penalised_weights(c: Floats, penalty: float) -> SimplexSolution:
    """Weights for C (T0, J), outcomes of the pool less the target's. Raises RunError (RUN_NOT_OPTIMAL)."""
    return priced_least_squares(c, 0.5 * penalty * np.einsum("ij,ij->j", c, c))


def chosen_penalty(c: Floats, holdout: int) -> float:
    """λ with the smallest error in the last ``holdout`` rows of C, 1 ≤ holdout < T0."""
    errors = []
    for penalty in GRID:
        gap = c[-holdout:] @ penalised_weights(c[:-holdout], penalty).weights
        errors.append(math.fsum((gap * gap).tolist()))
    least = min(errors)
    return max(penalty for penalty, error in zip(GRID, errors, strict=True) if error <= least * (1.0 + 1e-12))


def mean_distance(c: Floats, weights: Floats) -> float:
    """Σ w_j ‖x₁ − x_j‖²: how far the donors that carry weight are from the target."""
    return float(weights @ np.einsum("ij,ij->j", c, c))
