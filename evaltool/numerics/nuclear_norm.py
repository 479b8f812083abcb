"""Matrix completion with unit and period effects: min ½ Σ observed (Y − α_i − δ_t − L)² + λ‖L‖_*.

With the missing cells filled by values x, both effects are means and L shrinks the singular values of what is left by
λ: the minimum is known in closed form. As a function of x alone the minimum is convex, with gradient x − fitted(x); it
is zero where the filled values equal the fitted ones. That fixed point is found by Anderson's acceleration over the few
missing cells, started anew whenever the residual grows; the residual is the certificate.

Source: Athey, Bayati, Doudchenko, Imbens & Khosravi 2021 (JASA 116), equation 4.3 with the fixed effects of section
4.2; Mazumder, Hastie & Tibshirani 2010 (JMLR 11), the filling step; Walker & Ni 2011 (SIAM J. Numer. Anal. 49).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import Bools

STOP = 1e-11
"""Largest fixed-point residual, as a share of the spread of the outcomes."""
MEMORY = 8
STEPS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """``fitted`` (T, N): effects plus L; its rank, the penalty, and the certificate."""

    fitted: Floats
    rank: int
    penalty: float
    residual: float


def completed(values: Floats, missing: Bools, penalty: float, start: Floats | None = None) -> Completed:
    """Fit ``values`` (T, N), whose ``missing`` (T, N) cells are not read. Raises RunError (RUN_NOT_CONVERGED)."""
    level = float(np.mean(values[~missing]))
    observed = np.where(missing, 0.0, values - level)
    scale = float(np.std(observed[~missing])) or 1.0
    cells: Floats = np.zeros(int(np.sum(missing))) if start is None else start[missing] - level
    points: list[Floats] = []
    images: list[Floats] = []
    filled, last = observed.copy(), (np.inf, cells)
    for _ in range(STEPS):
        filled[missing] = cells
        fitted, rank = _shrunk(filled, penalty)
        image = fitted[missing]
        residual = float(np.max(np.abs(image - cells), initial=0.0)) / scale
        if residual <= STOP:
            return Completed(fitted=fitted + level, rank=rank, penalty=penalty, residual=residual)
        if residual > last[0]:
            points, images, cells = [], [], last[1]
            last = (np.inf, cells)
            continue
        last = (residual, image)
        points, images = [*points, cells][-MEMORY:], [*images, image][-MEMORY:]
        cells = _mixed(points, images)
    raise RunError(
        Fault(
            code="RUN_NOT_CONVERGED",
            cause=f"The matrix could not be completed: after {STEPS} steps the fit still moves by {residual:.2g}.",
            fix="State a larger penalty, or another method.",
            place=Place(key="estimator.options.penalty"),
        )
    )


def largest_penalty(values: Floats, missing: Bools) -> float:
    """The penalty from which on L is zero: the largest singular value left by the effects alone."""
    alone = completed(values, missing, np.inf).fitted
    left = np.where(missing, 0.0, values - alone)
    return float(np.linalg.norm(left, 2))


def _shrunk(filled: Floats, penalty: float) -> tuple[Floats, int]:
    """Unit and period effects plus singular values less the penalty, for a matrix without gaps."""
    effects = filled.mean(axis=0)[None, :] + filled.mean(axis=1)[:, None] - filled.mean()
    if not np.isfinite(penalty):
        return effects, 0
    left, sizes, right = np.linalg.svd(filled - effects, full_matrices=False)
    rank = int(np.sum(sizes > penalty))
    low: Floats = (left[:, :rank] * (sizes[:rank] - penalty)) @ right[:rank]
    return effects + low, rank


def _mixed(points: list[Floats], images: list[Floats]) -> Floats:
    """Anderson's step: the combination of past images whose residuals cancel best; the plain step without a past."""
    if len(points) == 1:
        return images[0]
    residuals = np.array(images) - np.array(points)
    changes = (residuals[1:] - residuals[:-1]).T
    moves = (np.array(images)[1:] - np.array(images)[:-1]).T
    weights = np.linalg.lstsq(changes, residuals[-1], rcond=1e-10)[0]
    if not bool(np.all(np.isfinite(weights))):
        return images[-1]
    step: Floats = images[-1] - moves @ weights
    return step
