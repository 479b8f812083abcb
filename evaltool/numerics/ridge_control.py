"""Ridge-augmented synthetic controls: what the simplex weights leave unexplained before the start is corrected for.

With outcomes before the start centred on the donors' mean in each period, the correction adds to the simplex weights
w the term (x₁ − X w)ᵀ (X Xᵀ + λI)⁻¹ X, for X (T₀, J) and x₁ (T₀,). The sum stays one and weights may be negative. The
penalty is the largest whose leave-one-period-out error is within one standard error of the smallest, on a grid of 21
values from σ₁² down to 10⁻⁸ σ₁², σ₁ the largest singular value of X; or it is stated.

Source: Ben-Michael, Feller & Rothstein 2021 (JASA 116), equations 7 and 8, lemma 1 and section 5.3 (choice of λ).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex import SimplexSolution, simplex_least_squares

GRID, RATIO = 20, 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Augmented:
    """(J,) weights that sum to one, the simplex weights they start from, and the penalty used."""

    weights: Floats
    simplex: SimplexSolution
    penalty: float


def augmented_weights(before: Floats, target: Floats, penalty: float | None) -> Augmented:
    """Weights for outcomes before the start: pool (T0, J), target (T0,). Raises RunError (RUN_NOT_OPTIMAL)."""
    simplex = simplex_least_squares(before - target[:, None])
    x, own = before, target
    for _ in range(2):  # a mean far from zero is itself rounded, and the weights' sum hangs on what is left of it
        middle = _row_means(x)
        x, own = x - middle[:, None], own - middle
    size = 2.0 ** math.frexp(float(np.max(np.abs(x))))[1]
    x, own = x / size, own / size
    chosen = _chosen(x, own) if penalty is None else penalty / size**2
    moved = _correction(x, own - x @ simplex.weights, chosen)
    return Augmented(weights=simplex.weights + moved, simplex=simplex, penalty=chosen * size**2)


def _row_means(values: Floats) -> Floats:
    """Mean of each row from exactly rounded sums."""
    return np.array([math.fsum(row) / len(row) for row in values.tolist()])


def _correction(x: Floats, rest: Floats, penalty: float) -> Floats:
    """(rest)ᵀ (X Xᵀ + λI)⁻¹ X by the singular values of X; a zero penalty uses the pseudo-inverse."""
    return _corrections(x, rest, [penalty])[:, 0]


def _corrections(x: Floats, rest: Floats, penalties: list[float]) -> Floats:
    """(J, penalties) the same for several penalties, from one decomposition."""
    left, values, right = np.linalg.svd(x, full_matrices=False)
    kept = values > 1e-12 * float(values[0]) if values.shape[0] and values[0] > 0.0 else np.zeros(values.shape, bool)
    safe = np.where(kept, values, 1.0)
    shrunk = np.where(kept[:, None], values[:, None] / (safe[:, None] ** 2 + np.array(penalties)[None, :]), 0.0)
    moved: Floats = right.T @ (shrunk * (left.T @ rest)[:, None])
    return moved


def _chosen(x: Floats, own: Floats) -> float:
    """The penalty by leave-one-period-out error and the one-standard-error rule."""
    periods = x.shape[0]
    top = float(np.linalg.norm(x, 2)) ** 2
    grid = [float(top * RATIO ** (k / GRID)) for k in range(GRID + 1)]
    errors = np.zeros((len(grid), periods))
    for out in range(periods):
        stays = np.arange(periods) != out
        simplex = simplex_least_squares(x[stays] - own[stays][:, None]).weights
        moved = _corrections(x[stays], own[stays] - x[stays] @ simplex, grid)
        errors[:, out] = (own[out] - x[out] @ (simplex[:, None] + moved)) ** 2
    means = errors.mean(axis=1)
    best = int(np.argmin(means))
    allowed = float(means[best]) + float(np.std(errors[best], ddof=1)) / math.sqrt(periods)
    return grid[int(np.flatnonzero(means <= allowed)[0])]
