"""Gates that read what a difference-in-differences was put through, and the primary inference a plan names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from estimator_world import Ask, estimate, request_for, staggered
from gate_world import ask
from gate_world import plan as contract
from scipy import stats

from evaltool import registry
from evaltool.errors import RunError
from evaltool.pipeline.inference_primary import with_primary
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Estimate
from evaltool.records.examination import Examination, HonestResult, LeftOut, PlaceboGroups, Refit
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Inference, InferenceRule

# gates ----------------------------------------------------------------------------------------------------------
# the claim is −2 days where a fall is good: 2 in the direction of good; the threshold is 1


def seen(**found: object) -> Examination:
    """An examination that found only this."""
    return Examination.model_validate({"periods": ("1", "2"), "cohorts": (), "first_treated": (), **found})


@pytest.mark.parametrize(
    ("effects", "verdict", "count"),
    [
        ((-2.5, -1.0), "PASS", 0.0),  # 1 >= 1
        ((-2.5, -0.9), "REVIEW", 1.0),
        ((-2.5, 0.1, -0.9), "FAIL", 2.0),
        ((-2.5, 0.0), "FAIL", 1.0),
    ],
)
def test_without_one_cluster(effects: tuple[float, ...], verdict: str, count: float) -> None:
    found = ask("leave_out_cluster", examination=seen(without_cluster=LeftOut(effects=effects, how="exact")))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, count, 0.0)
    assert found.reason == (None if verdict == "PASS" else "ONE_CLUSTER_DECIDES")
    assert not found.blocks
    assert found.evidence["smallest"] == -max(effects)


def test_a_cluster_that_cannot_be_left_out_is_not_passed_over() -> None:
    alone = LeftOut(effects=(-2.0, -2.1), impossible=1, how="exact")
    assert ask("leave_out_cluster", examination=seen(without_cluster=alone)).verdict == "CANNOT_TELL"
    assert ask("leave_out_cluster", examination=seen()).verdict == "CANNOT_TELL"
    assert ask("leave_out_cluster").verdict == "CANNOT_TELL"


@pytest.mark.parametrize(("att", "verdict"), [(-1.4, "PASS"), (-0.4, "REVIEW"), (0.4, "FAIL"), (None, "CANNOT_TELL")])
def test_without_one_cohort(att: float | None, verdict: str) -> None:
    refits = (Refit(label="3", start=3, att=-2.2), Refit(label="4", start=4, att=att))
    assert ask("leave_out_cohort", examination=seen(without_cohort=refits)).verdict == verdict


def test_one_cohort_cannot_be_left_out_and_need_not_be() -> None:
    assert ask("leave_out_cohort", examination=seen(absent={"without_cohort": "one_cohort"})).verdict == "PASS"


@pytest.mark.parametrize(("share", "verdict"), [(0.05, "PASS"), (0.051, "REVIEW")])
def test_pretended_groups(share: float, verdict: str) -> None:
    groups = PlaceboGroups(draws=999, seed=1, spread=0.5, largest=1.4, share_as_large=share)
    found = ask("placebo_groups", examination=seen(placebo_groups=groups))
    assert (found.verdict, found.statistic) == (verdict, share)
    assert found.threshold == pytest.approx(0.05)
    assert ask("placebo_groups", examination=seen()).verdict == "CANNOT_TELL"


def honest(**values: float | None) -> Examination:
    """Relative magnitudes with these breakdown values."""
    fields = {"estimate": -2.0, "is_headline": True, "points": (), "searched_to": 4.0, **values}
    return seen(honest=(HonestResult.model_validate({"kind": "relative_magnitudes", **fields}),))


@pytest.mark.parametrize(
    ("against", "found", "verdict", "statistic"),
    [
        ("interval", {"threshold_breakdown": 1.0, "point_breakdown": 0.2}, "PASS", 1.0),
        ("interval", {"threshold_breakdown": 0.99, "point_breakdown": 3.0}, "REVIEW", 0.99),
        ("point", {"threshold_breakdown": 0.2, "point_breakdown": 1.5}, "PASS", 1.5),
        ("point", {"point_breakdown": None}, "PASS", 4.0),  # none up to 4 was found
    ],
)
def test_trends_against_the_payment_threshold(
    against: str, found: dict[str, float | None], verdict: str, statistic: float
) -> None:
    answer = ask("honest_breakdown", examination=honest(**found), options={"against": against})
    assert (answer.verdict, answer.statistic, answer.threshold) == (verdict, statistic, 1.0)


def test_an_effect_below_the_threshold_is_judged_against_zero() -> None:
    answer = ask("honest_breakdown", examination=honest(zero_breakdown=0.4), thresholds=(3.0,))
    assert (answer.verdict, answer.statistic) == ("REVIEW", 0.4)
    assert answer.evidence["threshold"] == 0.0


def test_trends_without_an_event_study_cannot_be_told() -> None:
    assert ask("honest_breakdown", examination=seen()).verdict == "CANNOT_TELL"


# the primary inference --------------------------------------------------------------------------------------------


def panel(*, several: bool = False, treated: int = 6) -> Panel:
    """Fourteen units, four periods; the treated begin in 3, or in 3 and 4; an effect of 1."""
    r = np.random.default_rng(3)
    rows = []
    for unit in range(14):
        start = 0 if unit >= treated else 4 if several and unit % 2 else 3
        level, slope = r.normal(), r.normal(scale=0.2)
        rows += [
            {"unit": unit, "time": t, "g": start, "y": level + slope * t + (t >= start > 0) + r.normal(scale=0.3)}
            for t in range(1, 5)
        ]
    return staggered(pd.DataFrame(rows))


def studied(data: Panel, inference: Inference, request: Ask | None = None) -> Studied:
    """The estimate of a panel under a plan's inference."""
    whole = contract()
    outcomes = tuple(one.model_copy(update={"id": "y"}) for one in whole.outcome)
    plan = whole.model_copy(update={"inference": inference, "outcome": outcomes})
    asked = request or Ask("did.group_time")

    def again(other: Panel) -> Estimate:
        return estimate(other, asked)

    return Studied(plan, data, request_for(data, asked).design, again(data), again)


def test_the_methods_own_inference_changes_nothing() -> None:
    whole = studied(panel(), Inference())
    assert with_primary(whole) is whole.estimate


@pytest.mark.parametrize("several", [False, True])
def test_cr1_is_the_influence_error_with_its_factor(several: bool) -> None:
    whole = studied(panel(several=several), Inference(primary="cr1"))
    found, own = with_primary(whole), whole.estimate
    assert own.se is not None
    assert found.att == own.att
    if several:
        assert found.se == pytest.approx(own.se * (14 / 13) ** 0.5, rel=1e-12)
    assert found.conventions["inference"] == "cr1"
    check_inverted(found)


def check_inverted(found: Estimate) -> None:
    """Effect ± t · se is the interval, and the p-value is that of the same t."""
    assert found.se is not None
    assert found.interval is not None
    assert found.df is not None
    half = float(stats.t.ppf(0.975, found.df)) * found.se
    assert (found.interval.lower, found.interval.upper) == pytest.approx((found.att - half, found.att + half))
    assert found.p_value == pytest.approx(2 * float(stats.t.sf(abs(found.att / found.se), found.df)), rel=1e-9)


def test_cr3_is_the_jackknife_over_clusters() -> None:
    data = panel(several=True)
    found = with_primary(studied(data, Inference(primary="cr3")))
    units = data.frame["unit"].unique()
    values = [
        registry.estimator("did.group_time")
        .estimate(request_for(data.with_frame(data.frame[data.frame["unit"] != unit]), Ask("did.group_time")))
        .att
        for unit in units
    ]
    assert found.se == pytest.approx((13 / 14 * sum((v - found.att) ** 2 for v in values)) ** 0.5, rel=1e-10)
    check_inverted(found)


@pytest.mark.parametrize("method", ["hc1", "cr2", "cr3"])
def test_methods_of_one_start_print_the_inversion_of_their_test(method: str) -> None:
    found = with_primary(studied(panel(), Inference.model_validate({"primary": method})))
    assert found.conventions["inference"] == method
    check_inverted(found)


@pytest.mark.parametrize("method", ["wild_bootstrap", "randomisation", "multiplier_bootstrap"])
@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_a_resampled_interval_holds_zero_where_its_test_does_not_reject(method: str, shift: float) -> None:
    """The effect is about one; a constant taken from every treated outcome moves it to about zero."""
    data = panel()
    frame = data.frame
    moved = frame["y.y"] + np.where(frame["period"] >= frame["first_treated"], shift, 0.0)
    inference = Inference.model_validate({"primary": method})
    found = with_primary(studied(data.with_frame(frame.assign(**{"y.y": moved})), inference))
    assert found.interval is not None
    assert found.p_value is not None
    assert (found.interval.lower <= 0.0 <= found.interval.upper) == (found.p_value > 0.05)
    assert found.conventions["inference_draws"]


def test_a_rule_takes_over_where_it_holds() -> None:
    rules = (InferenceRule(use="cr3", treated_below=7), InferenceRule(use="cr1", clusters_below=99))
    few = with_primary(studied(panel(), Inference(rule=rules)))
    assert (few.conventions["inference"], few.conventions["inference_named_by"]) == ("cr3", "rule 1")
    more = with_primary(studied(panel(treated=8), Inference(rule=rules)))
    assert (more.conventions["inference"], more.conventions["inference_named_by"]) == ("cr1", "rule 2")


def test_a_method_that_the_data_do_not_allow_is_refused_by_name() -> None:
    with pytest.raises(RunError) as refused:
        with_primary(studied(panel(several=True), Inference(primary="cr2")))
    (fault,) = refused.value.faults
    assert (fault.code, fault.place.key) == ("RUN_INFERENCE_NOT_OFFERED", "inference.primary")
    assert "'cr2'" in fault.cause
