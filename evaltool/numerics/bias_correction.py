"""Matching with replacement with its bias corrected by regression, and its variance (Abadie & Imbens 2006, 2011).

J(i) is whom unit i is matched with, K(i) = Σ 1/#J(j) and K'(i) = Σ 1/#J(j)² over the j that use i, and μ̂_t(x) the
least squares fit of the outcome on a constant and covariates among those of group t that are used, weighted by K:

    Ŷ(i) = Σ_{j ∈ J(i)} [Y(j) + μ̂(x_i) − μ̂(x_j)] / #J(i),     τ = mean of ±(Y − Ŷ) over those that are matched.

Variance (2006, theorem 7, with Ŷ; 2011, section 3): Σ (±(Y − Ŷ) − τ)²/m² + Σ σ² (K² − K')/m² over m matched units;
where everybody is matched (ATE) the second sum is of σ² (K² + 2K − K'). σ²(i) is the variance of the outcome among the
units of the own group nearest to i, itself and all tied included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.numerics.abadie_imbens import spread_on_line
from evaltool.numerics.distinct import row_codes
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.matching import GRID
from evaltool.numerics.regression import Regressors, weighted_least_squares

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
NEIGHBOURS = 2
"""Units of a group whose spread stands for the variance at a place, itself counted, ties aside."""
CELLS = 4_000_000
"""Distances held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """(n,) outcomes and who is treated, (n, p) coordinates of the distance, (n,) strata that must be equal.

    ``first`` and ``second`` (m,) are the places of those matched and of whom they are matched with.
    """

    outcome: Floats
    treated: Bools
    points: Floats
    stratum: Ints
    first: Ints
    second: Ints

    @property
    def share(self) -> Floats:
        """(m,) 1/#J of each pair."""
        sizes = np.bincount(self.first, minlength=self.outcome.shape[0])
        return np.asarray(1.0 / sizes[self.first], dtype=np.float64)

    @property
    def matched(self) -> Bools:
        """(n,) who is matched."""
        return np.bincount(self.first, minlength=self.outcome.shape[0]) > 0

    @property
    def used(self) -> Floats:
        """(n,) K."""
        found = np.bincount(self.second, weights=self.share, minlength=self.outcome.shape[0])
        return np.asarray(found, dtype=np.float64)


def imputed(ground: Ground, x: Floats, names: tuple[str, ...]) -> Floats:
    """(n,) the other outcome of everybody matched, NaN for the others; ``x`` (n, k) with no constant.

    Raises RunError (RUN_COLLINEAR).
    """
    n, used, step = ground.outcome.shape[0], ground.used, np.zeros(ground.first.shape[0])
    for arm, who in ((ground.treated, "treated"), (~ground.treated, "comparison")):
        donors = arm & (used > 0.0)
        if not bool(np.any(donors)):
            continue
        rows = np.column_stack([np.ones(n), x])[donors]
        model = Regressors(matrix=rows, names=("constant", *names), where="the bias correction")
        fit = weighted_least_squares(model, ground.outcome[donors], used[donors], f"the {who} units used as matches")
        mine = donors[ground.second]
        step[mine] = (x[ground.first[mine]] - x[ground.second[mine]]) @ fit.coefficients[1:]
    values = ground.share * (ground.outcome[ground.second] + step)
    return np.where(ground.matched, np.bincount(ground.first, weights=values, minlength=n), np.nan)


def gaps(ground: Ground, other: Floats) -> Floats:
    """(m,) outcome with treatment less without, of everybody matched."""
    gap = np.where(ground.treated, ground.outcome - other, other - ground.outcome)
    return np.asarray(gap[ground.matched], dtype=np.float64)


def variance(ground: Ground, gap: Floats, effect: float, count: int = NEIGHBOURS) -> float:
    """The variance of ``effect``, the mean of ``gap`` (m,)."""
    used = ground.used
    squared = np.bincount(ground.second, weights=ground.share**2, minlength=used.shape[0])
    twice = 2.0 if bool(np.any(ground.matched & (used > 0.0))) else 0.0
    spread = own_variance(ground, np.flatnonzero(used > 0.0), count)
    second = float(np.sum(spread * (used**2 + twice * used - squared)[used > 0.0]))
    return (float(np.sum((gap - effect) ** 2)) + second) / gap.shape[0] ** 2


def own_variance(ground: Ground, asked: Ints, count: int = NEIGHBOURS) -> Floats:
    """(a,) variance of the outcome among the ``count`` units nearest to each asked about, group and stratum its own.

    Itself counts, and everybody tied with the last; 0 where it is alone.
    """
    found = np.zeros(asked.shape[0])
    cells = row_codes(np.column_stack([ground.treated.astype(np.int64), ground.stratum]))
    for cell in np.unique(cells[asked]).tolist():
        pool, places = np.flatnonzero(cells == cell), np.flatnonzero(cells[asked] == cell)
        if ground.points.shape[1] == 1:
            found[places] = _on_line(ground, asked[places], pool, count)
            continue
        size = max(1, CELLS // pool.shape[0])
        for start in range(0, places.shape[0], size):
            part = places[start : start + size]
            found[part] = _spread(ground, asked[part], pool, min(count, pool.shape[0]))
    return found


def _on_line(ground: Ground, asked: Ints, pool: Ints, count: int) -> Floats:
    """The same along one coordinate, where the nearest are an interval; the outcome centred for the sums."""
    line = np.rint(ground.points[:, 0] * float(GRID)).astype(np.int64)
    return spread_on_line(line, ground.outcome - float(np.mean(ground.outcome[pool])), asked, pool, count)


def _spread(ground: Ground, asked: Ints, pool: Ints, count: int) -> Floats:
    """(a,) variance among the ``count`` nearest of the pool, distances on the grid."""
    squares = np.zeros((asked.shape[0], pool.shape[0]))
    for p in range(ground.points.shape[1]):
        squares += (ground.points[asked, p][:, None] - ground.points[pool, p][None, :]) ** 2
    away = np.rint(np.sqrt(squares) * float(GRID))
    last = np.partition(away, count - 1, axis=1)[:, count - 1]
    near = (away <= last[:, None]).astype(np.float64)
    y, size = ground.outcome[pool], near.sum(axis=1)
    mean = (near @ y) / size
    deviations = np.einsum("ij,ij->i", near, (y[None, :] - mean[:, None]) ** 2)
    return np.asarray(deviations / np.maximum(size - 1.0, 1.0), dtype=np.float64)
