"""Real contracts replayed from the shared list of cases, where it is at hand; the same facts stand as literals in
``test_payment_mechanisms`` and ``test_payment_combination``."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from payment_cases import ask, counted, plan, rule

from evaltool.payment.decision import decide
from evaltool.records.decision import Decision

TIER_STATES = {"none": "NO_PAYMENT", "partial": "PAY_PARTIAL", "complete": "PAY_FULL"}


@pytest.fixture(scope="module")
def cases(reference: Path) -> dict[str, dict[str, object]]:
    """The cases by id."""
    listed = tomllib.loads((reference / "replay_cases.toml").read_text(encoding="utf-8"))["case"]
    return {case["id"]: case for case in listed}


def decided(mechanism: str, terms: dict[str, object], figure: str, *, inclusive: object = True) -> Decision:
    """The decision on one exact figure, to the finest quantum, so that a coupon keeps its digits."""
    stated = rule(mechanism, terms, inclusive=inclusive)
    return decide(ask(plan([stated], payment={"quantum": "0.0001"}), counted(figure)))


def pairs(case: dict[str, object], key: str) -> list[tuple[str, str]]:
    """A list of pairs of a case."""
    listed = case[key]
    assert isinstance(listed, list)
    return [(str(a), str(b)) for a, b in listed]


def test_rikers(cases: dict[str, dict[str, object]]) -> None:
    case = cases["rikers-tiers"]
    terms: dict[str, object] = {"tiers": [{"from": at, "amount": amount} for at, amount in pairs(case, "knots")]}
    for figure, amount in pairs(case, "probes"):
        assert decided("step_tiers", terms, figure, inclusive=case["inclusive"]).amount == Decimal(amount)


@pytest.mark.parametrize("name", ["denver-jail-days", "newpin-coupon"])
def test_lines(cases: dict[str, dict[str, object]], name: str) -> None:
    case = cases[name]
    knots = [{"at": at, "amount": amount} for at, amount in pairs(case, "knots")]
    terms: dict[str, object] = {"knots": knots, "below": case["below"], "above": case["above"]}
    for figure, amount in pairs(case, "probes"):
        assert decided("piecewise_linear", terms, figure).amount == Decimal(amount)


def test_denver_housing_days_and_total(cases: dict[str, dict[str, object]]) -> None:
    case, total = cases["denver-housing-days"], cases["denver-total"]
    paid = []
    for units, amount in pairs(case, "probes"):
        decision = decided("unit_tariff", {"price": case["price"]}, units, inclusive=None)
        assert (decision.amount, list(decision.flags)) == (Decimal(amount), case["flags"])
        paid.append(decision.amount)
    assert sum(paid) + Decimal("5104000.00") == Decimal(str(total["expected_amount"]))


@pytest.mark.parametrize("name", ["juvat-equality", "duo-strict"])
def test_at_least_and_more_than(cases: dict[str, dict[str, object]], name: str) -> None:
    case = cases[name]
    terms = {"threshold": case["threshold"], "amount": "1"}
    for figure, state in pairs(case, "probes_state"):
        assert decided("binary_threshold", terms, figure, inclusive=case["inclusive"]).state == state


def test_nurse_family_partnership(cases: dict[str, dict[str, object]]) -> None:
    case = cases["nfp-preterm"]
    terms = {key: case[key] for key in ("partial_from", "complete_from", "partial_amount", "complete_amount")}
    for figure, tier in pairs(case, "probes_tier"):
        assert decided("partial_complete", terms, figure).state == TIER_STATES[tier]
    agreed = plan([rule("partial_complete", terms)], payment={"offset": case["offsets"]})
    decision = decide(ask(agreed, counted("0.15", kind="effect", absent=None)))
    assert (str(decision.amount), list(decision.flags)) == ("0.00", case["flags"])
