"""From what rules trigger to what is paid: caps, offset, earlier payments, rounding, payers, with the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from payment_cases import ask, counted, outcome, plan, rule, seen

from evaltool.payment.arithmetic import round_quantum, split, stated_context
from evaltool.payment.decision import decide
from evaltool.records.decision import Flag, State
from evaltool.records.plan.payment import Rounding

TARIFF = {"price": "100"}
PAID = {"manifest": "a" * 64}

# one tariff of 100 per unit, 10 units verified: 1,000 triggered by the rule
SETTLED = [
    # rule's own cap, [payment] table, state, triggered, amount, flags besides NO_COUNTERFACTUAL
    (None, {}, "PAY_FULL", "1000", "1000", []),
    ("900", {}, "PAY_FULL", "900", "900", ["CAPPED"]),
    ("1000", {}, "PAY_FULL", "1000", "1000", []),
    ("1100", {}, "PAY_PARTIAL", "1000", "1000", []),
    (None, {"cap": "800"}, "PAY_FULL", "800", "800", ["CAPPED"]),
    ("900", {"cap": "950"}, "PAY_FULL", "900", "900", ["CAPPED"]),
    (None, {"cap": "0"}, "NO_PAYMENT", "0", "0", ["CAPPED"]),
    (None, {"cap": "0.001"}, "NO_PAYMENT", "0", "0", ["CAPPED"]),  # the state follows what is triggered in money
    ("0.004", {}, "NO_PAYMENT", "0", "0", ["CAPPED"]),
    (None, {"quantum": "10000"}, "NO_PAYMENT", "0", "0", []),  # half of it would be 5,000
    (None, {"offset": "300"}, "PAY_FULL", "1000", "700", []),
    (None, {"offset": "1000"}, "PAY_FULL", "1000", "0", ["NET_ZERO_AFTER_OFFSET"]),
    (None, {"offset": "5000"}, "PAY_FULL", "1000", "0", ["NET_ZERO_AFTER_OFFSET"]),
    (None, {"cap": "800", "offset": "300"}, "PAY_FULL", "800", "500", ["CAPPED"]),  # the cap comes first
    (None, {"previous": [PAID | {"amount": "400"}]}, "PAY_FULL", "1000", "600", []),
    (None, {"previous": [PAID | {"amount": "1000"}]}, "PAY_FULL", "1000", "0", ["NET_ZERO_AFTER_OFFSET"]),
    (
        None,
        {"previous": [PAID | {"amount": "1001"}], "clawback": "agreed"},
        "PAY_FULL",
        "1000",
        "0",
        ["NET_ZERO_AFTER_OFFSET", "CLAWBACK_DUE"],  # 1 was paid too much; nothing negative is paid
    ),
    (None, {"previous": [PAID | {"amount": "1001"}]}, "PAY_FULL", "1000", "0", ["NET_ZERO_AFTER_OFFSET"]),  # kept
    (
        None,
        {"offset": "300", "previous": [PAID | {"amount": "400"}, {"manifest": "b" * 64, "amount": "200"}]},
        "PAY_FULL",
        "1000",
        "100",  # 1,000 - 300 - 600
        [],
    ),
    (
        None,
        {"offset": "700", "previous": [PAID | {"amount": "400"}], "clawback": "agreed"},
        "PAY_FULL",
        "1000",
        "0",
        ["NET_ZERO_AFTER_OFFSET", "CLAWBACK_DUE"],  # entitlement 300, paid 400
    ),
]


@pytest.mark.parametrize("row", SETTLED)
def test_settlement(row: tuple[str | None, Mapping[str, object], State, str, str, list[Flag]]) -> None:
    cap, payment, state, triggered, amount, flags = row
    decision = decide(ask(plan([rule("unit_tariff", TARIFF, cap=cap)], payment=payment), counted("10")))
    assert (decision.state, decision.triggered, decision.amount) == (state, Decimal(triggered), Decimal(amount))
    assert set(decision.flags) == {*flags, "NO_COUNTERFACTUAL"}
    assert sum(p.amount for p in decision.per_payer) == decision.amount


def test_a_missed_trigger_after_an_early_payment_claws_back_only_where_that_was_agreed() -> None:
    kept = decide(ask(plan(payment={"previous": [PAID | {"amount": "400"}]}), seen("0.01")))
    assert (kept.state, kept.amount, kept.flags) == ("NO_PAYMENT", 0, ())
    assert next(s.values for s in kept.trace if s.key == "kept")["excess"] == 400
    terms = {"previous": [PAID | {"amount": "400"}], "clawback": "agreed"}
    decision = decide(ask(plan(payment=terms), seen("0.01")))
    assert (decision.state, decision.amount, decision.flags) == ("NO_PAYMENT", 0, ("CLAWBACK_DUE",))
    found = next(s.values for s in decision.trace if s.key == "clawback")
    assert found == {"paid": Decimal(400), "entitlement": Decimal(0), "excess": Decimal(400)}


def test_denver_total_is_the_sum_of_three_rules() -> None:
    # 258,858 x 15.12 + 41,070 x 15.12 + (4,800,000 + 8 x 38,000) = 3,913,932.96 + 620,978.40 + 5,104,000.00
    knots = [
        {"at": "0.20", "amount": "3200000"},
        {"at": "0.30", "amount": "4800000"},
        {"at": "0.65", "amount": "6130000"},
    ]
    rules = [
        rule("unit_tariff", {"price": "15.12"}, id="housing-1", outcome="days-1"),
        rule("unit_tariff", {"price": "15.12"}, id="housing-2", outcome="days-2"),
        rule("piecewise_linear", {"knots": knots}, id="jail", outcome="jail"),
    ]
    agreed = plan(rules, outcome=[outcome("days-1"), outcome("days-2"), outcome("jail")])
    figures = (counted("258858", outcome="days-1"), counted("41070", outcome="days-2"), seen("0.38", outcome="jail"))
    decision = decide(ask(agreed, *figures))
    assert decision.amount == Decimal("9638911.36")
    assert decision.amount - 8_600_000 == Decimal("1038911.36")
    assert (decision.state, decision.maximum) == ("PAY_PARTIAL", None)  # the jail rule has a higher top


STATES_OF_TWO = [
    # figures of two tiered rules (tops 1,000,000 each), contract cap, state
    ("0.12", "0.12", None, "PAY_FULL"),
    ("0.12", "0.07", None, "PAY_PARTIAL"),
    ("0.12", "0.01", None, "PAY_PARTIAL"),
    ("0.12", "0.01", "1000000", "PAY_FULL"),  # the contract pays no more
    ("0.01", "0.01", "1000000", "NO_PAYMENT"),
]


@pytest.mark.parametrize(("first", "second", "cap", "state"), STATES_OF_TWO)
def test_state_of_two_rules(first: str, second: str, cap: str | None, state: State) -> None:
    agreed = plan([rule(), rule(id="r2", outcome="jobs")], outcome=[outcome(), outcome("jobs")], payment={"cap": cap})
    assert decide(ask(agreed, seen(first), seen(second, outcome="jobs"))).state == state


def test_a_carried_forward_rule_beside_a_paying_one_is_partial() -> None:
    pool = {
        "cohort_threshold": "0.10",
        "cohort_amount": "1",
        "pooled_threshold": "0.075",
        "pooled_amount": "2",
        "equal_weights": True,
    }
    people = {
        "eligibility": {"en": "x"},
        "unit": "person",
        "entry_from": "2024-01-01",
        "entry_to": "2024-12-31",
        "cohort": [
            {"id": "c1", "entry_from": "2024-01-01", "entry_to": "2024-06-30"},
            {"id": "c2", "entry_from": "2024-07-01", "entry_to": "2024-12-31"},
        ],
    }
    agreed = plan([rule("cohort_then_pooled", pool), rule(id="r2")], population=people)
    decision = decide(ask(agreed, seen("0.09", cohort="c1")))
    assert (decision.state, decision.amount) == ("PAY_PARTIAL", 400000)


QUANTA = [
    ("10.005", "0.01", "half_even", "10.00"),
    ("10.015", "0.01", "half_even", "10.02"),
    ("10.005", "0.01", "half_up", "10.01"),
    ("10.009", "0.01", "down", "10.00"),
    ("10.001", "0.01", "up", "10.01"),
    ("10.03", "0.05", "half_even", "10.05"),
    ("1499", "1000", "half_even", "1000"),
    ("1500", "1000", "half_even", "2000"),
    ("2500", "1000", "half_even", "2000"),
    ("7", "0.001", "half_even", "7.000"),
]


@pytest.mark.parametrize(("value", "quantum", "mode", "rounded"), QUANTA)
def test_rounding_to_a_quantum(value: str, quantum: str, mode: Rounding, rounded: str) -> None:
    with stated_context():
        assert str(round_quantum(Decimal(value), Decimal(quantum), mode)) == rounded


def test_amounts_are_rounded_once_at_the_end() -> None:
    # three rules of 1/3 øre over a half: 3 x 0.0033 = 0.0099 -> 0.01; rounding each first would give 0.00
    rules = [rule("unit_tariff", {"price": "0.0033"}, id=f"r{i}") for i in range(3)]
    assert decide(ask(plan(rules), counted("1"))).amount == Decimal("0.01")


def test_rounding_up_never_lifts_an_amount_over_its_cap() -> None:
    # 1,000 under a cap of 990.50, whole crowns, rounding up: 990, not 991
    agreed = plan([rule("unit_tariff", TARIFF)], payment={"cap": "990.50", "quantum": "1", "rounding": "up"})
    decision = decide(ask(agreed, counted("10")))
    assert (decision.amount, decision.triggered) == (990, 990)


SPLITS = [
    # amount, shares, parts: floors, then one øre each to the largest remainders, ties to the first named
    ("100.00", ("0.7", "0.2", "0.1"), ("70.00", "20.00", "10.00")),
    ("0.01", ("0.5", "0.5"), ("0.01", "0.00")),
    ("0.03", ("0.5", "0.5"), ("0.02", "0.01")),
    ("100.00", ("0.3333", "0.3333", "0.3334"), ("33.33", "33.33", "33.34")),
    ("1.00", ("0.333", "0.333", "0.334"), ("0.33", "0.33", "0.34")),  # remainders .3 .3 .4
    ("0.10", ("0.25", "0.25", "0.5"), ("0.03", "0.02", "0.05")),  # remainders .5 .5 0
    ("0.00", ("0.4", "0.6"), ("0.00", "0.00")),
    ("5.00", ("0", "1"), ("0.00", "5.00")),
]


@pytest.mark.parametrize(("amount", "shares", "parts"), SPLITS)
def test_split_by_largest_remainder(amount: str, shares: tuple[str, ...], parts: tuple[str, ...]) -> None:
    with stated_context():
        found = split(Decimal(amount), [Decimal(s) for s in shares], Decimal("0.01"))
    assert [str(part) for part in found] == list(parts)
    assert sum(found) == Decimal(amount)


def test_split_is_as_fine_as_the_quantum_where_that_is_finer_than_an_oere() -> None:
    with stated_context():
        assert split(Decimal("0.001"), [Decimal("0.5")] * 2, Decimal("0.001")) == (Decimal("0.001"), Decimal("0.000"))
        assert split(Decimal(1000), [Decimal("0.5")] * 2, Decimal(1000)) == (500, 500)


def test_every_payer_is_named_with_level_and_share() -> None:
    decision = decide(ask(plan(), seen("0.07")))
    assert [(p.payer, p.level, p.share, p.amount) for p in decision.per_payer] == [
        ("Kommune", "kommune", Decimal("0.7"), Decimal(280000)),
        ("Region", "region", Decimal("0.2"), Decimal(80000)),
        ("Stat", "stat", Decimal("0.1"), Decimal(40000)),
    ]
