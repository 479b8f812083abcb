"""Rules that are parts of others: hurdles, offsets, interim payments, floors and caps of the return, and joins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from payment_cases import ask, counted, outcome, plan, rule, seen

from evaltool.errors import PlanError
from evaltool.payment.decision import decide
from evaltool.records.decision import Decision
from evaltool.records.evidence import Evidence

OUTCOMES = [outcome("absence"), outcome("grades"), outcome("visits")]
TIERS = rule(id="tiers")  # 400,000 from 0.05, 1,000,000 from 0.10
GRADES = rule("binary_threshold", {"threshold": "1", "amount": "300000"}, id="grades", outcome="grades")


def over(mechanism: str, terms: Mapping[str, object], id_: str = "whole", **other: object) -> dict[str, object]:
    """A rule of rules as a plan writes it: without an outcome of its own."""
    return {"id": id_, "mechanism": mechanism, "terms": dict(terms)} | other


def decided(rules: list[dict[str, object]], *evidence: Evidence, **tables: object) -> Decision:
    """The decision on rules about three outcomes."""
    as_of = tables.pop("as_of", date(2026, 6, 30))
    return decide(ask(plan(rules, outcome=OUTCOMES, **tables), *evidence, as_of=as_of))


def hurdle(threshold: str = "0.8", **other: object) -> dict[str, object]:
    """Grades must reach ``threshold`` before the tiers pay."""
    return rule("hurdle", {"of": "tiers", "threshold": threshold}, id="hurdle", outcome="grades") | other


HURDLES = [
    # absence, grades, inclusive, state, amount
    ("0.12", "0.9", True, "PAY_FULL", "1000000"),
    ("0.07", "0.9", True, "PAY_PARTIAL", "400000"),
    ("0.12", "0.7", True, "NO_PAYMENT", "0"),
    ("0.12", "0.8", True, "PAY_FULL", "1000000"),
    ("0.12", "0.8", False, "NO_PAYMENT", "0"),
    ("0.01", "0.9", True, "NO_PAYMENT", "0"),
]


@pytest.mark.parametrize(("absence", "grades", "inclusive", "state", "amount"), HURDLES)
def test_hurdle(absence: str, grades: str, inclusive: bool, state: str, amount: str) -> None:
    rules = [TIERS, hurdle(inclusive=inclusive)]
    decision = decided(rules, seen(absence), seen(grades, outcome="grades"))
    assert (decision.state, decision.amount) == (state, Decimal(amount))
    assert decision.maximum == 1_000_000


def test_the_order_in_the_plan_does_not_matter() -> None:
    figures = (seen("0.12"), seen("0.9", outcome="grades"))
    one, other = decided([TIERS, hurdle()], *figures), decided([hurdle(), TIERS], *figures)
    assert (one.amount, one.state, one.nearest_threshold) == (other.amount, other.state, other.nearest_threshold)
    assert [s.key for s in one.trace] == [s.key for s in other.trace]


NETS = [
    # offsets, tier reached, state, amount, flag
    (["250000"], "0.12", "PAY_FULL", "750000", False),
    (["250000", "900000"], "0.12", "PAY_FULL", "0", True),  # 1,150,000 of 1,000,000
    (["400000"], "0.07", "PAY_PARTIAL", "0", True),
    (["250000"], "0.01", "NO_PAYMENT", "0", False),
]


@pytest.mark.parametrize(("offsets", "figure", "state", "amount", "zero"), NETS)
def test_net_of_offsets_keeps_the_state_of_what_was_triggered(
    offsets: list[str], figure: str, state: str, amount: str, zero: bool
) -> None:
    lines = [{"why": "paid by another contract", "amount": one} for one in offsets]
    decision = decided([TIERS, over("net_of_offsets", {"of": "tiers", "offsets": lines})], seen(figure))
    assert (decision.state, decision.amount) == (state, Decimal(amount))
    assert ("NET_ZERO_AFTER_OFFSET" in decision.flags) == zero


def test_interim_payments_are_trued_up() -> None:
    """Three quarters of 400,000 while it runs; then 1,000,000 less the 300,000 that were paid."""
    terms = {"of": "tiers", "interim_share": "0.75", "final_from": date(2026, 1, 1)}
    rules = [TIERS, over("interim_true_up", terms)]
    early = {"governance": {"decide_from": "2025-01-01"}, "outcome": [outcome("absence", window_to="2025-03-01")]}
    interim = decide(ask(plan(rules, **early), seen("0.07"), as_of=date(2025, 6, 30)))
    assert (interim.state, interim.amount) == ("PAY_PARTIAL", 300_000)
    paid = {"previous": [{"manifest": "a" * 64, "amount": "300000"}]}
    final = decided(rules, seen("0.12"), payment=paid)
    assert (final.state, final.triggered, final.amount) == ("PAY_FULL", 1_000_000, 700_000)


def test_a_full_interim_payment_is_still_a_part() -> None:
    terms = {"of": "tiers", "interim_share": "1", "final_from": date(2027, 1, 1)}
    decision = decided([TIERS, over("interim_true_up", terms)], seen("0.12"))
    assert (decision.state, decision.amount) == ("PAY_FULL", 1_000_000)  # all of it is paid: nothing is left to true up


FLOORS = [
    # figure, amount of the part, after floor 0.5 and return cap 0.1 on a principal of 800,000
    ("0.01", "400000"),  # 0 is raised to half the principal
    ("0.07", "400000"),
    ("0.12", "880000"),  # 1,000,000 is cut to 1.1 x 800,000
]


@pytest.mark.parametrize(("figure", "amount"), FLOORS)
def test_waterfall(figure: str, amount: str) -> None:
    terms = {"of": "tiers", "principal": "800000", "floor": "0.5", "return_cap": "0.1"}
    decision = decided([TIERS, over("waterfall", terms)], seen(figure))
    assert decision.amount == Decimal(amount)
    assert decision.maximum == 880_000
    assert ("CAPPED" in decision.flags) == (figure == "0.12")


JOINS = [
    # mechanism, absence, grades, state, amount: tiers give 400,000 or 1,000,000, grades 300,000
    ("sum_of", "0.07", "2", "PAY_PARTIAL", "700000"),
    ("sum_of", "0.12", "2", "PAY_FULL", "1300000"),
    ("smallest_of", "0.07", "2", "PAY_FULL", "300000"),  # no more than 300,000 can come of it
    ("smallest_of", "0.01", "2", "NO_PAYMENT", "0"),
    ("largest_of", "0.07", "2", "PAY_PARTIAL", "400000"),
    ("largest_of", "0.01", "2", "PAY_PARTIAL", "300000"),
    ("all_of", "0.07", "2", "PAY_PARTIAL", "700000"),
    ("all_of", "0.12", "0.5", "NO_PAYMENT", "0"),
]


@pytest.mark.parametrize(("mechanism", "absence", "grades", "state", "amount"), JOINS)
def test_joins(mechanism: str, absence: str, grades: str, state: str, amount: str) -> None:
    rules = [TIERS, GRADES, over(mechanism, {"of": ["tiers", "grades"]})]
    decision = decided(rules, seen(absence), seen(grades, outcome="grades"))
    assert (decision.state, decision.amount) == (state, Decimal(amount))
    how = {"sum_of": "sum", "smallest_of": "minimum", "largest_of": "maximum", "all_of": "all_of"}[mechanism]
    same = decided([TIERS, GRADES], seen(absence), seen(grades, outcome="grades"), payment={"combine": how})
    assert (same.state, same.amount) == (decision.state, decision.amount)


def test_a_part_is_paid_once_and_under_its_own_cap() -> None:
    rules = [TIERS | {"cap": "600000"}, GRADES, over("sum_of", {"of": ["tiers", "grades"]}, cap="800000")]
    decision = decided(rules, seen("0.12"), seen("2", outcome="grades"))
    assert (decision.amount, decision.maximum) == (800_000, 800_000)  # min(800,000; 600,000 + 300,000)
    assert {"CAPPED"} <= set(decision.flags)


def test_rules_that_are_not_parts_are_still_added() -> None:
    tariff = rule("unit_tariff", {"price": "10"}, id="visits", outcome="visits")
    rules = [TIERS, hurdle(), tariff]
    figures = (seen("0.12"), seen("0.9", outcome="grades"), counted("7", outcome="visits"))
    assert decided(rules, *figures).amount == 1_000_070


def test_payers_owe_what_rules_say_and_share_the_rest() -> None:
    # savings: kommune 0.5 x 10 x 0.12 x 100,000 = 60,000; grades 300,000 shared 0.7 / 0.2 / 0.1
    savings = rule(
        "shared_savings",
        {"share": "0.5", "people": 10, "savings": [{"payer": "Kommune", "price": "100000"}]},
        id="savings",
    )
    decision = decided([savings, GRADES], seen("0.12"), seen("2", outcome="grades"))
    assert decision.amount == 360_000
    assert {p.payer: p.amount for p in decision.per_payer} == {"Kommune": 270_000, "Region": 60_000, "Stat": 30_000}


def test_rules_in_a_circle_are_refused() -> None:
    rules = [over("sum_of", {"of": ["b"]}, "a"), over("sum_of", {"of": ["a"]}, "b"), TIERS]
    with pytest.raises(PlanError) as caught:
        decided(rules, seen("0.12"))
    assert caught.value.codes == ("PLAN_RULE_CIRCLE",)


def test_what_a_part_lacks_the_whole_lacks() -> None:
    bounded = TIERS | {"basis": "lower_bound"}
    decision = decided([bounded, over("sum_of", {"of": ["tiers"]})], seen("0.12"))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("BASIS_ABSENT",))


def test_an_open_cohort_test_is_carried_forward_through_a_join() -> None:
    terms = {
        "cohort_threshold": "0.1",
        "cohort_amount": "100",
        "pooled_threshold": "0.075",
        "pooled_amount": "300",
        "equal_weights": True,
    }
    cohorts = [
        {"id": "c1", "entry_from": "2024-08-01", "entry_to": "2024-12-31"},
        {"id": "c2", "entry_from": "2025-01-01", "entry_to": "2025-08-01"},
    ]
    people = {"eligibility": {"en": "x"}, "unit": "school", "entry_from": "2024-08-01", "entry_to": "2025-08-01"}
    rules = [rule("cohort_then_pooled", terms, id="cohorts"), over("sum_of", {"of": ["cohorts"]})]
    decision = decided(rules, seen("0.05", cohort="c1"), population=people | {"cohort": cohorts})
    assert decision.state == "CARRIED_FORWARD"
