"""Locked, data maturity, second opinion and minimum sample: every verdict, with the arithmetic."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import pytest
from gate_world import AS_OF, KEY, World, ask, can, estimate, outcome, plan, relative, rule, why_not

from evaltool.errors import PlanError
from evaltool.records.estimate import Counts, SecondOpinion
from evaltool.records.evidence import EstimateKey
from evaltool.records.lock import LockStatus

Z975, Z95, Z80 = 1.959963984540054, 1.6448536269514722, 0.8416212335729143


# locked ---------------------------------------------------------------------------------------------------------


def test_a_plan_with_its_own_seal_passes() -> None:
    found = ask("locked")
    assert (found.verdict, found.statistic, found.threshold, found.reason) == ("PASS", 1.0, 1.0, None)
    assert found.evidence["seal_of_lock"] == found.evidence["seal_of_plan"] == plan().seal


@pytest.mark.parametrize(
    ("lock", "says"),
    [
        (LockStatus(state="never_locked"), "never locked"),
        (LockStatus(state="locked", seal="f" * 64), "changed after"),
        (LockStatus(state="locked", seal=None), "changed after"),
        (LockStatus(state="never_locked", seal=plan().seal), "never locked"),
    ],
)
def test_any_other_lock_fails(lock: LockStatus, says: str) -> None:
    found = ask("locked", lock=lock)
    assert (found.verdict, found.statistic, found.reason, found.blocks) == ("FAIL", 0.0, "PLAN_UNLOCKED", True)
    assert says in found.sentence.in_language("en")


# data maturity --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "window", "vintage", "extra", "days", "verdict"),
    [
        (date(2026, 1, 10), {"matures_on": "2026-01-10"}, None, 0, 0, "PASS"),
        (date(2026, 1, 9), {"matures_on": "2026-01-10"}, None, 0, -1, "FAIL"),
        (date(2026, 1, 10), {}, None, 0, 10, "PASS"),  # window closes 31 December
        (date(2026, 1, 10), {}, None, 11, 10, "FAIL"),
        (date(2026, 6, 30), {}, "2025-12-30", 0, -1, "FAIL"),  # extract drawn before the window closed
        (date(2026, 1, 1), {}, "2027-01-01", 0, 1, "PASS"),  # an extract cannot be newer than the stated date
    ],
)
def test_maturity_counts_days(
    as_of: date, window: dict[str, object], vintage: str | None, extra: int, days: int, verdict: str
) -> None:
    data = {"source": "none"} if vintage is None else {"source": "none", "vintage_date": vintage}
    found = ask(
        "data_maturity",
        plan=plan(outcome=[outcome(**window)], data=data),
        as_of=as_of,
        options={"extra_days": extra},
    )
    assert (found.verdict, found.statistic, found.threshold) == (verdict, float(days), float(extra))
    assert found.reason == (None if verdict == "PASS" else "DATA_IMMATURE")


def test_the_last_paid_outcome_decides() -> None:
    late = outcome("wellbeing", matures_on="2026-12-31")
    unpaid = outcome("unpaid", matures_on="2030-12-31")
    whole = plan([rule(), rule(id="r2", outcome="wellbeing")], outcome=[outcome(), late, unpaid])
    found = ask("data_maturity", plan=whole, as_of=date(2026, 12, 30))
    assert (found.verdict, found.evidence["outcome"]) == ("FAIL", "wellbeing")
    assert f"'{late['title']['en']}'" in found.sentence.in_language("en")  # type: ignore[index] - a raw table
    assert "31.12.2026" in found.sentence.in_language("da")
    assert "1 dag før" in found.sentence.in_language("da")


# second opinion -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("att", "se", "second", "verdict"),
    [
        (-2.0, 0.5, -2.0, "PASS"),
        (-2.0, 0.5, -2.0 + 1.9e-8, "PASS"),  # accepted: 1e-8 · max(2, 0.5) = 2e-8
        (-2.0, 0.5, -2.0 + 2.1e-8, "FAIL"),
        (0.1, 5.0, 0.1 + 4.9e-8, "PASS"),  # the standard error is the larger: 5e-8
        (0.1, 5.0, 0.1 + 5.1e-8, "FAIL"),
        (0.0, None, 0.0, "PASS"),
        (0.0, None, 1e-300, "FAIL"),  # nothing is accepted beside an exact zero
        (2.0, 0.5, -2.0, "FAIL"),
    ],
)
def test_two_computations_must_agree(att: float, se: float | None, second: float, verdict: str) -> None:
    found = ask("second_opinion", headline=estimate(att, se), opinion=SecondOpinion(value=second, by="x"))
    assert found.verdict == verdict
    assert found.consequence == "stop"
    assert found.statistic == abs(att - second)
    assert found.threshold == 1e-8 * max(abs(att), se or 0.0)


def test_a_missing_second_computation_is_not_a_pass() -> None:
    found = ask("second_opinion", opinion=None)
    assert (found.verdict, found.reason, found.blocks) == ("CANNOT_TELL", "REPLICATION_MISMATCH", True)


def test_a_contract_tolerance_is_used_and_shown() -> None:
    loose = plan(governance={"decide_from": "2026-01-31", "tolerance": "0.01"})
    found = ask("second_opinion", plan=loose, opinion=SecondOpinion(value=-2.019, by="x"))
    assert (found.verdict, found.overridden, found.threshold) == ("PASS", True, 0.02)
    assert not ask("second_opinion").overridden


def test_second_opinion_applies_to_what_is_computed_here() -> None:
    assert why_not("second_opinion") is None
    assert "published" in (why_not("second_opinion", can(family="published")) or ("", ""))[1]
    alone = plan(governance={"decide_from": "2026-01-31", "replication": False})
    assert "no second" in (why_not("second_opinion", stated=alone) or ("", ""))[1]


# minimum sample -------------------------------------------------------------------------------------------------


def people(minimum: int | None = None, unit: str = "person") -> dict[str, object]:
    """[population]."""
    table: dict[str, object] = {
        "eligibility": {"en": "x"},
        "unit": unit,
        "entry_from": "2024-08-01",
        "entry_to": "2025-08-01",
    }
    return table if minimum is None else table | {"minimum_n": minimum}


@pytest.mark.parametrize(
    ("treated", "comparison", "unit", "minimum", "options", "verdict", "binding"),
    [
        (60, 30, "person", None, {}, "PASS", (60, 60)),
        (59, 30, "person", None, {}, "FAIL", (59, 60)),
        (60, 29, "person", None, {}, "FAIL", (29, 30)),
        (300, 29, "person", 200, {}, "FAIL", (29, 30)),
        (150, 100, "person", 200, {}, "FAIL", (150, 200)),  # the contract asks for more
        (2, 2, "school", None, {}, "PASS", (2, 2)),  # the family's own minimum
        (1, 9, "schools", None, {}, "FAIL", (1, 2)),
        (9, 1, "municipalities", None, {}, "FAIL", (1, 2)),
        (11, 40, "school", 12, {}, "FAIL", (11, 12)),
        (59, 99, "enrollee", None, {}, "FAIL", (59, 60)),  # an unknown unit is taken for people
        (59, 99, "enrollee", None, {"level": "aggregates"}, "PASS", (59, 2)),
        (12, 99, "school", None, {"level": "people"}, "FAIL", (12, 60)),
        (12, 99, "person", None, {"minimum_treated": 10, "minimum_comparison": 5}, "PASS", (12, 10)),
        (0, 0, "school", None, {}, "FAIL", (0, 2)),
    ],
)
def test_minimum_sample(  # noqa: PLR0917 - one column of the table each
    treated: int,
    comparison: int,
    unit: str,
    minimum: int | None,
    options: dict[str, object],
    verdict: str,
    binding: tuple[int, int],
) -> None:
    found = ask(
        "minimum_sample",
        plan=plan(population=people(minimum, unit)),
        headline=estimate(counts=Counts(treated=treated, comparison=comparison, observations=9)),
        options=options,
    )
    assert (found.verdict, found.statistic, found.threshold) == (verdict, *map(float, binding))
    assert found.reason == (None if verdict == "PASS" else "N_MIN")


def test_people_may_be_counted_by_weights() -> None:
    counts = Counts(treated=3, comparison=4, observations=9, treated_weight=59.5, comparison_weight=400.0)
    found = ask(
        "minimum_sample",
        plan=plan(population=people(60, "school")),
        headline=estimate(counts=counts),
        options={"count": "weights"},
    )
    assert (found.verdict, found.statistic, found.threshold) == ("FAIL", 59.5, 60.0)
    assert found.unit.en == "people"
    bare = estimate(counts=Counts(treated=3, comparison=4, observations=9))
    assert ask("minimum_sample", headline=bare, options={"count": "weights"}).statistic == 3.0


def test_the_smallest_cohort_decides() -> None:
    small = estimate(
        key=EstimateKey(outcome="absence", cohort="c1"), counts=Counts(treated=50, comparison=500, observations=9)
    )
    other = estimate(
        key=EstimateKey(outcome="absence", specification="s"), counts=Counts(treated=1, comparison=1, observations=9)
    )
    found = ask("minimum_sample", plan=plan(population=people()), others=(small, other))
    assert (found.verdict, found.statistic, found.evidence["cohort"]) == ("FAIL", 50.0, "c1")


def test_what_is_only_measured_has_no_minimum_of_its_own() -> None:
    change = estimate(kind="change", counts=Counts(treated=7, comparison=0, observations=7))
    capable = can(kind="change", family="measured")
    found = ask("minimum_sample", headline=change, capabilities=capable)
    assert (found.verdict, found.statistic, found.threshold) == ("PASS", 7.0, 0.0)
    found = ask("minimum_sample", headline=change, capabilities=capable, plan=plan(population=people(8)))
    assert (found.verdict, found.threshold) == ("FAIL", 8.0)
    assert "units" in found.sentence.in_language("en")


@pytest.mark.parametrize(
    ("sides", "scale", "factor"),
    [
        ("two", "absolute", Z975 + Z80),  # 2.8016
        ("one", "absolute", Z95 + Z80),  # 2.4865
        ("two", "relative", Z975 + Z80),
    ],
)
def test_the_minimum_detectable_effect(sides: str, scale: str, factor: float) -> None:
    whole = plan(inference={"sides": sides}, estimand={"outcome": "absence", "scale": scale, "denominator": "baseline"})
    found = ask("minimum_sample", plan=whole, headline=estimate(relative=relative(-0.2, 0.05, 10.0)))
    se = 0.5 if scale == "absolute" else 0.05
    assert found.evidence["minimum_detectable_effect"] == pytest.approx(factor * se, rel=1e-12)
    assert ("%" in found.sentence.in_language("en").replace("power 80%", "")) == (scale == "relative")


@pytest.mark.parametrize(
    ("treated", "comparison", "points"),
    [(66, 66, 24), (66, 660, 18), (20, 20, 44), (20, 200, 33), (450, 450, 9), (450, 4500, 7)],
)
def test_without_a_standard_error_a_binary_outcome_uses_the_normal_approximation(
    treated: int, comparison: int, points: int
) -> None:
    # se = sqrt(0.25/n₁ + 0.25/n₀); the points are those printed for Danish cohorts of 66, 20 and 450
    found = ask(
        "minimum_sample",
        plan=plan(outcome=[outcome(kind="binary")]),
        headline=estimate(-0.1, None, counts=Counts(treated=treated, comparison=comparison, observations=9)),
    )
    effect = found.evidence["minimum_detectable_effect"]
    assert isinstance(effect, float)
    assert round(100 * effect) == points
    exact = (Z975 + Z80) * math.sqrt(0.25 / treated + 0.25 / comparison)
    assert effect == pytest.approx(exact, rel=1e-12)


def test_a_known_rate_and_denominator_enter_the_approximation() -> None:
    whole = plan(
        outcome=[outcome(kind="binary")],
        estimand={"outcome": "absence", "scale": "relative", "denominator": "counterfactual"},
    )
    found = ask(
        "minimum_sample",
        plan=whole,
        headline=estimate(
            -0.02,
            None,
            counterfactual=0.2,
            relative=relative(-0.1, None, 0.2),
            counts=Counts(treated=100, comparison=400, observations=500),
        ),
    )
    # se = sqrt(0.16/100 + 0.16/400) = sqrt(0.002), divided by the counterfactual rate 0.2
    expected = (Z975 + Z80) * math.sqrt(0.002) / 0.2
    assert found.evidence["minimum_detectable_effect"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "counts"), [("mean", (80, 120)), ("binary", (80, 0))], ids=["no rate", "nobody to compare with"]
)
def test_sometimes_no_detectable_effect_can_be_stated(kind: str, counts: tuple[int, int]) -> None:
    found = ask(
        "minimum_sample",
        plan=plan(outcome=[outcome(kind=kind)]),
        headline=estimate(-0.1, None, counts=Counts(treated=counts[0], comparison=counts[1], observations=9)),
    )
    assert found.evidence["minimum_detectable_effect"] is None
    assert "cannot be computed" in found.sentence.in_language("en")
    assert "kan ikke beregnes" in found.sentence.in_language("da")


def test_the_sentence_warns_when_the_threshold_is_smaller_than_what_can_be_seen() -> None:
    # 2.8016 · 0.5 = 1.4008 days; Danish decimal comma
    small = ask("minimum_sample", thresholds=(-3.0, 1.0, 2.0)).sentence
    assert "1,401" in small.in_language("da")
    assert "mere end den laveste tærskel på 1 " in small.in_language("da")
    assert "1.401" in small.in_language("en")
    assert "more than the lowest threshold of 1 " in small.in_language("en")
    assert "more than" not in ask("minimum_sample", thresholds=(2.0,)).sentence.in_language("en")


def test_minimum_sample_applies_where_there_are_sizes() -> None:
    assert why_not("minimum_sample") is None
    assert "counted" in (why_not("minimum_sample", can(kind="verified_count", family="measured")) or ("", ""))[1]
    published = can(family="published")
    rows: list[dict[str, object]] = [{"value": "0.1", "n_treated": 936, "n_comparison": 9360}]
    both = plan(estimator={"method": "published.estimate", "options": {"published": rows}})
    one = plan(estimator={"method": "published.estimate", "options": {"published": [*rows, {"value": "0.2"}]}})
    assert why_not("minimum_sample", published, both) is None
    assert why_not("minimum_sample", published, one) is not None
    assert why_not("minimum_sample", published, plan()) is not None
    assert (
        why_not("minimum_sample", published, plan(estimator={"method": "x", "options": {"published": 1}})) is not None
    )


def test_published_sizes_are_people_whatever_the_unit_is_called() -> None:
    found = ask(
        "minimum_sample",
        capabilities=can(family="published"),
        plan=plan(population=people(unit="prison")),
        headline=estimate(-0.1, None, counts=Counts(treated=59, comparison=900, observations=959)),
    )
    assert (found.verdict, found.threshold, found.unit.en) == ("FAIL", 60.0, "people")


# all ------------------------------------------------------------------------------------------------------------


def test_gates_without_conditions_always_apply() -> None:
    assert why_not("locked") is None
    assert why_not("data_maturity") is None


def test_unknown_options_are_refused() -> None:
    with pytest.raises(PlanError) as raised:
        ask("minimum_sample", options={"minimum_treatde": 3})
    assert raised.value.codes == ("PLAN_UNKNOWN_OPTION",)


def test_a_contract_override_shows() -> None:
    found = ask("minimum_sample", options={"power": Decimal("0.9")}, overridden=True, consequence="review")
    assert (found.overridden, found.consequence, found.evidence["power"]) == (True, "review", "0.9")


def test_a_relative_effect_that_was_not_computed_is_refused() -> None:
    whole = plan(estimand={"outcome": "absence", "scale": "relative", "denominator": "baseline"})
    with pytest.raises(ValueError, match="not computed"):
        ask("minimum_sample", plan=whole)


def test_the_world_is_one_in_which_nothing_is_wrong() -> None:
    assert World().as_of == AS_OF
    assert World().headline.key == KEY


def test_how_many_treated_would_have_detected_the_lowest_threshold() -> None:
    # se falls with the root of n: detectable (Z975 + Z80) · 0.5 = 1.4008 at 80, so 1.0 wants 80 · 1.4008² = 156.98
    found = ask("minimum_sample", headline=estimate(counts=Counts(treated=80, comparison=120, observations=9)))
    assert found.evidence["wanted_effect"] == 1.0
    assert found.evidence["treated_needed"] == 157
    none = ask("minimum_sample", thresholds=())
    assert (none.evidence["wanted_effect"], none.evidence["treated_needed"]) == (None, None)
