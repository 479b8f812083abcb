"""Six mechanisms as small tables: the terms, the figure, the arithmetic, the amount."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest
from payment_cases import counted, rule, seen

from evaltool import registry
from evaltool.errors import PlanError
from evaltool.payment.arithmetic import stated_context
from evaltool.payment.trace import ABSENT, TRACE_KEYS
from evaltool.records.base import Record
from evaltool.records.evidence import Evidence
from evaltool.records.mechanism import MechanismResult, RuleRequest
from evaltool.records.options import parse_options
from evaltool.records.plan.payment import Rule


def pay(
    mechanism: str, terms: Mapping[str, object], *evidence: Evidence, cohorts: tuple[str, ...] = (), **stated: object
) -> MechanismResult:
    """One mechanism applied to estimates, as ``decide`` applies it."""
    plugin = registry.mechanism(mechanism)
    agreed = Rule.model_validate_json(json.dumps(rule(mechanism, terms, **stated)), strict=True)
    request = RuleRequest(
        rule=agreed,
        terms=parse_options(plugin.terms, agreed.terms, "payment.rule[0].terms"),
        basis=agreed.basis or "point_estimate",
        evidence=evidence,
        cohorts=tuple(cohorts),
    )
    with stated_context():
        return plugin.pay(request)


# Rikers Island ABLE: tiers of the 2012 contract (per cent fewer jail days; dollars)
RIKERS = {
    "tiers": [
        {"from": "0.085", "amount": "4800000"},
        {"from": "0.10", "amount": "9600000"},
        {"from": "0.11", "amount": "10080000"},
        {"from": "0.12", "amount": "10176000"},
        {"from": "0.125", "amount": "10272000"},
        {"from": "0.13", "amount": "10368000"},
        {"from": "0.16", "amount": "10944000"},
        {"from": "0.20", "amount": "11712000"},
    ]
}
# Denver Supportive Housing: 160,000 a point from 20 to 30 per cent, 38,000 a point to 65
JAIL = {
    "knots": [
        {"at": "0.20", "amount": "3200000"},
        {"at": "0.30", "amount": "4800000"},
        {"at": "0.65", "amount": "6130000"},
    ],
    "below": "0",
    "above": "hold",
}
# Newpin, New South Wales: coupon by restoration rate
COUPON = {
    "knots": [
        {"at": "0.55", "amount": "0.03"},
        {"at": "0.60", "amount": "0.075"},
        {"at": "0.65", "amount": "0.12"},
        {"at": "0.70", "amount": "0.15"},
    ]
}
# South Carolina Nurse-Family Partnership: preterm births; the amounts are made up
PRETERM = {
    "partial_from": "0.135",
    "complete_from": "0.15",
    "partial_amount": "1000000",
    "complete_amount": "1500000",
}
JUVAT = {"threshold": "20", "amount": "1"}  # Juvat, Augsburg: at least 20 young people in work; amount made up
DUO = {"threshold": "0.10", "amount": "1"}  # DUO for a JOB, Brussels: more than 10 per cent; amount made up

TABLE = [
    # mechanism, terms, inclusive, figure, amount, tier
    ("step_tiers", RIKERS, True, "0.0", "0", "none"),
    ("step_tiers", RIKERS, True, "0.0849", "0", "none"),
    ("step_tiers", RIKERS, True, "0.085", "4800000", "partial"),  # 0.085 >= 0.085
    ("step_tiers", RIKERS, False, "0.085", "0", "none"),  # not 0.085 > 0.085
    ("step_tiers", RIKERS, True, "0.124", "10176000", "partial"),  # 0.12 <= 0.124 < 0.125
    ("step_tiers", RIKERS, False, "0.125", "10176000", "partial"),  # 0.12 < 0.125, not 0.125 < 0.125
    ("step_tiers", RIKERS, True, "0.20", "11712000", "full"),
    ("step_tiers", RIKERS, False, "0.20", "10944000", "partial"),
    ("step_tiers", RIKERS, True, "0.5", "11712000", "full"),
    ("piecewise_linear", JAIL, True, "0.19", "0", "none"),
    ("piecewise_linear", JAIL, True, "0.20", "3200000", "partial"),  # 20 points x 160,000
    ("piecewise_linear", JAIL, False, "0.20", "0", "none"),
    ("piecewise_linear", JAIL, True, "0.30", "4800000", "partial"),  # 30 x 160,000
    ("piecewise_linear", JAIL, False, "0.30", "4800000", "partial"),  # strict matters at the first knot only
    ("piecewise_linear", JAIL, True, "0.38", "5104000", "partial"),  # 4,800,000 + 8 x 38,000
    ("piecewise_linear", JAIL, True, "0.65", "6130000", "full"),  # 4,800,000 + 35 x 38,000
    ("piecewise_linear", JAIL, False, "0.65", "6130000", "full"),
    ("piecewise_linear", JAIL, True, "0.90", "6130000", "full"),
    ("piecewise_linear", COUPON, True, "0.50", "0", "none"),
    ("piecewise_linear", COUPON, True, "0.55", "0.03", "partial"),
    ("piecewise_linear", COUPON, True, "0.60", "0.075", "partial"),
    ("piecewise_linear", COUPON, True, "0.6525", "0.1215", "partial"),  # 0.12 + 0.03 x 0.0025 / 0.05
    ("piecewise_linear", COUPON, True, "0.70", "0.15", "full"),
    ("piecewise_linear", COUPON, True, "0.80", "0.15", "full"),
    ("partial_complete", PRETERM, True, "0.1349", "0", "none"),
    ("partial_complete", PRETERM, True, "0.135", "1000000", "partial"),
    ("partial_complete", PRETERM, False, "0.135", "0", "none"),
    ("partial_complete", PRETERM, True, "0.1499", "1000000", "partial"),
    ("partial_complete", PRETERM, True, "0.15", "1500000", "full"),
    ("partial_complete", PRETERM, False, "0.15", "1000000", "partial"),
    ("binary_threshold", JUVAT, True, "20", "1", "full"),  # exactly 20 of at least 20
    ("binary_threshold", JUVAT, True, "19", "0", "none"),
    ("binary_threshold", DUO, False, "0.10", "0", "none"),  # 10 % is not more than 10 %
    ("binary_threshold", DUO, False, "0.1000001", "1", "full"),
    ("binary_threshold", {"threshold": "-0.02", "amount": "5"}, True, "-0.02", "5", "full"),  # non-inferiority
]


@pytest.mark.parametrize(("mechanism", "terms", "inclusive", "point", "amount", "tier"), TABLE)
def test_amount_by_mechanism(
    mechanism: str, terms: Mapping[str, object], inclusive: bool, point: str, amount: str, tier: str
) -> None:
    result = pay(mechanism, terms, seen(point), inclusive=inclusive)
    assert (result.amount, result.tier, result.absent) == (Decimal(amount), tier, None)


def test_newpin_coupon_between_two_knots_keeps_its_decimals_until_the_end() -> None:
    # 0.075 + 0.045 x (0.61555555555555555556 - 0.60) / 0.05 = 0.075 + 0.9 x 0.01555555555555555556
    result = pay("piecewise_linear", COUPON, seen("0.61555555555555555556"))
    assert result.amount == Decimal("0.089000000000000000004")
    assert round(result.amount, 12) == Decimal("0.089")


TARIFF = [
    # price, cap, maximum units, verified units, amount, capped, tier
    ("15.12", None, None, "41070", "620978.40", False, "full"),  # Denver: 41,070 x 15.12
    ("15.12", None, None, "258858", "3913932.96", False, "full"),  # Denver: 258,858 x 15.12
    ("15.12", None, None, "0", "0", False, "none"),
    ("15.12", None, None, "-3", "0", False, "none"),  # a negative count pays nothing
    ("100", "900", None, "8", "800", False, "partial"),
    ("100", "900", None, "9", "900", False, "full"),  # the cap is reached, not exceeded
    ("100", "900", None, "10", "900", True, "full"),
    ("100", None, "5", "7", "500", True, "full"),  # 5 of 7 units
    ("100", None, "5", "5", "500", False, "full"),
    ("100", "450", "5", "7", "450", True, "full"),  # both bind; the cap is lower
    ("100", "900", "5", "4", "400", False, "partial"),  # top is min(900, 5 x 100)
]


@pytest.mark.parametrize("row", TARIFF)
def test_tariff(row: tuple[str | bool | None, ...]) -> None:
    price, cap, most, units, amount, capped, tier = row
    result = pay("unit_tariff", {"price": price, "cap": cap, "maximum_units": most}, counted(units))
    assert (result.amount, result.capped, result.tier) == (Decimal(amount), capped, tier)
    assert result.comparisons == ()


def test_tariff_on_a_significance_basis_pays_only_when_the_lower_bound_exceeds_zero() -> None:
    terms = {"price": "10"}
    assert pay("unit_tariff", terms, seen("7", lower="1"), basis="significant_and_point").amount == 70
    assert pay("unit_tariff", terms, seen("7", lower="0"), basis="significant_and_point").amount == 0
    assert pay("unit_tariff", terms, seen("7", lower="3"), basis="lower_bound").amount == 30


# HMP Peterborough: 10 per cent per cohort, 7.5 per cent pooled; amounts made up
POOL = {
    "cohort_threshold": "0.10",
    "cohort_amount": "1000000",
    "pooled_threshold": "0.075",
    "pooled_amount": "2000000",
}
C1, C2 = Decimal("0.083870967741935483871"), Decimal("0.097")  # (155 - 142) / 155 and the published 9.7 per cent


def test_peterborough_cohort_1_is_missed_and_carried_forward() -> None:
    assert round((Decimal(155) - 142) / 155, 21) == C1
    result = pay("cohort_then_pooled", POOL, seen(str(C1), cohort="c1"), cohorts=("c1", "c2"))
    assert (result.amount, result.tier, result.maximum) == (0, "carried_forward", 2000000)
    assert [(c.cohort, c.reached) for c in result.comparisons] == [("c1", False)]


def test_peterborough_pooled_is_reached_with_equal_weights() -> None:
    terms = POOL | {"equal_weights": True}
    result = pay(
        "cohort_then_pooled", terms, seen(str(C1), cohort="c1"), seen(str(C2), cohort="c2"), cohorts=("c1", "c2")
    )
    # (0.083870967741935483871 + 0.097) / 2 = 0.0904354838709677419355, that is 9.0 per cent
    assert result.comparisons[-1].value == Decimal("0.0904354838709677419355")
    assert round(result.comparisons[-1].value * 100, 1) == Decimal("9.0")
    assert (result.amount, result.tier) == (2000000, "full")


COHORTS = [
    # figures, weights (None: equal), amount, tier; thresholds 0.10 and 0.075; amounts 1,000,000 each and 2,000,000
    (("0.10",), None, "1000000", "partial"),  # reached early, the other cohort still open
    (("0.09", "0.05"), None, "0", "none"),  # mean 0.07
    (("0.10", "0.05"), None, "2000000", "full"),  # mean 0.075, reached exactly: 2,000,000 contains the early 1,000,000
    (("0.10", "0.04"), None, "1000000", "partial"),  # mean 0.07: what was reached early stays due
    (("0.09", "0.05"), ("0.7", "0.3"), "2000000", "full"),  # 0.063 + 0.015 = 0.078
    (("0.09", "0.05"), ("0.3", "0.7"), "0", "none"),  # 0.027 + 0.035 = 0.062
    (("0.09", "0.05"), ("7", "3"), "2000000", "full"),  # weights need not sum to one: 0.78 / 10
]


@pytest.mark.parametrize(("points", "weights", "amount", "tier"), COHORTS)
def test_cohorts(points: tuple[str, ...], weights: tuple[str, ...] | None, amount: str, tier: str) -> None:
    named = [
        seen(point, cohort=f"c{i + 1}", weight=None if weights is None else weights[i])
        for i, point in enumerate(points)
    ]
    terms = POOL | {"equal_weights": weights is None}
    result = pay("cohort_then_pooled", terms, *named, cohorts=("c1", "c2"))
    assert (result.amount, result.tier) == (Decimal(amount), tier)


def test_own_amounts_per_cohort_and_their_top() -> None:
    terms = {**POOL, "cohort_amount": None, "cohort_amounts": ["1500000", "1000000"], "equal_weights": True}
    both = [seen("0.11", cohort="c1"), seen("0.12", cohort="c2")]
    result = pay("cohort_then_pooled", terms, *both, cohorts=("c1", "c2"))
    assert (result.amount, result.maximum, result.tier) == (
        2500000,
        2500000,
        "full",
    )  # 1.5 + 1.0 exceeds the pooled 2.0
    pooled = pay("cohort_then_pooled", terms, seen("0.09", cohort="c1"), both[1], cohorts=("c1", "c2"))
    assert (pooled.amount, pooled.tier) == (2000000, "partial")  # max(1.0, 2.0) of 2.5


def test_three_equal_cohorts_pool_to_exactly_their_own_figure() -> None:
    terms = POOL | {"equal_weights": True, "pooled_threshold": "0.1", "cohort_threshold": "0.2"}
    same = [counted("0.1", cohort=f"c{i}") for i in (1, 2, 3)]
    result = pay("cohort_then_pooled", terms, *same, cohorts=("c1", "c2", "c3"))
    assert (result.comparisons[-1].value, result.amount) == (Decimal("0.1"), 2000000)


def test_pooled_standard_error_and_lower_bound_by_hand() -> None:
    # equal weights: value (0.10 + 0.06) / 2 = 0.08; se sqrt(0.03^2 + 0.04^2) / 2 = 0.05 / 2 = 0.025;
    # critical values 0.06 / 0.03 = 2 and 0.10 / 0.04 = 2.5: the larger; lower 0.08 - 2.5 x 0.025 = 0.0175
    evidence = [
        seen("0.10", cohort="c1", lower="0.04", standard_error="0.03"),
        seen("0.06", cohort="c2", lower="-0.04", standard_error="0.04"),
    ]
    terms = POOL | {"equal_weights": True, "pooled_threshold": "0.0175"}
    result = pay("cohort_then_pooled", terms, *evidence, cohorts=("c1", "c2"), basis="lower_bound")
    assert result.comparisons[-1].value == Decimal("0.0175")
    assert result.amount == 2000000
    found = next(s.values for s in result.trace if s.key == "pooled.value")
    assert (found["standard_error"], found["critical_value"]) == (Decimal("0.025"), Decimal("2.5"))
    assert found["assumption"] == "independent_cohorts"
    significant = pay("cohort_then_pooled", terms, *evidence, cohorts=("c1", "c2"), basis="significant_and_point")
    assert significant.amount == 2000000  # cohort 1 reaches 0.10 significantly, and the pooled 0.08 >= 0.0175 too


def test_a_pooled_point_estimate_needs_no_standard_error_and_says_nothing_of_independence() -> None:
    terms = POOL | {"equal_weights": True}
    result = pay("cohort_then_pooled", terms, seen("0.1", cohort="c1"), seen("0.1", cohort="c2"), cohorts=("c1", "c2"))
    found = next(s.values for s in result.trace if s.key == "pooled.value")
    assert (found["standard_error"], found["lower"], found["assumption"]) == (None, None, None)


def test_a_pooled_lower_bound_is_absent_when_bounds_come_without_standard_errors() -> None:
    evidence = [seen("0.1", cohort="c1", lower="0.05"), seen("0.1", cohort="c2", lower="0.05")]
    terms = POOL | {"equal_weights": True}
    result = pay("cohort_then_pooled", terms, *evidence, cohorts=("c1", "c2"), basis="lower_bound")
    assert (result.absent, result.amount) == ("no_lower_bound", 0)


ABSENCES = [
    ("step_tiers", RIKERS, (), {}, "no_estimate"),
    ("unit_tariff", {"price": "1"}, (), {}, "no_estimate"),
    ("cohort_then_pooled", POOL, (), {"cohorts": ("c1",)}, "no_estimate"),
    ("step_tiers", RIKERS, (seen("0.1"),), {"inclusive": None}, "inclusive_not_stated"),
    ("piecewise_linear", JAIL, (seen("0.1"),), {"inclusive": None}, "inclusive_not_stated"),
    ("cohort_then_pooled", POOL, (seen("0.1"),), {"inclusive": None}, "inclusive_not_stated"),
    ("step_tiers", RIKERS, (seen("0.1"),), {"basis": "lower_bound"}, "no_lower_bound"),
    ("binary_threshold", DUO, (seen("0.1"),), {"basis": "significant_and_point"}, "no_lower_bound"),
    ("unit_tariff", {"price": "1"}, (counted("4"),), {"basis": "lower_bound"}, "no_lower_bound"),
    ("step_tiers", RIKERS, (seen("0.1"),), {"basis": "probability"}, "no_posterior"),
    ("cohort_then_pooled", POOL, (seen("0.1"),), {}, "cohorts_not_planned"),
    ("cohort_then_pooled", POOL, (seen("0.1", cohort="c2"),), {"cohorts": ("c1", "c2")}, "cohort_missing"),
    (
        "cohort_then_pooled",
        POOL,
        (seen("0.1", cohort="c1", weight="1"), seen("0.1", cohort="c2")),
        {"cohorts": ("c1", "c2")},
        "weights_not_agreed",
    ),
    ("cohort_then_pooled", POOL, (seen("0.1", cohort="c1", weight="0"),), {"cohorts": ("c1",)}, "weights_not_agreed"),
    (
        "cohort_then_pooled",
        POOL,
        (seen("0.1", cohort="c1"),),
        {"cohorts": ("c1",), "basis": "lower_bound"},
        "no_lower_bound",
    ),
    (
        "cohort_then_pooled",
        {**POOL, "cohort_amount": None, "cohort_amounts": ["1"]},
        (seen("0.1", cohort="c1"),),
        {"cohorts": ("c1", "c2")},
        "cohort_amounts_mismatch",
    ),
]


@pytest.mark.parametrize(("mechanism", "terms", "evidence", "stated", "reason"), ABSENCES)
def test_what_cannot_be_computed_is_absent_with_its_reason(
    mechanism: str,
    terms: Mapping[str, object],
    evidence: tuple[Evidence, ...],
    stated: Mapping[str, object],
    reason: str,
) -> None:
    result = pay(mechanism, terms, *evidence, **stated)
    assert (result.absent, result.amount, result.trace[-1].key) == (reason, 0, "rule.absent")
    assert result.trace[-1].values["reason"] in ABSENT


BAD_TERMS = [
    ("unit_tariff", {"price": "0"}),
    ("unit_tariff", {"price": "-1"}),
    ("unit_tariff", {"price": "1", "cap": "0"}),
    ("unit_tariff", {}),
    ("binary_threshold", {"threshold": "0.1"}),
    ("binary_threshold", {"threshold": "0.1", "amount": "0"}),
    ("binary_threshold", {"threshold": "NaN", "amount": "1"}),
    ("step_tiers", {"tiers": []}),
    ("step_tiers", {"tiers": [{"from": "0.1", "amount": "1"}, {"from": "0.1", "amount": "2"}]}),
    ("step_tiers", {"tiers": [{"from": "0.2", "amount": "1"}, {"from": "0.1", "amount": "2"}]}),
    ("step_tiers", {"tiers": [{"from": "0.1", "amount": "2"}, {"from": "0.2", "amount": "2"}]}),
    ("step_tiers", {"tiers": [{"at": "0.1", "amount": "2"}]}),
    ("piecewise_linear", {"knots": [{"at": "0.1", "amount": "2"}]}),
    ("piecewise_linear", {"knots": [{"at": "0.1", "amount": "2"}, {"at": "0.1", "amount": "3"}]}),
    ("piecewise_linear", {"knots": [{"at": "0.1", "amount": "2"}, {"at": "0.2", "amount": "1"}]}),
    ("piecewise_linear", {"knots": [{"at": "0.1", "amount": "0"}, {"at": "0.2", "amount": "0"}]}),
    ("piecewise_linear", JAIL | {"above": "extrapolate"}),
    ("partial_complete", PRETERM | {"complete_from": "0.135"}),
    ("partial_complete", PRETERM | {"complete_amount": "1000000"}),
    ("cohort_then_pooled", POOL | {"cohort_amounts": ["1"]}),
    ("cohort_then_pooled", {k: v for k, v in POOL.items() if k != "cohort_amount"}),
]


@pytest.mark.parametrize(("mechanism", "terms"), BAD_TERMS)
def test_terms_that_are_no_terms_are_refused(mechanism: str, terms: Mapping[str, object]) -> None:
    with pytest.raises(PlanError):
        pay(mechanism, terms, seen("0.1"))


def test_level_amounts_between_knots_are_allowed() -> None:
    level = {"knots": [{"at": "0", "amount": "5"}, {"at": "1", "amount": "5"}, {"at": "2", "amount": "9"}]}
    assert pay("piecewise_linear", level, seen("0.5")).amount == 5


PLUGINS = [
    ("unit_tariff", {"price": "2"}, None, ()),
    ("unit_tariff", {"price": "2", "maximum_units": "10"}, "20", ()),
    ("unit_tariff", {"price": "2", "maximum_units": "10", "cap": "15"}, "15", ()),
    ("binary_threshold", DUO, "1", ("0.10",)),
    ("step_tiers", RIKERS, "11712000", ("0.085", "0.10", "0.11", "0.12", "0.125", "0.13", "0.16", "0.20")),
    ("piecewise_linear", JAIL, "6130000", ("0.20", "0.65")),
    ("partial_complete", PRETERM, "1500000", ("0.135", "0.15")),
    ("cohort_then_pooled", POOL, "2000000", ("0.075", "0.10")),
]


@pytest.mark.parametrize(("mechanism", "terms", "top", "thresholds"), PLUGINS)
def test_top_and_thresholds(
    mechanism: str, terms: Mapping[str, object], top: str | None, thresholds: tuple[str, ...]
) -> None:
    plugin = registry.mechanism(mechanism)
    parsed = plugin.terms.model_validate_json(json.dumps(terms), strict=True)
    assert plugin.maximum(parsed) == (None if top is None else Decimal(top))
    assert plugin.thresholds(parsed) == tuple(Decimal(t) for t in thresholds)


@pytest.mark.parametrize("mechanism", sorted(registry.mechanism_names()))
def test_terms_of_another_mechanism_are_a_programming_error(mechanism: str) -> None:
    with pytest.raises(TypeError, match="given to a mechanism"):
        registry.mechanism(mechanism).pay(
            RuleRequest(rule=Rule(id="r", mechanism=mechanism), terms=Record(), basis="point_estimate", evidence=())
        )


def test_significance_asks_for_a_lower_bound_above_zero() -> None:
    terms = {"threshold": "0.10", "amount": "7"}
    basis = {"basis": "significant_and_point"}
    assert pay("binary_threshold", terms, seen("0.12", lower="0.001"), **basis).amount == 7
    assert pay("binary_threshold", terms, seen("0.12", lower="0"), **basis).amount == 0
    assert pay("binary_threshold", terms, seen("0.09", lower="0.05"), **basis).amount == 0
    assert pay("binary_threshold", terms, seen("0.12", lower="0.05"), basis="lower_bound").amount == 0


ROUNDING = [
    # figure, places, mode, rounded, reached at 0.10
    ("0.0951", 2, "half_even", "0.10", True),
    ("0.095", 2, "half_even", "0.10", True),  # half to even: 0.095 -> 0.10
    ("0.105", 2, "half_even", "0.10", True),
    ("0.0949", 2, "half_even", "0.09", False),
    ("0.0999", 2, "down", "0.09", False),
    ("0.0901", 2, "up", "0.10", True),
    ("0.095", 2, "half_up", "0.10", True),
]


@pytest.mark.parametrize(("point", "places", "mode", "rounded", "reached"), ROUNDING)
def test_the_estimate_is_rounded_only_where_the_contract_says_so(
    point: str, places: int | None, mode: str, rounded: str, reached: bool
) -> None:
    terms = {"threshold": "0.10", "amount": "7"}
    result = pay("binary_threshold", terms, seen(point), estimate_rounding={"places": places, "mode": mode})
    assert result.comparisons[0].value == Decimal(rounded)
    assert result.comparisons[0].reached is reached
    plain = pay("binary_threshold", terms, seen(point))
    assert plain.comparisons[0].value == Decimal(point)


TIES = [
    # figure, se, rounding, exact, tie: |figure - 0.10| <= 1e-8 x max(|figure|, se)
    ("0.10", None, None, False, True),
    ("0.1000000005", None, None, False, True),  # 5e-10 <= 1e-9
    ("0.1000000011", None, None, False, False),  # 1.1e-9 > 1.0e-9
    ("0.1000000011", "0.2", None, False, True),  # 1.1e-9 <= 2e-9
    ("0.10", None, None, True, False),  # verified counts compare exactly
    ("0.1", None, 2, False, False),  # rounded to 0.10 from its middle: no digit decides
    ("0.095", None, 2, False, True),  # on the edge between 0.09 and 0.10
    ("0.105", None, 2, False, True),  # on the edge between 0.10 and 0.11, and 0.10 is the threshold
    ("0.115", None, 2, False, False),  # an edge away from the threshold
    ("0.095", None, 2, True, False),
]


@pytest.mark.parametrize(("point", "se", "places", "is_exact", "tie"), TIES)
def test_ties(point: str, se: str | None, places: int | None, is_exact: bool, tie: bool) -> None:
    rounding = None if places is None else {"places": places}
    figure = seen(point, standard_error=se, is_exact=is_exact)
    result = pay("binary_threshold", {"threshold": "0.10", "amount": "7"}, figure, estimate_rounding=rounding)
    assert result.comparisons[0].tie is tie


def test_a_lower_bound_on_zero_is_a_tie_of_the_significance_basis() -> None:
    terms = {"threshold": "0.10", "amount": "7"}
    near = pay(
        "binary_threshold", terms, seen("0.5", lower="1e-12", standard_error="0.2"), basis="significant_and_point"
    )
    far = pay("binary_threshold", terms, seen("0.5", lower="0.1", standard_error="0.2"), basis="significant_and_point")
    assert (near.comparisons[0].tie, far.comparisons[0].tie) == (True, False)


def test_every_trace_step_holds_the_values_its_key_promises() -> None:
    for mechanism, terms, inclusive, point, _, _ in TABLE:
        for item in pay(mechanism, terms, seen(point), inclusive=inclusive).trace:
            assert tuple(item.values) == TRACE_KEYS[item.key]
