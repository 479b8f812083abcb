"""What a plan's payment rules cannot stand on, refused before any data, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from payment_cases import plan, rule

from evaltool import registry
from evaltool.payment.refusals import Method, refusals

DID = Method("did.group_time", "effect", "always", per_cohort=False, relative=True)
COUNT = Method("measured.verified_count", "verified_count", "sometimes", per_cohort=False, relative=False)
PUBLISHED = Method("published.estimate", "effect", "sometimes", per_cohort=True, relative=True)
BARE = Method("published.rates", "effect", "never", per_cohort=True, relative=True)
POOL = {"cohort_threshold": "0.10", "cohort_amount": "1", "pooled_threshold": "0.075", "pooled_amount": "2"}
TARIFF = rule("unit_tariff", {"price": "15.12"})
COHORTS = [
    {"id": "c1", "entry_from": "2024-01-01", "entry_to": "2024-06-30", "weight": "0.5"},
    {"id": "c2", "entry_from": "2024-07-01", "entry_to": "2024-12-31", "weight": "0.5"},
]
UNWEIGHTED = [{k: v for k, v in cohort.items() if k != "weight"} for cohort in COHORTS]


def people(*cohorts: Mapping[str, object]) -> dict[str, object]:
    return {
        "eligibility": {"en": "x"},
        "unit": "person",
        "entry_from": "2024-01-01",
        "entry_to": "2024-12-31",
        "cohort": list(cohorts),
    }


CASES = [
    (rule(), DID, (), []),
    (rule(basis=None), DID, (), ["PLAN_RULE_BASIS"]),
    (rule(inclusive=None), DID, (), ["PLAN_RULE_INCLUSIVE"]),
    (rule(basis=None, inclusive=None), DID, (), ["PLAN_RULE_BASIS", "PLAN_RULE_INCLUSIVE"]),
    (rule(basis="lower_bound"), BARE, (), ["PLAN_BASIS_NEEDS_SE"]),
    (rule(basis="significant_and_point"), BARE, (), ["PLAN_BASIS_NEEDS_SE"]),
    (rule(basis="lower_bound"), PUBLISHED, (), []),
    (TARIFF, COUNT, (), []),
    (TARIFF, DID, (), ["PLAN_MECHANISM_KIND"]),
    (rule("step_tier"), DID, (), ["PLAN_UNKNOWN_METHOD"]),
    (rule(terms={"tiers": [], "tires": 1}), DID, (), ["PLAN_BAD_OPTION", "PLAN_UNKNOWN_OPTION"]),
    (rule(terms={"tiers": [{"from": "1", "amount": "0.009"}]}), DID, (), ["PLAN_BELOW_QUANTUM"]),
    (rule(terms={"tiers": [{"from": "1", "amount": "0.01"}]}), DID, (), []),
    (rule("unit_tariff", {"price": "15.12", "cap": "0.001"}), COUNT, (), ["PLAN_BELOW_QUANTUM"]),
    (rule("unit_tariff", {"price": "0.001"}), COUNT, (), []),  # a thousand units are worth paying
    (rule("cohort_then_pooled", POOL), PUBLISHED, (), ["PLAN_NO_COHORTS"]),
    (rule("cohort_then_pooled", POOL), PUBLISHED, UNWEIGHTED, ["PLAN_COHORT_WEIGHTS"]),
    (rule("cohort_then_pooled", POOL | {"equal_weights": True}), PUBLISHED, UNWEIGHTED, []),
    (rule("cohort_then_pooled", POOL), PUBLISHED, COHORTS, []),
    (rule("cohort_then_pooled", POOL), DID, COHORTS, ["PLAN_NO_COHORT_ESTIMATES"]),
    (rule("cohort_then_pooled", POOL, basis="lower_bound"), BARE, COHORTS, ["PLAN_BASIS_NEEDS_SE"]),
    (
        rule("cohort_then_pooled", {**POOL, "cohort_amount": None, "cohort_amounts": ["1", "1", "1"]}),
        PUBLISHED,
        COHORTS,
        ["PLAN_COHORT_AMOUNTS"],
    ),
]


@pytest.mark.parametrize(("stated", "method", "cohorts", "codes"), CASES)
def test_rules_are_refused_by_code(
    stated: Mapping[str, object], method: Method, cohorts: Sequence[Mapping[str, object]], codes: list[str]
) -> None:
    found = refusals(plan([stated], population=people(*cohorts)), method, registry.mechanism)
    assert [fault.code for fault in found] == codes
    assert all(fault.place.key.startswith("payment.rule[0]") or fault.place.key == "mechanism" for fault in found)


def test_every_rule_is_looked_at_and_faults_come_in_the_plans_order() -> None:
    rules = [rule(basis=None), rule(id="r2", inclusive=None), TARIFF | {"id": "r3"}]
    found = refusals(plan(rules), DID, registry.mechanism)
    assert [(f.code, f.place.key) for f in found] == [
        ("PLAN_RULE_BASIS", "payment.rule[0].basis"),
        ("PLAN_RULE_INCLUSIVE", "payment.rule[1].inclusive"),
        ("PLAN_MECHANISM_KIND", "payment.rule[2].mechanism"),
    ]


def test_a_relative_estimand_needs_an_estimator_that_gives_relative_effects() -> None:
    agreed = plan([TARIFF], estimand={"outcome": "absence", "scale": "relative", "denominator": "baseline"})
    assert [f.code for f in refusals(agreed, COUNT, registry.mechanism)] == ["PLAN_NO_RELATIVE_EFFECT"]


def test_a_mechanism_for_effects_refuses_counts() -> None:
    only_effects = replace(registry.mechanism("step_tiers"), uses="effect")
    found = refusals(plan(), COUNT, lambda _: only_effects)
    assert [f.code for f in found] == ["PLAN_MECHANISM_KIND"]
