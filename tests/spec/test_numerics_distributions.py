"""Laws and codes: the same bits as scipy.stats and numpy give."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from evaltool.numerics import distributions as law
from evaltool.numerics.distinct import ascending, coded, distinct, mean_ranks

X = np.linspace(-9.0, 9.0, 1001)
P = np.linspace(1e-12, 1.0 - 1e-12, 1001)


def test_normal_tails_and_quantiles_are_those_of_scipy_stats() -> None:
    assert [law.beyond(x) for x in X] == stats.norm.sf(X).tolist()
    assert [law.critical(p) for p in P] == stats.norm.isf(P).tolist()
    assert [law.normal_quantile(p) for p in P] == stats.norm.ppf(P).tolist()
    assert law.normal_share(X).tolist() == stats.norm.cdf(X).tolist()
    assert law.normal_log_share(X).tolist() == stats.norm.logcdf(X).tolist()
    assert law.normal_log_density(X).tolist() == stats.norm.logpdf(X).tolist()


@pytest.mark.parametrize("df", [1.0, 3.5, 11.0, 1e6])
def test_t_chi2_and_f_are_those_of_scipy_stats(df: float) -> None:
    assert [law.beyond(x, df) for x in X] == stats.t.sf(X, df).tolist()
    assert [law.critical(p, df) for p in P] == stats.t.isf(P, df).tolist()
    assert law.quantiles(P, df).tolist() == stats.t.ppf(P, df).tolist()
    assert [law.chi2_beyond(x, df) for x in abs(X)] == stats.chi2.sf(abs(X), df).tolist()
    assert [law.chi2_quantile(p, df) for p in P] == stats.chi2.ppf(P, df).tolist()
    assert [law.f_beyond(x, 2.0, df) for x in abs(X)] == stats.f.sf(abs(X), 2.0, df).tolist()


def test_beta_and_binomial_are_those_of_scipy_stats() -> None:
    p = P[5:-5]
    np.testing.assert_allclose([law.beta_quantile(x, 3, 40) for x in p], stats.beta.ppf(p, 3, 40), rtol=1e-13)
    np.testing.assert_allclose([law.beta_critical(x, 3, 40) for x in p], stats.beta.isf(p, 3, 40), rtol=1e-13)
    shares = [law.binomial_share(k, 10, 0.3) for k in range(10)]
    np.testing.assert_allclose(shares, stats.binom.cdf(range(10), 10, 0.3), rtol=1e-13)


COLUMNS = {
    "near": np.array([5, 3, 5, -2, 3, 4], dtype=np.int64),
    "far": np.array([10**12, 3, 10**12, -(10**12)], dtype=np.int64),
    "real": np.array([0.5, np.nan, -1.0, 0.5, np.inf, np.nan, -0.0, 0.0]),
    "truth": np.array([True, False, True]),
    "one": np.array([7], dtype=np.int64),
    "none": np.array([], dtype=np.int64),
    "words": np.array(["b", "a", "b"], dtype=object),
}


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_distinct_and_coded_are_numpy_unique(name: str) -> None:
    values = COLUMNS[name]
    levels, codes = np.unique(values, return_inverse=True)
    np.testing.assert_array_equal(distinct(values), levels)
    assert distinct(values).dtype == levels.dtype
    found, places = coded(values)
    np.testing.assert_array_equal(found, levels)
    np.testing.assert_array_equal(places, codes)


@pytest.mark.parametrize("wide", [1, 2**40])
def test_ascending_is_lexsort(wide: int) -> None:
    r = np.random.default_rng(3)
    keys = tuple(r.integers(-4, 4, 500) * wide for _ in range(3))
    np.testing.assert_array_equal(ascending(*keys), np.lexsort(tuple(reversed(keys))))
    order = ascending(*keys)
    np.testing.assert_array_equal(ascending(*(key[order] for key in keys)), np.arange(500))


def test_mean_ranks_are_those_of_scipy_stats() -> None:
    values = np.random.default_rng(4).integers(0, 30, 200).astype(np.float64)
    np.testing.assert_array_equal(mean_ranks(values), stats.rankdata(values))


def test_an_estimate_by_the_direct_road_loads_neither_scipy_stats_nor_statsmodels() -> None:
    code = """
import sys
import pandas as pd
import evaltool as ev
unit, time = [n // 4 for n in range(48)], [n % 4 for n in range(48)]
start = [2 if u < 6 else None for u in unit]
y = [u * 0.5 + t + (u < 6 and t >= 2) + (u * 7 + t * 3) % 5 for u, t in zip(unit, time)]
frame = pd.DataFrame({"u": unit, "t": time, "s": start, "y": y})
ev.did.group_time(frame, outcome="y", unit="u", time="t", first_treated="s")
print(sorted({"scipy.stats", "statsmodels", "linearmodels", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
