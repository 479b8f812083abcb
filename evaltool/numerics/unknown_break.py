"""A break at an unknown time in one series: the largest F over the interior, and how often chance makes one as large.

For every place the terms of a break (a step; a step and a slope) are added to a regression that the series follows
without one, and F is their test, after errors that follow an autoregression of order one are made independent (the
first period scaled, Prais & Winsten). The largest over the middle 70 % of the periods is compared with those of 999
series without a break, treated alike from estimating the autoregression on: nothing is read off an asymptotic table,
so that short series and any regressors have their own distribution. The autoregression is that of least-squares
residuals with the largest break taken out, made median-unbiased by draws: a break is then no autocorrelation, and a
short series no less correlated than it is.

Source: Quandt 1960 (JASA 55) and Andrews 1993 (Econometrica 61, 821-856) for the statistic and its interior; Andrews
1993 (Econometrica 61, 139-165) for the median-unbiased autoregression; Dufour 2006 (Journal of Econometrics 133) for
Monte Carlo tests with an estimated nuisance parameter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.state_space import StateSpace, forecast

TRIM = 0.15
"""Share of the periods at either end in which no break is looked for."""
EDGE, FEWEST, SPARE = 3, 24, 8
"""Fewest periods before and after a break, in all, and beyond the coefficients; in fewer too much is rejected."""
PLACES = 200
"""Most places looked at; in longer series they lie evenly."""
DRAWS, SEED = 999, 1
MEDIANS = 299
"""Draws of which the median estimate of an autoregression is taken."""
GRID = np.round(np.arange(0.0, 0.91, 0.1), 2)
"""Autoregressions that are told apart; errors that turn back on themselves count as independent."""
STILL = 1e-12
"""A sum of squares below this share of another is rounding."""
TIED = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Weighted outcomes (n,), the regressors without a break (n, k), and weights (n,) on a break's own terms.

    ``slope``: whether a break may change the slope and not the level alone. ``terms`` (n, n) are the columns of a step
    from period j on (column j) where steps do not look like steps, as among one-step errors. ``correlated``: whether
    errors may follow an autoregression; they are taken as independent otherwise.
    """

    y: Floats
    x: Floats
    weight: Floats
    slope: bool
    terms: Floats | None = None
    correlated: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """The largest F with its degrees of freedom, where the second part begins, p, and the autoregression used."""

    statistic: float
    df: tuple[int, int]
    place: int
    places: int
    p_value: float
    rho: float


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """Orthonormal regressors (n, k), for each place orthonormal terms beyond them (m, n, q), and the places (m,)."""

    regressors: Floats
    terms: Floats
    places: Ints

    def shares(self, y: Floats) -> tuple[Floats, Floats]:
        """Residuals (b, n) of series (b, n) without a break, and the share of their squares each place takes (b, m)."""
        residuals = y - (y @ self.regressors) @ self.regressors.T
        count, size, width = self.terms.shape
        flat = np.moveaxis(self.terms, 1, 0).reshape(size, count * width)
        taken = ((residuals @ flat) ** 2).reshape(-1, count, width).sum(axis=2)
        whole = np.maximum((residuals**2).sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return residuals, np.minimum(taken / whole, 1.0)

    def largest(self, y: Floats) -> tuple[Floats, Ints, Floats]:
        """Largest share (b,), its place's number (b,) and the autoregression of what is then left (b,)."""
        residuals, shares = self.shares(y)
        best: Ints = np.argmax(np.round(shares, 12), axis=1)
        own = self.terms[best]
        left = residuals - np.einsum("bnq,bq->bn", own, np.einsum("bnq,bn->bq", own, residuals))
        below = np.maximum((left**2).sum(axis=1), np.finfo(float).tiny)
        rho = (left[:, 1:] * left[:, :-1]).sum(axis=1) / below
        return shares[np.arange(best.shape[0]), best], best, rho


def one_step_course(space: StateSpace, designs: Floats, y: Floats) -> Course:
    """The one-step errors of a state space model as a course: a step meets them as the model passes it on.

    The covariance of y (n,) given the state one period before the first is the model's, that state is a regressor
    without a prior, and everything is multiplied by the inverse of the covariance's Cholesky factor (generalised least
    squares). ``designs`` (n, k): how the state makes each outcome.
    """
    n, size = designs.shape
    carried, power = np.zeros((n, size)), space.transition
    for t in range(n):
        carried[t] = designs[t] @ power
        power = space.transition @ power
    noise = space.selection @ space.state_cov @ space.selection.T
    known = forecast(replace(space, state=space.intercept, covariance=noise), designs)
    factor = np.linalg.cholesky(known.covariance)
    steps = np.tril(np.ones((n, n)))
    both = np.linalg.solve(factor, np.column_stack([y - known.mean, carried, steps]))
    return Course(
        both[:, 0], both[:, 1 : 1 + size], np.ones(n), slope=False, terms=both[:, 1 + size :], correlated=False
    )


def largest_break(course: Course) -> Broken | None:
    """The largest break and its p-value; None where the series is too short to look for one.

    p = (1 + draws at least as large) / 1000. A series that the regression passes through exactly has no break.
    """
    n, width = course.y.shape[0], 2 if course.slope else 1
    if n < FEWEST:
        return None
    edge = max(math.ceil(TRIM * n), EDGE)
    places = np.arange(edge, n - edge + 1)
    if places.size > PLACES:
        places = places[np.unique(np.linspace(0, places.size - 1, PLACES).round().astype(int))]
    basis = _basis(course, places)
    if basis is None or n - basis.regressors.shape[1] - width < SPARE:
        return None
    df = (width, n - basis.regressors.shape[1] - width)
    own = course.y[None, :]
    left = basis.shares(own)[0][0]
    if float(left @ left) <= STILL * float(course.y @ course.y):
        return Broken(0.0, df, int(basis.places[0]), int(basis.places.size), 1.0, 0.0)
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, n))
    if course.correlated:
        search = _Search(course, basis, _medians(basis, draws[:MEDIANS]))
        share, place, rho = (found[0] for found in search.largest(own))
        others = search.largest(_autoregressive(draws, float(rho)))[0]
    else:
        (share,), (best,), _ = basis.largest(own)
        place, rho, others = basis.places[best], 0.0, basis.largest(draws)[0]
    larger = int(np.sum(others >= share * (1.0 - TIED)))
    statistic = float(share) / max(1.0 - float(share), STILL) * df[1] / df[0]
    return Broken(statistic, df, int(place), int(basis.places.size), (1 + larger) / (DRAWS + 1), float(rho))


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """What is done to the series and to every draw: estimate the autoregression, take it out, find the largest F."""

    course: Course
    plain: _Basis
    medians: Floats

    def largest(self, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Largest share (b,), its place (b,) and the autoregression taken out (b,), for series (b, n)."""
        raw = self.plain.largest(y)[2]
        nearest = np.rint(np.interp(raw, self.medians, np.arange(GRID.size))).astype(int)
        share, place = np.zeros(y.shape[0]), np.zeros(y.shape[0])
        for number in np.unique(nearest):
            mine = nearest == number
            basis = _basis(self.course, self.plain.places, float(GRID[number])) or self.plain
            share[mine], best, _ = basis.largest(_independent(y[mine].T, float(GRID[number])).T)
            place[mine] = basis.places[best]
        return share, place, GRID[nearest]


def _basis(course: Course, places: Ints, rho: float = 0.0) -> _Basis | None:
    """Orthonormal bases of transformed columns; places whose terms the regressors hold already are left out."""
    n = course.y.shape[0]
    columns, sizes, _ = np.linalg.svd(_independent(course.x, rho), full_matrices=False)
    regressors: Floats = columns[:, sizes > TIED * float(np.max(sizes, initial=0.0))]
    time = np.arange(n, dtype=np.float64)
    steps = (time >= places[:, None]).astype(np.float64) if course.terms is None else course.terms[:, places].T
    added = [steps, steps * (time - places[:, None])] if course.slope else [steps]
    flat = np.stack(added, axis=2) * course.weight[None, :, None]
    columns = np.moveaxis(_independent(np.moveaxis(flat, 0, 1).reshape(n, -1), rho).reshape(n, len(places), -1), 1, 0)
    beyond = columns
    for _ in range(2):
        beyond = beyond - regressors @ (regressors.T @ beyond)
    known = np.any(np.linalg.norm(beyond, axis=1) <= TIED * np.linalg.norm(columns, axis=1), axis=1)
    if bool(np.all(known)):
        return None
    return _Basis(regressors, np.linalg.qr(beyond[~known])[0], places[~known])


def _autoregressive(draws: Floats, rho: float) -> Floats:
    """Stationary series (b, n) with variance one from innovations (b, n)."""
    made = draws.copy()
    step = math.sqrt(1.0 - rho**2)
    for t in range(1, draws.shape[1]):
        made[:, t] = rho * made[:, t - 1] + step * draws[:, t]
    return made


def _independent(columns: Floats, rho: float) -> Floats:
    """Columns (n, c) of which an autoregression is taken out, the first period scaled (Prais & Winsten 1954)."""
    made = columns - rho * np.vstack([np.zeros((1, columns.shape[1])), columns[:-1]])
    made[0] = math.sqrt(1.0 - rho**2) * columns[0]
    return made


def _medians(basis: _Basis, draws: Floats) -> Floats:
    """The median estimate at each autoregression of the grid, made to rise."""
    medians = [float(np.median(basis.largest(_autoregressive(draws, float(point)))[2])) for point in GRID]
    return np.maximum.accumulate(medians)
