"""The same problem by another algorithm, for the second opinion: Wolfe's nearest point of a convex hull.

Wolfe 1976 (Mathematical Programming 11). Where several weights reach that point, the smallest are found by a Newton
method on the dual of min ‖w‖² subject to Bw = b, w ≥ 0, whose solution is w = max(Bᵀλ, 0). Shares no code with
``simplex``.
"""

from __future__ import annotations

import numpy as np

from evaltool.numerics.inference import Floats

STOP = 1e-13
ZERO = 1e-14
SLACK = 1e-10
NEWTON_STEPS = 200


def nearest_point_weights(c: Floats) -> Floats:
    """(J,) weights of the point of the convex hull of the columns of C (m, J) nearest to the origin."""
    squares = np.sum(c * c, axis=0)
    top = float(squares.max())
    if top == 0.0:
        return np.full(c.shape[1], 1.0 / c.shape[1])
    corral = [int(squares.argmin())]
    share: Floats = np.ones(1)
    for _ in range(20 * c.shape[1] + 20):
        point = c[:, corral] @ share
        products = c.T @ point
        enters = int(products.argmin())
        if products[enters] >= point @ point - STOP * top or enters in corral:
            break
        corral, share = _minor([*corral, enters], np.append(share, 0.0), c)
    weights = np.zeros(c.shape[1])
    weights[corral] = share
    return _least(c / np.sqrt(top), weights)


def _minor(corral: list[int], share: Floats, c: Floats) -> tuple[list[int], Floats]:
    """Wolfe's minor cycle: to the affine minimiser, dropping points on the way."""
    while True:
        first = c[:, corral[0]]
        others = c[:, corral[1:]] - first[:, None]
        rest = np.linalg.lstsq(others, -first, rcond=None)[0]
        target = np.append(1.0 - rest.sum(), rest)
        if np.all(target > ZERO):
            return corral, target
        falling = target <= ZERO
        theta = float(np.min(share[falling] / np.maximum(share[falling] - target[falling], ZERO)))
        share = (1.0 - theta) * share + theta * target
        keep = share > ZERO
        if bool(keep.all()):
            keep[int(np.argmin(share))] = False
        corral = [j for j, kept in zip(corral, keep, strict=True) if kept]
        share = share[keep] / share[keep].sum()
        if len(corral) == 1:
            return corral, np.ones(1)


def _least(c: Floats, weights: Floats) -> Floats:
    """The smallest weights with the same fit; the given ones when the Newton method does not settle."""
    rows = np.vstack([c, np.ones(c.shape[1])])
    target = rows @ weights
    point = c @ weights
    slack = c.T @ point - point @ point
    allowed = (slack <= SLACK) | (weights > 0.0)
    rows = rows[:, allowed]
    if np.linalg.matrix_rank(rows, tol=SLACK * float(np.linalg.norm(rows, 2))) == rows.shape[1]:
        return weights
    dual = np.asarray(np.linalg.lstsq(rows @ rows.T, target, rcond=1e-12)[0], dtype=np.float64)
    for _ in range(NEWTON_STEPS):
        primal = np.maximum(rows.T @ dual, 0.0)
        error = rows @ primal - target
        if float(np.max(np.abs(error))) < STOP:
            break
        active = rows[:, rows.T @ dual > 0.0]
        step = np.asarray(np.linalg.lstsq(active @ active.T, error, rcond=1e-12)[0], dtype=np.float64)
        dual = _search(rows, target, dual, step)
    else:
        return weights
    found = np.zeros_like(weights)
    found[allowed] = primal
    return found / float(np.sum(found))


def _search(rows: Floats, target: Floats, dual: Floats, step: Floats) -> Floats:
    """Halve the Newton step until the dual objective ½‖max(Bᵀλ, 0)‖² − bᵀλ does not rise."""

    def value(at: Floats) -> float:
        return 0.5 * float(np.sum(np.maximum(rows.T @ at, 0.0) ** 2)) - float(target @ at)

    now, share = value(dual), 1.0
    while value(dual - share * step) > now and share > 2.0**-40:
        share /= 2.0
    moved: Floats = dual - share * step
    return moved
