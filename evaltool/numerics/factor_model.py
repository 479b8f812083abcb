"""Interactive fixed effects: common factors from the donors, loadings of the target from its time before the start.

Y_it = α_i + δ_t + λ_i' f_t + ε_it for the donors, by least squares: unit and period effects are means, the factors the
leading left singular vectors of what is left. The target's own effect and loadings are a regression on a constant and
the factors over its periods before the start; its counterfactual follows. The rank is stated, or the one with the
smallest leave-one-period-out error of that regression (the smaller among equals). Loadings that no weighted mean of
the donors' loadings reaches carry the counterfactual past what the donors show (Xu 2017, section 3.3).

Source: Bai 2009 (Econometrica 77), section 3; Xu 2017 (Political Analysis 25), section 3.1 and algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import Bools

LEVERAGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class FactorFit:
    """The counterfactual (T,), the rank used and the leave-one-period-out error of every rank tried.

    ``loadings`` (rank,) of the target and ``donor_loadings`` (rank, J), in the outcome's units.
    """

    path: Floats
    rank: int
    errors: tuple[float, ...]
    loadings: Floats
    donor_loadings: Floats


def factor_path(y: Floats, pool: Floats, before: Bools, ranks: tuple[int, ...]) -> FactorFit:
    """The counterfactual of ``y`` (T,) from ``pool`` (T, J), with one of ``ranks``."""
    shared = np.array([math.fsum(row) / len(row) for row in pool.tolist()])
    left = pool - shared[:, None]
    left = left - np.array([math.fsum(column) / len(column) for column in left.T.tolist()])
    factors = np.linalg.svd(left, full_matrices=False)[0] * math.sqrt(pool.shape[0])
    own = y - shared
    errors = tuple(_left_out_error(own[before], _regressors(factors, rank)[before]) for rank in ranks)
    place = min(range(len(ranks)), key=lambda index: (errors[index], index))
    x = _regressors(factors, ranks[place])
    loadings = np.linalg.lstsq(x[before], own[before], rcond=None)[0]
    rank = ranks[place]
    return FactorFit(
        path=shared + x @ loadings,
        rank=rank,
        errors=errors,
        loadings=loadings[1:],
        donor_loadings=factors[:, :rank].T @ left / pool.shape[0],
    )


def _regressors(factors: Floats, rank: int) -> Floats:
    """(T, 1 + rank) a constant and the leading factors."""
    return np.column_stack([np.ones(factors.shape[0]), factors[:, :rank]])


def _left_out_error(own: Floats, x: Floats) -> float:
    """Mean squared leave-one-out residual of a regression; infinite where one period decides a loading alone."""
    orthogonal, triangle = np.linalg.qr(x)
    if x.shape[0] <= x.shape[1] or float(np.min(np.abs(np.diag(triangle)))) < LEVERAGE:
        return math.inf
    leverage = np.einsum("ij,ij->i", orthogonal, orthogonal)
    if float(np.max(leverage)) > 1.0 - LEVERAGE:
        return math.inf
    residual = own - orthogonal @ (orthogonal.T @ own)
    outside = residual / (1.0 - leverage)
    return math.fsum((outside * outside).tolist()) / own.shape[0]
