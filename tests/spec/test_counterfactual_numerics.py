"""Numbers behind the counterfactual methods: priced weights, bounds, conformal tests, V, ridge, factors, completion."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from evaltool.errors import RunError
from evaltool.numerics.conformal import check_resolution, invert, shift_test
from evaltool.numerics.factor_model import factor_path
from evaltool.numerics.fits import Fit, autocorrelation, effect_rank, fit_from_path, placebo_spread
from evaltool.numerics.identification_bound import objective_range
from evaltool.numerics.nuclear_norm import completed, largest_penalty
from evaltool.numerics.penalised_control import GRID, chosen_penalty, penalised_weights
from evaltool.numerics.predictor_weights import scaled, searched, weighed
from evaltool.numerics.ridge_control import augmented_weights
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_control import Windows
from evaltool.numerics.simplex_linear import priced_least_squares


@pytest.mark.parametrize("seed", range(40))
def test_priced_weights_are_optimal_and_the_smallest(seed: int) -> None:
    """No other weights are better; without prices the solution is the unpriced one; donors in any order, same bits."""
    r = np.random.default_rng(seed)
    m, j = int(r.integers(1, 8)), int(r.integers(2, 13))
    c, price = r.normal(size=(m, j)) * 2, r.normal(size=j) * r.choice([0.0, 0.01, 1.0, 10.0])
    if seed % 2:
        c, price = np.rint(c), np.rint(price)
    found = priced_least_squares(c, price)
    value = 0.5 * np.sum((c @ found.weights) ** 2) + price @ found.weights
    others = r.dirichlet(np.full(j, 0.3), size=200)
    assert value <= np.min(0.5 * np.sum((others @ c.T) ** 2, axis=1) + others @ price) + 1e-10
    gradient = c.T @ (c @ found.weights) + price
    assert float(found.weights @ gradient - np.min(gradient)) <= 1e-10 * max(found.scale, 1.0)
    assert priced_least_squares(c, np.zeros(j)).weights == pytest.approx(simplex_least_squares(c).weights, abs=1e-8)
    order = r.permutation(j)
    again = priced_least_squares(c[:, order], price[order]).weights
    if found.unique:
        assert again.tolist() == found.weights[order].tolist()


def test_priced_weights_by_hand() -> None:
    """C = (1, −1), p = (t, 0): minimise ½(2w − 1)² + t w, so w = ½ − t/4 for t ≤ 2, and 0 beyond."""
    c = np.array([[1.0, -1.0]])
    for t, w in ((0.0, 0.5), (1.0, 0.25), (2.0, 0.0), (9.0, 0.0)):
        assert priced_least_squares(c, np.array([t, 0.0])).weights == pytest.approx([w, 1 - w], abs=1e-14)


def test_the_identification_bound_by_hand() -> None:
    """One period, donors at distances −1, 1 and 3: Cw = −w₁ + w₂ + 3w₃.

    Weights (½, ½, 0) and (¾, 0, ¼) both fit exactly. With the objective (0, 1, 10) every exact fit lies between them:
    ½ and 2½.
    """
    c = np.array([[-1.0, 1.0, 3.0]])
    best = simplex_least_squares(c)
    found = objective_range(c, np.array([0.0, 1.0, 10.0]), best, 0.0)
    assert found.lower.value == pytest.approx(0.5, abs=1e-6)
    assert found.upper.value == pytest.approx(2.5, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_no_weights_within_the_allowance_pass_the_bound(seed: int) -> None:
    """Against scipy's SLSQP from many starts, and rigorously against the dual bound; it widens with δ."""
    r = np.random.default_rng(seed)
    c, a = r.normal(size=(6, 9)) + 1.0, r.normal(size=9)
    best = simplex_least_squares(c)
    last = 0.0
    for delta in (0.0, 0.01, 0.1, 1.0):
        found = objective_range(c, a, best, delta)
        for end in (found.lower, found.upper):
            assert float(np.linalg.norm(c @ end.weights)) <= found.allowed * (1 + 1e-9)
            assert float(np.min(end.weights)) >= 0.0
            assert float(np.sum(end.weights)) == pytest.approx(1.0, abs=1e-9)
        assert found.lower.bound - 1e-12 <= found.lower.value <= found.upper.value + 1e-12
        assert found.upper.value <= found.upper.bound + 1e-12
        assert found.upper.value - found.lower.value >= last - 1e-9
        last = found.upper.value - found.lower.value
        for start in () if delta == 0.0 else (best.weights, *r.dirichlet(np.ones(9), size=3)):
            other = minimize(
                lambda w: -float(a @ w),
                start,
                bounds=[(0, 1)] * 9,
                constraints=[
                    {"type": "eq", "fun": lambda w: float(w.sum()) - 1.0},
                    {"type": "ineq", "fun": lambda w, top=found.allowed: top**2 - float(np.sum((c @ w) ** 2))},
                ],
                method="SLSQP",
            )
            kept = float(np.linalg.norm(c @ other.x)) <= found.allowed * (1 + 1e-7)
            assert not kept or -other.fun <= found.upper.value + 1e-5
    whole = objective_range(c, a, best, 1e3)
    assert (whole.lower.value, whole.upper.value) == pytest.approx((a.min(), a.max()))


def test_a_perfect_fit_has_the_range_of_a_linear_programme() -> None:
    r = np.random.default_rng(5)
    c = r.normal(size=(3, 10))
    best = simplex_least_squares(c)
    a = r.normal(size=10)
    assert float(np.linalg.norm(c @ best.weights)) < 1e-10
    rows = np.vstack([c, np.ones(10)])
    top = -linprog(-a, A_eq=rows, b_eq=[0, 0, 0, 1]).fun
    assert objective_range(c, a, best, 0.0).upper.value == pytest.approx(top, abs=1e-5)


def test_shifts_by_hand() -> None:
    """Residuals 1, 2, 3, 9 with the last two treated: sums of two in a row round the circle are 12, 10, 3, 5."""
    after = np.array([False, False, True, True])
    residuals = np.array([1.0, -2.0, 3.0, 9.0])
    assert (shift_test(residuals, after).larger, shift_test(residuals, after).shifts) == (1, 4)
    assert shift_test(np.array([9.0, 2.0, 3.0, 1.0]), after).p_value == 1.0
    assert shift_test(np.ones(4), after).p_value == 1.0  # ties count against the effect


@pytest.mark.parametrize("seed", range(5))
def test_shifts_are_counted_as_a_list_of_all_rotations_says(seed: int) -> None:
    r = np.random.default_rng(seed)
    residuals, after = r.normal(size=17), np.arange(17) >= 12
    rotated = [np.sum(np.abs(np.roll(residuals, -s))[after]) for s in range(17)]
    assert shift_test(residuals, after).larger == sum(value >= rotated[0] - 1e-12 for value in rotated)


def test_the_interval_is_the_inversion_of_the_test() -> None:
    """Every effect on a fine grid is inside exactly when the test accepts it (residuals: deviations from a mean)."""
    r = np.random.default_rng(3)
    y, after = r.normal(size=30), np.arange(30) >= 24
    y[after] += 4.0

    def residuals(effect: float) -> np.ndarray:
        moved = y - effect * after
        return moved - moved.mean()

    found = invert(residuals, after, (4.0, 1.0), level=0.9)
    assert found.connected
    for effect in np.linspace(-2.0, 10.0, 601):
        accepted = shift_test(residuals(float(effect)), after).p_value > 0.1 + 1e-12
        assert accepted == (found.lower <= effect <= found.upper)
    assert found.lower < 4.0 < found.upper


def test_levels_and_intervals_that_cannot_be_are_refused() -> None:
    check_resolution(20, 0.95, "k")
    with pytest.raises(RunError) as caught:
        check_resolution(19, 0.95, "k")
    assert caught.value.codes == ("RUN_LEVEL_OUT_OF_REACH",)
    after = np.arange(10) >= 9
    with pytest.raises(RunError) as caught:
        invert(lambda _effect: np.ones(10), after, (0.0, 1.0), level=0.8)
    assert caught.value.codes == ("RUN_UNBOUNDED_INTERVAL",)
    with pytest.raises(RunError) as caught:
        invert(lambda effect: np.append(np.zeros(9), 1.0 + abs(effect)), after, (0.0, 1.0), level=0.8)
    assert caught.value.codes == ("RUN_EMPTY_INTERVAL",)


def test_v_search_finds_the_predictor_that_matters() -> None:
    """Outcomes follow the first predictor only; the second is noise on another scale. The optimum fits exactly."""
    r = np.random.default_rng(1)
    own = r.uniform(1.0, 2.0, size=9)
    target = float(own[:3].mean())
    x = scaled(np.array([target, 50.0]), np.vstack([own, r.normal(size=9) * 100]))
    assert x is not None
    c = np.outer(np.arange(1.0, 6.0), own - target)
    found = searched(x, c)
    assert found.v[0] > 0.99
    assert found.loss < 1e-6 * float(np.mean(c**2))
    assert found.loss <= weighed(x, c, np.array([0.5, 0.5])).loss
    assert searched(x, c).v.tolist() == found.v.tolist()
    assert scaled(np.array([1.0]), np.ones((1, 4))) is None


@pytest.mark.parametrize("seed", range(4))
def test_no_v_on_a_fine_grid_is_much_better_and_none_beats_outcomes_alone(seed: int) -> None:
    r = np.random.default_rng(seed)
    factors = r.normal(size=(7, 3))
    x = scaled(factors[0], factors[1:].T)
    assert x is not None
    paths = r.normal(size=(8, 3)) @ factors.T + 0.2 * r.normal(size=(8, 7))
    c = paths[:, 1:] - paths[:, :1]
    found = searched(x, c)
    grid = [
        weighed(x, c, np.array(v)).loss
        for v in itertools.product((1e-6, 1e-3, 0.01, 0.05, 0.1, 0.3, 0.5, 1.0), repeat=3)
        if max(v) == 1.0
    ]
    assert found.loss <= min(grid) * (1 + 1e-3)
    best = simplex_least_squares(c).weights
    assert found.loss >= float(np.mean((c @ best) ** 2)) - 1e-12


def test_ridge_limits() -> None:
    """A huge penalty is the synthetic control; none at all fits the history where donors span it; Σw = 1 always."""
    r = np.random.default_rng(2)
    pool, target = r.normal(size=(5, 12)), r.normal(size=5) * 3
    simplex = simplex_least_squares(pool - target[:, None]).weights
    assert augmented_weights(pool, target, 1e12).weights == pytest.approx(simplex, abs=1e-9)
    exact = augmented_weights(pool, target, 0.0).weights
    assert pool @ exact == pytest.approx(target, abs=1e-9)
    chosen = augmented_weights(pool, target, None)
    assert float(chosen.weights.sum()) == pytest.approx(1.0, abs=1e-12)
    assert chosen.penalty > 0.0


def test_penalised_limits_and_the_choice_of_the_penalty() -> None:
    """No penalty: the synthetic control. A huge one: the nearest donor. The holdout takes the larger among equals."""
    r = np.random.default_rng(4)
    c = r.normal(size=(9, 6))
    assert penalised_weights(c, 0.0).weights == pytest.approx(simplex_least_squares(c).weights, abs=1e-9)
    nearest = int(np.argmin(np.sum(c * c, axis=0)))
    assert penalised_weights(c, 1e9).weights.tolist() == [float(k == nearest) for k in range(6)]
    errors = [float(np.sum((c[-3:] @ penalised_weights(c[:-3], p).weights) ** 2)) for p in GRID]
    assert chosen_penalty(c, 3) == max(p for p, e in zip(GRID, errors, strict=True) if e <= min(errors) * (1 + 1e-12))


def test_exact_factor_data_are_recovered() -> None:
    r = np.random.default_rng(6)
    f, loadings = r.normal(size=(20, 2)), r.normal(size=(2, 12))
    y = f @ loadings + r.normal(size=(20, 1)) + r.normal(size=12)
    before = np.arange(20) < 14
    found = factor_path(y[:, 0], y[:, 1:], before, tuple(range(5)))
    assert found.path == pytest.approx(y[:, 0], abs=1e-8)
    assert found.rank >= 2
    plain = factor_path(y[:, 0], y[:, 1:], before, (0,))
    shared = y[:, 1:].mean(axis=1)
    assert plain.path == pytest.approx(shared + (y[before, 0] - shared[before]).mean())


def test_left_out_errors_are_those_of_refitting() -> None:
    r = np.random.default_rng(7)
    y = r.normal(size=(12, 8))
    before = np.arange(12) < 9
    found = factor_path(y[:, 0], y[:, 1:], before, (0, 1, 2))
    shared = y[:, 1:].mean(axis=1)
    left = y[:, 1:] - shared[:, None]
    u = np.linalg.svd(left - left.mean(axis=0))[0]
    own = y[:, 0] - shared
    for rank in (0, 1, 2):
        x = np.column_stack([np.ones(12), u[:, :rank]])
        errors = []
        for out in np.flatnonzero(before):
            rows = before & (np.arange(12) != out)
            errors.append(own[out] - x[out] @ np.linalg.lstsq(x[rows], own[rows], rcond=None)[0])
        assert found.errors[rank] == pytest.approx(np.mean(np.square(errors)))


def test_completion_meets_its_conditions() -> None:
    """Residuals have no norm beyond λ, align with L, and sum to nothing over each unit and period; λ large: two-way."""
    r = np.random.default_rng(8)
    y = r.normal(size=(15, 2)) @ r.normal(size=(2, 10)) + 0.3 * r.normal(size=(15, 10))
    missing = np.zeros(y.shape, dtype=bool)
    missing[11:, 9] = True
    top = largest_penalty(y, missing)
    for share in (0.02, 0.1, 0.5):
        found = completed(y, missing, share * top)
        residual = np.where(missing, 0.0, y - found.fitted)
        assert float(np.linalg.norm(residual, 2)) <= share * top * (1 + 1e-8)
        assert float(np.max(np.abs(residual.sum(axis=0)))) < 1e-8
        assert float(np.max(np.abs(residual.sum(axis=1)))) < 1e-8
        centred = found.fitted - found.fitted.mean(axis=0) - found.fitted.mean(axis=1)[:, None] + found.fitted.mean()
        norm = float(np.linalg.svd(centred, compute_uv=False).sum())
        assert float(np.sum(residual * centred)) == pytest.approx(share * top * norm, rel=1e-7)
    assert completed(y, missing, top).rank == 0
    wild = np.where(missing, 1e6, y)
    assert completed(wild, missing, 0.1 * top).fitted == pytest.approx(
        completed(y, missing, 0.1 * top).fitted, abs=1e-7
    )


def fit(effect: float, before: float = 1.0) -> Fit:
    windows = Windows(np.array([True, False]), np.array([False, True]))
    return fit_from_path(np.array([before, effect]), np.zeros(2), windows)


def test_ranks_of_effects_and_their_spread() -> None:
    placebos = (fit(1.0), fit(-3.0), fit(2.0))
    assert effect_rank(fit(2.0), placebos).p_value == 3 / 4
    assert effect_rank(fit(-9.0), placebos).p_value == 1 / 4
    assert placebo_spread(placebos) == pytest.approx(np.std([1.0, -3.0, 2.0]))


def test_autocorrelation_by_hand() -> None:
    """1, −1, 1, −1: products of neighbours −3 over squares 4."""
    assert autocorrelation(np.array([1.0, -1.0, 1.0, -1.0])) == pytest.approx(-3 / 4)
    assert autocorrelation(np.ones(3)) is None
