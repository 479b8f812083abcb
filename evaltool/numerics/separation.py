"""Which covariates tell two groups apart, so that a logistic regression has no maximum.

Separation (Albert & Anderson 1984, Biometrika 71) holds when some direction b gives x b ≥ 0 for everybody in one group
and x b ≤ 0 for everybody in the other, not all zero. Whether one exists is a linear programme (Konis 2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from evaltool.numerics.inference import Floats

TOLERANCE = 1e-9
"""A direction whose summed distance from the boundary is below this share of the rows separates nothing."""


@dataclass(frozen=True, slots=True)
class Separation:
    """The covariates that together separate the groups: dropping any of them would undo it. Empty: none do."""

    columns: tuple[int, ...]
    complete: bool
    """True when no unit lies on the boundary; False when only some groups of units are told apart."""


def find_separation(x: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Separation:
    """Look among the columns of ``x`` (n, k), without constant: single covariates first, then a smallest set."""
    k = x.shape[1]
    for j in range(k):
        if _alone(x[:, j], treated):
            return Separation(columns=(j,), complete=_complete(x[:, [j]], treated))
    if not _separates(x, treated):
        return Separation(columns=(), complete=False)
    kept = list(range(k))
    for j in range(k):
        rest = [i for i in kept if i != j]
        if rest and _separates(x[:, rest], treated):
            kept = rest
    return Separation(columns=tuple(kept), complete=_complete(x[:, kept], treated))


def _alone(x: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """Whether one covariate separates: the groups' ranges overlap in one value at most, and not everywhere."""
    a, b = x[treated], x[~treated]
    apart = float(a.min()) >= float(b.max()) or float(a.max()) <= float(b.min())
    return bool(apart) and float(x.min()) < float(x.max())


def _signed(x: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    """Rows (1, x) with standardised columns, turned round for the comparison units."""
    sd = np.std(x, axis=0)
    scaled = (x - np.mean(x, axis=0)) / np.where(sd > 0.0, sd, 1.0)
    rows = np.column_stack([np.ones(x.shape[0]), scaled])
    return rows * np.where(treated, 1.0, -1.0)[:, None]


def _separates(x: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """Whether a direction exists: maximise Σ s x b subject to s x b ≥ 0 and |b| ≤ 1."""
    rows = _signed(x, treated)
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(rows.shape[0]), bounds=(-1.0, 1.0), method="highs")
    return found.fun is not None and -float(found.fun) > TOLERANCE * rows.shape[0]


def _complete(x: Floats, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """Whether the margin can be positive for everybody: maximise m subject to s x b ≥ m and |b| ≤ 1."""
    rows = _signed(x, treated)
    n, k = rows.shape
    constraint = np.column_stack([-rows, np.ones(n)])
    cost = np.append(np.zeros(k), -1.0)
    found = linprog(cost, A_ub=constraint, b_ub=np.zeros(n), bounds=(-1.0, 1.0), method="highs")
    return found.fun is not None and -float(found.fun) > TOLERANCE
