"""Pre-trend, placebo in time, few clusters: every verdict, with the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from gate_world import ask, can, design, diagonal, estimate, outcome, panel, path, plan, relative, rule, why_not
from scipy import stats

from evaltool.errors import Fault, RunError
from evaltool.gates.placebo_in_time import earlier
from evaltool.numerics.few_clusters import cluster_sizes
from evaltool.numerics.power import critical, detectable, detectable_slope, linear_trend, rates_se, wald_power
from evaltool.records.estimate import Element, Estimate
from evaltool.records.panel import Panel

Z975 = 1.959963984540054
INF = math.inf
BETTER_DOWN = -1.0
"""The outcome falls when things get better, so a coefficient of −c is +c in the direction of good."""


# pre-trend ------------------------------------------------------------------------------------------------------


def study(
    before: dict[int, float], variance: float, after: dict[int, float] | None = None, **changes: object
) -> Estimate:
    """−2 days, an event study whose pre-period coefficients have equal variance and no covariance."""
    ahead = after or {0: -2.0, 1: -2.0, 2: -2.0}
    elements = path(before, ahead)
    return estimate(
        **{"path": elements, "event_covariance": diagonal([variance] * (len(elements) - 1)), **changes}  # type: ignore[arg-type]
    )


def test_flat_and_precise_pre_periods_pass() -> None:
    # x = (−2, −1) from the base −1 at e = −3, −2; slope b = Σxβ/Σx² = 0; se = sqrt(0.0001/5) = 0.00447
    # horizon: mean of 1, 2, 3 = 2; bound = 1.96 · 0.00447 · 2 = 0.01753; distance = |2 − 1| = 1
    found = ask("pre_trend", headline=study({-3: 0.0, -2: 0.0}, 0.0001))
    assert found.verdict == "PASS"
    assert found.statistic == pytest.approx(Z975 * math.sqrt(0.0001 / 5) * 2, rel=1e-12)
    assert found.threshold == 1.0
    assert found.reason is None


def test_flat_but_noisy_pre_periods_never_pass_though_the_test_finds_nothing() -> None:
    # β = 0, so p = 1: the worst possible reason to pass. se = sqrt(0.5/5) = 0.3162; bound = 1.96·0.3162·2 = 1.2396
    found = ask("pre_trend", headline=study({-3: 0.0, -2: 0.0}, 0.5))
    assert (found.verdict, found.reason, found.consequence) == ("REVIEW", "PRETREND_REVIEW", "review")
    assert found.statistic == pytest.approx(Z975 * math.sqrt(0.1) * 2, rel=1e-12)
    assert found.evidence["wald_p_value"] == 1.0
    assert found.evidence["decided_by_p_value"] is False
    assert not found.blocks
    assert found.asks_for_review


def test_a_tiny_but_significant_trend_passes_since_it_cannot_reach_the_threshold() -> None:
    # β = b·x with b = −0.01 in the outcome's unit: +0.01 towards good. V = 1e-6 ⇒ se(b) = 4.47e-4, z = 22: p ≈ 0.
    found = ask("pre_trend", headline=study({-3: 0.02, -2: 0.01}, 1e-6))
    se = math.sqrt(1e-6 / 5)
    assert found.evidence["slope"] == pytest.approx(0.01, rel=1e-12)
    assert found.statistic == pytest.approx((0.01 + Z975 * se) * 2, rel=1e-12)
    p_value = found.evidence["wald_p_value"]
    assert isinstance(p_value, float)
    assert p_value < 1e-6
    assert found.verdict == "PASS"


@pytest.mark.parametrize(("threshold", "verdict"), [(1.975, "REVIEW"), (1.9, "PASS"), (2.0, "REVIEW"), (5.0, "PASS")])
def test_the_distance_to_the_nearest_threshold_decides(threshold: float, verdict: str) -> None:
    # V = 1e-5: se(b) = 1.414e-3, bound = (0.01 + 1.96·1.414e-3)·2 = 0.025544; distances 0.025, 0.1, 0 and 3
    found = ask("pre_trend", headline=study({-3: 0.02, -2: 0.01}, 1e-5), thresholds=(threshold, 9.0))
    assert found.statistic == pytest.approx((0.01 + Z975 * math.sqrt(1e-5 / 5)) * 2, rel=1e-12)
    assert found.threshold == pytest.approx(abs(2.0 - threshold), abs=1e-12)
    assert found.verdict == verdict


def test_without_a_threshold_the_distance_is_to_no_effect() -> None:
    found = ask("pre_trend", headline=study({-2: 0.0}, 1e-4), thresholds=())
    assert (found.threshold, found.evidence["payment_threshold"], found.verdict) == (2.0, 0.0, "PASS")


def test_the_nearest_of_several_thresholds_counts_and_ties_go_down() -> None:
    found = ask("pre_trend", headline=study({-2: 0.0}, 1e-4), thresholds=(1.0, 3.0))
    assert (found.threshold, found.evidence["payment_threshold"]) == (1.0, 1.0)


def test_generalised_least_squares_uses_the_whole_covariance() -> None:
    # V = [[2, 1], [1, 1]], V⁻¹ = [[1, −1], [−1, 2]], x = (−2, −1): V⁻¹x = (−1, 0), x'V⁻¹x = 2, so b = −β₁/2
    covariance = ((2.0, 1.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    headline = estimate(path=path({-3: 0.6, -2: 0.9}, {0: -2.0}), event_covariance=covariance)
    found = ask("pre_trend", headline=headline)
    # in the direction of good β = (−0.6, −0.9): b = 0.6/2 = 0.3
    assert found.evidence["slope"] == pytest.approx(0.3, rel=1e-12)
    assert found.evidence["slope_se"] == pytest.approx(math.sqrt(0.5), rel=1e-12)
    # β'V⁻¹β = 0.36 − 2·0.54 + 2·0.81 = 0.9
    assert found.evidence["wald"] == pytest.approx(0.9, rel=1e-12)
    assert found.evidence["wald_p_value"] == pytest.approx(math.exp(-0.45), rel=1e-12)  # χ² with 2 df


def test_power_and_the_smallest_trend() -> None:
    found = ask("pre_trend", headline=study({-3: 0.0, -2: 0.0}, 0.05))
    # information 5/0.05 = 100; the trend to the threshold: distance 1 over horizon 2 = 0.5; λ = 0.25·100 = 25
    bar = stats.chi2.ppf(0.95, 2)
    assert found.evidence["wald_power_at_threshold"] == pytest.approx(stats.ncx2.sf(bar, 2, 25.0), rel=1e-12)
    # λ for 80 % power with 2 df is 9.634689…, from tables of the non-central χ²; slope = sqrt(λ)·0.1, times 2
    assert found.evidence["smallest_detectable_trend"] == pytest.approx(math.sqrt(9.634689) * 0.1 * 2, rel=1e-6)


def test_a_varying_base_reads_the_coefficients_as_steps() -> None:
    # each coefficient is one period's step: b = mean(−0.1, −0.3) = −0.2 → +0.2 towards good; se = sqrt(0.01/2)
    headline = study({-3: -0.1, -2: -0.3}, 0.01, conventions={"base_period": "varying"})
    found = ask("pre_trend", headline=headline)
    assert found.evidence["slope"] == pytest.approx(0.2, rel=1e-12)
    assert found.statistic == pytest.approx((0.2 + Z975 * math.sqrt(0.005)) * 2, rel=1e-12)


def test_anticipation_moves_the_base_and_leaves_its_periods_out() -> None:
    # anticipation 1: base −2, so −1 is not a pre-period; x = −1 at e = −3; horizon mean(2, 3) = 2.5
    elements = path({-3: 0.5, -1: 9.0}, {0: -2.0, 1: -2.0}, base=-2)
    headline = estimate(path=elements, event_covariance=diagonal([0.04] * 4))
    found = ask(
        "pre_trend",
        headline=headline,
        plan=plan(estimator={"method": "did.group_time", "options": {"anticipation": 1}}),
    )
    assert found.evidence["event_times"] == [-3]
    assert found.evidence["horizon"] == 2.5
    assert found.evidence["slope"] == pytest.approx(0.5, rel=1e-12)
    odd = plan(estimator={"method": "did.group_time", "options": {"anticipation": "one"}})
    assert ask("pre_trend", headline=study({-2: 0.0}, 1e-4), plan=odd).evidence["horizon"] == 2.0


def test_cells_with_weights_decide_the_horizon() -> None:
    # cohort 3 at period 3 (weight ¾) and 5 (weight ¼): distances from base 1 and 3, mean 1.5
    cells = tuple(
        Element(kind="cell", element=t, group=g, label="c", att=-2.0, weight=w)
        for g, t, w in ((3, 3, 0.75), (3, 5, 0.25), (3, 1, 0.0), (None, 9, 1.0))
    )
    found = ask("pre_trend", headline=study({-2: 0.0}, 1e-4, cells=cells))
    assert found.evidence["horizon"] == 1.5


def test_weights_on_the_path_decide_the_horizon_without_cells() -> None:
    after = tuple(Element(kind="event", element=e, label=str(e), att=-2.0, weight=w) for e, w in ((0, 0.25), (4, 0.75)))
    headline = estimate(path=(*path({-2: 0.0}, {}), *after), event_covariance=diagonal([1e-4] * 3))
    assert ask("pre_trend", headline=headline).evidence["horizon"] == 0.25 * 1 + 0.75 * 5


def test_a_relative_effect_is_bounded_on_its_own_scale() -> None:
    # denominator 10: slope 0.01/10, distance |0.2 − 0.1|
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": "counterfactual"})
    headline = study({-3: 0.02, -2: 0.01}, 1e-6, relative=relative(-0.2, 0.05, 10.0))
    found = ask("pre_trend", headline=headline, plan=whole, thresholds=(0.1,))
    assert found.statistic == pytest.approx((0.001 + Z975 * math.sqrt(1e-8 / 5)) * 2, rel=1e-12)
    assert found.threshold == pytest.approx(0.1, rel=1e-12)
    assert "pct." in found.sentence.in_language("da")


def test_student_t_where_the_estimate_uses_it() -> None:
    found = ask("pre_trend", headline=study({-3: 0.0, -2: 0.0}, 0.0001, df=5.0))
    assert found.statistic == pytest.approx(stats.t.ppf(0.975, 5) * math.sqrt(0.0001 / 5) * 2, rel=1e-12)


@pytest.mark.parametrize(
    "headline",
    [
        estimate(path=path({}, {0: -2.0}), event_covariance=diagonal([1.0])),
        estimate(path=path({-2: 0.0}, {0: -2.0})),
        estimate(path=path({-2: 0.0}, {0: -2.0}), event_covariance=diagonal([0.0, 1.0])),
        estimate(path=path({-3: 0.0, -2: 0.0}, {}), event_covariance=((1.0, 1.0), (1.0, 1.0))),
        estimate(path=path({-2: 0.0}, {}), event_covariance=diagonal([1.0])),
    ],
    ids=["no pre-period", "no covariance", "zero variance", "singular", "nothing after"],
)
def test_pre_trend_cannot_tell(headline: Estimate) -> None:
    found = ask("pre_trend", headline=headline)
    assert (found.verdict, found.statistic, found.reason) == ("CANNOT_TELL", None, "PRETREND_REVIEW")
    assert found.asks_for_review
    assert not found.blocks


def test_a_pre_period_at_the_base_carries_no_trend() -> None:
    # two marked references: the base is −1; the only other pre-period lies on it
    marked = tuple(
        Element(kind="event", element=e, label=str(e), att=0.0, reference=r)
        for e, r in ((-3, True), (-2, True), (-1, False), (0, False))
    )
    headline = estimate(path=marked, event_covariance=diagonal([1.0, 1.0]))
    assert ask("pre_trend", headline=headline).verdict == "CANNOT_TELL"


def test_pre_trend_applies_to_event_studies() -> None:
    assert why_not("pre_trend") is None
    assert why_not("pre_trend", can(path=False)) is not None


# numerics behind it ---------------------------------------------------------------------------------------------


def test_power_numbers() -> None:
    assert critical(0.95, 2) == pytest.approx(Z975, rel=1e-14)
    assert critical(0.95, 1) == pytest.approx(1.6448536269514722, rel=1e-14)
    assert detectable(2.0, level=0.95, sides=2) == pytest.approx(2 * 2.8015852180729685, rel=1e-9)
    assert rates_se(100, 400, rate=0.2, comparison_rate=0.5) == pytest.approx(math.sqrt(0.0016 + 0.000625), rel=1e-14)
    trend = linear_trend(np.array([0.0]), np.array([[0.25]]), np.array([-1.0]))
    # one period: the joint test is the two-sided z test, so the slope found with 80 % power is 2.8016·se (less 2e-6
    # for the other tail)
    assert detectable_slope(trend, df=1, level=0.95) == pytest.approx(2.8015852 * 0.5, rel=1e-5)
    assert wald_power(0.0, trend, df=1, level=0.95) == pytest.approx(0.05, rel=1e-12)
    one = stats.norm.sf(Z975 - 3.0) + stats.norm.cdf(-Z975 - 3.0)
    assert wald_power(1.5, trend, df=1, level=0.95) == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize(("level", "sides"), [(0.0, 2), (1.0, 2), (0.95, 3), (math.nan, 1)])
def test_a_level_that_is_none_is_refused(level: float, sides: int) -> None:
    with pytest.raises(ValueError, match="level"):
        critical(level, sides)


@pytest.mark.parametrize(("treated", "comparison", "rate"), [(0, 1, 0.5), (1, 0, 0.5), (1, 1, 1.5)])
def test_rates_without_people_are_refused(treated: int, comparison: int, rate: float) -> None:
    with pytest.raises(ValueError, match="people"):
        rates_se(treated, comparison, rate=rate)


# placebo in time ------------------------------------------------------------------------------------------------


def answers(att: float, se: float | None) -> Callable[[Panel], Estimate]:
    """A refit that finds this effect whatever it is given."""
    return lambda _panel: estimate(att, se)


ORDINARY = panel({1: 4.0, 2: 4.0, 3: INF, 4: INF})


@pytest.mark.parametrize(
    ("att", "se", "verdict", "covers", "small"),
    [
        (0.3, 0.2, "PASS", True, True),  # [−0.092, 0.692]; 0.3 < 0.25·2 = 0.5
        (-0.49, 0.3, "PASS", True, True),
        (0.5, 0.3, "REVIEW", True, False),  # exactly a quarter is not below it
        (0.8, 0.5, "REVIEW", True, False),  # [−0.18, 1.78]
        (0.3, 0.1, "REVIEW", False, True),  # [0.104, 0.496]
        (0.8, 0.1, "FAIL", False, False),
        (-0.8, 0.1, "FAIL", False, False),
    ],
)
def test_placebo(att: float, se: float, verdict: str, covers: bool, small: bool) -> None:
    found = ask("placebo_in_time", panel=ORDINARY, refit=answers(att, se))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, abs(att), 0.5)
    assert (found.evidence["covers_zero"], found.evidence["small"]) == (covers, small)
    assert found.reason == (None if verdict == "PASS" else "PLACEBO_FAIL")
    assert found.blocks == (verdict == "FAIL")


def test_a_contract_may_state_another_share() -> None:
    found = ask("placebo_in_time", panel=ORDINARY, refit=answers(0.3, 0.2), options={"share": "0.1"}, overridden=True)
    assert (found.verdict, found.threshold, found.overridden) == ("REVIEW", pytest.approx(0.2), True)


def test_placebo_on_a_relative_effect_uses_the_headlines_denominator() -> None:
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": "counterfactual"})
    found = ask(
        "placebo_in_time",
        plan=whole,
        headline=estimate(relative=relative(-0.2, 0.05, 10.0)),
        panel=ORDINARY,
        refit=answers(0.3, 0.2),
    )
    assert (found.statistic, found.threshold) == (pytest.approx(0.03), pytest.approx(0.05))


@pytest.mark.parametrize("missing", [panel({1: 2.0, 2: INF}), None], ids=["one pre-period", "no data"])
def test_a_short_history_is_reviewed(missing: Panel | None) -> None:
    found = ask("placebo_in_time", panel=missing, refit=answers(0.0, 1.0))
    assert (found.verdict, found.reason, found.blocks, found.asks_for_review) == (
        "CANNOT_TELL",
        "PLACEBO_FAIL",
        False,
        True,
    )
    assert ask("placebo_in_time", panel=missing, refit=answers(0.0, 1.0), options={"impossible": "block"}).blocks


def test_a_refused_or_uncertain_refit_is_reviewed() -> None:
    def refuse(_panel: Panel) -> Estimate:
        raise RunError(Fault(code="RUN_X", cause="c", fix="f"))

    refused = ask("placebo_in_time", panel=ORDINARY, refit=refuse)
    assert (refused.verdict, refused.consequence, refused.evidence["codes"]) == ("CANNOT_TELL", "review", ["RUN_X"])
    bare = ask("placebo_in_time", panel=ORDINARY, refit=answers(0.0, None))
    assert (bare.verdict, bare.statistic) == ("CANNOT_TELL", None)
    assert ask("placebo_in_time", panel=ORDINARY, refit=None).verdict == "CANNOT_TELL"


def test_the_pretended_panel_holds_nothing_from_the_time_of_treatment() -> None:
    # starts 3 and 6 on periods 1…8, never-treated too: history 1, 2; one period pretended, one before
    made = earlier(panel({1: 3.0, 2: 6.0, 3: INF, 4: 1.0}, range(1, 9)), 0, None)
    assert made is not None
    frame = made.panel.frame
    assert sorted(frame["period"].unique()) == [1, 2]
    assert (made.start, made.periods, made.before, made.units, made.left_out) == (2, 1, 1, 3, 1)
    assert dict(zip(frame["unit"], frame["first_treated"], strict=True)) == {1: 2.0, 2: 2.0, 3: INF}


@pytest.mark.parametrize(
    ("starts", "anticipation", "periods", "expected"),
    [
        # cohort 2 has one period before: left out; cohort 5 has 1…4: pretended start 3, two before, two after
        ({1: 2.0, 2: 5.0, 3: INF}, 0, None, ([1, 2, 3, 4], 3, 2, 2, 1)),
        ({1: 5.0, 2: INF}, 0, 3, ([1, 2, 3, 4], 2, 3, 1, 0)),
        ({1: 5.0, 2: INF}, 0, 4, None),
        ({1: 5.0, 2: INF}, 1, None, ([1, 2, 3], 3, 1, 2, 0)),  # cut before 5 − 1; two periods must stay before
        ({1: 3.0, 2: INF}, 1, None, None),
        ({1: 4.0, 2: 6.0}, 0, None, ([1, 2, 3], 3, 1, 2, 0)),  # nobody untreated: the last cohort is compared with
        ({1: 4.0, 2: 4.0}, 0, None, None),
        ({1: INF, 2: INF}, 0, None, None),
        ({1: 1.0, 2: INF}, 0, None, None),
    ],
)
def test_which_history_is_used(
    starts: dict[int | str, float],
    anticipation: int,
    periods: int | None,
    expected: tuple[list[int], int, int, int, int] | None,
) -> None:
    made = earlier(panel(starts), anticipation, periods)
    seen = made and (sorted(made.panel.frame["period"].unique()), made.start, made.periods, made.before, made.left_out)
    assert seen == expected
    if made:
        last = min(g for g in starts.values() if g > 2) - anticipation
        assert bool((made.panel.frame["period"] < last).all())


def test_the_last_cohort_becomes_the_comparison() -> None:
    made = earlier(panel({1: 4.0, 2: 6.0}), 0, None)
    assert made is not None
    assert set(made.panel.frame["first_treated"][made.panel.frame["unit"] == 2]) == {INF}


def test_a_panel_without_time_has_no_history() -> None:
    bare = ORDINARY.with_frame(ORDINARY.frame.drop(columns="first_treated"))
    assert earlier(bare, 0, None) is None
    assert earlier(ORDINARY.with_frame(ORDINARY.frame.drop(columns="period")), 0, None) is None


def test_anticipation_is_read_from_the_plan() -> None:
    given: list[Panel] = []

    def keep(panel_: Panel) -> Estimate:
        given.append(panel_)
        return estimate(0.0, 0.1)

    for option in (1, "one"):
        whole = plan(estimator={"method": "did.group_time", "options": {"anticipation": option}})
        ask("placebo_in_time", plan=whole, panel=panel({1: 5.0, 2: INF}), refit=keep)
    assert [g.periods for g in given] == [(1, 2, 3), (1, 2, 3, 4)]


def test_placebo_applies_to_what_can_be_refitted() -> None:
    assert why_not("placebo_in_time") is None
    assert why_not("placebo_in_time", can(placebo_in_time=False)) is not None


# few clusters ---------------------------------------------------------------------------------------------------

LOWER = plan([rule(basis="lower_bound")])


@pytest.mark.parametrize(
    ("treated", "comparison", "whole", "verdict", "smaller"),
    [
        (10, 10, plan(), "PASS", 10),
        (10, 10, LOWER, "PASS", 10),
        (9, 40, plan(), "REVIEW", 9),
        (40, 9, LOWER, "REVIEW", 9),
        (5, 40, LOWER, "REVIEW", 5),
        (4, 40, plan(), "REVIEW", 4),
        (4, 40, LOWER, "FAIL", 4),
        (40, 4, LOWER, "FAIL", 4),
        (4, 40, plan([rule(basis="significant_and_point")]), "FAIL", 4),
        (4, 40, plan([rule(), rule(id="r2", outcome="other", basis="lower_bound")]), "REVIEW", 4),
    ],
)
def test_few_clusters(treated: int, comparison: int, whole: object, verdict: str, smaller: int) -> None:
    found = ask("few_clusters", plan=whole, design=design({3: treated, None: comparison}))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, float(smaller), 10.0)
    assert found.evidence["standard_error_unusable"] is (smaller < 5)
    assert found.reason == (None if verdict == "PASS" else "FEW_CLUSTERS")
    assert ("unusable" in found.sentence.in_language("en")) == (smaller < 5)
    assert ("kan ikke bruges" in found.sentence.in_language("da")) == (smaller < 5)


def test_effective_clusters_by_hand() -> None:
    # 5 treated of equal size and 45 compared: γ = 1/25 and 1/2025;
    # (5/25 + 45/2025)² / (5/25² + 45/2025²) = 0.049383 / 0.00801097 = 6.16438
    found = ask("few_clusters", design=design({3: 5, None: 45}))
    assert found.evidence["effective_clusters"] == pytest.approx(
        (1 / 5 + 1 / 45) ** 2 / (5 / 5**4 + 45 / 45**4), rel=1e-12
    )
    assert found.evidence["largest_treated_share"] == pytest.approx(0.2)


def test_one_dominant_cluster_is_reviewed() -> None:
    # 12 treated, of which one (its own start) carries 60 of 71 weights
    found = ask("few_clusters", design=design({3: 11, 4: 1, None: 60}, {4: 60.0}))
    assert found.verdict == "REVIEW"
    assert found.evidence["largest_share"] == pytest.approx(60 / 71)
    strict = ask("few_clusters", design=design({3: 20, None: 20}), options={"largest_share": "0.04"})
    assert strict.verdict == "REVIEW"  # each has 1/20 = 0.05


def test_few_effective_clusters_are_reviewed() -> None:
    # 12 treated, one with weight 10 of 21 (below half): γ's give an effective number of about 4.7
    found = ask("few_clusters", design=design({3: 11, 4: 1, None: 60}, {4: 10.0}))
    gammas = [(1 / 21) ** 2] * 11 + [(10 / 21) ** 2] + [(1 / 60) ** 2] * 60
    assert found.evidence["effective_clusters"] == pytest.approx(sum(gammas) ** 2 / sum(g * g for g in gammas))
    assert found.verdict == "REVIEW"


def test_clusters_are_the_plans_column() -> None:
    # 12 + 12 units in 3 + 4 clusters
    starts = dict(enumerate([3.0] * 12 + [INF] * 12))
    clusters = {u: f"k{u % 3}" if u < 12 else f"m{u % 4}" for u in range(24)}
    seen = panel({**starts}, cluster=clusters)
    whole = plan(inference={"cluster": "area"})
    found = ask("few_clusters", plan=whole, panel=seen, design=design({3: 12, None: 12}))
    assert (found.evidence["treated_clusters"], found.evidence["comparison_clusters"]) == (3, 4)
    unit = ask("few_clusters", panel=seen, design=design({3: 12, None: 12}))
    assert unit.evidence["treated_clusters"] == 12


def test_a_cluster_with_both_arms_counts_in_both() -> None:
    # shares (½, ½) and (½, 0), (0, ½): γ = 0, ¼, ¼ ⇒ effective 2
    found = cluster_sizes(np.array([0, 0, 1, 2]), np.ones(4), np.array([True, False, True, False]))
    assert (found.treated, found.comparison, found.effective) == (2, 2, pytest.approx(2.0))
    same = cluster_sizes(np.array([0, 0]), np.ones(2), np.array([True, False]))
    assert same.effective == 0.0
    with pytest.raises(ValueError, match="both arms"):
        cluster_sizes(np.array([0, 1]), np.ones(2), np.array([True, True]))


def test_without_never_treated_the_last_cohort_is_compared_with() -> None:
    found = ask("few_clusters", design=design({3: 12, 5: 11}))
    assert (found.evidence["treated_clusters"], found.evidence["comparison_clusters"]) == (12, 11)
    late = ask("few_clusters", design=design({3: 12, 5: 11, 9: 10}), panel=panel(dict(enumerate([3.0] * 33))))
    assert (late.evidence["treated_clusters"], late.evidence["comparison_clusters"]) == (23, 10)


@pytest.mark.parametrize(
    "empty",
    [design({}), design({3: 4}), design({3: 4, None: 4}, {3: math.nan}), design({3: 4, None: 4}, {None: 0.0})],
    ids=["nobody", "one arm", "NaN weight", "no weight"],
)
def test_few_clusters_cannot_tell(empty: object) -> None:
    found = ask("few_clusters", design=empty)
    assert (found.verdict, found.statistic, found.blocks) == ("CANNOT_TELL", None, True)


def test_few_clusters_applies_where_clusters_carry_the_standard_error() -> None:
    assert why_not("few_clusters") is None
    assert why_not("few_clusters", can(clusters=False)) is not None


def test_danish_numbers_stand_in_danish_sentences() -> None:
    found = ask("placebo_in_time", panel=ORDINARY, refit=answers(0.3, 0.2), plan=plan(outcome=[outcome()]))
    assert "0,3" in found.sentence.in_language("da")
    assert "0.3" in found.sentence.in_language("en")
