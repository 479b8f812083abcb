"""The bases probability and equivalence, every fallback of a contract, and the amount's own uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from payment_cases import ask, gate, outcome, plan, rule, seen

from evaltool.payment.decision import decide
from evaltool.records.decision import Decision, State
from evaltool.records.evidence import Evidence, Exceeded

PEOPLE = {"eligibility": {"en": "x"}, "unit": "school", "entry_from": "2024-08-01", "entry_to": "2025-08-01"}
COHORTS = [
    {"id": "c1", "entry_from": "2024-08-01", "entry_to": "2024-12-31", "weight": "0.25"},
    {"id": "c2", "entry_from": "2025-01-01", "entry_to": "2025-08-01", "weight": "0.75"},
]
SENSITIVITY = [{"id": "did"}, {"id": "other"}]


def sure(point: str, **values: str) -> Evidence:
    """An estimate with the values it exceeds: ``p80`` with probability 0.80."""
    pairs = tuple(Exceeded(probability=Decimal(name[1:]) / 100, value=Decimal(value)) for name, value in values.items())
    return seen(point).model_copy(update={"posterior": pairs})


PROBABLE = [
    # exceeded with probability 0.80, state, amount: tiers at 0.05 and 0.10
    ("0.04", "NO_PAYMENT", "0"),
    ("0.05", "PAY_PARTIAL", "400000"),
    ("0.11", "PAY_FULL", "1000000"),
]


@pytest.mark.parametrize(("exceeded", "state", "amount"), PROBABLE)
def test_probability(exceeded: str, state: State, amount: str) -> None:
    agreed = plan([rule(basis="probability", probability="0.80")])
    decision = decide(ask(agreed, sure("0.12", p80=exceeded)))
    assert (decision.state, decision.amount) == (state, Decimal(amount))
    assert next(s.values for s in decision.trace if s.key == "rule.probability")["probability"] == Decimal("0.80")


def test_probability_without_a_posterior_decides_nothing() -> None:
    agreed = plan([rule(basis="probability", probability="0.80")])
    for evidence in (seen("0.12"), sure("0.12", p90="0.11")):
        decision = decide(ask(agreed, evidence))
        assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("BASIS_ABSENT",))


EQUIVALENT = [
    # lower, upper, margin, amount of a rule that pays from -0.02 on
    ("-0.015", "0.018", "0.02", "100"),
    ("-0.021", "0.018", "0.02", "0"),
    ("-0.015", "0.020", "0.02", "0"),  # touching the margin is not inside
    ("0.001", "0.019", "0.02", "100"),
]


@pytest.mark.parametrize(("lower", "upper", "margin", "amount"), EQUIVALENT)
def test_equivalence(lower: str, upper: str, margin: str, amount: str) -> None:
    terms = {"threshold": "-0.02", "amount": "100"}
    agreed = plan([rule("binary_threshold", terms, basis="equivalence", margin=margin)])
    decision = decide(ask(agreed, seen("0.001", lower=lower, upper=upper, standard_error="0.01")))
    assert decision.amount == Decimal(amount)


def test_every_other_basis_is_shown_where_the_rule_states_what_it_needs() -> None:
    evidence = sure("0.12", p80="0.07").model_copy(update={"lower": Decimal("0.02"), "upper": Decimal("0.22")})
    stated = decide(ask(plan([rule(probability="0.80")]), evidence))
    assert {a.name: a.amount for a in stated.alternatives} == {
        "lower_bound": Decimal(0),
        "significant_and_point": Decimal(1_000_000),
        "probability": Decimal(400_000),
    }
    bare = decide(ask(plan(), evidence))
    assert "probability" not in {a.name for a in bare.alternatives}


def fallen(fallback: Mapping[str, object], *evidence: Evidence, **tables: object) -> Decision:
    """The decision when a gate blocks for N_MIN and the contract answers with ``fallback``."""
    agreed = plan(fallback=[{"on": ["N_MIN"], **fallback}], sensitivity=SENSITIVITY, **tables)
    return decide(ask(agreed, *evidence, gates=(gate(),)))


def test_a_blend_takes_the_place_of_the_primary_estimate() -> None:
    """0.8 x 0.03 + 0.2 x 0.28 = 0.08."""
    parts = [{"specification": "primary", "weight": "0.8"}, {"specification": "did", "weight": "0.2"}]
    decision = fallen(
        {"action": "blend", "blend": parts},
        seen("0.03"),
        seen("0.28", specification="did"),
        seen("0", specification="other"),
    )
    assert (decision.state, decision.amount) == ("PAY_PARTIAL", 400_000)
    assert {"FALLBACK_APPLIED"} <= set(decision.flags)
    assert decision.reasons == ("N_MIN",)
    keys = [step.key for step in decision.trace]
    assert keys[:4] == ["fallback.blend", "blend.part", "blend.part", "blend.value"]


def test_a_blend_that_lacks_one_estimate_decides_nothing() -> None:
    parts = [{"specification": "primary", "weight": "0.8"}, {"specification": "did", "weight": "0.2"}]
    decision = fallen({"action": "blend", "blend": parts}, seen("0.30"))
    assert (decision.state, decision.reasons) == ("NOT_DECIDABLE", ("N_MIN", "BASIS_ABSENT"))


def test_the_pooled_test_weighs_all_cohorts() -> None:
    """0.25 x 0.02 + 0.75 x 0.12 = 0.095: the first tier."""
    decision = fallen(
        {"action": "pooled_test"},
        seen("0.02", cohort="c1", weight="0.25"),
        seen("0.12", cohort="c2", weight="0.75"),
        population=PEOPLE | {"cohort": COHORTS},
    )
    assert (decision.amount, decision.state) == (400_000, "PAY_PARTIAL")
    assert [step.key for step in decision.trace][:2] == ["fallback.pooled", "pooled.weight"]


def test_the_pooled_test_of_a_cohort_rule_leaves_the_cohorts_own_tests_out() -> None:
    terms = {"cohort_threshold": "0.1", "cohort_amount": "100", "pooled_threshold": "0.09", "pooled_amount": "150"}
    agreed = plan(
        [rule("cohort_then_pooled", terms)],
        fallback=[{"on": ["N_MIN"], "action": "pooled_test"}],
        population=PEOPLE | {"cohort": COHORTS},
    )
    both = (seen("0.02", cohort="c1", weight="0.25"), seen("0.12", cohort="c2", weight="0.75"))
    normal, pooled = decide(ask(agreed, *both)), decide(ask(agreed, *both, gates=(gate(),)))
    assert (normal.amount, pooled.amount) == (150, 150)  # early 100 and pooled 150; pooled alone 150
    missed = (seen("0.0", cohort="c1", weight="0.25"), seen("0.11", cohort="c2", weight="0.75"))
    normal, pooled = decide(ask(agreed, *missed)), decide(ask(agreed, *missed, gates=(gate(),)))
    assert (normal.amount, pooled.amount) == (100, 0)  # 0.0825 misses 0.09; the early test of c2 does not count
    open_ = decide(ask(agreed, both[0], gates=(gate(),)))
    assert (open_.state, open_.reasons) == ("NOT_DECIDABLE", ("N_MIN", "BASIS_ABSENT"))


RATES = [
    # observed mean of the treated (less is better), agreed rate, amount
    ("0.93", "1.00", "400000"),  # 0.07 better
    ("0.85", "1.00", "1000000"),
    ("1.20", "1.00", "0"),
]


@pytest.mark.parametrize(("observed", "rate", "amount"), RATES)
def test_an_agreed_rate_stands_in_for_the_comparison(observed: str, rate: str, amount: str) -> None:
    evidence = seen("0.3").model_copy(update={"observed": Decimal(observed)})
    decision = fallen({"action": "fixed_rate", "rate": rate}, evidence)
    assert decision.amount == Decimal(amount)
    assert {"FALLBACK_APPLIED", "NO_COUNTERFACTUAL"} <= set(decision.flags)


def test_an_agreed_rate_without_an_observed_mean_decides_nothing() -> None:
    assert fallen({"action": "fixed_rate", "rate": "1"}, seen("0.3")).state == "NOT_DECIDABLE"


CAUTION = [
    (
        [
            {"on": ["N_MIN"], "action": "other_estimator", "specification": "did"},
            {"on": ["PLACEBO_FAIL"], "action": "expert"},
        ],
        "expert",
    ),
    (
        [{"on": ["N_MIN"], "action": "fixed_rate", "rate": "1"}, {"on": ["PLACEBO_FAIL"], "action": "pooled_test"}],
        "fixed_rate",
    ),
    (
        [
            {"on": ["N_MIN"], "action": "fixed_rate", "rate": "1"},
            {"on": ["PLACEBO_FAIL"], "action": "fixed_rate", "rate": "2"},
        ],
        "conflict",
    ),
    ([{"on": ["N_MIN"], "action": "blend"}, {"on": ["PLACEBO_FAIL"], "action": "blend"}], "incomplete"),
    ([{"on": ["N_MIN"], "action": "expert"}], "not_agreed"),
]


@pytest.mark.parametrize(("fallbacks", "answer"), CAUTION)
def test_the_most_cautious_answer_prevails(fallbacks: list[dict[str, object]], answer: str) -> None:
    agreed = plan(fallback=fallbacks, sensitivity=SENSITIVITY)
    gates = (gate(), gate("placebo_in_time", reason="PLACEBO_FAIL"))
    decision = decide(ask(agreed, seen("0.12"), gates=gates))
    assert decision.steps[2].detail["fallback"] == answer


def spread(point: str, se: str, draws: int = 199) -> Evidence:
    """An estimate whose error takes ``draws`` evenly spaced values within two standard errors."""
    error = Decimal(se)
    grid = tuple(error * (Decimal(4 * k) / (draws - 1) - 2) for k in range(draws))
    return seen(
        point, lower=str(Decimal(point) - 2 * error), upper=str(Decimal(point) + 2 * error), standard_error=se
    ).model_copy(update={"spread": grid})


def test_the_amount_has_the_uncertainty_of_its_estimate() -> None:
    """Errors spread evenly over ±0.1 about 0.10: a quarter lies below 0.05, a quarter up to 0.10, half from 0.10 on."""
    found = decide(ask(plan(), spread("0.10", "0.05"))).uncertainty
    assert found is not None
    assert found.draws == 199
    assert {a.amount: a.probability for a in found.amounts} == {
        Decimal(0): Decimal("0.2513"),  # 50 of 199
        Decimal(400_000): Decimal("0.2462"),  # 49
        Decimal(1_000_000): Decimal("0.5025"),  # 100
    }
    assert found.expected == Decimal("601005.03")  # (49 x 400,000 + 100 x 1,000,000) / 199
    assert (found.lower, found.upper) == (0, 1_000_000)
    assert (found.nothing, found.full) == (Decimal("0.2513"), Decimal("0.5025"))


def test_no_standard_error_no_distribution() -> None:
    assert decide(ask(plan(), seen("0.10"))).uncertainty is None


def test_an_amount_along_a_line_is_told_in_groups() -> None:
    knots = [{"at": "0", "amount": "0"}, {"at": "0.2", "amount": "200"}]
    found = decide(ask(plan([rule("piecewise_linear", {"knots": knots})]), spread("0.10", "0.02"))).uncertainty
    assert found is not None
    assert len(found.amounts) == 10
    assert sum(a.probability for a in found.amounts) == 1
    assert abs(found.expected - 100) < Decimal("0.01")


DISTANCES = [
    # figure, nearest threshold, distance, money on its other side
    ("0.06", "0.05", "0.01", "-400000"),
    ("0.04", "0.05", "-0.01", "400000"),
    ("0.099", "0.10", "-0.001", "600000"),
    ("0.10", "0.10", "0.00", "-600000"),
]


@pytest.mark.parametrize(("figure", "threshold", "distance", "money"), DISTANCES)
def test_distance_in_effect_and_in_money(figure: str, threshold: str, distance: str, money: str) -> None:
    decision = decide(ask(plan(), seen(figure)))
    assert (decision.nearest_threshold, decision.distance) == (Decimal(threshold), Decimal(distance))
    assert decision.distance_money == Decimal(money)


def test_other_estimators_are_shown_and_never_count_as_registered() -> None:
    figures = (seen("0.12"), seen("0.01", specification="feasible.did.twfe"))
    decision = decide(ask(plan(outcome=[outcome()]), *figures))
    found = [a for a in decision.alternatives if a.kind == "estimator"]
    assert [(a.name, a.state, a.amount) for a in found] == [("did.twfe", "NO_PAYMENT", Decimal(0))]
    assert "DECISION_FRAGILE" not in decision.flags
