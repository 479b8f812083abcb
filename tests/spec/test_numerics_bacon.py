"""The Goodman-Bacon decomposition: by hand, against the regression it decomposes, and in corner cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.numerics.bacon import ALWAYS, NEVER, decompose


def regression(outcome: np.ndarray, starts: np.ndarray, periods: np.ndarray, weights: np.ndarray) -> float:
    """Weighted least squares on dummies of units and periods, by statsmodels."""
    units, size = outcome.shape
    d = (periods[None, :] >= starts[:, None]).astype(float).reshape(-1)
    unit = np.kron(np.eye(units), np.ones((size, 1)))
    time = np.tile(np.eye(size), (units, 1))[:, 1:]
    fit = sm.WLS(outcome.reshape(-1), np.column_stack([d, unit, time]), weights=np.repeat(weights, size)).fit()
    return float(fit.params[0])


def test_four_periods_two_cohorts_by_hand() -> None:
    """One unit each starting in 2 and 4, one never, periods 1 to 4; effect 1 from the start, rising by 1.

    D_2 = 3/4, D_4 = 1/4. Weights over 1/9: 2 vs never 3/16; 4 vs never 3/16; 2 vs 4: (1/2)(1/4) = 2/16; 4 vs 2:
    (1/4)(1/2) = 2/16; sum 10/16. Estimates: 2 vs never mean(1, 2, 3) = 2; 4 vs never 1; 2 vs 4 before 4:
    mean(1, 2) = 1.5; 4 vs 2 from 2 on: (1 − 3) − (0 − 1.5) = −0.5. Sum: (3·2 + 3·1 + 2·1.5 − 2·0.5)/10 = 1.1.
    """
    outcome = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    found = decompose(outcome, np.array([2.0, 4.0, NEVER]), np.arange(1.0, 5.0))
    shown = {(c.treated, c.comparison): (c.kind, c.weight, c.estimate) for c in found.comparisons}
    assert shown == {
        (2.0, 4.0): ("earlier vs later treated", pytest.approx(0.2), pytest.approx(1.5)),
        (2.0, NEVER): ("treated vs never treated", pytest.approx(0.3), pytest.approx(2.0)),
        (4.0, 2.0): ("later vs earlier treated", pytest.approx(0.2), pytest.approx(-0.5)),
        (4.0, NEVER): ("treated vs never treated", pytest.approx(0.3), pytest.approx(1.0)),
    }
    assert found.total() == pytest.approx(1.1, rel=1e-14)
    assert found.coefficient == pytest.approx(1.1, rel=1e-14)
    assert found.share("treated vs never treated") == pytest.approx(0.6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), never=st.booleans(), always=st.booleans(), weighted=st.booleans())
def test_weights_times_estimates_is_the_regression(seed: int, never: bool, always: bool, weighted: bool) -> None:
    """Whatever the cohorts: weights are positive, add to one, and reproduce the coefficient (statsmodels too)."""
    r = np.random.default_rng(seed)
    periods = np.sort(r.choice(np.arange(2000, 2030), size=int(r.integers(4, 9)), replace=False)).astype(float)
    cohorts = [*r.choice(periods[1:], size=int(r.integers(2, 4)), replace=False).tolist()]
    cohorts += [NEVER] * never + [float(periods[0]) - 3.0] * always
    starts = np.array([c for c in cohorts for _ in range(int(r.integers(1, 5)))])
    outcome = r.normal(size=(starts.shape[0], periods.shape[0])).cumsum(axis=1)
    weights = r.uniform(0.2, 5.0, size=starts.shape[0]) if weighted else np.ones(starts.shape[0])
    found = decompose(outcome, starts, periods, weights)
    assert all(c.weight > 0 for c in found.comparisons)
    assert math.fsum(c.weight for c in found.comparisons) == pytest.approx(1.0, abs=1e-12)
    expected = regression(outcome, starts, periods, weights)
    assert found.coefficient == pytest.approx(expected, rel=1e-8, abs=1e-9)
    assert found.total() == pytest.approx(expected, rel=1e-8, abs=1e-9)
    timings = len(set(starts[(starts > periods[0]) & np.isfinite(starts)].tolist()))
    assert len(found.comparisons) == timings * (timings - 1 + never + always)


def test_names_of_those_outside() -> None:
    outcome = np.arange(12.0).reshape(3, 4) ** 2
    found = decompose(outcome, np.array([1.0, 3.0, 99.0]), np.arange(1.0, 5.0))
    assert {c.comparison for c in found.comparisons} == {ALWAYS, NEVER}
    assert {c.kind for c in found.comparisons} == {"treated vs never treated", "treated vs always treated"}


@pytest.mark.parametrize("starts", [[NEVER, NEVER], [2.0, 2.0], [0.0, 1.0], [1.0, NEVER]])
def test_nothing_to_decompose(starts: list[float]) -> None:
    """Nobody starts, all start together, all always, or only always and never: no variation after both effects."""
    with pytest.raises(ValueError, match="nothing to decompose"):
        decompose(np.ones((2, 4)), np.array(starts), np.arange(1.0, 5.0))


def test_order_of_units_changes_nothing_beyond_rounding() -> None:
    r = np.random.default_rng(1)
    outcome, starts = r.normal(size=(9, 6)), np.array([2.0, 3.0, NEVER] * 3)
    first = decompose(outcome, starts, np.arange(1.0, 7.0))
    order = r.permutation(9)
    other = decompose(outcome[order], starts[order], np.arange(1.0, 7.0))
    for a, b in zip(first.comparisons, other.comparisons, strict=True):
        assert (a.treated, a.comparison, a.kind) == (b.treated, b.comparison, b.kind)
        assert (a.weight, a.estimate) == pytest.approx((b.weight, b.estimate), rel=1e-13)
