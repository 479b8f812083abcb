"""Counts, changes and published figures: exact where they must be, refused where they contradict themselves."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, long, options_for, request_for, staggered
from scipy import stats

from evaltool import registry
from evaltool.errors import PlanError, RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.panel import Panel

COUNT, CHANGE, PUBLISHED = "measured.verified_count", "measured.change", "published.estimate"


def counted(values: list[float], cohorts: list[str] | None = None) -> Panel:
    """One row per person."""
    frame = pd.DataFrame({"unit": [f"p{i}" for i in range(len(values))], "y": values})
    panel = panel_from_frame(frame, FrameRoles(unit="unit", outcome="y"))
    return panel if cohorts is None else panel.with_frame(panel.frame.assign(cohort=cohorts))


def test_a_count_is_exact() -> None:
    """Ten times 0.1 is 1, not 0.9999999999999999."""
    found = estimate(counted([0.1] * 10), Ask(method=COUNT))
    assert sum([0.1] * 10) != 1.0
    assert found.att == 1.0
    assert found.certificate["total"] == "1"
    assert (found.kind, found.se, found.absent) == ("verified_count", None, "VERIFIED_COUNT")
    assert (found.counts.treated, found.counts.comparison) == (10, 0)


def test_a_large_count_is_exact() -> None:
    """258,858 housing days, and 2**53 + 1 that a float sum of two would lose."""
    assert estimate(counted([41070.0, 217788.0]), Ask(method=COUNT)).certificate["total"] == "258858"
    large = estimate(counted([9007199254740992.0, 1.0]), Ask(method=COUNT))
    assert large.certificate["total"] == "9007199254740993"


def test_a_count_by_cohort() -> None:
    panel = counted([1.0, 2.0, 4.0, 8.0], ["one", "two", "one", "two"])
    assert estimate(panel, Ask(method=COUNT, cohort="one")).att == 5.0
    assert estimate(panel, Ask(method=COUNT, cohort="two")).att == 10.0
    assert estimate(panel, Ask(method=COUNT)).att == 15.0
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(method=COUNT, cohort="three"))
    assert caught.value.codes == ("RUN_EMPTY_COHORT",)


def test_a_cohort_needs_a_column() -> None:
    with pytest.raises(RunError) as caught:
        estimate(counted([1.0]), Ask(method=COUNT, cohort="one"))
    assert caught.value.codes == ("RUN_NO_COHORT_COLUMN",)


@pytest.mark.parametrize("method", [COUNT, CHANGE])
def test_no_data_no_measurement(method: str) -> None:
    with pytest.raises(RunError) as caught:
        estimate(None, Ask(method=method))
    assert caught.value.codes == ("RUN_NEEDS_DATA",)


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.5], [0.1, 0.2, 0.3], [-1.0, 1.0], [0.0]])
def test_the_second_count_agrees(values: list[float]) -> None:
    ask = Ask(method=COUNT)
    assert again(counted(values), ask).value == pytest.approx(estimate(counted(values), ask).att, abs=1e-15)


def before_after() -> Panel:
    """Three people start in 3: before 4, 6, 8 (means), after 3, 4, 8; changes −1, −2, 0. One never starts."""
    outcomes = {"a": [3.0, 5.0, 3.0], "b": [6.0, 6.0, 4.0], "c": [7.0, 9.0, 8.0], "d": [1.0, 1.0, 99.0]}
    return staggered(long({"a": 3, "b": 3, "c": 3, "d": 0}, outcomes))


def test_change_by_hand() -> None:
    """Mean −1; deviations 0, −1, 1: sd 1, se 1/√3, t with 2 degrees of freedom."""
    found = estimate(before_after(), Ask(method=CHANGE, direction="decrease"))
    assert (found.att, found.df, found.kind) == (-1.0, 2.0, "change")
    assert found.se == pytest.approx(1.0 / math.sqrt(3.0), rel=1e-14)
    assert (found.observed, found.baseline, found.counterfactual) == (5.0, 6.0, None)
    assert "no_counterfactual" in found.notes
    expected = stats.ttest_1samp([-1.0, -2.0, 0.0], 0.0)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    low, high = expected.confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.lower, found.interval.upper) == pytest.approx((low, high), rel=1e-12)


def test_change_ignores_those_who_never_start() -> None:
    frame = before_after().frame
    assert estimate(before_after(), Ask(method=CHANGE)).counts.treated == 3
    assert (frame["y.y"] == 99.0).any()


def test_relative_change_is_over_the_level_before() -> None:
    found = estimate(before_after(), Ask(method=CHANGE, scale="relative", denominator="baseline"))
    assert found.relative is not None
    assert found.relative.value == pytest.approx(-1.0 / 6.0)
    assert found.relative.denominator_value == 6.0
    # psi = (change − mean − r (before − 6)) / 6 with r = −1/6 and before 4, 6, 8
    deviations = np.array([0.0 + (4.0 - 6.0) / 6.0, -1.0 + 0.0, 1.0 + (8.0 - 6.0) / 6.0]) / 6.0
    assert found.relative.se == pytest.approx(math.sqrt(float(deviations @ deviations) * 3.0 / 2.0) / 3.0, rel=1e-13)


def test_there_is_no_counterfactual_to_divide_by() -> None:
    with pytest.raises(RunError) as caught:
        estimate(before_after(), Ask(method=CHANGE, scale="relative", denominator="counterfactual"))
    assert caught.value.codes == ("RUN_NO_COUNTERFACTUAL",)


def test_distance_from_a_target() -> None:
    """After means 3, 4, 8 against 4.5: 0.5."""
    ask = Ask(method=CHANGE, options={"target": Decimal("4.5")})
    found = estimate(before_after(), ask)
    assert found.att == pytest.approx(0.5)
    assert found.baseline == 4.5
    assert found.estimand == "distance from the target"
    assert again(before_after(), ask).value == pytest.approx(0.5, abs=1e-15)


def test_target_without_time() -> None:
    found = estimate(counted([3.0, 5.0]), Ask(method=CHANGE, options={"target": "3"}))
    assert found.att == 1.0
    assert found.se == pytest.approx(1.0, rel=1e-15)


def test_before_and_after_are_needed() -> None:
    with pytest.raises(RunError) as caught:
        estimate(counted([3.0, 5.0]), Ask(method=CHANGE))
    assert caught.value.codes == ("RUN_NO_BEFORE_AND_AFTER",)


def test_one_person_has_no_standard_error() -> None:
    found = estimate(counted([3.0]), Ask(method=CHANGE, options={"target": "1"}))
    assert (found.att, found.se, found.absent) == (2.0, None, "ONE_UNIT_PER_ARM")


def test_weighted_change_and_its_second_computation() -> None:
    frame = pd.DataFrame(
        [
            {"unit": u, "time": t, "g": 2 if u < 6 else 0, "y": float((u * 7 + t * 3) % 5 + t), "w": 0.5 + u}
            for u in range(7)
            for t in (1, 2, 3)
        ]
    )
    panel = staggered(frame, weight="w")
    found = estimate(panel, Ask(method=CHANGE))
    assert again(panel, Ask(method=CHANGE)).value == pytest.approx(found.att, rel=1e-14)
    assert found.counts.treated_weight == 18.0


def test_clustered_change_sums_within_clusters() -> None:
    """Changes 1, 1, −1 with the first two in one cluster: deviations 2/3, 2/3, −4/3; sums 4/3 and −4/3; factor 2."""
    outcomes = {"a": [0.0, 1.0], "b": [0.0, 1.0], "c": [0.0, -1.0], "n": [0.0, 0.0]}
    frame = long({"a": 2, "b": 2, "c": 2, "n": 0}, outcomes).assign(
        town=lambda f: f["unit"].map({"a": "x", "b": "x", "c": "z", "n": "z"})
    )
    found = estimate(staggered(frame, cluster="town"), Ask(method=CHANGE, cluster="town"))
    assert found.se == pytest.approx(math.sqrt(2 * (4.0 / 3.0) ** 2) / 3.0 * math.sqrt(2.0), rel=1e-14)
    assert found.df == 1.0


def published(direction: str = "decrease", **entry: object) -> Ask:
    """A relative published figure."""
    row = {"value": "0.0839", "source": "Jolliffe and Hedderman 2014", **entry}
    return Ask(
        method=PUBLISHED,
        options={"published": [row]},
        scale="relative",
        denominator="counterfactual",
        direction=direction,  # type: ignore[arg-type]
    )


def test_peterborough_cohort_1_as_published() -> None:
    """1 − 142/155 = 0.08387, published as 0.0839; 13 fewer per 100."""
    ask = published(treated_rate="142", comparison_rate="155")
    found = estimate(None, ask)
    assert found.relative is not None
    assert (found.relative.value, found.relative.denominator_value) == (-0.0839, 155.0)
    assert (found.att, found.observed, found.counterfactual) == (-13.0, 142.0, 155.0)
    assert (found.se, found.absent) == (None, "PUBLISHED_WITHOUT")
    assert found.source == "Jolliffe and Hedderman 2014"
    assert again(None, ask).value == -13.0
    evidence = found.evidence(direction="decrease", scale="relative")
    assert evidence.point == Decimal("0.0839")


def test_without_rates_the_relative_figure_is_all_there_is() -> None:
    found = estimate(None, published(value="0.097"))
    assert found.relative is not None
    assert (found.att, found.relative.value, found.relative.denominator_value) == (-0.097, -0.097, None)
    assert "absolute_effect_not_published" in found.notes


@pytest.mark.parametrize(
    ("value", "treated", "comparison", "consistent"),
    [
        ("0.0839", "142", "155", True),
        ("0.084", "142", "155", True),
        ("0.08", "142", "155", True),
        ("0.0839", "142.0", "155.0", True),
        ("0.0900", "142.0", "155.0", False),
        ("0.0839", "155", "142", False),
        ("-0.0839", "142", "155", False),
        ("0.12", "142", "155", False),
    ],
)
def test_value_and_rates_must_agree_within_rounding(
    value: str, treated: str, comparison: str, *, consistent: bool
) -> None:
    ask = published(value=value, treated_rate=treated, comparison_rate=comparison)
    if consistent:
        estimate(None, ask)
        return
    with pytest.raises(RunError) as caught:
        estimate(None, ask)
    assert caught.value.codes == ("RUN_PUBLISHED_INCONSISTENT",)


def test_more_is_better() -> None:
    """66 against 60 per 100: ten percent more."""
    found = estimate(None, published("increase", value="0.1", treated_rate="66", comparison_rate="60"))
    assert found.relative is not None
    assert (found.att, found.relative.value) == (6.0, 0.1)


def test_a_published_standard_error_makes_the_test() -> None:
    found = estimate(None, published(value="0.10", standard_error="0.05"))
    assert found.relative is not None
    assert found.relative.interval is not None
    assert found.relative.interval.upper == pytest.approx(-0.10 + 1.959963984540054 * 0.05)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.0))


def test_published_bounds_at_the_plans_level_are_kept() -> None:
    found = estimate(None, published(value="0.10", lower="0.02", upper="0.18", level="0.95"))
    assert found.relative is not None
    assert found.relative.interval is not None
    assert (found.relative.interval.lower, found.relative.interval.upper) == (-0.18, -0.02)
    assert found.relative.se == pytest.approx(0.08 / 1.959963984540054)
    assert found.relative.p_value is not None


def test_an_interval_at_another_level_is_converted() -> None:
    found = estimate(None, published(value="0.10", lower="0.02", upper="0.18", level="0.90"))
    assert found.relative is not None
    assert found.relative.interval is not None
    assert found.relative.interval.upper == pytest.approx(-0.10 + 0.08 / 1.6448536269514722 * 1.959963984540054)


def test_an_asymmetric_interval_has_no_normal_p_value() -> None:
    found = estimate(None, published(value="0.10", lower="0.02", upper="0.30", level="0.95"))
    assert found.p_value is None
    assert found.relative is not None
    assert found.relative.interval is not None
    assert found.relative.interval.lower == -0.30


def test_absolute_figures_carry_the_outcomes_own_sign() -> None:
    rows = [{"value": "-13", "treated_rate": "142", "comparison_rate": "155", "source": "s", "n_treated": 936}]
    found = estimate(None, Ask(method=PUBLISHED, options={"published": rows}, direction="decrease"))
    assert (found.att, found.relative, found.counts.treated) == (-13.0, None, 936)


def test_one_figure_per_cohort() -> None:
    rows = [{"cohort": "one", "value": "0.1", "source": "s"}, {"cohort": "two", "value": "0.2", "source": "s"}]
    ask = Ask(method=PUBLISHED, options={"published": rows}, scale="relative", denominator="counterfactual")
    assert estimate(None, replace(ask, cohort="two")).att == 0.2
    known = registry.estimator(PUBLISHED).cohorts
    assert known is not None
    assert known(options_for(ask)) == {"one", "two"}
    with pytest.raises(RunError) as caught:
        estimate(None, replace(ask, cohort="three"))
    assert caught.value.codes == ("RUN_NO_PUBLISHED_FIGURE",)
    assert "one, two" in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "at least 1 item"),
        ([{"value": "0.1", "source": "s"}, {"value": "0.2", "source": "s"}], "more than one published figure"),
        ([{"value": "0.1", "source": "s", "lower": "0.0"}], "belong together"),
        ([{"value": "0.1", "source": "s", "treated_rate": "1"}], "belong together"),
        (
            [{"value": "0.1", "source": "s", "lower": "0.2", "upper": "0.3", "level": "0.95"}],
            "outside its own interval",
        ),
        ([{"value": "0.1", "source": "s", "lower": "0.3", "upper": "0.0", "level": "0.95"}], "lower must lie below"),
        ([{"value": "0.1", "source": "s", "standard_error": "0"}], "greater than 0"),
        ([{"value": 0.1, "source": "s"}], "not exact"),
        ([{"value": "0.1"}], "source"),
        ([{"value": "0.1", "source": "s", "colour": "red"}], "colour"),
    ],
)
def test_options_that_contradict_themselves(rows: list[dict[str, object]], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        options_for(Ask(method=PUBLISHED, options={"published": rows}))


def test_a_comparison_rate_of_zero() -> None:
    with pytest.raises(RunError) as caught:
        estimate(None, published(value="0.1", treated_rate="1", comparison_rate="0"))
    assert caught.value.codes == ("RUN_ZERO_DENOMINATOR",)


@pytest.mark.parametrize("method", ["did.group_time", "did.two_by_two", CHANGE, PUBLISHED])
def test_options_of_another_method_are_a_mistake_of_the_program(method: str) -> None:
    request = request_for(counted([1.0, 2.0]), Ask(method=COUNT))
    with pytest.raises(TypeError, match=f"{method} was given VerifiedCountOptions"):
        registry.estimator(method).estimate(request)


@pytest.mark.parametrize("method", [COUNT, CHANGE])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_row_order_changes_no_bit(method: str, seed: int) -> None:
    frame = before_after().frame.rename(columns={"period": "time", "y.y": "y", "first_treated": "g"})
    frame = frame[["unit", "time", "g", "y"]].assign(g=lambda f: f["g"].replace(np.inf, 0).astype(int))
    frame["y"] += np.arange(len(frame)) / 7.0
    plain = estimate(staggered(frame), Ask(method=method))
    mixed = estimate(staggered(frame.sample(frac=1.0, random_state=seed)), Ask(method=method))
    assert (mixed.att, mixed.se) == (plain.att, plain.se)
