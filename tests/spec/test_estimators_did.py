"""Difference-in-differences by hand: small panels whose every number can be followed with a pencil."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, design_for, estimate, long, sim_stagg, staggered

from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel

TWO = {"method": "did.two_by_two"}


def small() -> Panel:
    """Two treated (from period 2), three never treated.

    Changes of the treated: 5 and 7, mean 6. Of the comparison: 1, 2 and 3, mean 2. Effect 4.
    """
    starts = {"a": 2, "b": 2, "c": 0, "d": 0, "e": 0}
    outcomes = {"a": [10.0, 15.0], "b": [12.0, 19.0], "c": [8.0, 9.0], "d": [9.0, 11.0], "e": [10.0, 13.0]}
    return staggered(long(starts, outcomes))


@pytest.mark.parametrize("method", ["did.two_by_two", "did.group_time"])
def test_effect_and_standard_error_by_hand(method: str) -> None:
    """Variance: (1 + 1)/2² + (1 + 0 + 1)/3² = 0.5 + 0.2222."""
    found = estimate(small(), Ask(method=method))
    assert found.att == pytest.approx(4.0, abs=1e-14)
    assert found.se == pytest.approx(math.sqrt(0.5 + 2.0 / 9.0), rel=1e-14)
    assert (found.observed, found.counterfactual, found.baseline) == (17.0, 13.0, 11.0)
    assert (found.counts.treated, found.counts.comparison, found.counts.observations) == (2, 3, 10)
    assert found.statistic == pytest.approx(4.0 / math.sqrt(13.0 / 18.0), rel=1e-14)
    assert (found.df, found.conventions["distribution"]) == (4.0, "t")
    assert "few_treated_clusters" in found.notes


@pytest.mark.parametrize(("denominator", "below"), [("counterfactual", 13.0), ("baseline", 11.0)])
def test_relative_effect_by_hand(denominator: str, below: float) -> None:
    found = estimate(small(), Ask(scale="relative", denominator=denominator, **TWO))  # type: ignore[arg-type]
    assert found.relative is not None
    assert found.relative.denominator_value == pytest.approx(below)
    assert found.relative.value == pytest.approx(4.0 / below)


def test_relative_standard_error_is_the_delta_method() -> None:
    """r = att / (observed − att): psi_r = (psi_att (1 + r) − r psi_observed) / counterfactual.

    Treated psi (n = 5, 2 treated): att ∓2.5, observed (15, 19) ∓5; comparison psi (3 of them) ±5/3, 0.
    """
    found = estimate(small(), Ask(scale="relative", denominator="counterfactual", **TWO))
    r = 4.0 / 13.0
    treated = [(-2.5 * (1 + r) + 5.0 * r) / 13.0, (2.5 * (1 + r) - 5.0 * r) / 13.0]
    comparison = [5.0 / 3.0 * (1 + r) / 13.0, 0.0, -5.0 / 3.0 * (1 + r) / 13.0]
    expected = math.sqrt(sum(v * v for v in (*treated, *comparison))) / 5.0
    assert found.relative is not None
    assert found.relative.se == pytest.approx(expected, rel=1e-13)
    assert found.relative.interval is not None
    assert found.relative.p_value is not None
    assert (found.relative.p_value < 0.05) == (found.relative.interval.lower > 0.0)


def test_weights_are_people() -> None:
    """Unit a counts three times: treated change (3·5 + 7)/4 = 5.5; effect 3.5."""
    frame = small().frame.rename(columns={"period": "time", "y.y": "y", "first_treated": "g"})[
        ["unit", "time", "g", "y"]
    ]
    frame["g"] = frame["g"].replace(np.inf, 0).astype(int)
    frame["w"] = np.where(frame["unit"] == "a", 3.0, 1.0)
    found = estimate(staggered(frame, weight="w"), Ask(**TWO))
    assert found.att == pytest.approx(3.5, abs=1e-14)
    assert (found.counts.treated_weight, found.counts.comparison_weight) == (4.0, 3.0)


def three_cohorts() -> Panel:
    """One unit starts in 2, one in 3, one never; periods 1–3; levels differ, common trend +1 a period.

    Effects: unit a +10 in period 2 and +20 in period 3, unit b +4 in period 3.
    """
    outcomes = {"a": [0.0, 11.0, 22.0], "b": [5.0, 6.0, 11.0], "c": [7.0, 8.0, 9.0]}
    return staggered(long({"a": 2, "b": 3, "c": 0}, outcomes))


@pytest.mark.parametrize("group", ["never_treated", "not_yet_treated"])
@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("simple", 34.0 / 3.0),
        ("dynamic", (7.0 + 20.0) / 2),
        ("group", (15.0 + 4.0) / 2),
        ("calendar", (10.0 + 12.0) / 2),
    ],
)
def test_four_averages_by_hand(group: str, aggregation: str, expected: float) -> None:
    ask = Ask(options={"control_group": group}, aggregation=aggregation)  # type: ignore[arg-type]
    found = estimate(three_cohorts(), ask)
    assert found.att == pytest.approx(expected, abs=1e-13)
    assert again(three_cohorts(), ask).value == pytest.approx(expected, abs=1e-13)
    assert found.estimand == f"ATT ({aggregation})"
    assert {(c.group, c.element): c.att for c in found.cells if c.element >= (c.group or 0)} == {
        (2, 2): pytest.approx(10.0),
        (2, 3): pytest.approx(20.0),
        (3, 3): pytest.approx(4.0),
    }


def test_base_period_is_the_reference_of_a_universal_path() -> None:
    found = estimate(three_cohorts(), Ask())
    assert [e.element for e in found.path] == [-2, -1, 0, 1]
    reference = [e for e in found.path if e.reference]
    assert [(e.element, e.att, e.se, e.interval) for e in reference] == [(-1, 0.0, None, None)]


def test_varying_base_has_no_reference() -> None:
    found = estimate(three_cohorts(), Ask(options={"base_period": "varying"}))
    assert [(e.element, e.reference) for e in found.path] == [(-1, False), (0, False), (1, False)]


def test_anticipation_moves_the_base() -> None:
    """A unit that starts in 3 but jumps by 6 in 2 already: base 1 with one period of anticipation."""
    outcomes = {"a": [0.0, 6.0, 6.0], "b": [1.0, 7.0, 7.0], "c": [0.0, 0.0, 0.0], "d": [1.0, 1.0, 1.0]}
    panel = staggered(long({"a": 3, "b": 3, "c": 0, "d": 0}, outcomes))
    assert estimate(panel, Ask(options={"anticipation": 0})).att == 0.0
    assert estimate(panel, Ask(options={"anticipation": 1})).att == 6.0
    assert estimate(panel, Ask(method="did.two_by_two", options={"anticipation": 1})).att == 6.0


def test_units_in_the_anticipation_window_after_the_last_period_are_not_never_treated() -> None:
    """c starts one period after the data end and moves already; only d is untouched."""
    outcomes = {"a": [0.0, 0.0, 5.0], "b": [0.0, 0.0, 5.0], "c": [0.0, 0.0, 4.0], "d": [0.0, 0.0, 1.0]}
    panel = staggered(long({"a": 3, "b": 3, "c": 4, "d": 0}, outcomes))
    for group in ("never_treated", "not_yet_treated"):
        options = {"anticipation": 1, "control_group": group}
        found = estimate(panel, Ask(options=options))
        assert found.att == 4.0
        assert again(panel, Ask(options=options)).value == pytest.approx(4.0)


def test_last_cohort_serves_as_comparison_until_it_starts() -> None:
    """Nobody is never treated: periods from 4 on have nobody to compare with and are left out, which is said."""
    outcomes = {
        "a": [0.0, 3.0, 3.0, 3.0],
        "b": [0.0, 3.0, 3.0, 3.0],
        "c": [0.0, 0.0, 0.0, 9.0],
        "d": [1.0, 1.0, 1.0, 9.0],
    }
    panel = staggered(long({"a": 2, "b": 2, "c": 4, "d": 4}, outcomes))
    found = estimate(panel, Ask())
    assert found.att == 3.0
    assert {(c.group, c.element) for c in found.cells} == {(2, 1), (2, 2), (2, 3)}
    assert set(found.notes) >= {"no_never_treated_group", "periods_without_comparison"}
    assert found.conventions["cohorts_used_for_comparison_only"] == "4"
    assert found.conventions["cells_without_comparison"] == 2


def test_one_unit_per_arm_has_an_effect_and_no_standard_error() -> None:
    panel = staggered(long({"a": 2, "b": 0}, {"a": [1.0, 5.0], "b": [1.0, 2.0]}))
    for method in ("did.two_by_two", "did.group_time"):
        found = estimate(panel, Ask(method=method))
        assert (found.att, found.se, found.absent) == (3.0, None, "ONE_UNIT_PER_ARM")
        assert (found.interval, found.p_value, found.statistic) == (None, None, None)
        assert again(panel, Ask(method=method)).value == 3.0


def test_one_treated_unit_among_many_has_no_analytic_standard_error() -> None:
    frame = sim_stagg()
    kept = frame[(frame["g"] == 0) | (frame["unit"] == frame.loc[frame["g"] == 4, "unit"].iloc[0])]
    found = estimate(staggered(kept), Ask())
    assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")
    assert found.counts.treated_clusters == 1


def test_few_treated_units_are_said() -> None:
    frame = sim_stagg()
    treated = frame.loc[frame["g"] == 4, "unit"].unique()
    for number, few in ((4, True), (5, False)):
        kept = frame[(frame["g"] == 0) | frame["unit"].isin(treated[:number])]
        found = estimate(staggered(kept), Ask())
        assert found.se is not None
        assert ("few_treated_clusters" in found.notes) is few


def test_no_variation_is_no_standard_error() -> None:
    panel = staggered(long({"a": 2, "b": 2, "c": 0, "d": 0}, {k: [1.0, 2.0] for k in "abcd"}))
    found = estimate(panel, Ask())
    assert (found.att, found.se, found.absent) == (0.0, None, "NO_VARIATION")


def test_always_treated_go_to_the_ledger_and_are_never_read() -> None:
    """Any outcome of an always-treated unit, even an absurd one, changes nothing: not one bit."""
    frame = sim_stagg()
    plain = estimate(staggered(frame), Ask())
    extra = pd.DataFrame({"unit": 100_000, "time": range(1, 11), "g": 1, "x": 0.0, "y": 1e12})
    panel = staggered(pd.concat([frame, extra]))
    found = estimate(panel, Ask())
    assert (found.att, found.se) == (plain.att, plain.se)
    assert again(panel, Ask()).value == again(staggered(frame), Ask()).value
    design = design_for(panel, Ask())
    assert [(e.reason, e.arm, e.count) for e in design.ledger.entries] == [("always_treated", "treated", 1)]
    assert design.summary.submitted_units == design.summary.analysed_units + 1


def test_always_treated_without_a_never_treated_group() -> None:
    """The case in which another package was silently wrong by a factor of seven."""
    frame = sim_stagg()
    late = frame[frame["g"] > 0]
    extra = pd.DataFrame(
        [{"unit": 100_000 + u, "time": t, "g": 1, "x": 0.0, "y": 50.0 * t} for u in range(30) for t in range(1, 11)]
    )
    plain, found = estimate(staggered(late), Ask()), estimate(staggered(pd.concat([late, extra])), Ask())
    assert (found.att, found.se) == (plain.att, plain.se)


def test_series_are_the_means_of_every_arm() -> None:
    found = estimate(three_cohorts(), Ask())
    assert {(p.arm, p.period): p.mean for p in found.series} == {
        ("2", 1): 0.0, ("2", 2): 11.0, ("2", 3): 22.0,
        ("3", 1): 5.0, ("3", 2): 6.0, ("3", 3): 11.0,
        ("comparison", 1): 7.0, ("comparison", 2): 8.0, ("comparison", 3): 9.0,
    }  # fmt: skip


def test_numbers_of_units_behind_each_element() -> None:
    """Cohorts of 50, never treated 50: at event time 0 under not-yet-treated everybody later is compared with."""
    found = estimate(staggered(sim_stagg()), Ask(options={"control_group": "not_yet_treated"}))
    cells = {(c.group, c.element): (c.n_treated, c.n_comparison) for c in found.cells}
    assert cells[4, 4] == (50, 150)
    assert cells[4, 6] == (50, 100)
    assert cells[8, 10] == (50, 50)
    assert cells[8, 5] == (50, 50)
    assert {e.element: e.n_treated for e in found.path}[0] == 150


def test_cell_weights_are_those_of_the_headline() -> None:
    found = estimate(staggered(sim_stagg()), Ask(aggregation="dynamic"))
    assert sum(c.weight or 0.0 for c in found.cells) == pytest.approx(1.0, abs=1e-14)
    assert sum((c.weight or 0.0) * c.att for c in found.cells) == pytest.approx(found.att, abs=1e-13)


def weighted_sum(found: Estimate) -> float:
    assert found.influence is not None
    return float(np.mean(found.influence))


@pytest.mark.parametrize("aggregation", ["simple", "dynamic", "group", "calendar"])
def test_influence_values_are_per_unit_and_centred(aggregation: str) -> None:
    found = estimate(staggered(sim_stagg()), Ask(aggregation=aggregation))  # type: ignore[arg-type]
    assert found.influence is not None
    assert found.influence.shape == (200,)
    assert abs(weighted_sum(found)) < 1e-13
    assert float(np.sqrt(np.sum(found.influence**2)) / 200) == pytest.approx(found.se, rel=1e-12)


def test_one_sided_inference() -> None:
    two = estimate(small(), Ask(**TWO))
    one = estimate(small(), Ask(sides="one", **TWO))
    worse = estimate(small(), Ask(sides="one", direction="decrease", **TWO))
    assert one.p_value == pytest.approx((two.p_value or 0.0) / 2)
    assert worse.p_value == pytest.approx(1.0 - (two.p_value or 0.0) / 2)
    assert one.interval is not None
    assert one.interval.lower == pytest.approx(4.0 - 2.1318467863266495 * math.sqrt(13.0 / 18.0))  # t with 4


@pytest.mark.parametrize("method", ["did.two_by_two", "did.group_time"])
def test_intervals_are_on_t_with_clusters_less_one_unless_the_normal_is_asked_for(method: str) -> None:
    """Five units: 2.776445 (t with 4) or 1.959964. Twelve towns: 11."""
    se = math.sqrt(13.0 / 18.0)
    for distribution, critical, df in (("t", 2.7764451051977987, 4.0), ("normal", 1.9599639845400545, None)):
        found = estimate(small(), Ask(method=method, options={"distribution": distribution}))
        assert found.interval is not None
        assert found.interval.upper == pytest.approx(4.0 + critical * se, rel=1e-12)
        assert (found.df, found.conventions["distribution"], found.conventions["df"]) == (df, distribution, df)
        assert found.path[-1].interval == found.interval
    frame = sim_stagg().query("g in (0, 6)").assign(c=lambda f: f["unit"].rank(method="dense").astype(int) % 12)
    clustered = estimate(staggered(frame, cluster="c"), Ask(method=method, cluster="c"))
    assert clustered.df == 11.0


def test_conventions_say_every_choice() -> None:
    found = estimate(staggered(sim_stagg(), covariates=("x",)), Ask(options={"covariates": ["x"]}))
    for key in ("se", "cluster", "clusters", "small_sample_factor", "distribution", "base_period", "control_group",
                "anticipation", "method", "covariates", "covariate_period", "weights", "interval"):  # fmt: skip
        assert key in found.conventions


def test_clusters_by_the_unit_itself_change_nothing() -> None:
    frame = sim_stagg().assign(own=lambda f: f["unit"])
    plain, clustered = estimate(staggered(frame), Ask()), estimate(staggered(frame, cluster="own"), Ask(cluster="own"))
    assert clustered.se == pytest.approx(plain.se, rel=1e-14)


def test_two_methods_agree_on_one_common_start() -> None:
    frame = sim_stagg()
    panel = staggered(frame[frame["g"].isin([0, 6])], covariates=("x",))
    for method in ("reg", "ipw", "dr"):
        options = {"method": method, "covariates": ["x"]}
        one = estimate(panel, Ask(options=options))
        two = estimate(panel, Ask(method="did.two_by_two", options=options))
        assert two.att == pytest.approx(one.att, rel=1e-12)
        assert two.se == pytest.approx(one.se, rel=1e-12)
        after = [e for e in one.path if e.element >= 0]
        assert [e.att for e in two.path if e.element >= 0] == pytest.approx([e.att for e in after], rel=1e-12)


def test_mean_base_by_hand() -> None:
    """Base mean of 1 and 3 is 2: change 8 − 2 = 6 against 5 − 4 = 1."""
    starts = {"a": 3, "b": 3, "c": 0, "d": 0}
    outcomes = {"a": [1.0, 3.0, 8.0], "b": [2.0, 4.0, 10.0], "c": [4.0, 4.0, 5.0], "d": [1.0, 5.0, 5.0]}
    panel = staggered(long(starts, outcomes))
    found = estimate(panel, Ask(method="did.two_by_two", options={"base": "mean_pre"}))
    assert found.att == pytest.approx((6.0 + 7.0) / 2 - (1.0 + 2.0) / 2)
    assert (found.observed, found.baseline) == (9.0, 2.5)
    assert found.conventions["base_periods"] == "1, 2"
