"""Non-negative least squares with independent columns, by blocks of variables at a time.

Block principal pivoting (Portugal, Júdice & Vicente 1994; Kim & Park 2011, algorithm 2): all variables that break their
sign change sides together as long as fewer and fewer do, else the last of them alone, which ends in finitely many
steps. Where hundreds of columns carry weight it needs a handful of solves, an active set hundreds.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from evaltool.numerics.inference import Floats

PLAIN = 1e-10
"""The smallest eigenvalue of the products is beyond this share of the sum of squares where independence is plain."""
PATIENCE = 3
"""Block exchanges that need not reduce the number of broken signs."""
STEPS = 200
SIGN = 1e-14
"""A value beyond this share of the largest has a sign."""


def plainly_independent(rows: Floats) -> bool:
    """Whether the columns of (m, k) are independent beyond doubt; False leaves the question open."""
    if rows.shape[1] > rows.shape[0]:
        return False
    products = rows.T @ rows
    shift = PLAIN * float(np.trace(products))
    return int(linalg.lapack.dpotrf(products - shift * np.eye(products.shape[0]), clean=0)[1]) == 0


def by_blocks(products: Floats, right: Floats) -> Floats | None:
    """(k,) the minimum of ½uᵀGu − rᵀu over u ≥ 0 for positive definite G (k, k) and r (k,); None when not reached."""
    k = right.shape[0]
    free = right > 0.0
    patience, fewest = PATIENCE, k + 1
    for _ in range(STEPS):
        u = np.zeros(k)
        if bool(free.any()):
            u[free] = linalg.solve(products[np.ix_(free, free)], right[free], assume_a="pos")
        slope = products @ u - right
        broken = np.where(
            free, u < -SIGN * float(np.max(np.abs(u), initial=0.0)), slope < -SIGN * float(np.max(np.abs(right)))
        )
        count = int(np.sum(broken))
        if count == 0:
            return np.maximum(u, 0.0) if bool(np.any(u > 0.0)) else None
        if count < fewest:
            fewest, patience = count, PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            last = int(np.flatnonzero(broken)[-1])
            broken = np.zeros(k, dtype=np.bool_)
            broken[last] = True
        free = free ^ broken
    return None
