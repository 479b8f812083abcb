"""What must hold of whole contracts: rules of rules, caps, payers, cohorts that arrive and payments already made."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from payment_cases import ask, outcome, plan, rule, seen

from evaltool.payment.decision import decide
from evaltool.records.decision import Decision

STEADY = settings(deadline=None, max_examples=40, derandomize=True)
FIGURES = st.decimals(min_value=-1, max_value=1, places=4, allow_nan=False)
GOOD = st.decimals(min_value=Decimal("0.0001"), max_value=1, places=4, allow_nan=False)
MONEY = st.decimals(min_value=1, max_value=1_000_000, places=2, allow_nan=False)
OUTCOMES = [outcome("absence"), outcome("grades")]
LAST = date(2026, 6, 30)


@st.composite
def contracts(draw: st.DrawFn) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Two rules on two outcomes under a random rule of rules, and a [payment] table with cap and offset."""
    low, high = sorted(draw(st.sets(GOOD, min_size=2, max_size=2)))
    part, whole = sorted(draw(st.sets(MONEY, min_size=2, max_size=2)))
    tiers = rule("step_tiers", {"tiers": [{"from": low, "amount": part}, {"from": high, "amount": whole}]}, id="tiers")
    knots = {"knots": [{"at": low, "amount": part}, {"at": high, "amount": whole}]}
    line = rule("piecewise_linear", knots, id="line", outcome="grades")
    over: dict[str, dict[str, object]] = {
        "sum_of": {"of": ["tiers", "line"]},
        "smallest_of": {"of": ["tiers", "line"]},
        "largest_of": {"of": ["tiers", "line"]},
        "all_of": {"of": ["tiers", "line"]},
        "net_of_offsets": {"of": "tiers", "offsets": [{"why": "elsewhere", "amount": draw(MONEY)}]},
        "interim_true_up": {"of": "line", "interim_share": "0.5", "final_from": date(2027, 1, 1)},
        "waterfall": {"of": "tiers", "principal": draw(MONEY), "floor": "0", "return_cap": "0.2"},
    }
    chosen = draw(st.sampled_from(sorted(over)))
    top: dict[str, object] = {"id": "top", "mechanism": chosen, "terms": over[chosen]}
    if draw(st.booleans()):
        top["cap"] = draw(MONEY)
    payment: dict[str, object] = {"combine": draw(st.sampled_from(["sum", "minimum", "maximum", "all_of"]))}
    if draw(st.booleans()):
        payment["cap"] = draw(MONEY)
    if draw(st.booleans()):
        payment["offset"] = draw(MONEY)
    return [tiers, line, top], payment


def decided(contract: tuple[list[dict[str, object]], dict[str, object]], one: Decimal, other: Decimal) -> Decision:
    """The decision on both figures."""
    rules, payment = contract
    agreed = plan(rules, outcome=OUTCOMES, payment=payment)
    return decide(ask(agreed, seen(str(one)), seen(str(other), outcome="grades"), as_of=LAST))


@STEADY
@given(contracts(), FIGURES, FIGURES, FIGURES, FIGURES)
def test_better_figures_never_pay_less(
    contract: tuple[list[dict[str, object]], dict[str, object]], a: Decimal, b: Decimal, c: Decimal, d: Decimal
) -> None:
    (low, high), (worse, better) = sorted((a, b)), sorted((c, d))
    assert decided(contract, low, worse).amount <= decided(contract, high, better).amount


@STEADY
@given(contracts(), FIGURES, FIGURES)
def test_never_above_a_cap_and_shared_to_the_last_oere(
    contract: tuple[list[dict[str, object]], dict[str, object]], one: Decimal, other: Decimal
) -> None:
    decision = decided(contract, one, other)
    cap = contract[1].get("cap")
    assert 0 <= decision.amount <= decision.triggered
    assert decision.maximum is None or decision.triggered <= decision.maximum
    assert not isinstance(cap, Decimal) or decision.triggered <= cap
    assert sum(p.amount for p in decision.per_payer) == decision.amount
    assert (decision.state in {"PAY_FULL", "PAY_PARTIAL"}) == (decision.triggered > 0)


@STEADY
@given(contracts(), FIGURES, FIGURES, st.permutations([0, 1, 2]))
def test_the_order_of_rules_changes_no_amount(
    contract: tuple[list[dict[str, object]], dict[str, object]], one: Decimal, other: Decimal, order: list[int]
) -> None:
    rules, payment = contract
    first, second = decided(contract, one, other), decided(([rules[i] for i in order], payment), one, other)
    assert (first.state, first.amount, first.per_payer) == (second.state, second.amount, second.per_payer)


COHORT_TERMS = {"cohort_threshold": "0.1", "cohort_amount": "100", "pooled_threshold": "0.075", "pooled_amount": "250"}


def after(points: list[Decimal], planned: int, previous: Decimal, clawback: str) -> Decision:
    """The decision when so many of the planned cohorts are in, and ``previous`` was paid."""
    people: dict[str, object] = {
        "eligibility": {"en": "x"},
        "unit": "person",
        "entry_from": "2024-01-01",
        "entry_to": "2024-12-31",
        "cohort": [{"id": f"c{i}", "entry_from": "2024-01-01", "entry_to": "2024-12-31"} for i in range(planned)],
    }
    paid: dict[str, object] = {"clawback": clawback}
    if previous > 0:
        paid["previous"] = [{"manifest": "a" * 64, "amount": str(previous)}]
    agreed = plan([rule("cohort_then_pooled", COHORT_TERMS | {"equal_weights": True})], population=people, payment=paid)
    return decide(ask(agreed, *(seen(str(p), cohort=f"c{i}") for i, p in enumerate(points))))


@STEADY
@given(st.lists(FIGURES, min_size=1, max_size=4))
def test_a_new_cohort_never_loses_money_already_due(points: list[Decimal]) -> None:
    """Cohorts arrive one by one, each run deducts what was paid: nothing is taken back."""
    paid = Decimal(0)
    for arrived in range(1, len(points) + 1):
        decision = after(points[:arrived], len(points), paid, "none")
        assert decision.amount >= 0
        assert "CLAWBACK_DUE" not in decision.flags
        assert decision.triggered >= paid
        paid += decision.amount
        assert paid == decision.triggered


@STEADY
@given(FIGURES, st.decimals(min_value=1, max_value=2000, places=2, allow_nan=False))
def test_money_comes_back_only_where_that_was_agreed(point: Decimal, previous: Decimal) -> None:
    kept, claimed = (after([point], 1, previous, clawback) for clawback in ("none", "agreed"))
    assert kept.amount == claimed.amount
    assert "CLAWBACK_DUE" not in kept.flags
    assert ("CLAWBACK_DUE" in claimed.flags) == (previous > claimed.triggered)
