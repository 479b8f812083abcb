"""Tariffs per person and beyond expectation, savings, composites, blends, volumes: each with the arithmetic shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from payment_cases import counted, rule, seen

from evaltool import registry
from evaltool.errors import PlanError
from evaltool.payment.arithmetic import stated_context
from evaltool.payment.mechanisms.volume_tiers import largest_mix
from evaltool.records.evidence import Evidence
from evaltool.records.mechanism import MechanismResult, RuleRequest
from evaltool.records.options import parse_options
from evaltool.records.plan.payment import Rule

PAYERS = ("Kommune", "Region", "Stat")


def pay(mechanism: str, terms: Mapping[str, object], *evidence: Evidence, **given: object) -> MechanismResult:
    """One mechanism applied; every estimate stands under its outcome and its specification as in a decision."""
    plugin = registry.mechanism(mechanism)
    stated = {name: given.pop(name) for name in ("basis", "inclusive", "probability", "margin") if name in given}
    agreed = Rule.model_validate_json(json.dumps(rule(mechanism, terms, **stated)), strict=True)
    request = RuleRequest(
        rule=agreed,
        terms=parse_options(plugin.terms, agreed.terms, "payment.rule[0].terms"),
        basis=agreed.basis or "point_estimate",
        evidence=evidence[:1],
        outcomes={item.key.outcome: item for item in evidence if item.key.specification == "primary"},
        specifications={item.key.specification: item for item in evidence},
        payers=PAYERS,
        as_of=date(2026, 6, 30),
        **given,  # type: ignore[arg-type]
    )
    with stated_context():
        return plugin.pay(request)


def each(outcome: str, *units: str) -> Evidence:
    """A verified count with what each person reached."""
    total = sum(Decimal(one) for one in units)
    return counted(str(total), outcome=outcome).model_copy(update={"counts": tuple(Decimal(one) for one in units)})


# three people: housed (once, 12,000) and weeks in work (500 each); at most 15,000 a person
CARD = {
    "prices": [
        {"outcome": "housed", "price": "12000", "once": True},
        {"outcome": "weeks", "price": "500"},
    ],
    "person_cap": "15000",
}
PERSON = [
    # housed, weeks, cap of the rule, amount, capped
    (("1", "0", "1"), ("4", "10", "20"), None, "34000", True),  # 14,000 + 5,000 + min(15,000; 22,000)
    (("2", "0", "0"), ("0", "0", "0"), None, "12000", False),  # once per person, however often
    (("1", "0", "1"), ("4", "10", "20"), "30000", "30000", True),
    (("-1", "0", "0"), ("0", "0", "0"), None, "0", False),  # less than none is none
]


@pytest.mark.parametrize(("housed", "weeks", "cap", "amount", "capped"), PERSON)
def test_person_tariff(
    housed: tuple[str, ...], weeks: tuple[str, ...], cap: str | None, amount: str, capped: bool
) -> None:
    terms = CARD | ({} if cap is None else {"cap": cap})
    result = pay("person_tariff", terms, each("housed", *housed), each("weeks", *weeks))
    assert (result.amount, result.capped, result.absent) == (Decimal(amount), capped, None)


def test_a_person_tariff_needs_every_person_of_every_outcome() -> None:
    assert pay("person_tariff", CARD, each("housed", "1")).absent == "no_estimate"
    assert pay("person_tariff", CARD, each("housed", "1"), counted("3", outcome="weeks")).absent == "no_unit_counts"
    assert pay("person_tariff", CARD, each("housed", "1"), each("weeks", "1", "2")).absent == "no_unit_counts"


# Utah High Quality Preschool: 110 children, one needed special education; 2,600 dollars each, 95 per cent of it
UTAH = {"price": "2600", "share": "0.95", "verified": "failures"}
NET = [
    # terms, verified, people, amount
    (UTAH | {"expected_rate": "1"}, "1", 110, "269230.00"),  # (110 - 1) x 2,600 x 0.95
    (UTAH | {"expected_rate": "1/3"}, "1", 110, None),  # 110/3 - 1 = 35.67 net: 88,096.67
    (UTAH | {"expected_rate": "0.005"}, "1", 110, "0"),  # 0.55 expected, 1 seen
    ({"price": "100", "expected_rate": "0.25"}, "40", 100, "1500"),  # 40 - 25
    ({"price": "100", "expected_rate": "0.5"}, "40", 100, "0"),
    ({"price": "100", "deadweight": "0.2"}, "40", 100, "3200"),  # 40 x 0.8
    ({"price": "100", "deadweight": "0.2", "cap": "3000"}, "40", 100, "3000"),
]


@pytest.mark.parametrize(("terms", "verified", "people", "amount"), NET)
def test_net_units(terms: Mapping[str, object], verified: str, people: int, amount: str | None) -> None:
    result = pay("net_units", terms, counted(verified, units=people))
    if amount is None:
        assert result.amount.quantize(Decimal(1)) == 88097
    else:
        assert result.amount == Decimal(amount)


def test_net_units_need_the_number_of_people_only_for_a_rate() -> None:
    assert pay("net_units", {"price": "1", "expected_rate": "0.1"}, counted("4")).absent == "no_units"
    assert pay("net_units", {"price": "1", "deadweight": "0"}, counted("4")).amount == 4


# Koto-SIB: 2,636 people, 2,670 euros each, half of it paid
def test_shared_savings_koto() -> None:
    result = pay("shared_savings", {"share": "0.5", "people": 2636}, seen("2670"))
    assert (result.amount, result.tier, result.by_payer) == (Decimal(3519060), "full", {})


def test_each_payer_owes_its_own_saving() -> None:
    # kommune 0.4 x 100 x (0.1 x 9,000 + 2 x 50) = 40,000; region 0.4 x 100 x 0.1 x 1,000 = 4,000
    savings = [
        {"payer": "Kommune", "outcome": "absence", "price": "9000"},
        {"payer": "Kommune", "outcome": "visits", "price": "50"},
        {"payer": "Region", "outcome": "absence", "price": "1000"},
    ]
    terms = {"share": "0.4", "people": 100, "savings": savings}
    result = pay("shared_savings", terms, seen("0.1"), seen("2", outcome="visits"))
    assert result.by_payer == {"Kommune": Decimal(40000), "Region": Decimal(4000)}
    assert result.amount == 44000
    halved = pay("shared_savings", terms | {"cap": "22000"}, seen("0.1"), seen("2", outcome="visits"))
    assert halved.by_payer == {"Kommune": Decimal(20000), "Region": Decimal(2000)}


def test_harm_saves_nothing_and_strangers_pay_nothing() -> None:
    assert pay("shared_savings", {"share": "0.5", "people": 10}, seen("-3")).amount == 0
    strange = {"share": "0.5", "people": 10, "savings": [{"payer": "Nobody"}]}
    assert pay("shared_savings", strange, seen("3")).absent == "unknown_payer"
    assert pay("shared_savings", {"share": "0.5"}, seen("3")).absent == "no_units"
    assert pay("shared_savings", {"share": "0.5"}, seen("3", units=4)).amount == 6


# Educate Girls: 8,940 of 5,592 and 0.92 of 0.79; 0.8 x 1.5987 + 0.2 x 1.1646 = 1.5119 (x 290,000 = 438,445.59)
GIRLS = {
    "components": [
        {"outcome": "learning", "weight": "0.8", "target": "5592"},
        {"outcome": "enrolment", "weight": "0.2", "target": "0.79"},
    ],
    "amount": "290000",
}


def test_weighted_composite_educate_girls() -> None:
    figures = (seen("8940", outcome="learning"), seen("0.92", outcome="enrolment"))
    free, capped = (pay("weighted_composite", terms, *figures) for terms in (GIRLS, GIRLS | {"cap": "422000"}))
    assert free.amount.quantize(Decimal("0.01")) == Decimal("438445.59")
    assert (capped.amount, capped.capped, capped.tier) == (422000, True, "full")
    ratios = [step.values["ratio"] for step in free.trace if step.key == "composite.part"]
    assert [round(Decimal(str(ratio)), 2) for ratio in ratios] == [Decimal("1.60"), Decimal("1.16")]


def test_a_composite_counts_no_more_than_agreed_and_nothing_below_zero() -> None:
    parts = [part | {"ratio_cap": "1"} for part in GIRLS["components"]]  # type: ignore[attr-defined]
    terms = GIRLS | {"components": parts}
    both = pay("weighted_composite", terms, seen("8940", outcome="learning"), seen("0.92", outcome="enrolment"))
    assert (both.amount, both.maximum) == (290000, 290000)
    worse = pay("weighted_composite", terms, seen("-9", outcome="learning"), seen("0.79", outcome="enrolment"))
    assert worse.amount == Decimal(58000)  # 0.2 x 290,000


# Roca: 0.8 x -2.0 + 0.2 x 6.0 = -0.4
BLEND = {
    "blend": [{"specification": "primary", "weight": "0.8"}, {"specification": "did", "weight": "0.2"}],
    "tiers": [{"from": "5", "amount": "100"}],
}


def test_blend_roca() -> None:
    result = pay("blended_estimators", BLEND, seen("-2.0"), seen("6.0", specification="did"))
    assert (result.amount, result.tier) == (0, "none")
    assert result.comparisons[-1].value == Decimal("-0.4")


BLENDED_SE = [
    # correlation, covariance, standard error of 0.8 x (se 1) + 0.2 x (se 2)
    (None, None, "1.2"),  # 0.8 + 0.4: as large as it can be
    ("1", None, "1.2"),
    ("0", None, "0.89442719099991587856366946749251049417624734384461"),  # sqrt(0.64 + 0.16)
    (None, "0", "0.89442719099991587856366946749251049417624734384461"),
    ("-1", None, "0.4"),
    (None, "-2", "0.4"),
]


@pytest.mark.parametrize(("correlation", "covariance", "error"), BLENDED_SE)
def test_the_error_of_a_blend(correlation: str | None, covariance: str | None, error: str) -> None:
    terms = BLEND | ({} if correlation is None else {"correlation": correlation})
    known = {} if covariance is None else {("did", "primary"): Decimal(covariance)}
    estimates = (
        seen("7", lower="5", upper="9", standard_error="1"),
        seen("6", specification="did", lower="2", upper="10", standard_error="2"),
    )
    result = pay("blended_estimators", terms, *estimates, basis="lower_bound", covariances=known)
    value = next(step.values for step in result.trace if step.key == "blend.value")
    assert value["standard_error"] == Decimal(error)
    assert value["value"] == Decimal("6.8")
    with stated_context():
        assert result.comparisons[-1].value == Decimal("6.8") - 2 * Decimal(error)


# 100 units at 9,000, the next 100 at 5,000, the rest at 1,000
FALLING = [{"up_to": "100", "price": "9000"}, {"up_to": "200", "price": "5000"}, {"price": "1000"}]
VOLUMES = [("60", "540000"), ("100", "900000"), ("150", "1150000"), ("230", "1430000"), ("0", "0")]


@pytest.mark.parametrize(("units", "amount"), VOLUMES)
def test_volume_tiers(units: str, amount: str) -> None:
    assert pay("volume_tiers", {"steps": FALLING}, counted(units)).amount == Decimal(amount)


MIXES = [
    # permanent, temporary (at most a quarter of what is paid), units paid
    ("60", "40", "80"),  # 20 of 40 count: 20 / 80 is a quarter
    ("60", "10", "70"),
    ("0", "40", "0"),
    ("60", "0", "60"),
]


@pytest.mark.parametrize(("permanent", "temporary", "paid"), MIXES)
def test_one_route_is_never_more_than_its_share(permanent: str, temporary: str, paid: str) -> None:
    routes = [{"outcome": "permanent"}, {"outcome": "temporary", "maximum_share": "0.25"}]
    terms = {"steps": [{"price": "10"}], "routes": routes}
    result = pay(
        "volume_tiers", terms, counted(permanent, outcome="permanent"), counted(temporary, outcome="temporary")
    )
    assert result.amount == 10 * Decimal(paid)


def test_the_largest_mix_solves_its_own_equation() -> None:
    verified, shares = [Decimal(n) for n in (60, 40, 7)], [Decimal(s) for s in ("1", "0.25", "0.1")]
    with stated_context():
        total = largest_mix(verified, shares)
        assert total == sum(min(n, c * total) for n, c in zip(verified, shares, strict=True))
        more = total + 1
        assert more > sum(min(n, c * more) for n, c in zip(verified, shares, strict=True))


REFUSED_TERMS = [
    ("person_tariff", CARD | {"prices": [*CARD["prices"], CARD["prices"][0]]}, "more than once"),  # type: ignore[misc, index]
    ("net_units", {"price": "1"}, "either expected_rate or deadweight"),
    ("net_units", {"price": "1", "expected_rate": "3/2"}, "between 0 and 1"),
    ("net_units", {"price": "1", "expected_rate": "1/0"}, "neither a decimal nor a fraction"),
    ("net_units", {"price": "1", "deadweight": "0.1", "verified": "failures"}, "good outcomes"),
    ("weighted_composite", GIRLS | {"components": GIRLS["components"][:1]}, "sum to 0.8"),  # type: ignore[index]
    ("blended_estimators", BLEND | {"blend": [BLEND["blend"][0]] * 2}, "sum to 1.6"),  # type: ignore[index]
    ("volume_tiers", {"steps": [{"price": "1"}, {"up_to": "2", "price": "1"}]}, "only the last step"),
    ("volume_tiers", {"steps": [{"price": "0"}]}, "must have a price"),
    (
        "volume_tiers",
        {"steps": [{"price": "1"}], "routes": [{"outcome": "a", "maximum_share": "0.4"}]},
        "no unit can be paid",
    ),
    ("interim_true_up", {"of": "a", "interim_share": "0", "final_from": "2026-01-01"}, "interim_share"),
    ("waterfall", {"of": "a", "principal": "0"}, "principal"),
]


@pytest.mark.parametrize(("mechanism", "terms", "words"), REFUSED_TERMS)
def test_terms_that_contradict_themselves_are_refused(mechanism: str, terms: dict[str, object], words: str) -> None:
    agreed = Rule.model_validate_json(json.dumps(rule(mechanism, terms)), strict=True)
    with pytest.raises(PlanError) as caught:
        parse_options(registry.mechanism(mechanism).terms, agreed.terms, "payment.rule[0].terms")
    assert words in str(caught.value)
