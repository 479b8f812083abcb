"""``ev.payment.pay``: a mechanism's amount without a plan, exact, with its trace, every fault at once."""

from __future__ import annotations

import decimal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import evaltool as ev
from evaltool.payment.pay import Payment
from evaltool.records.evidence import EstimateKey, Evidence

TIERS = [("0.05", 1_800_000), ("0.075", "3600000"), (Decimal("0.12"), 6_000_000)]


def evidence(point: str, **more: object) -> Evidence:
    fields = {"key": EstimateKey(outcome="absence"), "kind": "effect", "point": Decimal(point)}
    return Evidence.model_validate(fields | more)


@pytest.mark.parametrize(
    ("effect", "amount", "tier"),
    [("0.0499", "0.00", "none"), ("0.06", "1800000.00", "partial"), ("0.124", "6000000.00", "full")],
)
def test_tiers(effect: str, amount: str, tier: str) -> None:
    paid = ev.payment.pay(mechanism="step_tiers", effect=Decimal(effect), knots=TIERS)
    assert isinstance(paid, Payment)
    assert (str(paid.amount), paid.tier, paid.maximum) == (amount, tier, 6_000_000)
    assert [step.key for step in paid.trace][-3:] == ["rule.amount", "combine.sum", "rounding"]


def test_a_straight_line_between_knots_is_exact() -> None:
    """100 + (250 − 100) · (0.13 − 0.10) / (0.16 − 0.10) = 175; a third of the way in thirds rounds once, to even."""
    line = {"mechanism": "piecewise_linear", "knots": [("0.10", 100), ("0.16", 250)]}
    assert ev.payment.pay(effect="0.13", **line).amount == 175
    third = ev.payment.pay(mechanism="piecewise_linear", effect=1, knots=[(0, 0), (3, 1)], quantum="0.001")
    assert str(third.amount) == "0.333"
    assert ev.payment.pay(
        mechanism="piecewise_linear", effect=1, knots=[(0, 0), (3, 1)], rounding="up"
    ).amount == Decimal("0.34")


def test_the_other_mechanisms_take_knots_or_their_own_terms() -> None:
    assert ev.payment.pay(mechanism="binary_threshold", effect="0.2", knots=[("0.1", 500)]).amount == 500
    both = [("0.135", 500), ("0.15", 900)]
    assert ev.payment.pay(mechanism="partial_complete", effect="0.14", knots=both).amount == 500
    terms = {"partial_from": "0.135", "complete_from": "0.15", "partial_amount": 500, "complete_amount": Decimal(900)}
    assert ev.payment.pay(mechanism="partial_complete", effect="0.16", terms=terms).amount == 900
    written = [{"from": "0.05", "amount": "10"}, {"amount": "20", "from": "0.10"}]
    assert ev.payment.pay(mechanism="step_tiers", effect="0.07", knots=written).amount == 10
    units = ev.payment.pay(mechanism="unit_tariff", effect=41, terms={"price": "15.12", "cap": "600"})
    assert (units.amount, units.capped, units.maximum) == (600, True, 600)
    assert ev.payment.pay(mechanism="unit_tariff", effect=3, terms={"price": "15.12"}).maximum is None


def test_an_amount_never_exceeds_the_top_by_rounding() -> None:
    paid = ev.payment.pay(
        mechanism="binary_threshold", effect=1, knots=[(0, "10.006")], quantum="0.01", rounding="up", inclusive=True
    )
    assert str(paid.amount) == "10.00"


def test_a_cap_of_the_rule() -> None:
    paid = ev.payment.pay(mechanism="binary_threshold", effect=1, knots=[("0.5", 900)], cap=500)
    assert (paid.amount, paid.capped, paid.maximum) == (500, True, 500)


def test_meeting_a_threshold_exactly_needs_the_contracts_word() -> None:
    at = {"mechanism": "step_tiers", "effect": "0.075", "knots": TIERS}
    assert ev.payment.pay(**at, inclusive=True).amount == 3_600_000
    assert ev.payment.pay(**at, inclusive=False).amount == 1_800_000
    with pytest.raises(ev.errors.UsageError) as caught:
        ev.payment.pay(**at)
    assert caught.value.codes == ("USAGE_UNDECIDED_THRESHOLD",)
    # at the last knot of a line it changes nothing, and nobody is asked
    assert ev.payment.pay(mechanism="piecewise_linear", effect=3, knots=[(0, 0), (3, 1)]).amount == 1


def test_an_estimates_evidence_brings_its_bound_and_its_ties() -> None:
    found = evidence("0.124", lower=Decimal("0.06"), standard_error=Decimal("0.03"))
    assert ev.payment.pay(mechanism="step_tiers", effect=found, knots=TIERS, basis="lower_bound").amount == 1_800_000
    sure = ev.payment.pay(mechanism="step_tiers", effect=found, knots=TIERS, basis="significant_and_point")
    assert (sure.amount, sure.tie) == (6_000_000, False)
    near = evidence("0.1200000000001", standard_error=Decimal("0.03"))
    assert ev.payment.pay(mechanism="step_tiers", effect=near, knots=TIERS).tie is True
    assert ev.payment.pay(mechanism="step_tiers", effect="0.1200000000001", knots=TIERS).tie is False


def test_cohorts_then_pooled() -> None:
    """Peterborough's figures: 8.4 and 9.7 per cent miss 10 each; their mean 9.05 exceeds 7.5."""
    rule = {"cohort_threshold": "0.10", "cohort_amount": 100, "pooled_threshold": "0.075", "pooled_amount": 300}
    call = {"mechanism": "cohort_then_pooled", "terms": {**rule, "equal_weights": True}, "inclusive": True}
    assert ev.payment.pay(effect={"one": "0.084", "two": "0.097"}, **call).amount == 300
    early = ev.payment.pay(effect={"one": "0.084"}, cohorts=["one", "two"], **call)
    assert (early.amount, early.tier) == (0, "carried_forward")
    weighted = {"one": evidence("0.02", weight=Decimal("0.9")), "two": evidence("0.5", weight=Decimal("0.1"))}
    paid = ev.payment.pay(effect=weighted, **{**call, "terms": rule})
    assert paid.amount == 100  # 0.9 · 0.02 + 0.1 · 0.5 = 0.068 misses; cohort two alone reached its own test


def test_the_callers_decimal_context_changes_nothing() -> None:
    call = {"mechanism": "piecewise_linear", "effect": "0.123456789", "knots": [(0, 0), (1, "98765432.10")]}
    plain = ev.payment.pay(**call)
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_CEILING):
        assert ev.payment.pay(**call).amount == plain.amount == Decimal("12193263.11")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mechanism": "step_tier"}, "Did you mean 'step_tiers'"),
        ({"effect": 0.124}, "binary floats are not exact"),
        ({"effect": "high"}, "not an exact number"),
        ({"effect": "NaN"}, "not an exact number"),
        ({"effect": {"one": "0.1"}}, "pays on one figure"),
        ({"knots": [(0.05, 100)]}, "binary floats are not exact"),
        ({"knots": [("0.05", 100, 3)]}, "is no knot"),
        ({"knots": [{"at": "0.05", "pay": 100}]}, "is no knot"),
        ({"knots": [("0.05", None)]}, "is no knot"),
        ({"knots": []}, "tiers"),
        ({"knots": [("0.10", 100), ("0.05", 200)]}, "must rise"),
        ({"terms": {"tires": 3}}, "tires"),
        ({"knots": [], "terms": {"tiers": 0.1, "x": object()}}, "terms"),
        ({"mechanism": "binary_threshold"}, "does not take 3 knots"),
        ({"mechanism": "unit_tariff"}, "does not take 3 knots"),
        ({"mechanism": "cohort_then_pooled"}, "one figure per cohort"),
        ({"basis": "probability"}, "basis = 'probability'"),
        ({"basis": "lower_bound"}, "needs a lower bound"),
        ({"rounding": "nearest"}, "rounding"),
        ({"inclusive": "yes"}, "inclusive"),
        ({"quantum": 0}, "quantum is 0"),
        ({"cap": -1}, "cap is -1"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], words: str) -> None:
    call = {"mechanism": "step_tiers", "effect": "0.124", "knots": TIERS, "inclusive": True}
    with pytest.raises(ev.errors.UsageError) as caught:
        ev.payment.pay(**{**call, **changes})
    assert words in str(caught.value)
    assert set(caught.value.codes) == {"USAGE_BAD_ARGUMENT"}


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ev.errors.UsageError) as caught:
        ev.payment.pay(mechanism="x", effect=0.1, knots=[(0.1, 2)], basis="b", quantum=0.01, cap=-1)
    assert len(caught.value.faults) >= 5


def test_paying_loads_no_arrays(root: Path) -> None:
    code = (
        "import sys, evaltool as ev; "
        "print(ev.payment.pay(mechanism='binary_threshold', effect=1, knots=[('0.5', 9)]).amount); "
        "print([n for n in ('numpy', 'pandas', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == ["9.00", "[]"]
