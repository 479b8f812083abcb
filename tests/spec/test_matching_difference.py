"""The matched difference: effect, standard errors, relative effect and tie range worked by hand; refusals."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import MATCHING
from matched_worlds import asked, built, cross_section, panel_of

from evaltool.designs.matching.nearest import PLUGIN as NEAREST
from evaltool.designs.matching.nearest import NearestOptions
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.numerics.matching_ties import Tied, adjusted_range, mean_range, placements
from evaltool.pipeline.corridor import evaluate
from evaltool.pipeline.design_lock import lock_design
from evaltool.reading.blind_panel import read_blind_panel
from evaltool.reading.design_lock import write_design_lock
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference

OUTCOMES = [5.0, 7.0, 6.0, 3.0, 4.0, 6.0]
"""Three treated, three comparison units; unit k is matched with unit k + 3."""


def three_pairs(outcomes: list[float] = OUTCOMES) -> tuple[Panel, Design]:
    """Three forced pairs: each is a stratum of its own."""
    frame = pd.DataFrame(
        {
            "unit": range(6),
            "treated": [True] * 3 + [False] * 3,
            "weight": 1.0,
            "x.a": [1.0, 2.0, 3.0, 2.5, 1.5, 0.5],
            "x.set": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
            "y.y": outcomes,
        }
    )
    panel = panel_of(frame)
    return panel, built(NEAREST, NearestOptions(covariates=("a",), exact=("set",)), panel)


def effect(panel: Panel, design: Design, estimand: Estimand | None = None, **options: object) -> Estimate:
    return PLUGIN.estimate(asked(DifferenceOptions(**options), design, panel, estimand=estimand))


def test_the_effect_and_its_clustered_standard_error_by_hand() -> None:
    """Means 6 and 13/3. A set's share in the effect's error: [(5−6) − (3−13/3)]/3 = 1/9, then 4/9 and −5/9.

    Σ² = 42/81, times (n−1)/(n−k) = 5/4 and G/(G−1) = 3/2: 35/36.
    """
    found = effect(*three_pairs())
    assert found.att == pytest.approx(5 / 3, rel=1e-14)
    assert found.se == pytest.approx(math.sqrt(35) / 6, rel=1e-12)
    assert found.df == 2.0
    assert found.observed == 6.0
    assert found.counterfactual == pytest.approx(13 / 3, rel=1e-14)
    assert found.counts.clusters == 3
    # t with 2 degrees of freedom has quantile 4.302652729911275 at 0.975
    assert found.interval is not None
    assert found.interval.upper == pytest.approx(5 / 3 + 4.302652729911275 * math.sqrt(35) / 6, rel=1e-9)


def test_hc1_and_hc3_by_hand() -> None:
    """Residuals −1, 1, 0 and −4/3, −1/3, 5/3; each row's leverage is 1/3.

    Σe²/9 by arm: 2/9 and (16+1+25)/81 = 42/81; together 60/81. HC1: × 6/4. HC3: ÷ (1 − 1/3)².
    """
    panel, design = three_pairs()
    assert effect(panel, design, se="hc1").se == pytest.approx(math.sqrt(60 / 81 * 6 / 4), rel=1e-12)
    by_unit = effect(panel, design, se="hc3")
    assert by_unit.se == pytest.approx(math.sqrt(60 / 81 * 9 / 4), rel=1e-12)
    assert by_unit.df == 4.0


def test_the_relative_effect_by_the_delta_method() -> None:
    """ρ = m₁/m₀ − 1 with m₁ = 6, m₀ = 13/3: per set (e₁ − (m₁/m₀) e₀) / (3 m₀), same factor 15/8."""
    panel, design = three_pairs()
    found = effect(panel, design, Estimand(outcome="y", scale="relative", denominator="counterfactual"))
    assert found.relative is not None
    assert found.relative.value == pytest.approx(5 / 13, rel=1e-13)
    ratio, below = 18 / 13, 13 / 3
    parts = [(e1 - ratio * e0) / (3 * below) for e1, e0 in zip([-1.0, 1.0, 0.0], [-4 / 3, -1 / 3, 5 / 3], strict=True)]
    assert found.relative.se == pytest.approx(math.sqrt(sum(p * p for p in parts) * 15 / 8), rel=1e-12)


def test_a_relative_effect_over_nothing_is_refused() -> None:
    panel, design = three_pairs([5.0, 7.0, 6.0, 0.0, 0.0, 0.0])
    assert effect(panel, design).relative is None
    with pytest.raises(RunError) as caught:
        effect(panel, design, Estimand(outcome="y", scale="relative", denominator="counterfactual"))
    assert caught.value.codes == ("RUN_ZERO_DENOMINATOR",)


def test_no_variation_and_single_units_give_no_standard_error() -> None:
    flat = effect(*three_pairs([5.0, 5.0, 5.0, 3.0, 3.0, 3.0]))
    assert (flat.se, flat.absent, flat.df) == (None, "NO_VARIATION", None)
    frame = cross_section(3, 1, 40)
    frame.loc[0, "x.a"] = 0.0
    panel = panel_of(frame)
    one = effect(panel, built(NEAREST, NearestOptions(covariates=("a",)), panel))
    assert (one.se, one.absent) == (None, "ONE_UNIT_PER_ARM")
    several = effect(panel, built(NEAREST, NearestOptions(covariates=("a",), ratio=3), panel))
    assert (several.se, several.absent) == (None, "TOO_FEW_CLUSTERS")


def test_what_the_method_cannot_answer_is_refused_all_at_once() -> None:
    panel, design = three_pairs()
    request = asked(
        DifferenceOptions(covariates=("seet",)),
        design,
        panel,
        estimand=Estimand(outcome="y", target="ATE", scale="relative", denominator="baseline"),
        inference=Inference(cluster="set"),
    )
    with pytest.raises(RunError) as caught:
        PLUGIN.estimate(request)
    assert caught.value.codes == ("RUN_NOT_BY_MATCHING",) * 3 + ("RUN_UNKNOWN_COVARIATE",)
    assert "Did you mean 'set'" in str(caught.value)


def test_sets_that_overlap_have_no_clusters() -> None:
    panel = panel_of(cross_section(3))
    design = built(NEAREST, NearestOptions(covariates=("a", "b"), replace=True), panel)
    with pytest.raises(RunError) as caught:
        effect(panel, design, se="cluster_set")
    assert caught.value.codes == ("RUN_NO_SETS",)


def test_other_data_than_the_design_was_built_on_are_refused() -> None:
    panel, design = three_pairs()
    other = panel.with_frame(panel.frame.assign(treated=[True, True, False, False, False, True]))
    for changed in (other, panel.with_frame(panel.frame.iloc[:5])):
        with pytest.raises(RunError) as caught:
            effect(changed, design)
        assert caught.value.codes == ("RUN_OTHER_UNITS",)


def test_a_masked_panel_a_missing_outcome_and_a_design_without_sets_are_refused() -> None:
    panel, design = three_pairs()
    for changed, own, code in (
        (panel.blinded(), design, "RUN_NEEDS_DATA"),
        (panel, replace(design, weights=None), "RUN_NO_SETS"),
        (panel.with_frame(panel.frame.assign(**{"y.y": [np.nan, *OUTCOMES[1:]]})), design, "RUN_OUTCOME_MISSING"),
    ):
        with pytest.raises(RunError) as caught:
            effect(changed, own)
        assert caught.value.codes == (code,)


def test_a_collinear_adjustment_names_the_covariate() -> None:
    panel, design = three_pairs()
    frame = panel.frame.assign(**{"x.copy": panel.frame["x.a"] * 3.0})
    with pytest.raises(RunError) as caught:
        effect(panel.with_frame(frame), design, covariates=("a", "copy"))
    assert caught.value.codes == ("RUN_COLLINEAR",)
    assert "'copy'" in str(caught.value)


def tied() -> Tied:
    """Two treated (outcomes 10, 20); comparison units tied in threes with one chosen (1, 2, 6), and one alone (5)."""
    return Tied(
        y=np.array([10.0, 20.0, 1.0, 2.0, 6.0, 5.0]),
        treated=np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        weights=np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
        groups=np.array([0, 1, 2, 2, 2, 3]),
    )


def test_the_tie_range_by_hand() -> None:
    """15 − (1 + 5)/2 = 12 down to 15 − (6 + 5)/2 = 9.5."""
    found = mean_range(tied())
    assert (found.lower, found.upper, found.how, found.orders) == (9.5, 12.0, "exact", 3)


def test_without_covariates_enumeration_finds_the_same_range() -> None:
    nothing = np.zeros((6, 0))
    found = adjusted_range(tied(), nothing)
    assert (found.how, found.orders) == ("enumerated", 3)
    assert (found.lower, found.upper) == pytest.approx((9.5, 12.0))


def test_without_ties_there_is_no_range() -> None:
    alone = replace(tied(), groups=np.arange(6))
    assert mean_range(alone).how == "no_ties"
    assert mean_range(alone).lower == mean_range(alone).upper
    assert placements(alone) == 1


def test_placements_count_different_orders_only() -> None:
    """Weights 1, 1, 0, 0 in four places: 6 ways; 30 of 60: far beyond counting."""
    base = Tied(np.arange(4.0), np.zeros(4), np.array([1.0, 1.0, 0.0, 0.0]), np.zeros(4, dtype=np.int64))
    assert placements(base) == 6
    many = Tied(np.arange(60.0), np.zeros(60), np.repeat([1.0, 0.0], 30), np.zeros(60, dtype=np.int64))
    assert placements(many) == 10**15


@pytest.mark.parametrize("order", ["largest", "smallest", "closest"])
@pytest.mark.parametrize(
    "options", [{}, {"ratio": 2}, {"caliper": Decimal("0.3")}, {"ratio": 3, "caliper": Decimal(1)}]
)
def test_the_range_is_what_all_tie_orders_reach(order: str, options: dict[str, object]) -> None:
    """Discrete covariates: random tie orders stay within one range, whatever the order it is found from."""
    frame = cross_section(11, 8, 40, discrete=True)
    r = np.random.default_rng(2)

    def at(ranks: np.ndarray) -> Estimate:
        panel = panel_of(frame.assign(**{"x.rank": ranks.astype(float)}))
        design = built(NEAREST, NearestOptions(covariates=("a", "b"), tie_order="rank", order=order, **options), panel)
        return effect(panel, design)

    first = at(np.arange(48))
    if first.conventions["tie_range"] == "no_ties":
        pytest.fail("the case was meant to have ties")
    lower, upper = first.conventions["tie_lower"], first.conventions["tie_upper"]
    seen = [at(r.permutation(48)) for _ in range(25)]
    assert {round(e.conventions["tie_lower"], 10) for e in seen} == {round(lower, 10)}
    assert {round(e.conventions["tie_upper"], 10) for e in seen} == {round(upper, 10)}
    effects = [e.att for e in seen]
    assert lower - 1e-12 <= min(effects)
    assert max(effects) <= upper + 1e-12
    assert min(effects) < max(effects)


def test_an_adjusted_range_is_enumerated_or_says_that_it_was_searched() -> None:
    r = np.random.default_rng(0)
    base = Tied(
        y=r.normal(size=24),
        treated=np.repeat([1.0, 0.0], [6, 18]),
        weights=np.concatenate([np.ones(6), np.tile([1.0, 0.0, 0.0], 6)]),
        groups=np.concatenate([np.arange(6), 6 + np.repeat(np.arange(6), 3)]),
    )
    x = r.normal(size=(24, 2))
    enumerated = adjusted_range(base, x)
    assert (enumerated.how, enumerated.orders) == ("enumerated", 729)
    values = []
    design = np.column_stack([base.treated, np.ones(24), x])
    for choice in itertools.product(range(3), repeat=6):
        w = np.concatenate([np.ones(6), *(np.eye(3)[k] for k in choice)])
        values.append(np.linalg.lstsq(design * np.sqrt(w)[:, None], base.y * np.sqrt(w), rcond=None)[0][0])
    assert (enumerated.lower, enumerated.upper) == pytest.approx((min(values), max(values)), rel=1e-9)
    many = replace(base, groups=np.concatenate([np.arange(6), np.full(18, 6)]))
    searched = adjusted_range(many, x)
    assert (searched.how, searched.orders) == ("searched", math.comb(18, 6))
    assert searched.lower <= enumerated.lower
    assert searched.upper >= enumerated.upper


def test_the_plan_road_reaches_a_decision(tmp_path: Path) -> None:
    """100 treated with a true effect of 2, threshold 1: paid in full; scores and effect agree with statsmodels."""
    (tmp_path / "plan.toml").write_text(MATCHING, encoding="utf-8")
    frame = cross_section(1, 100, 600).rename(
        columns={"unit": "id", "treated": "offered", "x.a": "a", "x.b": "b", "y.y": "y"}
    )
    frame["offered"] = frame["offered"].map({True: "true", False: "false"})
    frame.drop(columns="weight").to_csv(tmp_path / "data.csv", index=False)
    plan = read_plan(tmp_path / "plan.toml")
    write_lock(plan)
    write_design_lock(plan, lock_design(plan, read_blind_panel(plan)))
    run = evaluate(plan, read_panel(plan))
    assert run.decision.state == "PAY_FULL"
    assert run.design.matching is not None
    assert run.design.matching.treated_matched == run.estimate.counts.treated
    assert run.estimate.method == "weighted.difference"
    gates = {gate.name: gate.verdict for gate in run.gates}
    assert gates["second_opinion"] == "PASS"
    assert gates["pre_trend"] == "NOT_APPLICABLE"


def test_a_search_over_a_crowd_of_ties_ends_and_holds_every_order_tried() -> None:
    """100 of 3000 tied units are taken: beyond enumeration, and beyond swapping pair by pair."""
    r = np.random.default_rng(6)
    crowd = Tied(
        y=r.normal(size=3100),
        treated=np.repeat([1.0, 0.0], [100, 3000]),
        weights=np.repeat([1.0, 1.0, 0.0], [100, 100, 2900]),
        groups=np.concatenate([np.arange(100), np.full(3000, 100)]),
    )
    x = r.normal(size=(3100, 2))
    found = adjusted_range(crowd, x)
    assert found.how == "searched"
    design = np.column_stack([crowd.treated, np.ones(3100), x])
    for _ in range(50):
        taken = np.concatenate([np.arange(100), 100 + r.choice(3000, 100, replace=False)])
        tried = np.linalg.lstsq(design[taken], crowd.y[taken], rcond=None)[0][0]
        assert found.lower <= tried <= found.upper
    # taking the outcomes at either end is close to the best there is when covariates are noise
    assert found.upper >= 0.98 * (float(np.mean(crowd.y[:100])) - float(np.mean(np.sort(crowd.y[100:])[:100])))


def test_scores_that_differ_stop_the_run() -> None:
    """A design whose scores were tampered with in the seventh digit is not relied on."""
    panel = panel_of(cross_section(3))
    design = built(NEAREST, NearestOptions(covariates=("a", "b")), panel)
    assert design.weights is not None
    assert PLUGIN.second_opinion is not None
    request = asked(DifferenceOptions(), design, panel)
    assert PLUGIN.second_opinion(request).value == pytest.approx(PLUGIN.estimate(request).att, abs=1e-12)
    tampered = replace(design, weights=design.weights.assign(score=design.weights["score"] + 1e-7))
    with pytest.raises(RunError) as caught:
        PLUGIN.second_opinion(asked(DifferenceOptions(), tampered, panel))
    assert caught.value.codes == ("RUN_SCORES_DISAGREE",)
