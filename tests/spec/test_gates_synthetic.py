"""The gates on synthetic controls: every verdict, with the arithmetic; and on one computed by the method itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from gate_world import ask, can, estimate, panel, plan, relative, why_not
from matched_worlds import built, estimated, panel_of

from evaltool import registry
from evaltool.designs.donors import pool
from evaltool.errors import Fault, PlanError, RunError
from evaltool.estimators.counterfactual import synthetic_control
from evaltool.records.estimate import Counts, Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.gate import GateResult
from evaltool.records.panel import Panel

COUNTERFACTUAL = can(family="counterfactual", designs=("donors.pool",), path=False, standard_error="never")
SYNTHETIC_GATES = ("prefit", "placebo_in_space", "leave_one_out")


def control(effect: float = -2.0, without: Sequence[object] = (-1.9, -2.2), **conventions: object) -> Estimate:
    """A synthetic control with the figures the gates read; a fall is good."""
    stated = {
        "rmspe_before": 0.08,
        "sd_before": 1.0,
        "periods_fitted": 19,
        "donors": 38,
        "permutation_place": 1,
        "permutation_units": 39,
        **conventions,
    }
    rows = [{"without": str(i), "effect": value} for i, value in enumerate(without)]
    return estimate(
        effect,
        None,
        absent="SYNTHETIC_CONTROL",
        conventions=stated,
        certificate={"leave_one_out": rows},
    )


def on(name: str, headline: Estimate | None = None, **changes: object) -> GateResult:
    """The gate's answer on a synthetic control."""
    return ask(name, **{"capabilities": COUNTERFACTUAL, "headline": headline or control(), **changes})


def text(found: GateResult) -> str:
    """The sentence in English."""
    return found.sentence.in_language("en")


@pytest.mark.parametrize("name", SYNTHETIC_GATES)
def test_they_stand_in_the_table_of_synthetic_controls_and_of_nothing_else(name: str) -> None:
    gate = registry.gate(name)
    assert gate.expected("counterfactual")
    assert not any(gate.expected(family) for family in ("did", "measured", "published", "weighted"))
    assert why_not(name, COUNTERFACTUAL) is None
    assert why_not(name) == (
        "Metoden sammensætter ikke en kontrafaktisk situation af donorer.",
        "The method does not build a counterfactual from donors.",
    )


@pytest.mark.parametrize("name", SYNTHETIC_GATES)
def test_an_estimate_without_an_account_of_itself_cannot_be_judged(name: str) -> None:
    found = on(name, estimate())
    assert (found.verdict, found.statistic) == ("CANNOT_TELL", None)
    assert found.blocks == (name != "placebo_in_space")


# fit before the start -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "spread", "verdict", "ratio", "limit"),
    [
        (0.0, 1.0, "PASS", 0.0, 0.10),
        (0.1, 1.0, "PASS", 0.1, 0.10),
        (1.7, 17.0, "PASS", 0.1, 0.10),
        (0.11, 1.0, "REVIEW", 0.11, 0.10),
        (0.25, 1.0, "REVIEW", 0.25, 0.10),
        (0.26, 1.0, "FAIL", 0.26, 0.25),
        (0.0, 0.0, "PASS", 0.0, 0.10),  # a flat series, met exactly
    ],
)
def test_prefit(error: float, spread: float, verdict: str, ratio: float, limit: float) -> None:
    found = on("prefit", control(rmspe_before=error, sd_before=spread))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, pytest.approx(ratio, abs=1e-15), limit)
    assert found.reason == (None if verdict == "PASS" else "PREFIT_POOR")
    assert found.blocks == (verdict == "FAIL")


def test_a_flat_series_that_is_missed_cannot_be_judged() -> None:
    found = on("prefit", control(rmspe_before=0.1, sd_before=0.0))
    assert (found.verdict, found.statistic) == ("CANNOT_TELL", None)


def test_the_textbook_case_is_reviewed() -> None:
    # Proposition 99, outcomes only: RMSPE over SD (n - 1) is 0.1418
    assert on("prefit", control(rmspe_before=0.1418)).verdict == "REVIEW"


@pytest.mark.parametrize(("donors", "says"), [(19, False), (20, True)])
def test_more_donors_than_periods_is_said(donors: int, says: bool) -> None:
    found = on("prefit", control(donors=donors))
    assert ("that is not hard" in text(found)) == says
    assert ("er det ikke svært" in found.sentence.in_language("da")) == says


def test_limits_that_leave_no_room_for_a_review_are_refused() -> None:
    with pytest.raises(PlanError, match="fair must not be"):
        on("prefit", options={"good": "0.3"})


# placebo in space -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "units", "level", "verdict", "share"),
    [
        (1, 39, "0.95", "PASS", 1 / 39),  # 0.0256
        (2, 39, "0.95", "FAIL", 2 / 39),  # 0.0513
        (1, 20, "0.95", "PASS", 1 / 20),  # exactly 0.05: reached
        (2, 40, "0.95", "PASS", 2 / 40),
        (2, 20, "0.95", "FAIL", 2 / 20),
        (1, 19, "0.95", "CANNOT_TELL", None),  # 0.0526 is the smallest p there is
        (19, 19, "0.95", "CANNOT_TELL", None),
        (1, 10, "0.90", "PASS", 0.1),
        (1, 39, "0.99", "CANNOT_TELL", None),
    ],
)
def test_placebo_in_space(place: int, units: int, level: str, verdict: str, share: float | None) -> None:
    whole = plan(inference={"level": level})
    found = on("placebo_in_space", control(permutation_place=place, permutation_units=units), plan=whole)
    assert (found.verdict, found.statistic) == (verdict, share)
    assert found.reason == (None if verdict == "PASS" else "PLACEBO_FAIL")
    assert found.evidence["resolution"] == 1 / units
    assert not found.blocks, "payment may follow the point estimate; a person judges"
    assert found.asks_for_review == (verdict != "PASS")


def test_a_contract_may_state_its_own_alpha_and_let_the_rank_block() -> None:
    lenient = on("placebo_in_space", control(permutation_place=2), options={"alpha": "0.10"})
    assert (lenient.verdict, lenient.threshold) == ("PASS", 0.1)
    assert on("placebo_in_space", control(permutation_place=2), consequence="block").blocks


@pytest.mark.parametrize("place", [0, 40, None, True])
def test_a_place_outside_the_ranking_cannot_be_judged(place: object) -> None:
    assert on("placebo_in_space", control(permutation_place=place)).verdict == "CANNOT_TELL"


# leave one out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "without", "thresholds", "verdict", "count"),
    [
        # good is a fall: effects 2.0 with 1.9 and 2.2; threshold 1
        (-2.0, (-1.9, -2.2), (1.0,), "PASS", 0),
        (-2.0, (-1.0, -2.2), (1.0,), "PASS", 0),  # on the threshold counts as reached
        (-2.0, (-0.9, -2.2), (1.0,), "REVIEW", 1),
        (-2.0, (-1.9, -3.1), (1.0, 3.0), "REVIEW", 1),  # a higher tier is another tier
        (-2.0, (0.1, -2.2), (1.0,), "FAIL", 1),
        (-2.0, (0.1, -0.9), (1.0,), "FAIL", 2),
        (-2.0, (0.0,), (), "FAIL", 1),  # no effect is another sign
        (-2.0, (-0.01, -90.0), (), "PASS", 0),
        (0.0, (0.0,), (1.0,), "PASS", 0),
        (2.0, (-0.5,), (1.0,), "FAIL", 1),
    ],
)
def test_leave_one_out(
    effect: float, without: Sequence[float], thresholds: tuple[float, ...], verdict: str, count: int
) -> None:
    found = on("leave_one_out", control(effect, without), thresholds=thresholds)
    assert (found.verdict, found.statistic, found.threshold) == (verdict, float(count), 0.0)
    assert found.reason == (None if verdict == "PASS" else "ONE_DONOR_DECIDES")
    assert found.blocks == (verdict == "FAIL")
    assert found.evidence["effects"] == sorted(-value for value in without)


def test_the_sentence_tells_the_range_in_both_languages() -> None:
    found = on("leave_one_out", control(-2.0, (-0.9, -2.25)), thresholds=(1.0,))
    assert text(found) == (
        "Without one donor at a time (2 fits) the effect is 0.9 days per pupil and month to 2.25 days per pupil and "
        "month, at least once in another payment tier."
    )
    assert "(2 beregninger)" in found.sentence.in_language("da")
    assert "0,9" in found.sentence.in_language("da")


def test_no_donor_is_named_in_what_is_released() -> None:
    assert "without" not in str(on("leave_one_out").evidence)


@pytest.mark.parametrize("without", [(-1.0, None), (-1.0, math.nan), (-1.0, "x")])
def test_a_fit_without_a_number_cannot_be_judged(without: Sequence[object]) -> None:
    broken = control().model_copy(
        update={"certificate": {"leave_one_out": [{"effect": value} for value in without] + ["?"]}}
    )
    assert on("leave_one_out", broken).verdict == "CANNOT_TELL"


def test_a_relative_effect_moves_its_denominator() -> None:
    # observed 80: −20 over 100 is 20 per cent; without a donor −30 over 110 is 27.3, −10 over 90 is 11.1 per cent
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": "counterfactual"})
    headline = control(-20.0, (-30.0, -10.0)).model_copy(
        update={"observed": 80.0, "relative": relative(-0.2, None, 100.0)}
    )
    found = on("leave_one_out", headline, plan=whole, thresholds=(0.105, 0.28))
    assert found.evidence["effects"] == [pytest.approx(10 / 90), pytest.approx(30 / 110)]
    assert found.verdict == "PASS"
    # over a fixed denominator 10 and 30 per cent would have crossed both
    assert on("leave_one_out", headline, plan=whole, thresholds=(0.115,)).verdict == "REVIEW"


# a synthetic control computed by the method ---------------------------------------------------------------------


def fitted(shift: float, noise: float) -> Estimate:
    """One treated unit that is half of donors a and b plus noise, with so large a shift from period 9 on."""
    r = np.random.default_rng(7)
    periods = np.arange(1, 13)
    donors = {f"d{i:02d}": r.normal(size=12).cumsum() + 10.0 for i in range(24)}
    treated = (donors["d00"] + donors["d01"]) / 2 + noise * r.normal(size=12) + np.where(periods >= 9, shift, 0.0)
    rows = [
        {"unit": unit, "period": p, "first_treated": 9.0 if unit == "t" else math.inf, "weight": 1.0, "y.y": value}
        for unit, series in {**donors, "t": treated}.items()
        for p, value in zip(periods.tolist(), series.tolist(), strict=True)
    ]
    seen = panel_of(pd.DataFrame(rows))
    made = built(pool.PLUGIN, pool.PoolOptions(), seen)
    found = estimated(synthetic_control.PLUGIN, synthetic_control.SyntheticControlOptions(), made, seen)
    return found.model_copy(update={"key": EstimateKey(outcome="absence")})


def verdicts(headline: Estimate) -> Mapping[str, str]:
    """The verdict of every gate on synthetic controls; a fall is good and 1 is the threshold."""
    return {name: on(name, headline).verdict for name in SYNTHETIC_GATES}


def test_the_gates_read_what_the_method_writes() -> None:
    clear = fitted(-20.0, 0.0)
    assert verdicts(clear) == {"prefit": "PASS", "placebo_in_space": "PASS", "leave_one_out": "PASS"}
    assert on("placebo_in_space", clear).statistic == 1 / 25
    nothing = verdicts(fitted(0.0, 3.0))
    assert nothing["placebo_in_space"] == "FAIL"
    assert nothing["prefit"] in {"REVIEW", "FAIL"}


# placebo in time ------------------------------------------------------------------------------------------------


POPULATION = {
    "eligibility": {"en": "everybody"},
    "unit": "person",
    "entry_from": "2024-08-01",
    "entry_to": "2025-08-01",
    "principle": "intention_to_treat",
}
HISTORY = panel({1: 5.0, 2: math.inf, 3: math.inf})


@pytest.mark.parametrize(
    ("placebo", "verdict"),
    [(0.3, "PASS"), (-0.49, "PASS"), (0.5, "REVIEW"), (-0.9, "REVIEW")],  # a quarter of 2 is 0.5, not below it
)
def test_placebo_in_time_is_judged_by_its_size_alone(placebo: float, verdict: str) -> None:
    found = on("placebo_in_time", panel=HISTORY, refit=lambda _p: control(placebo))
    assert (found.verdict, found.statistic, found.threshold) == (verdict, abs(placebo), 0.5)
    assert (found.evidence["covers_zero"], found.evidence["small"]) == (None, verdict == "PASS")
    assert "no interval" in text(found)
    assert "intet interval" in found.sentence.in_language("da")
    assert not found.blocks
    # a contract that states another share is held to it
    strict = on("placebo_in_time", panel=HISTORY, refit=lambda _p: control(placebo), options={"share": "0.1"})
    assert strict.verdict == "REVIEW"


def test_the_estimates_own_placebo_in_time_is_judged_where_there_is_one() -> None:
    def refuse(_panel: Panel) -> Estimate:
        raise RunError(Fault(code="RUN_SHORT_HISTORY", cause="c", fix="f"))

    own = control(placebo_in_time_start=3, placebo_in_time_effect=0.4)
    found = on("placebo_in_time", own, panel=HISTORY, refit=refuse)
    assert (found.verdict, found.statistic, found.evidence["start"]) == ("PASS", 0.4, "3")
    assert on("placebo_in_time", own, panel=None, refit=None).verdict == "PASS"
    # a contract that states the periods gets a placebo of that length, whatever the estimate made
    assert on("placebo_in_time", own, panel=HISTORY, refit=refuse, options={"periods": 1}).verdict == "CANNOT_TELL"
    assert on("placebo_in_time", panel=HISTORY, refit=refuse).verdict == "CANNOT_TELL"


def test_a_placebo_in_time_that_is_no_number_never_passes() -> None:
    broken = control().model_copy(update={"att": math.nan})
    found = on("placebo_in_time", panel=HISTORY, refit=lambda _p: broken)
    assert (found.verdict, found.reason) == ("CANNOT_TELL", "PLACEBO_FAIL")


# gates of other families ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "method", "reason"),
    [
        (
            "pre_trend",
            "counterfactual.synthetic_control",
            "The method is fitted to the periods before the start; how well it fits is judged on its own.",
        ),
        (
            "few_clusters",
            "counterfactual.synthetic_control",
            "The uncertainty rests on placebos, not on clusters.",
        ),
        ("pre_trend", "weighted.difference", "The method gives no event study with periods before the start."),
        (
            "few_clusters",
            "weighted.difference",
            "The uncertainty rests on matched sets or single units, not on clusters; the number is judged on its own.",
        ),
        ("placebo_in_time", "weighted.difference", "The method cannot be repeated with an earlier start."),
        ("placebo_in_time", "counterfactual.synthetic_control", None),
        ("minimum_sample", "counterfactual.synthetic_control", None),
        ("minimum_sample", "weighted.difference", None),
    ],
)
def test_which_gates_apply_to_the_two_families(gate: str, method: str, reason: str | None) -> None:
    answer = why_not(gate, registry.estimator(method).capabilities)
    assert (None if answer is None else answer[1]) == reason


@pytest.mark.parametrize(
    ("method", "unit", "sizes", "verdict", "least"),
    [
        ("weighted.difference", "person", (60, 30), "PASS", (60, 30)),
        ("weighted.difference", "person", (59, 300), "FAIL", (60, 30)),
        ("weighted.difference", "person", (300, 29), "FAIL", (60, 30)),
        ("counterfactual.synthetic_control", "municipality", (1, 2), "PASS", (1, 2)),
        ("counterfactual.synthetic_control", "municipality", (1, 1), "FAIL", (1, 2)),
    ],
)
def test_minimum_sample_of_the_two_families(
    method: str, unit: str, sizes: tuple[int, int], verdict: str, least: tuple[int, int]
) -> None:
    capabilities = registry.estimator(method).capabilities
    counts = Counts(treated=sizes[0], comparison=sizes[1], observations=sum(sizes))
    stated = plan(population={**POPULATION, "unit": unit})
    headline = estimate(method=method, counts=counts)
    found = ask("minimum_sample", plan=stated, capabilities=capabilities, headline=headline)
    assert found.verdict == verdict
    assert (found.evidence["minimum_treated"], found.evidence["minimum_comparison"]) == least
