"""Prediction intervals of a synthetic control: how far the weights may be from the true ones, and the later shocks.

With A = Zw₀ + u before the start (Z the donors' outcomes, w₀ ≥ 0, Σw₀ = 1) the fitted weights obey |u − Zd|² ≤ |u|²
for d = ŵ − w₀. Drawing ε ~ N(0, Ω) for u, the smallest and largest x'd over d with |ε − Zd|² ≤ |ε|² and ŵ + d in a
local copy of the simplex (weights below ρ may only grow) are found exactly, draw by draw; their quantiles at α/4 and
1 − α/4 are the in-sample bounds. Ω = (u_s u_t k(|s − t|)) · T/(T − k), with Bartlett's k over ``lags`` (0:
heteroskedasticity alone). The shock of a treated period, e, is bounded at α/2 from the residuals' mean m and standard
deviation s: sub-Gaussian m ± s √(2 log(4/α)); Gaussian m ± z s; location-scale by order statistics of the residuals.
By Bonferroni the interval of a period holds 1 − α. For the mean over treated periods x is the donors' mean and shocks
are taken to move together, which bounds their mean in the first two cases whatever their dependence.

Source: Cattaneo, Feng & Titiunik 2021 (JASA 116), sections 3–5; the weights' threshold ρ after Cattaneo, Feng,
Palomba & Titiunik 2025 (Journal of Statistical Software 113), section 4; Bartlett's kernel after Newey & West 1987
and Shao 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distributions import normal_quantile
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_ball import largest_within

Shock = Literal["subgaussian", "gaussian", "location_scale"]
LARGEST_RHO = 0.2
POSITIVE = 1e-6
AGREES = 1e-6
"""Largest distance between an end and its bound, as a share of the predictand's spread over donors."""
PLACE = Place(key="estimator.options.inference")


@dataclass(frozen=True, slots=True)
class Rule:
    """``level`` of the interval, ``draws`` with ``seed``, ``lags`` of the residuals' dependence, how e is bounded."""

    level: float
    draws: int
    seed: int
    lags: int
    shock: Shock


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Bounds of the untreated outcome less its prediction, for every predictand (P,).

    ``lower`` and ``upper`` in all; ``weights_lower`` and ``weights_upper`` from the weights alone; ``shock`` those of
    one period's shock alone; ``rho`` the threshold of weights.
    """

    lower: Floats
    upper: Floats
    weights_lower: Floats
    weights_upper: Floats
    shock: tuple[float, float]
    rho: float


def predict(z: Floats, residuals: Floats, weights: Floats, predictands: Floats, rule: Rule) -> Prediction:
    """For donors (T, J) and residuals (T,) before the start, weights (J,) and predictands (P, J).

    Raises RunError: RUN_PERFECT_FIT without residuals; RUN_LEVEL_OUT_OF_REACH where order statistics cannot bound a
    shock; RUN_NOT_OPTIMAL when an end is not certified.
    """
    periods, used = residuals.shape[0], int(np.sum(weights > POSITIVE))
    free = periods - used + 1
    if float(np.max(np.abs(residuals))) == 0.0 or free < 1:
        cause = f"{used} donors carry weight over {periods} fitted periods: no residuals are left to judge shocks by."
        fix = 'Include earlier periods or fewer donors, or use inference = "placebo".'
        raise RunError(Fault("RUN_PERFECT_FIT", cause, fix, PLACE))
    alpha = 1.0 - rule.level
    shock = shock_bounds(residuals, free, alpha / 2.0, rule.shock)
    rho = threshold(z, residuals, used)
    scaled = residuals * math.sqrt(periods / free)
    drawn = _drawn(scaled, rule)
    least, most = _ends(z, weights, predictands, drawn, rho)
    low = np.quantile(least, alpha / 4.0, axis=0, method="inverted_cdf")
    high = np.quantile(most, 1.0 - alpha / 4.0, axis=0, method="inverted_cdf")
    return Prediction(
        lower=shock[0] - high,
        upper=shock[1] - low,
        weights_lower=-high,
        weights_upper=-low,
        shock=shock,
        rho=rho,
    )


def threshold(z: Floats, residuals: Floats, used: int) -> float:
    """ρ: a weight below it counts as one that the constraint w ≥ 0 holds down; at most 0.2."""
    periods, donors = z.shape
    spread = float(np.min(np.std(z, axis=0, ddof=1)))
    if spread == 0.0:
        return LARGEST_RHO
    ratio = float(np.std(residuals)) / spread
    return min(ratio * math.sqrt(math.log(donors) * used * math.log(periods) / periods), LARGEST_RHO)


def shock_bounds(residuals: Floats, free: int, alpha: float, shock: Shock) -> tuple[float, float]:
    """Bounds of one later shock that fail with probability ``alpha``. Raises RunError (RUN_LEVEL_OUT_OF_REACH)."""
    periods = residuals.shape[0]
    middle = math.fsum(residuals.tolist()) / periods
    deviation = math.sqrt(math.fsum(((residuals - middle) ** 2).tolist()) / free)
    if shock == "location_scale":
        place = math.floor(alpha / 2.0 * (periods + 1) + 1e-9)
        if place < 1:
            cause = f"{periods} fitted periods have no order statistic that bounds a shock at {alpha / 2.0:.4g}."
            fix = f"Include {math.ceil(2.0 / alpha) - 1} periods, or bound shocks as subgaussian or gaussian."
            raise RunError(Fault("RUN_LEVEL_OUT_OF_REACH", cause, fix, Place(key="estimator.options.shocks")))
        ordered = np.sort(residuals - middle) * math.sqrt(periods / free)
        return middle + float(ordered[place - 1]), middle + float(ordered[-place])
    reach = math.sqrt(2.0 * math.log(2.0 / alpha)) if shock == "subgaussian" else normal_quantile(1.0 - alpha / 2.0)
    return middle - reach * deviation, middle + reach * deviation


def _drawn(residuals: Floats, rule: Rule) -> Floats:
    """(draws, T) seeded normal draws with the residuals' own sizes, dependent over ``lags`` by Bartlett's kernel."""
    periods = residuals.shape[0]
    normal = np.random.Generator(np.random.PCG64(rule.seed)).standard_normal((rule.draws, periods + rule.lags))
    moved = np.zeros((rule.draws, periods))
    for lag in range(rule.lags + 1):
        moved += normal[:, lag : lag + periods]
    return moved / math.sqrt(rule.lags + 1.0) * residuals


def _ends(z: Floats, weights: Floats, predictands: Floats, drawn: Floats, rho: float) -> tuple[Floats, Floats]:
    """(draws, P) smallest and largest x'(w − ŵ) of every draw. Raises RunError (RUN_NOT_OPTIMAL)."""
    floor = np.where(weights < rho, weights, 0.0)
    room = 1.0 - float(np.sum(floor))
    shape = (drawn.shape[0], predictands.shape[0])
    least, most = np.zeros(shape), np.zeros(shape)
    if room <= POSITIVE:
        return least, most
    inside, fitted, base = (weights - floor) / room, z @ weights, z @ floor
    guesses: dict[tuple[int, int], float | None] = {}
    for draw, errors in enumerate(drawn):
        c = room * z + (base - fitted - errors)[:, None]
        radius = float(np.linalg.norm(errors))
        for place, x in enumerate(predictands):
            for sign, into in ((1, most), (-1, least)):
                end = largest_within(c, sign * x, radius, inside, guesses.get((place, sign)))
                guesses[place, sign] = end.theta
                if end.bound - end.value > AGREES * (float(np.ptp(x)) or 1.0):
                    cause = "The range of weights in a draw of the prediction interval could not be certified."
                    fix = "Check the outcome for extreme values; report this with the plan and the versions."
                    raise RunError(Fault("RUN_NOT_OPTIMAL", cause, fix, PLACE))
                into[draw, place] = sign * room * (end.value - float(sign * x @ inside))
    return least, most
