"""Covariances of least squares against refits, dense matrices written out, and statsmodels. Cluster sizes 3 … 46."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import linalg

from evaltool.errors import RunError
from evaltool.numerics.cluster_covariance import (
    LeastSquares,
    SmallSample,
    cr1,
    cr2,
    cr2_df,
    cr3,
    hc1,
    least_squares,
    two_way,
)
from evaltool.numerics.regression import Regressors

SIZES = (3, 4, 7, 11, 18, 29, 46)


def regressors(matrix: np.ndarray) -> Regressors:
    names = ("constant", *(f"x{j}" for j in range(1, matrix.shape[1])))
    return Regressors(matrix=matrix, names=names, where="the test")


def world(seed: int, sizes: tuple[int, ...] = SIZES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (n, 3) with a regressor that is constant within clusters, y with correlated errors, shuffled codes."""
    r = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    treated = (np.arange(len(sizes)) % 2 == 0).astype(float)[codes]
    x = np.column_stack([np.ones(codes.shape[0]), treated, r.normal(size=codes.shape[0]) * 40.0])
    y = x @ np.array([1.0, 2.0, 0.05]) + r.normal(size=len(sizes))[codes] + r.normal(size=codes.shape[0])
    order = r.permutation(codes.shape[0])
    return x[order], y[order], codes[order]


def fitted(seed: int, sizes: tuple[int, ...] = SIZES) -> tuple[LeastSquares, np.ndarray, np.ndarray, np.ndarray]:
    x, y, codes = world(seed, sizes)
    return least_squares(regressors(x), y), x, y, codes


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-10) -> None:
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert float(np.max(np.abs(found - expected) / scale)) < tolerance


@pytest.mark.parametrize("seed", range(3))
def test_statsmodels_counterparts(seed: int) -> None:
    """HC1, CR1 with and without factors: (n − 1)/(n − K) · G/(G − 1) is statsmodels' (and Stata's) correction."""
    fit, x, y, codes = fitted(seed)
    plain = sm.OLS(y, x).fit()
    np.testing.assert_allclose(fit.coefficients, plain.params, rtol=1e-11)
    close(hc1(fit, 3), plain.get_robustcov_results("HC1").cov_params())
    corrected = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": codes}).cov_params()
    found = cr1(fit, codes, SmallSample(parameters=3, groups="own"))
    close(found.covariance, corrected)
    assert (found.clusters, found.df) == (7, 6.0)
    assert found.factor == pytest.approx(117 / 115 * 7 / 6, rel=1e-15)
    bare = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}).cov_params()
    close(cr1(fit, codes, SmallSample()).covariance, bare)
    close(cr1(fit, codes, SmallSample(groups="own")).covariance, bare * 7 / 6)


def test_weights_are_those_of_weighted_least_squares() -> None:
    x, y, codes = world(3)
    w = np.random.default_rng(4).uniform(0.5, 3.0, size=y.shape[0])
    model = sm.WLS(y, x, weights=w).fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
    fit = least_squares(regressors(x), y, w)
    np.testing.assert_allclose(fit.coefficients, model.params, rtol=1e-11)
    close(cr1(fit, codes, SmallSample()).covariance, model.cov_params())


@pytest.mark.parametrize("groups", ["own", "smallest", "none"])
def test_two_way_is_first_plus_second_minus_both(groups: str) -> None:
    fit, x, y, codes = fitted(5)
    other = np.random.default_rng(6).integers(0, 5, size=y.shape[0])
    small = SmallSample(parameters=3, groups=groups)  # type: ignore[arg-type]
    pair = np.unique(codes * 5 + other, return_inverse=True)[1]
    total = np.zeros((3, 3))
    for sign, ids in ((1, codes), (1, other), (-1, pair)):
        v = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": ids, "use_correction": False}).cov_params()
        g = {"own": np.unique(ids).size, "smallest": 5, "none": None}[groups]
        total += sign * v * (1.0 if g is None else g / (g - 1)) * 117 / 115
    found = two_way(fit, codes, other, small)
    if not found.repaired:
        close(found.covariance, total)
    else:
        assert float(np.linalg.eigvalsh(total)[0]) < 0 <= float(np.linalg.eigvalsh(found.covariance)[0]) + 1e-15
    assert found.df == 4.0


def test_two_way_repair_leaves_a_covariance() -> None:
    """Errors that alternate within both clusterings make the difference indefinite; nothing negative survives."""
    first, second = np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4)
    sign = np.where((first + second) % 2 == 0, 1.0, -1.0)
    x = np.column_stack([np.ones(16), np.random.default_rng(0).normal(size=16)])
    fit = least_squares(regressors(x), sign + 0.5 * first * x[:, 1])
    found = two_way(fit, first, second, SmallSample())
    assert found.repaired
    values = np.linalg.eigvalsh(found.covariance)
    assert values[0] >= -1e-16
    assert values[-1] > 0


@pytest.mark.parametrize("sizes", [SIZES, (5,) * 8, (3, 46, 3, 46)])
def test_cr3_is_the_jackknife_of_refits(sizes: tuple[int, ...]) -> None:
    """Leave out each cluster, fit again: (G − 1)/G · Σ (b₍g₎ − b)(b₍g₎ − b)'."""
    fit, x, y, codes = fitted(8, sizes)
    g = len(sizes)
    moved = [np.linalg.lstsq(x[codes != c], y[codes != c], rcond=None)[0] - fit.coefficients for c in range(g)]
    expected = sum(np.outer(m, m) for m in moved)
    close(cr3(fit, codes).covariance, expected * (g - 1) / g)
    close(cr3(fit, codes, factor="none").covariance, expected)


def test_cr3_with_cluster_effects_taken_out_equals_refits_with_dummies() -> None:
    """Effects nested in clusters may be demeaned away beforehand: x and y by cluster, one cluster left out."""
    x, y, codes = world(9)
    slope = x[:, 2:]

    def demeaned(v: np.ndarray) -> np.ndarray:
        return v - np.stack([v[codes == c].mean(axis=0) for c in range(7)])[codes]

    fit = least_squares(Regressors(demeaned(slope), ("x",), "the test"), demeaned(y))
    dummies = np.column_stack([slope, (codes[:, None] == np.arange(7)).astype(float)])
    full = np.linalg.lstsq(dummies, y, rcond=None)[0][0]
    left = [np.linalg.lstsq(dummies[codes != c], y[codes != c], rcond=None)[0][0] for c in range(7)]
    expected = 6 / 7 * sum((b - full) ** 2 for b in left)
    assert float(cr3(fit, codes).covariance[0, 0]) == pytest.approx(expected, rel=1e-10)


def dense_cr2(x: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    """(X'X)⁻¹, I − H and the symmetric pseudo-inverse roots of (I − H)_gg, written out as n × n matrices."""
    inverse = np.linalg.inv(x.T @ x)
    rest = np.eye(x.shape[0]) - x @ inverse @ x.T
    roots = {}
    for c in range(int(codes.max()) + 1):
        i = np.flatnonzero(codes == c)
        values, vectors = np.linalg.eigh(rest[np.ix_(i, i)])
        power = np.array([1 / np.sqrt(v) if v > 1e-10 else 0.0 for v in values])
        roots[c] = (vectors * power) @ vectors.T
    return inverse, rest, roots


@pytest.mark.parametrize("sizes", [SIZES, (5,) * 8, (3, 46, 3, 46, 12)])
def test_cr2_and_its_degrees_of_freedom_by_dense_matrices(sizes: tuple[int, ...]) -> None:
    fit, x, y, codes = fitted(10, sizes)
    inverse, rest, roots = dense_cr2(x, codes)
    e = rest @ y
    scores = [x[codes == c].T @ roots[c] @ e[codes == c] for c in roots]
    close(cr2(fit, codes).covariance, inverse @ sum(np.outer(s, s) for s in scores) @ inverse, 1e-9)
    contrast = np.array([0.0, 1.0, 0.0])
    p = np.column_stack([rest[:, codes == c] @ roots[c] @ x[codes == c] @ inverse @ contrast for c in roots])
    values = np.linalg.eigvalsh(p.T @ p)
    assert cr2_df(fit, codes, contrast) == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-9)
    n, g = y.shape[0], len(sizes)
    sums = np.array([e[codes == c].sum() for c in range(g)])
    rho = max((sums @ sums - e @ e) / (sum(s * s for s in sizes) - n), 0.0)
    same = codes[:, None] == codes[None, :]
    omega = np.where(same, rho, 0.0)
    np.fill_diagonal(omega, e @ e / n)
    values = np.linalg.eigvalsh(p.T @ omega @ p)
    found = cr2_df(fit, codes, contrast, "within_clusters")
    assert found == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-9)


def test_cr2_is_unbiased_under_equal_independent_errors() -> None:
    """E[V] = Σ_g R⁻¹Q_g'A_g(I − H)_gg A_g Q_g R⁻ᵀ = (X'X)⁻¹ for σ = 1: by the exact expectation, not by draws."""
    x, _, codes = world(11)
    inverse, rest, roots = dense_cr2(x, codes)
    total = np.zeros((3, 3))
    for c, root in roots.items():
        i = np.flatnonzero(codes == c)
        total += x[i].T @ root @ rest[np.ix_(i, i)] @ root @ x[i]
    close(inverse @ total @ inverse, inverse, 1e-9)


def test_one_observation_per_cluster_gives_the_heteroskedastic_family() -> None:
    """Clusters of one: CR1 is HC0, CR2 is HC2, CR3 without factor is HC3 (statsmodels)."""
    x, y, _ = world(12, (4, 5, 6))
    codes = np.arange(y.shape[0])
    fit = least_squares(regressors(x), y)
    model = sm.OLS(y, x).fit()
    close(cr1(fit, codes, SmallSample()).covariance, model.cov_HC0)
    close(cr2(fit, codes).covariance, model.cov_HC2)
    close(cr3(fit, codes, factor="none").covariance, model.cov_HC3)


def test_sums_not_means() -> None:
    """Sizes 3 and 46: a covariance from cluster means would be another number by far."""
    fit, x, y, codes = fitted(13, (3, 46, 3, 46, 3, 46))
    e = y - x @ fit.coefficients
    inverse = np.linalg.inv(x.T @ x)
    sums = [x[codes == c].T @ e[codes == c] for c in range(6)]
    expected = inverse @ sum(np.outer(s, s) for s in sums) @ inverse
    close(cr1(fit, codes, SmallSample()).covariance, expected)


def test_one_treated_cluster_has_no_jackknife_and_cr2_stays_finite() -> None:
    x, y, codes = world(14)
    x[:, 1] = codes == 2
    fit = least_squares(regressors(x), y)
    with pytest.raises(RunError) as caught:
        cr3(fit, codes)
    assert caught.value.codes == ("RUN_CLUSTER_IDENTIFIES",)
    assert "cluster number 3 of 7" in str(caught.value)
    found = cr2(fit, codes)
    assert np.all(np.isfinite(found.covariance))
    assert found.saturated == 1
    plain, _, _, same = fitted(14)
    assert cr2(plain, same).saturated == 0
    df = cr2_df(fit, codes, np.array([0.0, 1.0, 0.0]))
    assert df is not None
    assert df < len(SIZES) - 1


@pytest.mark.parametrize("codes", [np.zeros(118, dtype=np.int64), np.where(np.arange(118) < 50, 0, 2)])
def test_codes_with_gaps_or_one_cluster_are_refused(codes: np.ndarray) -> None:
    fit, *_ = fitted(15)
    with pytest.raises(ValueError, match="cluster codes"):
        cr1(fit, codes, SmallSample())


def test_more_parameters_than_rows_are_refused() -> None:
    fit, *_, codes = fitted(16, (3, 3))
    with pytest.raises(ValueError, match="more rows than parameters"):
        hc1(fit, 6)
    with pytest.raises(ValueError, match="more rows than parameters"):
        cr1(fit, codes, SmallSample(parameters=6))


def test_units_of_measure_scale_through() -> None:
    """A covariate in other units changes its own standard error by that factor and no other."""
    x, y, codes = world(17)
    scale = np.array([1.0, 1.0, 1e9])
    one, other = (least_squares(regressors(m), y) for m in (x, x * scale))
    for f in (cr2, cr3):
        close(f(other, codes).covariance * np.outer(scale, scale), f(one, codes).covariance, 1e-9)
    assert linalg.norm(one.residuals - other.residuals) < 1e-9
