"""The eight steps of a decision: every state, flag and reason, in the order of the contract."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext

import pytest
from payment_cases import UNLOCKED, ask, counted, gate, outcome, plan, rule, seen

from evaltool.errors import PlanError
from evaltool.payment.decision import KEYS, decide
from evaltool.payment.trace import TRACE_KEYS, step
from evaltool.records.decision import FLAGS, REASONS, Decision, Reason, State

COHORTS = [
    {"id": "c1", "entry_from": "2024-01-01", "entry_to": "2024-06-30"},
    {"id": "c2", "entry_from": "2024-07-01", "entry_to": "2024-12-31"},
]
PEOPLE = {"eligibility": {"en": "x"}, "unit": "person", "entry_from": "2024-01-01", "entry_to": "2024-12-31"}
POOL = {
    "cohort_threshold": "0.10",
    "cohort_amount": "1000000",
    "pooled_threshold": "0.075",
    "pooled_amount": "2000000",
    "equal_weights": True,
}


def step_of(decision: Decision, key: str) -> tuple[str, Mapping[str, object]]:
    """Outcome and detail of one of the eight steps."""
    found = next(s for s in decision.steps if s.key == key)
    return found.outcome, found.detail


def keys_in(decision: Decision) -> list[str]:
    """The keys of the arithmetic trace, in order."""
    return [item.key for item in decision.trace]


STATES = [
    # figure, state, amount: tiers 0.05 -> 400,000 and 0.10 -> 1,000,000
    ("0.12", "PAY_FULL", "1000000"),
    ("0.10", "PAY_FULL", "1000000"),
    ("0.07", "PAY_PARTIAL", "400000"),
    ("0.04", "NO_PAYMENT", "0"),
    ("-0.12", "NO_PAYMENT", "0"),
]


@pytest.mark.parametrize(("point", "state", "amount"), STATES)
def test_states_of_a_tiered_rule(point: str, state: State, amount: str) -> None:
    decision = decide(ask(plan(), counted(point, kind="effect", absent=None)))
    assert (decision.state, decision.amount, decision.triggered) == (state, Decimal(amount), Decimal(amount))
    assert (decision.flags, decision.reasons, decision.maximum) == ((), (), Decimal(1000000))
    assert [s.key for s in decision.steps] == list(KEYS)
    assert [s.number for s in decision.steps] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sum(p.amount for p in decision.per_payer) == decision.amount


def test_step_1_a_monitoring_plan_never_decides() -> None:
    agreed = plan(governance={"decide_from": "2020-01-01", "purpose": "monitoring"})
    decision = decide(ask(agreed, seen("0.5"), lock=UNLOCKED))
    assert (decision.state, decision.reasons, decision.amount) == ("NOT_YET_DUE", ("MONITORING_ONLY",), 0)
    assert [s.outcome for s in decision.steps] == ["STOP"] + ["NOT_APPLICABLE"] * 7
    assert decision.alternatives == decision.trace == decision.per_payer == ()
    assert decision.nearest_threshold is None


DUE = [
    # as_of, decide_from, matures_on, due: both days must have come
    (date(2026, 1, 31), "2026-01-31", None, True),
    (date(2026, 1, 30), "2026-01-31", None, False),
    (date(2026, 3, 1), "2026-01-31", "2026-03-01", True),
    (date(2026, 2, 28), "2026-01-31", "2026-03-01", False),
    (date(2025, 12, 31), "2025-01-01", None, True),  # the last day of the window
    (date(2025, 12, 30), "2025-01-01", None, False),
]


@pytest.mark.parametrize(("as_of", "decide_from", "matures_on", "due"), DUE)
def test_step_1_due(as_of: date, decide_from: str, matures_on: str | None, due: bool) -> None:
    agreed = plan(outcome=[outcome(matures_on=matures_on)], governance={"decide_from": decide_from})
    decision = decide(ask(agreed, seen("0.12"), as_of=as_of))
    assert decision.state == ("PAY_FULL" if due else "NOT_YET_DUE")
    assert decision.reasons == (() if due else ("DATA_IMMATURE",))


def test_step_1_every_paid_outcome_must_be_mature_and_others_do_not_matter() -> None:
    late = [outcome(), outcome("jobs", matures_on="2027-01-01")]
    assert decide(ask(plan(outcome=late), seen("0.12"))).state == "PAY_FULL"
    both = plan([rule(), rule(id="r2", outcome="jobs")], outcome=late)
    assert decide(ask(both, seen("0.12"), seen("0.12", outcome="jobs"))).state == "NOT_YET_DUE"


def test_step_1_the_data_maturity_gate_belongs_to_it_even_before_the_lock() -> None:
    immature = gate("data_maturity", reason="DATA_IMMATURE")
    decision = decide(ask(plan(), seen("0.12"), gates=(immature,), lock=UNLOCKED))
    assert (decision.state, decision.reasons) == ("NOT_YET_DUE", ("DATA_IMMATURE",))


def test_step_2_never_locked_cannot_be_decided() -> None:
    decision = decide(ask(plan(), seen("0.12"), lock=UNLOCKED))
    assert (decision.state, decision.reasons, decision.amount) == ("NOT_DECIDABLE", ("PLAN_UNLOCKED",), 0)
    assert [s.outcome for s in decision.steps] == ["PASS", "STOP"] + ["NOT_APPLICABLE"] * 6


def test_step_2_the_locked_gate_adds_its_reason_and_knows_no_fallback() -> None:
    agreed = plan(fallback=[{"on": ["DESIGN_UNLOCKED"], "action": "pay_floor", "amount": "5"}])
    unlocked = gate("locked", reason="DESIGN_UNLOCKED")
    decision = decide(ask(agreed, seen("0.12"), gates=(unlocked,)))
    assert (decision.state, decision.reasons, decision.flags) == ("NOT_DECIDABLE", ("DESIGN_UNLOCKED",), ())


def test_step_2_comes_before_step_3() -> None:
    decision = decide(ask(plan(), seen("0.12"), gates=(gate(),), lock=UNLOCKED))
    assert decision.reasons == ("PLAN_UNLOCKED",)


@pytest.mark.parametrize("verdict", ["FAIL", "CANNOT_TELL"])
@pytest.mark.parametrize("point", ["0.12", "-0.5"])
def test_step_3_a_blocking_gate_without_fallback_is_not_decidable_and_never_no_payment(
    verdict: str, point: str
) -> None:
    decision = decide(ask(plan(), seen(point), gates=(gate(verdict=verdict),)))
    assert (decision.state, decision.reasons, decision.amount) == ("NOT_DECIDABLE", ("N_MIN",), 0)
    assert step_of(decision, "gates")[1]["fallback"] == "not_agreed"
    assert "FALLBACK_APPLIED" not in decision.flags


@pytest.mark.parametrize("verdict", ["PASS", "NOT_APPLICABLE"])
def test_step_3_passing_and_inapplicable_gates_do_not_stop(verdict: str) -> None:
    assert decide(ask(plan(), seen("0.12"), gates=(gate(verdict=verdict),))).state == "PAY_FULL"


def test_made_up_small_matched_sample() -> None:
    # replay case small-matched-sample: 25 treated, 12 matched
    small = gate("minimum_sample", statistic=12.0, threshold=30.0, reason="N_MIN")
    decision = decide(ask(plan(), seen("0.5"), gates=(small,)))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("N_MIN",))


@pytest.mark.parametrize("action", ["hold", "expert", "refuse"])
def test_step_3_agreed_fallbacks_that_leave_it_undecided(action: str) -> None:
    agreed = plan(fallback=[{"on": ["N_MIN"], "action": action}])
    decision = decide(ask(agreed, seen("-0.5"), gates=(gate(),)))
    assert (decision.state, decision.flags, decision.reasons) == ("NOT_DECIDABLE", ("FALLBACK_APPLIED",), ("N_MIN",))
    assert step_of(decision, "gates") == (
        "STOP",
        {"gates": 1, "blocking": 1, "names": "minimum_sample", "reasons": "N_MIN", "fallback": action},
    )


FLOORS = [
    # floor, contract cap, state, amount: the rule's top is 1,000,000
    ("250000", None, "PAY_PARTIAL", "250000"),
    ("1000000", None, "PAY_FULL", "1000000"),
    ("250000", "100000", "PAY_FULL", "100000"),  # the contract pays no more than that
    ("250000", "0", "NOT_DECIDABLE", "0"),  # never NO_PAYMENT
]


@pytest.mark.parametrize(("floor", "cap", "state", "amount"), FLOORS)
def test_step_3_a_floor_is_paid_whatever_the_estimate(floor: str, cap: str | None, state: State, amount: str) -> None:
    agreed = plan(fallback=[{"on": ["N_MIN"], "action": "pay_floor", "amount": floor}], payment={"cap": cap})
    decision = decide(ask(agreed, seen("-0.5"), gates=(gate(),)))
    assert (decision.state, decision.amount) == (state, Decimal(amount))
    assert "FALLBACK_APPLIED" in decision.flags
    assert decision.reasons == ("N_MIN",)
    assert keys_in(decision)[0] == "fallback.floor"
    assert step_of(decision, "mechanism") == ("NOT_APPLICABLE", {"why": "pay_floor"})
    assert step_of(decision, "sensitivity")[0] == step_of(decision, "tie")[0] == "NOT_APPLICABLE"


def test_step_3_another_estimator_agreed_beforehand_decides() -> None:
    agreed = plan(
        fallback=[{"on": ["N_MIN"], "action": "other_estimator", "specification": "s1"}],
        sensitivity=[{"id": "s1"}, {"id": "s2"}],
    )
    figures = (seen("-0.5"), seen("0.07", specification="s1"), seen("0.08", specification="s2"))
    decision = decide(ask(agreed, *figures, gates=(gate(),)))
    assert (decision.state, decision.amount, decision.flags) == ("PAY_PARTIAL", 400000, ("FALLBACK_APPLIED",))
    assert keys_in(decision)[0] == "fallback.specification"
    # only the other specification is compared with it, and it agrees
    assert [a.name for a in decision.alternatives if a.kind == "specification"] == ["s2"]


def test_step_3_another_estimator_that_could_not_be_estimated_decides_nothing() -> None:
    agreed = plan(
        fallback=[{"on": ["N_MIN"], "action": "other_estimator", "specification": "s1"}],
        sensitivity=[{"id": "s1"}],
    )
    decision = decide(ask(agreed, seen("-0.5"), gates=(gate(),)))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("N_MIN", "BASIS_ABSENT"))
    assert step_of(decision, "mechanism")[1]["why"] == "specification_missing"


PLACEBO = gate("placebo_in_time", reason="PLACEBO_FAIL")
FALLBACKS = [
    # fallbacks for N_MIN and PLACEBO_FAIL, both failing; what prevails
    ([{"on": ["N_MIN"], "action": "hold"}], "not_agreed"),
    ([{"on": ["N_MIN", "PLACEBO_FAIL"], "action": "hold"}], "hold"),
    ([{"on": ["N_MIN"], "action": "pay_floor", "amount": "5"}, {"on": ["PLACEBO_FAIL"], "action": "expert"}], "expert"),
    ([{"on": ["N_MIN"], "action": "hold"}, {"on": ["PLACEBO_FAIL"], "action": "refuse"}], "refuse"),
    (
        [
            {"on": ["N_MIN"], "action": "pay_floor", "amount": "5"},
            {"on": ["PLACEBO_FAIL"], "action": "pay_floor", "amount": "6"},
        ],
        "conflict",
    ),
    ([{"on": ["N_MIN", "PLACEBO_FAIL"], "action": "pay_floor", "amount": "0"}], "incomplete"),
    ([{"on": ["N_MIN", "PLACEBO_FAIL"], "action": "other_estimator"}], "incomplete"),
    # the first fallback that names a reason answers it
    ([{"on": ["N_MIN", "PLACEBO_FAIL"], "action": "hold"}, {"on": ["N_MIN"], "action": "refuse"}], "hold"),
]


@pytest.mark.parametrize(("fallback", "prevails"), FALLBACKS)
def test_step_3_several_gates_and_what_the_contract_says_about_them(
    fallback: list[Mapping[str, object]], prevails: str
) -> None:
    decision = decide(ask(plan(fallback=fallback), seen("0.12"), gates=(gate(), PLACEBO)))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("N_MIN", "PLACEBO_FAIL"))
    assert step_of(decision, "gates")[1]["fallback"] == prevails
    applied = prevails in {"hold", "expert", "refuse"}
    assert decision.flags == (("FALLBACK_APPLIED",) if applied else ())


def test_step_3_a_floor_prevails_over_another_estimator() -> None:
    fallback = [
        {"on": ["N_MIN"], "action": "other_estimator", "specification": "s1"},
        {"on": ["PLACEBO_FAIL"], "action": "pay_floor", "amount": "5"},
    ]
    decision = decide(ask(plan(fallback=fallback), seen("0.12"), gates=(gate(), PLACEBO)))
    assert (decision.state, decision.amount) == ("PAY_PARTIAL", 5)


@pytest.mark.parametrize("reason", [r for r in REASONS if r not in {"MONITORING_ONLY", "BASIS_ABSENT"}])
def test_every_reason_code_can_be_given_by_a_gate(reason: Reason) -> None:
    decision = decide(ask(plan(), seen("0.12"), gates=(gate("some_gate", reason=reason),)))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", (reason,))


def test_step_4_a_basis_without_its_inputs_is_not_decidable_with_the_reason() -> None:
    decision = decide(ask(plan([rule(basis="lower_bound")]), seen("0.12")))
    assert (decision.state, decision.reasons, decision.amount) == ("NOT_DECIDABLE", ("BASIS_ABSENT",), 0)
    assert [s.outcome for s in decision.steps] == ["PASS", "PASS", "PASS"] + ["NOT_APPLICABLE"] * 5
    assert keys_in(decision) == ["rule.start", "rule.evidence", "rule.absent"]
    assert decision.basis == "lower_bound"
    by_name = {a.name: a for a in decision.alternatives}
    assert by_name["point_estimate"].state == "PAY_FULL"
    assert by_name["significant_and_point"].absent == "no_lower_bound"


def test_step_4_a_rule_without_basis_is_not_decidable() -> None:
    decision = decide(ask(plan([rule(basis=None)]), seen("0.12")))
    assert (decision.state, decision.reasons, decision.basis) == ("NOT_DECIDABLE", ("BASIS_ABSENT",), None)


def test_step_4_no_estimate_of_the_outcome() -> None:
    assert decide(ask(plan())).reasons == ("BASIS_ABSENT",)


def test_step_4_the_only_cohort_stands_for_all_and_two_do_not() -> None:
    assert decide(ask(plan(), seen("0.12", cohort="c1"))).state == "PAY_FULL"
    two = decide(ask(plan(), seen("0.12", cohort="c1"), seen("0.12", cohort="c2")))
    assert two.reasons == ("BASIS_ABSENT",)


def test_step_4_terms_a_mechanism_refuses() -> None:
    with pytest.raises(PlanError):
        decide(ask(plan([rule(terms={"tiers": []})]), seen("0.12")))


def test_carried_forward_then_full() -> None:
    agreed = plan([rule("cohort_then_pooled", POOL)], population={**PEOPLE, "cohort": COHORTS})
    first = decide(ask(agreed, seen("0.083870967741935483871", cohort="c1")))
    assert (first.state, first.amount, first.maximum) == ("CARRIED_FORWARD", 0, 2000000)
    both = decide(ask(agreed, seen("0.097", cohort="c2"), seen("0.083870967741935483871", cohort="c1")))
    assert (both.state, both.amount) == ("PAY_FULL", 2000000)
    # the pooled figure decides: 0.0904... against 0.075, though cohort 2 misses its own 0.10 by only 0.003
    assert (both.nearest_threshold, both.distance) == (Decimal("0.075"), Decimal("0.0154354838709677419355"))
    assert (first.nearest_threshold, first.distance) == (Decimal("0.10"), Decimal("-0.016129032258064516129"))


def test_an_open_cohort_test_claws_nothing_back() -> None:
    paid = {"previous": [{"manifest": "a" * 64, "amount": "10"}]}
    agreed = plan([rule("cohort_then_pooled", POOL)], population={**PEOPLE, "cohort": COHORTS}, payment=paid)
    assert decide(ask(agreed, seen("0.05", cohort="c1"))).flags == ()


def test_a_specification_that_covers_fewer_cohorts_is_absent() -> None:
    agreed = plan(
        [rule("cohort_then_pooled", POOL)], population={**PEOPLE, "cohort": COHORTS}, sensitivity=[{"id": "s1"}]
    )
    figures = (seen("0.11", cohort="c1"), seen("0.11", cohort="c2"), seen("0.11", cohort="c1", specification="s1"))
    decision = decide(ask(agreed, *figures))
    assert [a.absent for a in decision.alternatives if a.name == "s1"] == ["specification_missing"]
    assert decision.flags == ("DECISION_FRAGILE",)


def test_no_counterfactual_is_said_of_counts_even_when_nothing_is_decided() -> None:
    tariff = plan([rule("unit_tariff", {"price": "15.12"})])
    decision = decide(ask(tariff, counted("41070")))
    assert (decision.state, decision.amount, decision.flags) == (
        "PAY_FULL",
        Decimal("620978.40"),
        ("NO_COUNTERFACTUAL",),
    )
    assert (decision.maximum, decision.basis, decision.alternatives) == (None, None, ())
    assert decide(ask(tariff, counted("41070"), lock=UNLOCKED)).flags == ("NO_COUNTERFACTUAL",)


def test_no_counterfactual_of_the_specification_that_decides() -> None:
    agreed = plan(
        fallback=[{"on": ["N_MIN"], "action": "other_estimator", "specification": "s1"}],
        sensitivity=[{"id": "s1"}],
    )
    change = seen("0.12", kind="change", specification="s1")
    decision = decide(ask(agreed, seen("0.12"), change, gates=(gate(),)))
    assert decision.flags == ("FALLBACK_APPLIED", "NO_COUNTERFACTUAL")


def test_ikast_brande_fifteen_of_twenty() -> None:
    # replay case ikast-brande-small-n: 15 / 20 = 0.75 < 0.80; the gate on size is overridden there
    agreed = plan([rule("binary_threshold", {"threshold": "0.80", "amount": "1"})])
    decision = decide(ask(agreed, counted("0.75", lower="0.5090", upper="0.9134")))
    assert (decision.state, decision.flags) == ("NO_PAYMENT", ("NO_COUNTERFACTUAL",))
    assert (decision.nearest_threshold, decision.distance) == (Decimal("0.80"), Decimal("-0.05"))


REVIEW = gate("pre_trend", "REVIEW", consequence="review", reason="PRETREND_REVIEW")


def test_step_6_a_review_without_sign_off_is_provisional() -> None:
    decision = decide(ask(plan(), seen("0.12"), gates=(REVIEW,)))
    assert (decision.state, decision.flags, decision.reasons) == ("PAY_FULL", ("PROVISIONAL",), ("PRETREND_REVIEW",))
    assert step_of(decision, "sign_off") == ("APPLIED", {"reviews": 1, "waiting": 1, "names": "pre_trend"})
    signed = decide(ask(plan(), seen("0.12"), gates=(REVIEW,), signed_off=frozenset({"pre_trend"})))
    assert (signed.flags, signed.reasons) == ((), ("PRETREND_REVIEW",))
    assert step_of(signed, "sign_off")[0] == "PASS"


@pytest.mark.parametrize("verdict", ["FAIL", "CANNOT_TELL"])
def test_step_6_a_failure_whose_consequence_is_review_asks_for_a_person_and_does_not_stop(verdict: str) -> None:
    decision = decide(ask(plan(), seen("0.12"), gates=(gate(verdict=verdict, consequence="review"),)))
    assert (decision.state, decision.flags) == ("PAY_FULL", ("PROVISIONAL",))


def specifications(*points: str) -> tuple[object, ...]:
    """A plan that registers one specification per figure, and the figures."""
    agreed = plan(sensitivity=[{"id": f"s{i}"} for i in range(len(points))])
    return agreed, *(seen(point, specification=f"s{i}") for i, point in enumerate(points) if point)


FRAGILE = [
    # figures of the specifications (empty: not estimated); the decision is PAY_FULL from 0.10
    (["0.11"] * 10, False),
    (["0.11"] * 9 + ["0.09"], False),  # 9 of 10 = 90 per cent is enough
    (["0.11"] * 8 + ["0.09"] * 2, True),
    (["0.11"] * 9 + [""], False),
    (["0.11"] * 8 + ["", ""], True),  # what could not be estimated does not agree
    (["0.09"], True),
    (["0.2"], False),
    ([""], True),
]


LINE = rule("piecewise_linear", {"knots": [{"at": "0", "amount": "0"}, {"at": "0.20", "amount": "2000"}]})


@pytest.mark.parametrize(
    ("point", "fragile"),
    [
        ("0.12", False),  # 1200 against 1200
        ("0.11", False),  # 1100: 100 less, at most 120 (a tenth of 1200) is accepted
        ("0.108", False),  # 1080: 120 less, exactly a tenth
        ("0.107", True),  # 1070: 130 less
        ("0.133", True),  # 1330: 130 more
    ],
)
def test_step_7_along_a_line_amounts_within_a_tenth_agree(point: str, fragile: bool) -> None:
    agreed = plan([LINE], sensitivity=[{"id": "s0"}])
    decision = decide(ask(agreed, seen("0.12"), seen(point, specification="s0")))
    assert decision.amount == 1200
    assert ("DECISION_FRAGILE" in decision.flags) == fragile


@pytest.mark.parametrize(("points", "fragile"), FRAGILE)
def test_step_7_fewer_than_nine_in_ten_specifications_agreeing_is_fragile(points: list[str], fragile: bool) -> None:
    agreed, *others = specifications(*points)
    decision = decide(ask(agreed, seen("0.12"), *others))
    assert decision.flags == (("DECISION_FRAGILE",) if fragile else ())
    outcome_, detail = step_of(decision, "sensitivity")
    assert outcome_ == ("APPLIED" if fragile else "PASS")
    assert (detail["registered"], detail["absent"]) == (len(points), points.count(""))


def test_step_7_without_registered_specifications_does_not_apply() -> None:
    decision = decide(ask(plan(), seen("0.12")))
    assert step_of(decision, "sensitivity") == ("NOT_APPLICABLE", {"why": "none_registered"})


def test_step_7_a_specification_of_one_outcome_leaves_the_other_rules_alone() -> None:
    agreed = plan(
        [rule(), rule(id="r2", outcome="jobs")], outcome=[outcome(), outcome("jobs")], sensitivity=[{"id": "s1"}]
    )
    figures = (seen("0.12"), seen("0.12", outcome="jobs"), seen("0.01", specification="s1"))
    decision = decide(ask(agreed, *figures))
    found = [a for a in decision.alternatives if a.name == "s1"]
    assert [(a.state, a.amount) for a in found] == [("PAY_PARTIAL", 1000000)]  # 0 + 1,000,000


def test_step_8_a_floating_point_figure_on_a_threshold_is_referred() -> None:
    decision = decide(ask(plan(), seen("0.10")))
    assert (decision.state, decision.flags) == ("PAY_FULL", ("REFER",))
    assert step_of(decision, "tie") == ("APPLIED", {"comparisons": 2, "ties": 1, "tolerance": Decimal("1e-8")})
    assert decide(ask(plan(), counted("0.10"))).flags == ("NO_COUNTERFACTUAL",)


CROSSED = [
    # tiers from 0.05 and 0.10; point 0.07 with its range over ties; how many thresholds are crossed
    ("0.06", "0.08", {}, 0),
    ("0.04", "0.08", {}, 1),
    ("0.04", "0.11", {}, 2),
    ("0.05", "0.07", {}, 0),  # 0.05 reaches 0.05 at both ends
    ("0.05", "0.07", {"inclusive": False}, 1),  # strictly, 0.05 does not
    ("0.07", "0.10", {}, 1),
    ("0.07", "0.10", {"inclusive": False}, 0),
    ("0.049", "0.07", {"estimate_rounding": {"places": 2, "mode": "half_up"}}, 0),  # 0.05 after rounding
    ("0.044", "0.07", {"estimate_rounding": {"places": 2, "mode": "half_up"}}, 1),
]


@pytest.mark.parametrize(("low", "high", "terms", "crossed"), CROSSED)
def test_step_8_a_choice_between_equals_that_moves_the_figure_across_a_threshold_is_referred(
    low: str, high: str, terms: Mapping[str, object], crossed: int
) -> None:
    figure = seen("0.07", tie_lower=Decimal(low), tie_upper=Decimal(high))
    decision = decide(ask(plan([rule(**terms)]), figure))
    assert (decision.state, decision.amount) == ("PAY_PARTIAL", 400000), "what is decided stays"
    assert decision.flags == (("REFER",) if crossed else ())
    found, detail = step_of(decision, "tie")
    assert found == ("APPLIED" if crossed else "PASS")
    assert detail.get("crossed", 0) == crossed
    assert detail["ties"] == 0


LOWER_BOUNDS = [
    # point 0.12, lower bound 0.06 (or stated), range 0.10 to 0.13: the bound moves by −0.02 and +0.01
    ("lower_bound", "0.06", True),  # 0.04 to 0.07 holds 0.05
    ("lower_bound", "0.08", False),  # 0.06 to 0.09
    ("significant_and_point", "0.06", False),  # the point stays at or above 0.10, the bound above zero
    ("significant_and_point", "0.01", True),  # −0.01 to 0.02: significance hangs on the choice
]


@pytest.mark.parametrize(("basis", "lower", "refers"), LOWER_BOUNDS)
def test_step_8_a_lower_bound_moves_by_as_much_as_the_point(basis: str, lower: str, refers: bool) -> None:
    figure = seen("0.12", lower=lower, tie_lower=Decimal("0.10"), tie_upper=Decimal("0.13"))
    assert decide(ask(plan([rule(basis=basis)]), figure)).flags == (("REFER",) if refers else ())


def test_step_8_a_range_with_one_end_is_none() -> None:
    assert decide(ask(plan(), seen("0.07", tie_lower=Decimal("0.01")))).flags == ()


def test_step_8_a_pooled_figure_moves_with_its_cohorts() -> None:
    # pooled: (0.09 + 0.07) / 2 = 0.08 >= 0.075; with cohort 2 at 0.05 it is 0.07, and 0.10 is not reached by either
    agreed = plan([rule("cohort_then_pooled", POOL)], population={**PEOPLE, "cohort": COHORTS})
    first, second = seen("0.09", cohort="c1"), {"point": "0.07", "cohort": "c2"}
    moved = seen(**second, tie_lower=Decimal("0.05"), tie_upper=Decimal("0.08"))
    decision = decide(ask(agreed, first, moved))
    assert (decision.state, decision.flags) == ("PAY_FULL", ("REFER",))
    assert step_of(decision, "tie")[1]["crossed"] == 1
    close = seen(**second, tie_lower=Decimal("0.06"), tie_upper=Decimal("0.08"))  # 0.075: reached
    assert decide(ask(agreed, first, close)).flags == ()
    assert decide(ask(agreed, first, seen(**second))).flags == ()


def test_every_other_basis_is_told() -> None:
    figure = seen("0.12", lower="0.06", upper="0.18", standard_error="0.03")
    decision = decide(ask(plan(), figure))
    told = [(a.name, a.kind, a.state, a.amount, a.point) for a in decision.alternatives]
    assert told == [
        ("lower_bound", "basis", "PAY_PARTIAL", Decimal(400000), Decimal("0.06")),
        ("significant_and_point", "basis", "PAY_FULL", Decimal(1000000), Decimal("0.12")),
    ]


def test_the_nurse_family_partnership_would_have_paid_nothing_on_significance() -> None:
    # replay case nfp-preterm: the point qualified though not significant; offsets exceeded what was triggered
    terms = {
        "partial_from": "0.135",
        "complete_from": "0.15",
        "partial_amount": "1000000",
        "complete_amount": "1500000",
    }
    agreed = plan([rule("partial_complete", terms)], payment={"offset": "1500000"})
    decision = decide(ask(agreed, seen("0.15", lower="-0.02", standard_error="0.08", is_exact=True)))
    assert (decision.state, decision.triggered, decision.amount) == ("PAY_FULL", 1500000, 0)
    assert decision.flags == ("NET_ZERO_AFTER_OFFSET",)
    told = {a.name: a.state for a in decision.alternatives}
    assert told == {"lower_bound": "NO_PAYMENT", "significant_and_point": "NO_PAYMENT"}


def test_the_leading_figure_of_an_alternative_is_the_first_that_meets_a_threshold() -> None:
    outcomes = [outcome(), outcome("days")]
    tariff = rule("unit_tariff", {"price": "2"}, id="r2", outcome="days")
    agreed = plan([tariff, rule()], outcome=outcomes, sensitivity=[{"id": "s1"}])
    figures = (counted("7", outcome="days"), seen("0.12"), seen("0.11", specification="s1"))
    assert [a.point for a in decide(ask(agreed, *figures)).alternatives if a.name == "s1"] == [Decimal("0.11")]
    alone = plan([tariff], outcome=outcomes, sensitivity=[{"id": "s1"}])
    figures = (counted("7", outcome="days"), counted("6", outcome="days", specification="s1"))
    decision = decide(ask(alone, *figures))
    assert [(a.point, a.amount) for a in decision.alternatives] == [(6, 12)]
    assert step_of(decision, "tie") == ("NOT_APPLICABLE", {"why": "no_figure"})


def test_rules_on_different_bases_tell_all_three() -> None:
    two = plan([rule(), rule(id="r2", basis="lower_bound")])
    decision = decide(ask(two, seen("0.12", lower="0.06")))
    assert decision.basis == "point_estimate, lower_bound"
    assert (decision.state, decision.amount) == ("PAY_PARTIAL", 1400000)
    told = {a.name: a.amount for a in decision.alternatives}
    assert told == {"point_estimate": 2000000, "lower_bound": 800000, "significant_and_point": 2000000}


def test_the_same_whatever_the_callers_decimal_context_says() -> None:
    figure = seen("0.123456789", lower="0.06")
    expected = decide(ask(plan(), figure))
    with localcontext() as context:
        context.prec = 3
        assert decide(ask(plan(), figure)) == expected


def test_the_order_of_estimates_and_gates_changes_nothing_but_their_names() -> None:
    agreed, *others = specifications("0.11", "0.09")
    figures = (seen("0.12", lower="0.01"), *others)
    assert decide(ask(agreed, *figures)) == decide(ask(agreed, *figures[::-1]))


def test_a_decision_survives_a_trip_through_json() -> None:
    agreed = plan([rule(id="2026")], payment={"offset": "1.5", "cap": "900000"}, sensitivity=[{"id": "s1"}])
    decision = decide(ask(agreed, seen("0.12", lower="0.01"), gates=(REVIEW,)))
    back = Decision.from_json(decision.to_json())
    assert back == decision
    assert back.trace[0].values["rule"] == "2026"
    assert all(tuple(item.values) == TRACE_KEYS[item.key] for item in decision.trace)


def test_a_trace_step_with_other_values_than_promised_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold"):
        step("offset", {"offset": Decimal(1)})


def test_flags_come_in_their_own_order() -> None:
    agreed, *others = specifications("0.01")
    decision = decide(ask(agreed, counted("0.12"), *others, gates=(REVIEW,)))
    assert decision.flags == ("PROVISIONAL", "DECISION_FRAGILE", "NO_COUNTERFACTUAL")
    assert [FLAGS.index(flag) for flag in decision.flags] == sorted(FLAGS.index(flag) for flag in decision.flags)


def test_deciding_loads_neither_numpy_nor_pandas() -> None:
    code = (
        "import sys, pkgutil, importlib, evaltool.payment.mechanisms as m, evaltool.payment as p\n"
        "for package in (p, m):\n"
        "    for info in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(info.name)\n"
        "print(sorted(set(sys.modules) & {'numpy', 'pandas', 'scipy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("agreed", "reasons"), [(None, ()), ("2026-06-30", ()), ("2026-03-31", ("UNREGISTERED_DEVIATION",))]
)
def test_another_date_than_the_plans_is_told_and_decides_nothing(
    agreed: str | None, reasons: tuple[Reason, ...]
) -> None:
    """The request is dated 2026-06-30: only a plan that states another day is departed from."""
    governance = {"decide_from": "2026-01-31"} | ({} if agreed is None else {"as_of": agreed})
    decision = decide(ask(plan(governance=governance), seen("0.07")))
    assert (decision.state, decision.amount, decision.reasons) == ("PAY_PARTIAL", Decimal(400000), reasons)


def test_another_date_is_told_beside_what_stops_the_decision() -> None:
    governance = {"decide_from": "2026-01-31", "as_of": "2026-03-31"}
    decision = decide(ask(plan(governance=governance), seen("0.07"), lock=UNLOCKED))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("PLAN_UNLOCKED", "UNREGISTERED_DEVIATION"))
