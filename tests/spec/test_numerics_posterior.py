"""Posterior probabilities: closed forms by hand, scipy's quadrature for the t likelihood, and each other's inverse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.posterior import NormalPrior, exceedance, exceeded_with, normal_posterior

PRIORS = (None, NormalPrior(0.05, 0.04), NormalPrior(-1.0, 3.0))


def by_quad(estimate: float, se: float, df: float, prior: NormalPrior, threshold: float) -> float:
    """The same probability with scipy.integrate.quad, in the effect's own scale."""

    def density(theta: float) -> float:
        return float(stats.t.pdf((theta - estimate) / se, df) * stats.norm.pdf((theta - prior.mean) / prior.sd))

    low, high = prior.mean - 12.0 * prior.sd, prior.mean + 12.0 * prior.sd
    points = sorted({min(max(x, low), high) for x in (estimate - 3 * se, estimate, estimate + 3 * se)})
    pieces = (low, *points, min(max(threshold, low), high), high)
    ends = sorted(set(pieces))
    masses = [
        (a, integrate.quad(density, a, b, epsabs=0.0, epsrel=1e-12, limit=400)[0]) for a, b in itertools.pairwise(ends)
    ]
    return sum(mass for a, mass in masses if a >= threshold) / sum(mass for _, mass in masses)


def test_flat_prior_is_one_minus_the_one_sided_p_value() -> None:
    """The confidence distribution and the test are one thing: P(θ > 0) = 1 − p."""
    for df in (None, 4.0, 37.0):
        p = infer(0.12, 0.07, InferenceRule(level=0.95, sides="one", df=df)).p_value
        assert math.isclose(exceedance(0.12, 0.07, df, None, 0.0), 1.0 - p, rel_tol=1e-13)


def test_flat_prior_by_hand() -> None:
    """Estimate 2, se 1, threshold 2 − 1.959964: 97.5 %; and back again."""
    assert math.isclose(exceedance(2.0, 1.0, None, None, 2.0 - 1.959963984540054), 0.975, rel_tol=1e-12)
    assert math.isclose(exceeded_with(2.0, 1.0, None, None, 0.975), 2.0 - 1.959963984540054, rel_tol=1e-12)


def test_normal_prior_by_hand() -> None:
    """Estimate 0.3 ± 0.1, prior 0.1 ± 0.05: precisions 100 and 400, mean (30 + 40)/500 = 0.14, sd 1/√500."""
    mean, sd = normal_posterior(0.3, 0.1, NormalPrior(0.1, 0.05))
    assert math.isclose(mean, 0.14, rel_tol=1e-14)
    assert math.isclose(sd, 500.0**-0.5, rel_tol=1e-14)
    expected = float(stats.norm.sf((0.12 - 0.14) * math.sqrt(500.0)))
    assert math.isclose(exceedance(0.3, 0.1, None, NormalPrior(0.1, 0.05), 0.12), expected, rel_tol=1e-12)


def test_a_prior_much_wider_than_the_estimate_is_flat() -> None:
    for df in (None, 6.0):
        wide = exceedance(0.3, 0.1, df, NormalPrior(0.0, 1e6), 0.2)
        assert math.isclose(wide, exceedance(0.3, 0.1, df, None, 0.2), rel_tol=1e-9)


@pytest.mark.parametrize("df", [1.0, 2.5, 8.0, 40.0, 500.0])
@pytest.mark.parametrize(
    ("estimate", "se", "prior", "threshold"),
    [
        (0.12, 0.05, NormalPrior(0.10, 0.04), 0.10),
        (0.12, 0.05, NormalPrior(0.0, 0.30), 0.25),
        (3.0, 0.5, NormalPrior(0.0, 0.4), 1.0),
        (-2.0, 1.0, NormalPrior(5.0, 2.0), 1.5),
        (0.5, 4.0, NormalPrior(0.2, 0.1), 0.25),
    ],
)
def test_t_likelihood_agrees_with_scipy_quad(
    df: float, estimate: float, se: float, prior: NormalPrior, threshold: float
) -> None:
    """Tolerance 1e-10: quad is asked for 1e-12 of each piece; (3, 0.5) against (0, 0.4) has two modes."""
    found = exceedance(estimate, se, df, prior, threshold)
    assert math.isclose(found, by_quad(estimate, se, df, prior, threshold), rel_tol=0.0, abs_tol=1e-10)


def test_t_likelihood_becomes_the_closed_form_as_df_grows() -> None:
    """The t law differs from the normal by O(1/df)."""
    prior = NormalPrior(0.1, 0.05)
    closed = exceedance(0.3, 0.1, None, prior, 0.12)
    gaps = [abs(exceedance(0.3, 0.1, df, prior, 0.12) - closed) for df in (1e3, 1e5, 1e7)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-7
    assert gaps[0] / gaps[1] == pytest.approx(100.0, rel=0.05)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("df", [None, 1.0, 5.0, 120.0])
def test_the_two_functions_are_inverses(df: float | None, prior: NormalPrior | None) -> None:
    for probability in (0.001, 0.05, 0.5, 0.8, 0.975, 0.999):
        value = exceeded_with(0.08, 0.05, df, prior, probability)
        assert math.isclose(exceedance(0.08, 0.05, df, prior, value), probability, rel_tol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("df", [None, 3.0])
def test_exceedance_falls_with_the_threshold_and_lies_in_the_unit_interval(
    df: float | None, prior: NormalPrior | None
) -> None:
    found = [exceedance(0.08, 0.05, df, prior, float(t)) for t in np.linspace(-3.0, 3.0, 121)]
    assert all(0.0 <= p <= 1.0 for p in found)
    assert all(a >= b for a, b in itertools.pairwise(found))
    assert found[0] > 0.999
    assert found[-1] < 0.001


def test_scale_and_shift_change_nothing() -> None:
    """In øre instead of kroner, the probability is the same."""
    plain = exceedance(0.12, 0.05, 7.0, NormalPrior(0.1, 0.04), 0.11)
    moved = exceedance(112.0, 50.0, 7.0, NormalPrior(92.0, 40.0), 102.0)
    assert math.isclose(plain, moved, rel_tol=1e-11)


@pytest.mark.parametrize("ratio", [1e-4, 1e4])
def test_widths_that_differ_by_far(ratio: float) -> None:
    """The narrower of the two decides: a point-like estimate, or a point-like prior, at 0; half lies above it."""
    assert math.isclose(exceedance(0.0, 1.0, 4.0, NormalPrior(0.0, ratio), 0.0), 0.5, abs_tol=1e-12)
    narrow = exceedance(0.0, 1.0, 4.0, NormalPrior(0.0, ratio), min(1.0, ratio))
    expected = float(stats.norm.sf(1.0)) if ratio < 1 else float(stats.t.sf(1.0, 4.0))
    assert math.isclose(narrow, expected, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("estimate", "se", "df"),
    [(math.nan, 1.0, None), (0.0, 0.0, None), (0.0, -1.0, 3.0), (0.0, math.inf, None), (0.0, 1.0, 0.0)],
)
def test_what_is_no_estimate_is_refused(estimate: float, se: float, df: float | None) -> None:
    with pytest.raises(ValueError, match=r"posterior needs|degrees of freedom"):
        exceedance(estimate, se, df, None, 0.0)


def test_what_is_no_prior_threshold_or_probability_is_refused() -> None:
    for mean, sd in ((0.0, 0.0), (math.nan, 1.0), (0.0, math.inf)):
        with pytest.raises(ValueError, match="normal prior"):
            NormalPrior(mean, sd)
    with pytest.raises(ValueError, match="threshold"):
        exceedance(0.0, 1.0, None, None, math.nan)
    for probability in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="probability"):
            exceeded_with(0.0, 1.0, None, None, probability)
