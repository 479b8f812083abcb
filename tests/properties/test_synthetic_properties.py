"""Synthetic control whatever the data: optimality, smallest weights, names, order, shift and scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_worlds import asked, built, panel_of

from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.estimators.counterfactual.synthetic_control import PLUGIN, SyntheticControlOptions
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.records.estimate import Estimate


def paths(seed: int, units: int = 16, periods: int = 14) -> np.ndarray:
    """(periods, units) from two factors and noise; unit 0 will be treated."""
    r = np.random.default_rng(seed)
    return r.normal(size=(periods, 2)).cumsum(axis=0) @ r.normal(size=(2, units)) + r.normal(size=(periods, units))


def estimated(values: np.ndarray, names: list[object], seed: int | None = None) -> Estimate:
    periods, units = values.shape
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.array(names, dtype=object), periods).tolist(),
            "period": np.tile(np.arange(periods), units),
            "first_treated": np.where(np.repeat(np.arange(units), periods) == 0, 9.0, np.inf),
            "weight": 1.0,
            "y.y": values.T.reshape(-1),
        }
    )
    panel = panel_of(frame if seed is None else frame.sample(frac=1.0, random_state=seed))
    design = built(POOL, PoolOptions(), panel)
    return PLUGIN.estimate(asked(SyntheticControlOptions(placebo_periods=3), design, panel))


@pytest.mark.parametrize("names", [list(range(100, 116)), [f"unit {k:02d}" for k in range(16)]])
def test_row_order_changes_no_byte(names: list[object]) -> None:
    first = estimated(paths(1), names)
    for seed in range(3):
        assert estimated(paths(1), names, seed).to_json() == first.to_json()


@pytest.mark.parametrize("seed", range(6))
def test_permuting_donors_changes_no_byte_of_any_number(seed: int) -> None:
    """Donors stand in order of their history: names and places only change under which name a weight stands."""
    values, names = paths(seed), [f"u{k:02d}" for k in range(16)]
    first = estimated(values, names)
    order = np.concatenate([[0], 1 + np.random.default_rng(seed).permutation(15)])
    other = estimated(values[:, order], names)
    assert other.att == first.att
    assert [e.att for e in other.path] == [e.att for e in first.path]
    back = dict(zip(names, (names[k] for k in order), strict=True))
    assert {back[n]: w for n, w in other.certificate["donor_weights"].items()} == first.certificate["donor_weights"]
    assert other.conventions == first.conventions


@pytest.mark.parametrize("seed", range(6))
def test_shifting_and_scaling_the_outcome(seed: int) -> None:
    values, names = paths(seed), [f"u{k:02d}" for k in range(16)]
    first = estimated(values, names)
    other = estimated(values * -8.0 + 1000.0, names)
    assert other.att == pytest.approx(-8.0 * first.att, rel=1e-8, abs=1e-9)
    assert other.conventions["permutation_place"] == first.conventions["permutation_place"]
    assert other.certificate["donor_weights"] == pytest.approx(first.certificate["donor_weights"], abs=1e-9)


def test_a_constant_added_to_every_unit_in_a_period_changes_no_gap() -> None:
    values, names = paths(4), [f"u{k:02d}" for k in range(16)]
    shocks = np.random.default_rng(5).normal(size=(14, 1)) * 50.0
    first, other = estimated(values, names), estimated(values + shocks, names)
    assert [e.att for e in other.path] == pytest.approx([e.att for e in first.path], abs=1e-9)


shapes = st.tuples(st.integers(1, 8), st.integers(1, 12), st.integers(0, 10**6), st.booleans())


@settings(max_examples=150, deadline=None)
@given(shapes)
def test_the_weights_are_optimal_and_both_algorithms_find_them(shape: tuple[int, int, int, bool]) -> None:
    """No other weights fit better; where many fit equally well (whole numbers), the smallest are taken."""
    rows, columns, seed, whole = shape
    r = np.random.default_rng(seed)
    c = r.normal(size=(rows, columns)) * 2.0
    c = np.rint(c) if whole else c
    found = simplex_least_squares(c)
    assert float(found.weights.min()) >= 0.0
    assert float(found.weights.sum()) == pytest.approx(1.0, abs=1e-12)
    best = float(np.sum((c @ found.weights) ** 2))
    others = r.dirichlet(np.full(columns, 0.5), size=50).T
    assert best <= float(np.min(np.sum((c @ others) ** 2, axis=0))) + 1e-9
    again = nearest_point_weights(c)
    assert float(np.sum((c @ again) ** 2)) == pytest.approx(best, abs=1e-9)
    assert again == pytest.approx(found.weights, abs=1e-7)
    # walking towards any other weights with the same fit never makes the sum of squares smaller
    rows_and_sum = np.vstack([c, np.ones(columns)])
    null = np.linalg.svd(rows_and_sum)[2][np.linalg.matrix_rank(rows_and_sum, tol=1e-9) :]
    for direction in (*null, *-null):
        step = 1e-4 * direction
        if float(np.min(found.weights + step)) >= 0.0:
            assert float(np.sum((found.weights + step) ** 2)) >= float(np.sum(found.weights**2)) - 1e-12


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_the_order_of_columns_changes_no_bit(seed: int, columns: int) -> None:
    r = np.random.default_rng(seed)
    c = np.rint(r.normal(size=(4, columns)) * 3.0)
    order = r.permutation(columns)
    first, other = simplex_least_squares(c), simplex_least_squares(c[:, order])
    twins = np.unique(c, axis=1).shape[1] < columns
    if twins:
        assert other.weights == pytest.approx(first.weights[order], abs=1e-9)
    else:
        assert other.weights.tolist() == first.weights[order].tolist()
