"""How often the tests of the counterfactual methods reject when there is no effect, over seeded draws.

Bounds are exact binomial: a test of size α on N draws rejects more often than the bound with probability below 0.001.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from evaltool.numerics.conformal import shift_test
from evaltool.numerics.fits import fit_of, in_space, ratio_rank
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.segmented import Rule, automatic_lags, fit_segmented
from evaltool.numerics.simplex_control import Windows, fit_control


def bound(size: float, draws: int) -> int:
    """Most rejections that chance allows once in a thousand."""
    return int(stats.binom.ppf(0.999, draws, size))


def paths(r: np.random.Generator, periods: int, units: int) -> np.ndarray:
    """Exchangeable units on two stationary factors."""
    return r.normal(size=(periods, 2)) @ r.normal(size=(2, units)) + r.normal(size=(periods, units))


def test_the_permutation_of_rmspe_ratios_keeps_its_size() -> None:
    """Ten exchangeable units: p ≤ 1/10 in one of ten draws; the treated unit is in nobody's pool."""
    r, draws, rejected = np.random.default_rng(1), 300, 0
    windows = Windows(np.arange(14) < 10, np.arange(14) >= 10)
    for _ in range(draws):
        y = paths(r, 14, 10)

        def fitter(target: int, pool: np.ndarray, w: Windows, y: np.ndarray = y) -> object:
            return fit_of(fit_control(y[:, target], y[:, pool], w))

        fit = fit_of(fit_control(y[:, 0], y[:, 1:], windows))
        rank = ratio_rank(fit, in_space(fitter, np.arange(1, 10), windows))  # type: ignore[arg-type]
        rejected += rank.p_value <= 0.1
    assert rejected <= bound(0.1, draws)


def test_moving_blocks_keep_their_size() -> None:
    """Twenty periods without dependence, four treated: p ≤ 1/10 in one of ten draws at most."""
    r, draws, rejected = np.random.default_rng(2), 1000, 0
    after = np.arange(20) >= 16
    every = Windows(np.ones(20, dtype=bool), after)
    for _ in range(draws):
        y = paths(r, 20, 8)
        rejected += shift_test(fit_control(y[:, 0], y[:, 1:], every).gap, after).p_value <= 0.1
    assert rejected <= bound(0.1, draws)


def rejections(errors: str, rho: float, draws: int = 600) -> int:
    """How often a change in level is found at 5 % in a series of 60 with 15 treated periods and AR(1) errors."""
    r, found = np.random.default_rng(3), 0
    t = np.arange(60.0) - 45.0
    x = np.column_stack([np.ones(60), t, t >= 0])
    lags = automatic_lags(60)
    for _ in range(draws):
        e = r.normal(size=60)
        for k in range(1, 60):
            e[k] += rho * e[k - 1]
        fit = fit_segmented(e, x, np.zeros(60), Rule("gaussian", errors, lags))  # type: ignore[arg-type]
        se = float(np.sqrt(fit.covariance[2, 2]))
        found += infer(float(fit.coefficients[2]), se, InferenceRule(0.95, "two", "increase", 57.0)).p_value < 0.05
    return found


def test_a_level_in_a_series_keeps_its_size_without_dependence_and_hac_is_known_to_be_liberal_with_it() -> None:
    """Independent errors: the model's own keeps 5 %, HAC stays below 10 %. With ρ = 0.4 the model's own more than
    doubles its size; HAC rejects less often than it, though still above 5 %."""
    assert rejections("model", 0.0) <= bound(0.05, 600)
    assert rejections("hac", 0.0) <= bound(0.10, 600)
    naive, robust = rejections("model", 0.4), rejections("hac", 0.4)
    assert naive > 2 * 0.05 * 600
    assert robust < naive
