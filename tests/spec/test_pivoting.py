"""Non-negative least squares by blocks: the same minimum as an active set, and large simplex problems certified."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from evaltool.numerics import pivoting, simplex
from evaltool.numerics.pivoting import by_blocks, plainly_independent


@pytest.mark.parametrize("seed", range(20))
def test_blocks_reach_what_an_active_set_reaches(seed: int) -> None:
    r = np.random.default_rng(seed)
    a = r.normal(size=(60, int(r.integers(2, 40))))
    b = a @ r.normal(size=a.shape[1]) + r.normal(size=60)
    found = by_blocks(a.T @ a, a.T @ b)
    assert found is not None
    assert found == pytest.approx(nnls(a, b)[0], abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_one_at_a_time_where_blocks_do_not_help(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without patience every exchange that breaks no fewer signs is followed by single ones."""
    r = np.random.default_rng(seed)
    a = r.normal(size=(45, 40)) + 3.0 * r.normal(size=(45, 1))
    b = a @ r.normal(0.5, size=40)
    monkeypatch.setattr(pivoting, "PATIENCE", 0)
    monkeypatch.setattr(pivoting, "STEPS", 20_000)
    found = by_blocks(a.T @ a, a.T @ b)
    assert found is not None
    assert found == pytest.approx(nnls(a, b, maxiter=4000)[0], abs=1e-7)
    monkeypatch.setattr(pivoting, "STEPS", 1)
    assert by_blocks(a.T @ a, a.T @ b) is None


def test_nothing_positive_and_dependence_are_left_to_others() -> None:
    a = np.eye(3)
    assert by_blocks(a, -np.ones(3)) is None
    assert plainly_independent(a)
    assert not plainly_independent(np.column_stack([a, a[:, :1]]))
    assert not plainly_independent(np.column_stack([a[:, 0], a[:, 0], a[:, 1]]))


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_large_problems_agree_with_the_small_road(ridge: float, monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(4)
    c = np.vstack([r.normal(size=(90, 70)) - r.normal(size=(90, 1)), ridge * np.eye(70)])
    large = simplex.simplex_least_squares(c)
    monkeypatch.setattr(simplex, "MANY", 10_000)
    small = simplex.simplex_least_squares(c)
    assert large.relative_gap <= 1e-12
    assert large.unique
    assert small.unique
    assert large.weights == pytest.approx(small.weights, abs=1e-12)
    assert np.flatnonzero(large.weights).tolist() == np.flatnonzero(small.weights).tolist()
