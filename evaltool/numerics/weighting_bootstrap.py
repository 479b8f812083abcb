"""The spread of a weighted effect over resampled units or clusters, the weights fitted again in every draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import RunError
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.weighting_fit import How, fitted

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
DRAWS = 999
MOST_FAILED = 0.05
"""Share of draws whose weights do not exist, beyond which there is no figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Redraw:
    """(n, k) columns the weights are fitted on and how, (n,) clusters 0 … G − 1 (None: units), the seed."""

    x: Floats
    names: tuple[str, ...]
    how: How
    clusters: Ints | None
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """(k, k) covariance of the regression's coefficients, and in how many draws no weights existed; None: too many."""

    covariance: Floats | None
    failed: int


def redrawn(redraw: Redraw, treated: Bools, y: Floats, matrix: Floats) -> Redrawn:
    """Draw as many units or clusters as there are, fit weights and the (n, k) weighted regression again, 999 times.

    Efron & Tibshirani 1993, section 8.6; Austin 2016 (Statistics in Medicine 35) for weights. The same for the same
    seed.
    """
    codes = np.arange(y.shape[0]) if redraw.clusters is None else redraw.clusters
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    generator = np.random.Generator(np.random.PCG64(redraw.seed))
    found, failed = [], 0
    for _ in range(DRAWS):
        drawn = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        try:
            weights = fitted(redraw.x[drawn], redraw.names, treated[drawn], redraw.how).weights
        except (RunError, ZeroDivisionError, ValueError):
            failed += 1
            continue
        root = np.sqrt(weights)
        found.append(np.linalg.lstsq(matrix[drawn] * root[:, None], y[drawn] * root, rcond=None)[0])
    if failed > MOST_FAILED * DRAWS or len(members) < 2:  # noqa: PLR2004 - one cluster has no spread
        return Redrawn(None, failed)
    return Redrawn(np.atleast_2d(np.cov(np.array(found).T)), failed)
