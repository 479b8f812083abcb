"""Least squares over the simplex, solved exactly: min ‖Cw‖² with w ≥ 0 and Σw = 1.

Column j of C is what donor j differs from the target, so Cw is what the weighted donors differ from it. Non-negative
least squares with a row of sums finds the face: for every M, min ‖Cu‖² + M²(Σu − 1)² over u ≥ 0 is reached at a
multiple of the simplex solution. An active set then solves on the face and checks the Karush–Kuhn–Tucker conditions;
where several weights fit equally well, the one with the smallest sum of squares is chosen by least distance
programming (Lawson & Hanson 1974, chapter 23). Columns are put in order of their content first, so that the order in
which donors are given changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.optimize import nnls

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.pivoting import by_blocks, plainly_independent

GAP = 1e-12
"""Largest duality gap accepted, as a share of the largest squared column of C."""
SLACK = 1e-10
"""A dual slack below this share may carry weight in another optimum."""
RANK = 1e-10
"""Singular values below this share of the largest are zero."""
MANY = 50
"""Columns from which pivoting by blocks, and a pivoted QR instead of singular values, take less time."""
TINY = 1e-13
"""A weight below this is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class SimplexSolution:
    """(J,) weights with their certificate.

    ``gap`` = max over donors of wᵀg − g_j with g = CᵀCw bounds ½‖Cw‖² − minimum from above; ``scale`` is the largest
    squared column; ``unique`` says whether other weights fit equally well.
    """

    weights: Floats
    gap: float
    scale: float
    unique: bool
    steps: int

    @property
    def relative_gap(self) -> float:
        """Gap over scale; 0.0 when every donor equals the target."""
        return max(self.gap, 0.0) / self.scale if self.scale > 0.0 else 0.0


def simplex_least_squares(c: Floats) -> SimplexSolution:
    """Solve for C (m, J), J ≥ 1. Raises RunError (RUN_NOT_OPTIMAL) when the certificate fails."""
    order = np.lexsort(c[::-1])
    inner = _solve(np.ascontiguousarray(c[:, order]))
    weights = np.empty_like(inner.weights)
    weights[order] = inner.weights
    return SimplexSolution(weights=weights, gap=inner.gap, scale=inner.scale, unique=inner.unique, steps=inner.steps)


def _solve(c: Floats) -> SimplexSolution:
    """The same for columns in order of content."""
    scale = float(np.max(np.einsum("ij,ij->j", c, c)))
    count = c.shape[1]
    if scale == 0.0:
        return SimplexSolution(np.full(count, 1.0 / count), gap=0.0, scale=0.0, unique=count == 1, steps=0)
    unit = c / np.sqrt(scale)
    weights, steps = _active_set(unit, _start(unit))
    gradient = unit.T @ (unit @ weights)
    level = float(weights @ gradient)
    face = np.flatnonzero((gradient - level <= SLACK) | (weights > 0.0))
    unique = independent_columns(unit[:, face])
    if not unique:
        chosen = np.zeros(count)
        chosen[face] = smallest_weights(unit[:, face], weights[face])
        weights = chosen
        gradient = unit.T @ (unit @ weights)
        level = float(weights @ gradient)
    gap = level - float(np.min(gradient))
    if gap > GAP or float(np.min(weights)) < 0.0 or abs(float(np.sum(weights)) - 1.0) > GAP:
        raise RunError(
            Fault(
                code="RUN_NOT_OPTIMAL",
                cause=f"The synthetic control's weights could not be certified: relative duality gap {gap:.3g}.",
                fix="Check the outcome for extreme values; report this with the plan and the versions.",
                place=Place(key="estimator"),
            )
        )
    return SimplexSolution(weights=weights, gap=gap * scale, scale=scale, unique=unique, steps=steps)


def _start(c: Floats) -> Floats:
    """Weights from non-negative least squares with a row of sums."""
    rows = np.vstack([c, np.ones(c.shape[1])])
    target = np.append(np.zeros(c.shape[0]), 1.0)
    found = None
    if rows.shape[1] >= MANY and plainly_independent(rows):
        found = by_blocks(rows.T @ rows, rows.T @ target)
    if found is None:
        found = np.asarray(nnls(rows, target)[0], dtype=np.float64)
    return found / float(np.sum(found))


def _active_set(c: Floats, start: Floats) -> tuple[Floats, int]:
    """Exact solves on the face of the weights above zero; the donor that improves most enters, others leave at zero."""
    weights = start.copy()
    free = weights > TINY
    weights = np.where(free, weights, 0.0)
    weights /= float(np.sum(weights))
    best, most = (np.inf, weights), 10 * c.shape[1] + 10
    for step in range(1, most + 1):
        weights, free = _settle(c, weights, free)
        gradient = c.T @ (c @ weights)
        gap = float(weights @ gradient) - float(np.min(gradient))
        if gap < best[0]:
            best = (gap, weights)
        enters = int(np.argmin(gradient))
        if gap <= GAP / 16.0 or free[enters]:
            return best[1], step
        free[enters] = True
    return best[1], most


def _settle(
    c: Floats, weights: Floats, free: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Move to the best point of the face of the free donors, letting donors leave where a weight reaches zero."""
    free = free.copy()
    while True:
        members = np.flatnonzero(free)
        target = _affine(c[:, members])
        if float(np.min(target)) >= 0.0:
            settled = np.zeros_like(weights)
            settled[members] = target
            return settled / float(np.sum(settled)), free & (settled > 0.0)
        now = weights[members]
        down = target < 0.0
        steps = np.full(members.shape[0], np.inf)
        steps[down] = now[down] / (now[down] - target[down])
        share = float(np.min(steps))
        moved = now + share * (target - now)
        leaves = members[(steps <= share) | (moved <= 0.0) & down]
        weights = np.zeros_like(weights)
        weights[members] = np.maximum(moved, 0.0)
        weights[leaves] = 0.0
        free[leaves] = False


def _affine(c: Floats) -> Floats:
    """(k,) weights that sum to one, of any sign, with the smallest ‖Cw‖, and among those the smallest ‖w‖."""
    k = c.shape[1]
    if k == 1:
        return np.ones(1)
    middle = np.full(k, 1.0 / k)
    basis = linalg.helmert(k).T
    part, rest = c @ basis, -(c @ middle)
    if k < MANY:
        move: Floats = np.linalg.lstsq(part, rest, rcond=RANK)[0]
    else:
        move = linalg.lstsq(part, rest, cond=RANK, lapack_driver="gelsy", check_finite=False)[0]
    moved: Floats = middle + basis @ move
    return moved


def independent_columns(c: Floats) -> bool:
    """Whether the columns of C with a row of ones are linearly independent: then the weights are the only ones."""
    rows = np.vstack([c, np.ones(c.shape[1])])
    if rows.shape[1] > rows.shape[0]:
        return False
    if plainly_independent(rows):
        return True
    values = np.linalg.svd(rows, compute_uv=False)
    return bool(values[-1] > RANK * values[0])


def smallest_weights(c: Floats, weights: Floats) -> Floats:
    """Among all w ≥ 0 with the same Cw and Σw, the one with the smallest sum of squares."""
    rows = np.vstack([c, np.ones(c.shape[1])])
    null = _null_space(rows)
    if null.shape[1] == 0:
        return weights
    base = weights - null @ (null.T @ weights)
    if float(np.min(base)) >= 0.0:
        return base / float(np.sum(base))
    system = np.vstack([null.T, -base])
    dual = np.asarray(nnls(system, np.append(np.zeros(null.shape[1]), 1.0))[0], dtype=np.float64)
    rest = system @ dual
    rest[-1] -= 1.0
    moved = base - null @ (rest[:-1] / rest[-1])
    return _polish(rows, rows @ weights, moved, np.flatnonzero(dual <= 0.0))


def _null_space(rows: Floats) -> Floats:
    """(J, J − rank) orthonormal basis of the directions that change neither fit nor sum."""
    _, values, right = np.linalg.svd(rows, full_matrices=True)
    rank = int(np.sum(values > RANK * values[0]))
    return np.ascontiguousarray(right[rank:].T)


def _polish(rows: Floats, target: Floats, weights: Floats, free: Ints) -> Floats:
    """The smallest weights on the donors not held at zero, solved directly; the given ones where one goes negative."""
    exact = np.zeros_like(weights)
    exact[free] = np.linalg.lstsq(rows[:, free], target, rcond=RANK)[0]
    fits = float(np.max(np.abs(rows @ exact - target))) <= SLACK
    chosen = exact if fits and float(np.min(exact)) >= -TINY else weights
    chosen = np.where(chosen > TINY, chosen, 0.0)
    return chosen / float(np.sum(chosen))
