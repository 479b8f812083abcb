"""Least squares and the logit on arrays: against statsmodels, and every refusal with the covariate it names."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from evaltool.errors import RunError
from evaltool.numerics.regression import Regressors, logit, weighted_least_squares
from evaltool.numerics.two_period import TwoPeriod, contrast

WHERE = "cohort 2006, period 2007"
N = 400


def world(seed: int = 3) -> tuple[Regressors, np.ndarray, np.ndarray, np.ndarray]:
    """Regressors, treatment, outcome and weights."""
    rng = np.random.default_rng(seed)
    income, age = rng.normal(size=N), rng.normal(40.0, 9.0, size=N)
    x = np.column_stack([np.ones(N), income, age])
    d = (rng.uniform(size=N) < 1.0 / (1.0 + np.exp(0.5 - 0.7 * income - 0.02 * (age - 40.0)))).astype(float)
    y = 1.0 + 2.0 * income - 0.1 * age + rng.normal(size=N)
    return Regressors(x, ("constant", "income", "age"), WHERE), d, y, rng.uniform(0.2, 3.0, size=N)


def test_least_squares_agrees_with_statsmodels() -> None:
    x, _, y, w = world()
    fit = weighted_least_squares(x, y, w, "everybody")
    np.testing.assert_allclose(fit.coefficients, sm.WLS(y, x.matrix, weights=w).fit().params, rtol=1e-12)
    np.testing.assert_allclose(fit.bread, np.linalg.inv((x.matrix * w[:, None]).T @ x.matrix) * N, rtol=1e-9)


def test_logit_agrees_with_statsmodels() -> None:
    x, d, _, _ = world()
    fit = logit(x, d, np.ones(N))
    other = sm.Logit(d, x.matrix).fit(disp=0, tol=1e-14, maxiter=100)
    np.testing.assert_allclose(fit.coefficients, other.params, rtol=1e-11)
    np.testing.assert_allclose(fit.bread / N, other.cov_params(), rtol=1e-9)


def test_weighted_logit_agrees_with_statsmodels() -> None:
    x, d, _, w = world()
    fit = logit(x, d, w)
    other = sm.GLM(d, x.matrix, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(fit.coefficients, other.params, rtol=1e-9)


def test_logit_does_not_depend_on_units_of_measure() -> None:
    x, d, _, w = world()
    scaled = Regressors(x.matrix * np.array([1.0, 1e6, 1e-5]), x.names, WHERE)
    np.testing.assert_allclose(logit(x, d, w).fitted, logit(scaled, d, w).fitted, rtol=1e-11)


def test_weights_count_as_copies() -> None:
    """A unit of weight 3 is three units."""
    x, d, _, _ = world()
    w = 1.0 + (np.arange(N) % 3)
    copies = np.repeat(np.arange(N), w.astype(int))
    many = Regressors(x.matrix[copies], x.names, WHERE)
    np.testing.assert_allclose(
        logit(x, d, w).coefficients, logit(many, d[copies], np.ones(copies.size)).coefficients, rtol=1e-11
    )


def test_score_is_zero_at_the_maximum() -> None:
    x, d, _, w = world()
    fit = logit(x, d, w)
    assert float(np.max(np.abs(x.matrix.T @ (w * (d - fit.fitted))))) < 1e-9


def refusal(x: Regressors, d: np.ndarray, method: str = "dr") -> RunError:
    """The refusal of a two-period comparison in which the treated come first."""
    order = np.argsort(-d, kind="stable")
    data = TwoPeriod(
        change=np.linspace(0.0, 1.0, d.size),
        treated=int(d.sum()),
        weights=np.ones(d.size),
        regressors=Regressors(x.matrix[order], x.names, x.where),
    )
    with pytest.raises(RunError) as caught:
        contrast(data, method)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_a_covariate_that_repeats_others_is_named(method: str) -> None:
    x, d, _, _ = world()
    twice = np.column_stack([x.matrix, 2.0 * x.matrix[:, 1] - 3.0])
    error = refusal(Regressors(twice, (*x.names, "wealth"), WHERE), d, method)
    assert error.codes == ("RUN_COLLINEAR",)
    assert "'wealth' is a linear combination of the constant and 'income'" in str(error)
    assert WHERE in str(error)


def test_a_covariate_that_does_not_vary_is_named() -> None:
    x, d, _, _ = world()
    flat = np.column_stack([x.matrix, np.zeros(N)])
    error = refusal(Regressors(flat, (*x.names, "empty"), WHERE), d)
    assert "'empty' does not vary" in str(error)


def test_more_covariates_than_comparison_units() -> None:
    matrix = np.column_stack([np.ones(6), [1.0, 2, 3, 4, 5, 7], [2.0, 1, 5, 3, 9, 1], [0.0, 1, 0, 0, 1, 1]])
    d = np.array([1.0, 1, 1, 0, 0, 0])
    error = refusal(Regressors(matrix, ("constant", "a", "b", "c"), WHERE), d, "reg")
    assert error.codes == ("RUN_COLLINEAR",)
    assert "3 units, 4 terms" in str(error)


def test_perfect_separation_names_the_covariate() -> None:
    x, _, _, _ = world()
    d = (x.matrix[:, 2] > 45.0).astype(float)
    error = refusal(x, d)
    assert error.codes == ("RUN_SEPARATION",)
    assert "'age' separates" in str(error)
    assert error.faults[0].place.column == "age"


def test_separation_by_several_together() -> None:
    x, _, _, _ = world()
    d = (x.matrix[:, 1] * 9.0 + x.matrix[:, 2] > 45.0).astype(float)
    error = refusal(x, d)
    assert error.codes == ("RUN_SEPARATION",)
    assert "'income' and 'age' separate" in str(error)


def test_quasi_separation_is_refused() -> None:
    """One value of a yes/no covariate occurs among the comparison units only."""
    rng = np.random.default_rng(5)
    d = (np.arange(200) < 80).astype(float)
    flag = np.where(d == 1.0, 1.0, (np.arange(200) % 2).astype(float))
    x = Regressors(np.column_stack([np.ones(200), rng.normal(size=200), flag]), ("constant", "z", "flag"), WHERE)
    assert refusal(x, d).codes == ("RUN_SEPARATION",)


def test_a_treated_unit_without_counterpart_is_refused() -> None:
    rng = np.random.default_rng(11)
    z = np.concatenate([rng.normal(size=60) + 1.0, [7.0], rng.normal(size=140) - 1.0])
    d = (np.arange(201) < 61).astype(float)
    x = Regressors(np.column_stack([np.ones(201), z]), ("constant", "z"), WHERE)
    assert refusal(x, d, "ipw").codes == ("RUN_NO_OVERLAP",)


def test_a_far_comparison_unit_is_no_separation() -> None:
    """A comparison unit forty standard deviations away has a score of zero; everybody else still overlaps."""
    rng = np.random.default_rng(11)
    z = np.concatenate([rng.normal(size=60) + 1.0, rng.normal(size=140), [-40.0]])
    d = (np.arange(201) < 60).astype(float)
    fit = logit(Regressors(np.column_stack([np.ones(201), z]), ("constant", "z"), WHERE), d, np.ones(201))
    assert fit.fitted[-1] < 1e-13
    assert fit.fitted.max() < 0.99


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_influence_values_have_mean_zero_and_predict_a_reweighting(method: str) -> None:
    """∂ ATT / ∂ (weight of unit i) is psi_i / n: the definition of an influence function, by finite differences."""
    x, d, y, w = world()
    order = np.argsort(-d, kind="stable")
    x = Regressors(x.matrix[order], x.names, WHERE)
    change, weights, treated = y[order] + 0.3 * d[order], w[order], int(d.sum())
    base = contrast(TwoPeriod(change, treated, weights, x), method)  # type: ignore[arg-type]
    assert abs(float(np.mean(base.influence))) < 1e-12
    for i in (0, 5, treated - 1, treated, treated + 20, N - 1):
        step = 1e-5
        ends = []
        for sign in (-1.0, 1.0):
            moved = weights.copy()
            moved[i] *= 1.0 + sign * step
            ends.append(contrast(TwoPeriod(change, treated, moved, x), method).att)  # type: ignore[arg-type]
        slope = (ends[1] - ends[0]) / (2.0 * step)
        assert slope == pytest.approx(base.influence[i] / N, abs=1e-9, rel=1e-5)


def test_doubly_robust_needs_only_one_of_the_two_right() -> None:
    """The outcome is linear in x and the score wrong (and the other way round): dr recovers the effect exactly."""
    x, d, _, _ = world()
    order = np.argsort(-d, kind="stable")
    x = Regressors(x.matrix[order], x.names, WHERE)
    change = 3.0 + x.matrix @ np.array([0.0, 1.5, -0.2]) + 0.7 * d[order]
    for method in ("reg", "dr"):
        found = contrast(TwoPeriod(change, int(d.sum()), np.ones(N), x), method)  # type: ignore[arg-type]
        assert found.att == pytest.approx(0.7, abs=1e-12)
