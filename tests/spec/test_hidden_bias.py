"""Sensitivity to what nobody measured, in a run: bounds for sets by enumeration, the check and its figures."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from gate_world import KEY, ask, can, plan, rule
from matched_worlds import built, cross_section, panel_of

from evaltool import registry
from evaltool.estimators.weighted import difference
from evaltool.numerics.set_bounds import set_bounds, sets_of, turning_gamma
from evaltool.numerics.unmeasured import robustness, robustness_of, rosenbaum_bounds, sensitivity_gamma
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.plugins import EstimationRequest

WEIGHTED = can(family="weighted", designs=("matching.nearest",), covariates=True, path=False, placebo_in_time=False)


def worst(values: np.ndarray, gamma: float) -> tuple[float, float]:
    """Largest mean over every way to give units of a set the weight 1 or Γ, with the largest variance at it."""
    found = []
    for weights in itertools.product([1.0, gamma], repeat=len(values)):
        chance = np.array(weights) / sum(weights)
        mean = float(chance @ values)
        found.append((round(mean, 9), float(chance @ (values - mean) ** 2)))
    return max(found)


@pytest.mark.parametrize("gamma", [1.0, 1.4, 3.0])
def test_the_bounds_of_sets_by_trying_every_hidden_difference(gamma: float) -> None:
    r = np.random.default_rng(5)
    sets = np.repeat(np.arange(8), [2, 3, 4, 4, 2, 5, 3, 3])
    single = np.zeros(len(sets), dtype=bool)
    single[np.searchsorted(sets, np.arange(8))] = True
    turned = np.isin(sets, [3, 6])
    treated = single ^ turned
    y = np.rint(3 * r.normal(size=len(sets)) + 2 * treated)
    found = set_bounds(sets_of(y, treated, sets), gamma)
    aligned = pd.Series(y - pd.Series(y).groupby(sets).transform("mean")).round(12)
    ranks = aligned.rank().to_numpy()
    total = float(ranks[treated].sum())
    tails = []
    for sign in (1.0, -1.0):
        mean = variance = 0.0
        for s in range(8):
            mine = sign * ranks[sets == s]
            if turned[sets == s][0]:
                one, two = worst(-mine, gamma)
                mean += float(mine.sum()) + one
            else:
                one, two = worst(mine, gamma)
                mean += one
            variance += two
        tails.append(0.5 * math.erfc((total - sign * mean) / math.sqrt(2.0 * variance)))
    assert (found.lower, found.upper) == pytest.approx((min(tails), max(tails)), rel=1e-9)


def test_sets_that_are_no_stars_or_hold_no_differences_are_refused() -> None:
    with pytest.raises(ValueError, match="one treated or one comparison"):
        sets_of(np.arange(4.0), np.array([True, True, False, False]), np.zeros(4, dtype=np.int64))
    flat = sets_of(np.ones(4), np.array([True, False, True, False]), np.array([0, 0, 1, 1]))
    with pytest.raises(ValueError, match="no outcome differs"):
        set_bounds(flat, 2.0)
    with pytest.raises(ValueError, match="at least 1"):
        set_bounds(flat, 0.5)


def test_the_turning_gamma_is_where_the_p_value_crosses() -> None:
    d = np.random.default_rng(3).normal(0.6, 1.0, 60)
    up = turning_gamma(lambda g: rosenbaum_bounds(d, g), 0.05, reached=True)
    assert up == sensitivity_gamma(d, 0.05)
    assert rosenbaum_bounds(d, up).upper <= 0.05 < rosenbaum_bounds(d, up * (1 + 1e-9)).upper
    down = turning_gamma(lambda g: rosenbaum_bounds(d - 0.8, g), 0.05, reached=False)
    assert rosenbaum_bounds(d - 0.8, down).lower > 0.05 >= rosenbaum_bounds(d - 0.8, down * (1 + 1e-9)).lower
    assert turning_gamma(lambda g: rosenbaum_bounds(-d, g), 0.05, reached=True) == 1.0
    assert turning_gamma(lambda g: rosenbaum_bounds(np.full(60, 1.0), min(g, 1e5)), 0.5, reached=True) == math.inf


def test_the_robustness_value_is_that_of_the_t_statistic() -> None:
    r = np.random.default_rng(2)
    x, d = r.normal(size=(80, 2)), np.arange(80) % 3 == 0
    y = 1.5 * d + x.sum(axis=1) + r.normal(size=80)
    matrix = np.column_stack([np.ones(80), d, x])
    b, rss = np.linalg.lstsq(matrix, y, rcond=None)[:2]
    t = b[1] / math.sqrt(rss[0] / 76 * np.linalg.inv(matrix.T @ matrix)[1, 1])
    assert robustness_of(y, d, np.ones(80), x, abs(b[1])) == pytest.approx(robustness(t, 76).value, rel=1e-10)
    half = robustness_of(y, d, np.full(80, 3.0), x, abs(b[1]) / 2)
    assert half == pytest.approx(robustness(t, 76, q=0.5).value, rel=1e-10)
    assert robustness_of(y, d, np.ones(80), np.column_stack([x, d]), 1.0) is None
    assert robustness_of(x[:, 0], d, np.ones(80), x[:, :1], 1.0) in {None, 1.0}


def judged(design: str, options: dict[str, object], rules: list[dict[str, object]], minimum: str = "1") -> GateResult:
    """The check on a made-up cross-section; a fall of the outcome is good."""
    frame = cross_section(9, 40, 90)
    frame["y.absence"] = -frame.pop("y.y")
    panel = panel_of(frame)
    plugin = registry.design(design)
    found = built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel)
    stated = plan(rules, estimator={"method": "weighted.difference", "options": {"covariates": ["a", "b"]}})
    request = EstimationRequest(
        key=KEY,
        outcome=stated.outcome_named("absence"),
        estimand=stated.estimand,
        inference=stated.inference,
        options=difference.DifferenceOptions(covariates=("a", "b")),
        design=found,
        panel=panel,
    )
    estimate: Estimate = difference.estimate(request)
    return ask(
        "hidden_bias",
        plan=stated,
        capabilities=WEIGHTED,
        design=found,
        panel=panel,
        headline=estimate,
        thresholds=(1.0,),
        options={"minimum": minimum},
    )


@pytest.mark.parametrize(
    ("design", "options", "sets"),
    [
        ("matching.nearest", {}, True),
        ("matching.optimal", {"ratio": 2}, True),
        ("matching.full", {}, True),
        ("matching.nearest", {"replace": True}, False),
        ("weighting.entropy_balancing", {}, False),
    ],
)
def test_every_design_says_what_turns_the_payment(design: str, options: dict[str, object], sets: bool) -> None:
    found = judged(design, options, [rule(basis="lower_bound")])
    assert found.verdict == "PASS"
    (row,) = found.evidence["figures"]  # type: ignore[misc]
    assert row["figure"] == "lower_bound"  # type: ignore[index]
    assert row["reached"] is (row["value"] >= 1.0)  # type: ignore[index]
    assert row["difference"] == pytest.approx(abs(row["value"] - 1.0))  # type: ignore[index]
    assert (row["gamma"] is not None) is sets  # type: ignore[index]
    assert 0.0 < row["robustness"] < 1.0  # type: ignore[index]
    assert found.statistic == row["e_value"] > 1.0  # type: ignore[index]


def test_figures_follow_the_bases_and_the_contract_may_ask_for_more() -> None:
    found = judged("matching.nearest", {}, [rule(basis="significant_and_point")])
    rows = {row["figure"]: row for row in found.evidence["figures"]}  # type: ignore[index, union-attr, call-overload]
    assert set(rows) == {"point_estimate", "significant_and_point"}
    assert rows["significant_and_point"]["threshold"] == 0.0
    assert rows["point_estimate"]["threshold"] == 1.0
    asked_for = judged("matching.nearest", {}, [rule()], minimum="50")
    assert (asked_for.verdict, asked_for.reason) == ("REVIEW", "HIDDEN_BIAS")
    assert "the contract asks for 50.00" in asked_for.sentence.in_language("en")


def test_without_outcomes_it_does_not_apply() -> None:
    assert ask("hidden_bias", capabilities=WEIGHTED).verdict == "NOT_APPLICABLE"
