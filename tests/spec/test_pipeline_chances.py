"""Chances before data: against the normal law by hand, and as what must hold for every contract."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise

import pytest
from payment_cases import outcome, plan, rule
from scipy import stats

from evaltool.errors import PlanError
from evaltool.pipeline.chance_tables import BLOCK, Draw, Tiers, paid_along
from evaltool.pipeline.chances import chances, chances_of, expectation_faults
from evaltool.pipeline.made_up import DRAWS, QUANTILES
from evaltool.planning.power import power_of
from evaltool.records.gains import Chances, Scenario
from evaltool.records.plan.evaluation_plan import EvaluationPlan

RESOLUTION = 1.0 / DRAWS
"""One draw: no probability is known more exactly."""
EXPECTED = [{"outcome": "absence", "standard_error": "0.03", "source": "made up"}]
PRIOR = [{"outcome": "absence", "kind": "normal", "mean": "0.08", "sd": "0.04", "source": "an earlier programme"}]


def priced(*, basis: str = "point_estimate", **tables: object) -> EvaluationPlan:
    """400,000 from 5 per cent, a million from 10, with a prior and an expectation unless replaced."""
    tables = {"prior": PRIOR, "expectation": EXPECTED, **tables}
    return plan([rule(basis=basis)], estimand={"outcome": "absence"}, **tables)


def named(found: Chances, name: str, effect: str | None = None) -> Scenario:
    """The scenario of this name, and of this true effect."""
    every = (*found.scenarios, *(() if found.prior is None else (found.prior,)))
    return next(
        s
        for s in every
        if s.name == name and (effect is None or (s.effect is not None and s.effect == Decimal(effect)))
    )


@cache
def standard() -> Chances:
    """The chances of the plan as it stands, computed once."""
    return chances(priced())


def close(found: Decimal, expected: float) -> None:
    assert abs(float(found) - expected) <= RESOLUTION, (found, expected)


def test_by_true_effect_the_estimate_is_normal_about_it() -> None:
    """True effect 0.05, se 0.03: half reach 5 per cent, P(Z ≥ 5/3) reach 10."""
    found = named(standard(), "threshold", "0.05")
    top = float(stats.norm.sf(0.05 / 0.03))
    close(found.nothing, 0.5)
    close(found.full, top)
    nothing, part, whole = found.chances
    assert (nothing.lowest, part.lowest, whole.lowest) == (0, 400000, 1000000)
    close(part.probability, 0.5 - top)
    assert math.isclose(float(found.expected), 400000 * (0.5 - top) + 1000000 * top, abs_tol=1e6 * RESOLUTION)


def test_over_the_prior_the_estimate_has_both_variances() -> None:
    """N(0.08, 0.04² + 0.03²) = N(0.08, 0.05²): P(≥ 0.05) = Φ(0.6), P(≥ 0.10) = Φ(−0.4)."""
    found = standard().prior
    assert found is not None
    close(found.nothing, float(stats.norm.cdf(-0.6)))
    close(found.full, float(stats.norm.sf(0.4)))


def test_what_the_authority_risks_to_pay_for_nothing() -> None:
    """Without effect P(Z ≥ 5/3); over the prior P(estimate ≥ 0.05 and effect ≤ 0) of a bivariate normal law."""
    found = standard()
    close(1 - named(found, "zero").nothing, float(stats.norm.sf(0.05 / 0.03)))
    joint = stats.multivariate_normal(mean=[0.08, 0.08], cov=[[0.0016, 0.0016], [0.0016, 0.0025]])
    expected = float(stats.norm.cdf(-2.0)) - float(joint.cdf([0.0, 0.05]))
    assert found.paid_without_effect is not None
    close(found.paid_without_effect, expected)


@pytest.mark.parametrize(
    ("basis", "needed"),
    [
        # estimate at which 5 per cent counts as reached, for an interval of ± 1.959964 · 0.03
        ("point_estimate", 0.05),
        ("lower_bound", 0.05 + 1.959963984540054 * 0.03),
        ("significant_and_point", 1.959963984540054 * 0.03),
    ],
)
def test_every_basis_asks_for_its_own_estimate(basis: str, needed: float) -> None:
    asked = priced(basis=basis)
    close(1 - named(chances(asked), "zero").nothing, float(stats.norm.sf(needed / 0.03)))
    first = power_of(asked).thresholds[0]
    assert first.needed is not None
    assert math.isclose(float(first.needed), needed + 0.8416212335729143 * 0.03, rel_tol=1e-5)


def test_scenarios_are_no_effect_half_every_threshold_and_what_was_believed() -> None:
    found = standard()
    assert [(s.name, float(s.effect or 0)) for s in found.scenarios] == [
        ("zero", 0.0), ("half_threshold", 0.025), ("threshold", 0.05), ("threshold", 0.1), ("effect", 0.08),
    ]  # fmt: skip
    assert (found.draws, found.maximum, found.currency) == (DRAWS, Decimal(1000000), "DKK")


def test_probabilities_sum_to_one_and_grow_with_the_effect() -> None:
    found = standard()
    for scenario in (*found.scenarios, named(found, "prior")):
        assert sum((c.probability for c in scenario.chances), Decimal(0)) == 1
    by_effect = sorted(found.scenarios, key=lambda s: s.effect or 0)
    assert all(a.nothing >= b.nothing and a.expected <= b.expected for a, b in pairwise(by_effect))


def test_without_a_normal_prior_nothing_is_averaged_over() -> None:
    flat = [{"outcome": "absence", "kind": "flat", "source": "nothing was believed"}]
    found = chances(priced(prior=flat))
    assert (found.prior, found.paid_without_effect) == (None, None)
    assert [s.name for s in found.scenarios] == ["zero", "half_threshold", "threshold", "threshold"]


def test_a_binary_outcome_with_a_target_has_a_standard_error() -> None:
    """66 in each group at the rate ½: √(0.25/66 + 0.25/66) = 0.0870; detectable at 80 per cent: 0.2438."""
    people = {
        "eligibility": {"en": "all"}, "unit": "person", "entry_from": "2024-08-01", "entry_to": "2025-08-01",
        "target_n": 66,
    }  # fmt: skip
    asked = priced(expectation=[], outcome=[outcome(kind="binary")], population=people)
    (one,) = power_of(asked).outcomes
    assert (one.source, float(one.standard_error)) == ("target_n", 0.0870388)
    assert math.isclose(float(one.minimum), 0.243847, abs_tol=1e-6)
    assert chances(asked).assumptions[0].source == "target_n"


def test_nobody_says_how_exactly_the_effect_will_be_known() -> None:
    asked = priced(expectation=[])
    assert [fault.code for fault in expectation_faults(asked)] == ["PLAN_NO_EXPECTATION"]
    assert chances_of(asked) is None
    with pytest.raises(PlanError):
        chances(asked)


def test_a_run_computes_them_only_where_something_was_believed() -> None:
    assert chances_of(priced(prior=[])) is None
    assert chances_of(priced()) == standard()  # and the same twice


def test_cohort_rules_are_refused_with_the_reason() -> None:
    terms = {"cohort_threshold": "0.1", "cohort_amount": "1", "pooled_threshold": "0.075", "pooled_amount": "2"}
    asked = plan([rule("cohort_then_pooled", terms)], prior=PRIOR, expectation=EXPECTED)
    assert [fault.code for fault in expectation_faults(asked)] == ["PLAN_NOT_SIMULATED"]


def test_investors_returns_follow_the_amounts() -> None:
    """800,000 drawn two years of 365 days before: 0, 0.5 or 1.25 times; 1.25 = 1.118034²."""
    investment = {"paid_on": "2026-01-01", "drawdown": [{"on": "2024-01-02", "amount": "800000"}]}
    found = named(chances(priced(investment=investment)), "threshold", "0.05")
    assert found.multiple is not None
    assert found.rate is not None
    assert (found.multiple.p25, found.multiple.p75, found.multiple.p95) == (0, Decimal("0.5"), Decimal("0.5"))
    assert found.rate.p25 is None
    assert found.rate.p75 == Decimal("-0.292893")
    assert found.loss is not None
    close(1 - found.loss, float(stats.norm.sf(0.05 / 0.03)))


LINE = {"knots": [{"at": "0", "amount": "0"}, {"at": "0.10", "amount": "500000"}], "below": "0", "above": "hold"}


def test_payment_along_a_line_is_the_mean_of_the_line() -> None:
    """E[500,000 · min(1, max(0, X)/0.1)] for X ~ N(0.05, 0.03²), by the closed form of a clipped normal law."""
    asked = plan([rule("piecewise_linear", LINE)], expectation=EXPECTED, prior=PRIOR)
    found = next(s for s in chances(asked).scenarios if s.effect == Decimal("0.05"))
    low, high = (0.0 - 0.05) / 0.03, (0.1 - 0.05) / 0.03
    inside = stats.norm.cdf(high) - stats.norm.cdf(low)
    mean = 0.05 * inside + 0.03 * (stats.norm.pdf(low) - stats.norm.pdf(high)) + 0.1 * stats.norm.sf(high)
    assert math.isclose(float(found.expected), 5e6 * mean, rel_tol=2e-3)
    assert len(found.chances) == 11


def draws_of(amounts: Sequence[float]) -> tuple[Draw, ...]:
    return tuple(Draw(Decimal(str(round(a, 2))), Decimal(str(round(a, 2))), full=False) for a in amounts)


def test_filled_in_draws_are_those_that_would_have_been_paid() -> None:
    """Steps, lines and jumps along the quantiles: what is filled in is what every single draw gives, to the øre."""
    shapes = (
        lambda z: 0.0 if z < 0.3 else 100.0 if z < 1.7 else 350.0,
        lambda z: max(0.0, min(500.0, 250.0 + 200.0 * z)),
        lambda z: 0.0 if z < -0.1 else 80.0 + 40.0 * z,
    )
    for shape in shapes:
        every = draws_of([shape(z) for z in QUANTILES])
        asked: list[int] = []

        def pay(place: int, every: tuple[Draw, ...] = every, asked: list[int] = asked) -> Draw:
            asked.append(place)
            return every[place]

        found = paid_along(QUANTILES, pay)
        assert all(one.is_about(other) for one, other in zip(found, every, strict=True))
        assert len(asked) == len(set(asked)) < DRAWS / 2


def test_a_narrow_window_is_found_when_every_draw_is_asked_for() -> None:
    every = [Draw(Decimal(0), Decimal(0), full=False)] * DRAWS
    every[BLOCK // 4] = Draw(Decimal(5), Decimal(5), full=True)
    assert paid_along(QUANTILES, lambda place: every[place], block=1) == tuple(every)


def test_equivalence_pays_within_its_margin_only() -> None:
    """The whole interval within ± 0.07: |estimate| ≤ 0.07 − 1.96 · 0.03 = 0.0112."""
    asked = plan(
        [rule("binary_threshold", {"threshold": "-1", "amount": "100"}, basis="equivalence", margin="0.07")],
        expectation=EXPECTED,
    )
    reach = (0.07 - 1.959963984540054 * 0.03) / 0.03
    close(1 - named(chances(asked), "zero").nothing, float(stats.norm.cdf(reach) - stats.norm.cdf(-reach)))


def test_quantiles_are_symmetric_and_ascending() -> None:
    assert all(a < b for a, b in pairwise(QUANTILES))
    assert all(a == -b for a, b in zip(QUANTILES, reversed(QUANTILES), strict=True))


def test_many_amounts_become_ten_intervals() -> None:
    tiers = Tiers.of(draws_of([float(k) for k in range(100)]))
    assert len(tiers.intervals) == 11
    counted = tiers.chances(draws_of([0.0, 5.0, 99.0]))
    assert [float(c.probability) for c in counted if c.probability] == pytest.approx([1 / 3] * 3)
    assert counted[-1].highest == Decimal("99.00")


def test_power_is_a_probability_from_a_half_on() -> None:
    with pytest.raises(ValueError, match="power"):
        power_of(priced(), 0.3)
