"""One average of coefficients of a regression with unit and period effects, under every method of clusters.

Starts may differ. The average c'b is made one coefficient: with p the place of the largest |c|, the columns X_p / c_p
and X_j − X_p c_j / c_p span the same space, and the first has the coefficient c'b. So what is known of one coefficient
holds for it: CR2 and CR3, and the restricted wild bootstrap, whose null is c'b = 0 and nothing else.

Unit effects are nested in clusters and taken out beforehand; periods stand in X, or CR2 and CR3 would not be what they
say (Pustejovsky & Tipton 2018). The weights c (cohort shares) count as known.

Few treated (Conley & Taber 2011, proposition 1). The average is Σ ψ_jt y_jt over clusters j and periods t; with many
clusters that never start, its error is Σ ψ_jt η_jt over the treated ones. Every path of errors of a cluster that never
starts could have been that of a treated one:

    S_jl = Σ_t ψ_jt ẽ_lt        ẽ_l the mean residuals of cluster l, times 1/(1 − its share of those that never start)

One l is taken for every treated j, in all combinations or drawn ones. Scaled by size after Ferman & Pinto (2019):
S_jl² = A_j + B_j/M_l by least squares, and S_jl takes the spread of j's own size. That scaling of a whole path, for
starts that differ, is ours; the paper gives it for one start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import RunError
from evaltool.numerics.cluster_covariance import LeastSquares, cr2, cr2_df, cr3, hc1, least_squares
from evaltool.numerics.cluster_methods import NOISE, ClusterTest, Name, t_test, wild_test
from evaltool.numerics.few_treated import FEWEST, Placebos, few_paths_test
from evaltool.numerics.inference import Floats, Ints, influence_sums
from evaltool.numerics.regression import Regressors
from evaltool.numerics.two_way import TwoWay

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
LARGEST = 20_000_000
"""Most numbers in X for which the methods that need all of it are offered."""


@dataclass(frozen=True, slots=True)
class TwoWayError:
    """The standard error by cluster and period, its degrees of freedom, and the factor in its variance."""

    se: float
    df: float | None
    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class HeadlineRegression:
    """Rows sorted by unit: outcome (n,), columns (n, k) of terms and covariates with ``names``, contrast (k,).

    ``clusters`` (n,) codes 0 … G − 1 in which units nest; ``start`` (n,) of each row's unit, infinite for never;
    ``parameters`` counts columns and effects. ``covariates`` says whether columns are not functions of start and
    period alone. ``effects`` are of units, nested in clusters, or of ``cohorts``.
    """

    outcome: Floats
    columns: Floats
    names: tuple[str, ...]
    contrast: Floats
    effects: TwoWay
    clusters: Ints
    start: Floats
    covariates: bool
    both: TwoWayError | None
    cohorts: bool = False

    @property
    def parameters(self) -> int:
        """Columns, and the rank of unit and period effects."""
        return self.columns.shape[1] + self.effects.rank

    @property
    def small_enough(self) -> bool:
        """Whether all of X may be held."""
        cohorts = self.effects.units if self.cohorts else 0
        width = self.columns.shape[1] + self.effects.free.shape[0] + cohorts
        return self.outcome.shape[0] * width <= LARGEST


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Root-weighted rows without unit effects: y (n,), X (n, k + periods) whose first coefficient is the average."""

    y: Floats
    x: Regressors
    fit: LeastSquares
    clusters: Ints


def regression_tests(data: HeadlineRegression, *, seed: int, level: float) -> tuple[ClusterTest, ...]:
    """HC1, CR2, CR3, the wild bootstrap, Conley-Taber and Ferman-Pinto, in that order."""
    rows = _rows(data)
    few: tuple[Name, ...] = ("conley_taber", "ferman_pinto")
    return (
        *_analytic(rows, data.parameters, level),
        wild_test(rows.x, rows.y, rows.clusters, 0, (seed, level)),
        *(_few(name, data, rows, seed, level) for name in few),
    )


def two_way_test(data: HeadlineRegression, effect: float, level: float) -> ClusterTest:
    """Clusters and periods at once: the standard error that the regression gives by its usual conventions."""
    found = data.both
    floor = NOISE * float(np.max(np.abs(data.outcome)))
    if found is None or not found.se > floor:
        return ClusterTest("two_way", effect, why="no_variation")
    return t_test("two_way", effect, found.se, found.df, level)


def _rows(data: HeadlineRegression) -> _Rows:
    """The regression as least squares without unit effects, its average as the first coefficient."""
    effects = data.effects
    periods = (effects.period[:, None] == effects.free[None, :]).astype(np.float64)
    own = (effects.unit[:, None] == np.arange(effects.units)[None, :] if data.cohorts else periods[:, :0]).astype(float)
    matrix = np.column_stack([data.columns, periods, own])
    contrast = np.concatenate([data.contrast, np.zeros(matrix.shape[1] - data.contrast.shape[0])])
    place = int(np.argmax(np.abs(contrast)))
    focus = matrix[:, place] / contrast[place]
    others = np.delete(matrix, place, axis=1) - focus[:, None] * np.delete(contrast, place)[None, :]
    whole = np.column_stack([data.outcome, focus, others])
    both = whole * np.sqrt(effects.weights)[:, None] if data.cohorts else _without_units(effects, whole)
    names = ("the average", *(f"column {k}" for k in range(others.shape[1])))
    x = Regressors(both[:, 1:], names, "the regression")
    return _Rows(both[:, 0], x, least_squares(x, both[:, 0]), data.clusters)


def _without_units(effects: TwoWay, values: Floats) -> Floats:
    """Values (n, m) less their weighted unit means, times the roots of the weights."""
    weighted = influence_sums(values * effects.weights[:, None], effects.unit)
    means = weighted / effects.unit_mass[:, None]
    return (values - means[effects.unit]) * np.sqrt(effects.weights)[:, None]


def _analytic(rows: _Rows, parameters: int, level: float) -> list[ClusterTest]:
    """HC1, CR2 with either degrees of freedom, CR3."""
    fit, codes = rows.fit, rows.clusters
    effect, count = float(fit.coefficients[0]), rows.y.shape[0]
    contrast = np.eye(1, fit.q.shape[1])[0]
    floor = NOISE * float(np.max(np.abs(rows.y)))
    adjusted = cr2(fit, codes)
    se = math.sqrt(float(adjusted.covariance[0, 0]))
    names: tuple[Name, ...] = ("hc1", "cr2", "cr2_ik", "cr3")
    if not se > floor or count <= parameters:
        return [ClusterTest(name, effect, why="no_variation") for name in names]
    spread = math.sqrt(float(hc1(fit, parameters)[0, 0]))
    found = [t_test("hc1", effect, spread, float(count - parameters), level)]
    kinds: tuple[tuple[Name, Literal["none", "within_clusters"]], ...]
    kinds = (("cr2", "none"), ("cr2_ik", "within_clusters"))
    for name, correlation in kinds:
        df = None if adjusted.saturated else cr2_df(fit, codes, contrast, correlation)
        alone = ClusterTest(name, effect, why="saturated")
        found.append(alone if df is None else t_test(name, effect, se, df, level))
    try:
        jackknife = cr3(fit, codes)
    except RunError:
        return [*found, ClusterTest("cr3", effect, why="one_cluster_decides")]
    return [*found, t_test("cr3", effect, math.sqrt(float(jackknife.covariance[0, 0])), jackknife.df, level)]


def _few(name: Name, data: HeadlineRegression, rows: _Rows, seed: int, level: float) -> ClusterTest:
    """Conley-Taber, or Ferman-Pinto with the clusters' weights as sizes."""
    if data.covariates:
        return ClusterTest(name, why="covariates")
    if not _balanced(data):
        return ClusterTest(name, why="unbalanced")
    starts = _start_of_clusters(data)
    if starts is None:
        return ClusterTest(name, why="treated_in_part")
    treated = np.isfinite(starts)
    if int(np.sum(~treated)) < FEWEST:
        return ClusterTest(name, why="few_compared")
    shocks, sizes = _paths(data, rows, treated)
    own, others = (None, None) if name == "conley_taber" else (sizes[treated], sizes[~treated])
    effect = float(rows.fit.coefficients[0])
    if not float(np.max(np.abs(shocks))) > NOISE * float(np.max(np.abs(rows.y))):
        return ClusterTest(name, why="alike")
    found = few_paths_test(effect, shocks, (own, others), Placebos(seed=seed), level=level)
    return ClusterTest(
        name=name,
        effect=found.effect,
        p_value=found.p_value,
        lower=found.lower,
        upper=found.upper,
        draws=found.placebos,
        enumerated=found.enumerated,
    )


def _balanced(data: HeadlineRegression) -> bool:
    """Whether every cluster has the same weight in every period."""
    periods = data.effects.period_mass.shape[0]
    code = data.clusters * periods + data.effects.period
    length = (int(data.clusters.max()) + 1) * periods
    mass = np.bincount(code, weights=data.effects.weights, minlength=length).reshape(-1, periods)
    return bool(np.allclose(mass, mass[:, :1], rtol=1e-12, atol=0.0))


def _start_of_clusters(data: HeadlineRegression) -> Floats | None:
    """(G,) the one start of each cluster; None where units of one differ."""
    count = int(data.clusters.max()) + 1
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, data.clusters, data.start)
    np.maximum.at(high, data.clusters, data.start)
    return low if bool(np.all(low == high)) else None


def _paths(data: HeadlineRegression, rows: _Rows, treated: Bools) -> tuple[Floats, Floats]:
    """S (treated, never) of the average's weights on each never-treated cluster's errors, and sizes (G,)."""
    effects = data.effects
    periods = effects.period_mass.shape[0]
    root = np.sqrt(effects.weights)
    focus, others = rows.x.matrix[:, 0], rows.x.matrix[:, 1:]
    if others.shape[1]:
        basis = np.linalg.qr(others)[0]
        focus = focus - basis @ (basis.T @ focus)
    code = data.clusters * periods + effects.period
    shape = (treated.shape[0], periods)
    psi = np.bincount(code, weights=root * focus / float(focus @ focus), minlength=math.prod(shape)).reshape(shape)
    mass = np.bincount(code, weights=effects.weights, minlength=math.prod(shape)).reshape(shape)
    errors = np.bincount(code, weights=root * rows.fit.residuals, minlength=math.prod(shape)).reshape(shape) / mass
    sizes: Floats = mass[:, 0].astype(np.float64)
    share = sizes[~treated] / float(np.sum(sizes[~treated]))
    return psi[treated] @ (errors[~treated] / (1.0 - share)[:, None]).T, sizes
