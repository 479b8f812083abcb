"""Least squares over the simplex with a price on each weight: min ½‖Cw‖² + pᵀw with w ≥ 0 and Σw = 1, exactly.

An active set walks from face to face: on a face the objective is minimised in closed form; along directions that
change no residual it falls without bound and the walk ends where a weight reaches zero. The Karush–Kuhn–Tucker
conditions are checked on the result, and where several weights are equally good, those with the smallest sum of squares
are taken. Columns are put in order of their content first, so that the order of the donors changes no bit.

Source: Gill, Murray & Wright 1981 (Practical Optimization), sections 5.2 and 5.3 (null-space active sets).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex import GAP, RANK, SLACK, SimplexSolution, independent_columns, smallest_weights

FLAT = 1e-12
"""A slope below this along a direction without curvature is none."""


def priced_least_squares(c: Floats, price: Floats) -> SimplexSolution:
    """Solve for C (m, J) and prices (J,). Raises RunError (RUN_NOT_OPTIMAL) when the certificate fails."""
    order = np.lexsort([*c[::-1], price])
    inner = _solve(np.ascontiguousarray(c[:, order]), np.ascontiguousarray(price[order]))
    weights = np.empty_like(inner.weights)
    weights[order] = inner.weights
    return SimplexSolution(weights=weights, gap=inner.gap, scale=inner.scale, unique=inner.unique, steps=inner.steps)


def _solve(c: Floats, price: Floats) -> SimplexSolution:
    """The same for columns in order of content."""
    scale = max(float(np.max(np.einsum("ij,ij->j", c, c))), float(np.max(price) - np.min(price)))
    count = c.shape[1]
    if scale == 0.0:
        return SimplexSolution(np.full(count, 1.0 / count), gap=0.0, scale=0.0, unique=count == 1, steps=0)
    unit, cost = c / np.sqrt(scale), (price - np.min(price)) / scale
    weights, steps = _walk(unit, cost)
    gradient = unit.T @ (unit @ weights) + cost
    level = float(weights @ gradient)
    face = np.flatnonzero((gradient - level <= SLACK) | (weights > 0.0))
    rows = np.vstack([unit, cost])
    unique = independent_columns(rows[:, face])
    if not unique:
        chosen = np.zeros(count)
        chosen[face] = smallest_weights(rows[:, face], weights[face])
        weights = chosen
        gradient = unit.T @ (unit @ weights) + cost
        level = float(weights @ gradient)
    gap = level - float(np.min(gradient))
    if gap > GAP or float(np.min(weights)) < 0.0 or abs(float(np.sum(weights)) - 1.0) > GAP:
        raise RunError(
            Fault(
                code="RUN_NOT_OPTIMAL",
                cause=f"The weights could not be certified: relative duality gap {gap:.3g}.",
                fix="Check the outcome for extreme values; report this with the plan and the versions.",
                place=Place(key="estimator"),
            )
        )
    return SimplexSolution(weights=weights, gap=gap * scale, scale=scale, unique=unique, steps=steps)


def _walk(c: Floats, cost: Floats) -> tuple[Floats, int]:
    """From the best single donor, face by face, until no donor outside the face would improve."""
    weights: Floats = np.zeros(c.shape[1])
    weights[int(np.argmin(0.5 * np.einsum("ij,ij->j", c, c) + cost))] = 1.0
    members: Ints = np.flatnonzero(weights).astype(np.int64)
    best, most = (np.inf, weights), 20 * c.shape[1] + 20
    for step in range(1, most + 1):
        weights, members = _settle(c, cost, weights, members)
        gradient = c.T @ (c @ weights) + cost
        gap = float(weights @ gradient) - float(np.min(gradient))
        if gap < best[0]:
            best = (gap, weights)
        enters = int(np.argmin(gradient))
        if gap <= GAP / 16.0 or enters in members:
            return best[1], step
        members = np.sort(np.append(members, enters))
    return best[1], most


def _settle(c: Floats, cost: Floats, weights: Floats, members: Ints) -> tuple[Floats, Ints]:
    """Move to the best point of the face of ``members``, letting donors leave where a weight reaches zero."""
    while members.shape[0] > 1:
        move, whole = _direction(c[:, members], c.T[members] @ (c @ weights) + cost[members])
        now = weights[members]
        down = move < 0.0
        reach = np.full(members.shape[0], np.inf)
        reach[down] = now[down] / -move[down]
        share = float(np.min(reach))
        if whole and share >= 1.0:
            weights = np.zeros_like(weights)
            weights[members] = np.maximum(now + move, 0.0)
            weights /= float(np.sum(weights))
            return weights, members[weights[members] > 0.0]
        if not np.isfinite(share):
            return weights, members
        moved = np.maximum(now + share * move, 0.0)
        stays = reach > share
        weights = np.zeros_like(weights)
        weights[members[stays]] = moved[stays]
        weights /= float(np.sum(weights))
        members = members[stays]
    weights = np.zeros_like(weights)
    weights[members] = 1.0
    return weights, members


def _direction(c: Floats, gradient: Floats) -> tuple[Floats, bool]:
    """The step to the face's minimum and True; or a direction without curvature that falls for ever, and False."""
    basis = linalg.helmert(c.shape[1]).T
    _, values, right = np.linalg.svd(c @ basis, full_matrices=True)
    curved = np.zeros(right.shape[0], dtype=bool)
    curved[: values.shape[0]] = values > RANK * max(1.0, float(values[0]) if values.shape[0] else 1.0)
    slope = right @ (basis.T @ gradient)
    if float(np.max(np.abs(slope[~curved]), initial=0.0)) > FLAT:
        return -basis @ (right.T[:, ~curved] @ slope[~curved]), False
    stiff = values[curved[: values.shape[0]]]
    return -basis @ (right.T[:, curved] @ (slope[curved] / stiff**2)), True
