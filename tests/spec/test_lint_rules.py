"""Every lint rule on a plan that breaks it and on one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import pytest
from payment_cases import outcome, plan, rule

from evaltool import registry
from evaltool.planning.lint import Finding, lint
from evaltool.planning.lint.validity import GATE_REASONS
from evaltool.records.plan.evaluation_plan import EvaluationPlan

CLEAN_OUTCOME = outcome(
    definition={"en": "all recorded days of absence"}, verifier="the auditor", matures_on="2026-01-15"
)
FALLBACK = [{"on": ["N_MIN", "PLACEBO_FAIL", "FEW_CLUSTERS", "DISCLOSURE_BLOCK", "PRETREND_REVIEW"], "action": "hold"}]
LOWER = rule(basis="lower_bound")


def people(**other: object) -> dict[str, object]:
    """The target group of the tests, with changes."""
    return {
        "eligibility": {"en": "schools"},
        "unit": "school",
        "entry_from": "2024-08-01",
        "entry_to": "2025-08-01",
        **other,
    }


def clean(**changes: object) -> EvaluationPlan:
    """A plan without findings, with changes."""
    tables: dict[str, object] = {
        "outcome": [CLEAN_OUTCOME],
        "fallback": FALLBACK,
        "rules": [LOWER],
        "sensitivity": [{"id": "otherwise", "options": {"anticipation": 1}}],
        **changes,
    }
    stated = tables.pop("rules")
    return plan(stated if isinstance(stated, list) else None, **tables)


def codes(agreed: EvaluationPlan) -> list[str]:
    """The codes of the findings."""
    return [finding.code for finding in lint(agreed)]


MEASURED = {"method": "measured.change"}
TARGETS = {"outcome": "absence", "target": "NONE", "aggregation": "none"}
COUNTED = {
    "estimator": {"method": "measured.verified_count"},
    "design": {"method": "groups.none"},
    "estimand": TARGETS,
}
BEFORE_AFTER = {"estimator": MEASURED, "design": {"method": "groups.none"}, "estimand": TARGETS}
BINARY = CLEAN_OUTCOME | {"kind": "binary", "direction": "increase"}


def share(count: int, of: int, stated: str) -> dict[str, object]:
    """A threshold that is worded as a count and as a share."""
    terms = {"threshold": stated, "amount": "1", "count": count, "of": of, "stated_share": stated}
    return rule("binary_threshold", terms, basis="lower_bound")


def tiers(first: str) -> dict[str, object]:
    """One tier from ``first``."""
    return rule(terms={"tiers": [{"from": first, "amount": "1"}]}, basis="lower_bound")


def tariff(**terms: object) -> dict[str, object]:
    """A tariff of 100 per unit."""
    return rule("unit_tariff", {"price": "100", **terms})


POOL = {
    "cohort_threshold": "0.10",
    "cohort_amount": "10",
    "pooled_threshold": "0.075",
    "pooled_amount": "15",
    "equal_weights": True,
}
COHORTS = [
    {"id": "c1", "entry_from": "2024-08-01", "entry_to": "2024-12-31"},
    {"id": "c2", "entry_from": "2025-01-01", "entry_to": "2025-08-01"},
]
POOLED = rule("cohort_then_pooled", POOL, basis="lower_bound")

RELATIVE = {"outcome": "absence", "scale": "relative", "denominator": "baseline"}
FLOOR = {"on": ["N_MIN"], "action": "pay_floor"}
STATED = {"decide_from": "2026-01-31", "as_of": "2026-02-01"}

BROKEN = [
    # code, place, changes that break the rule, changes that come near and do not
    (
        "LINT_TO_BE_DETERMINED",
        "outcome[0].definition",
        {"outcome": [CLEAN_OUTCOME | {"definition": {"en": "threshold to be determined"}}]},
        {"outcome": [CLEAN_OUTCOME | {"definition": {"en": "days determined by the register"}}]},
    ),
    (
        "LINT_TO_BE_DETERMINED",
        "population.eligibility",
        {"population": people(eligibility={"da": "Fastsættes senere"})},
        {"population": people(eligibility={"da": "Skoler i kommunen"})},
    ),
    (
        "LINT_MINIMUM_ABOVE_TARGET",
        "population.minimum_n",
        {"population": people(minimum_n=61, target_n=60)},
        {"population": people(minimum_n=60, target_n=60)},
    ),
    (
        "LINT_MINIMUM_ABOVE_TARGET",
        "gate[0].options.minimum_treated",
        {
            "population": people(target_n=50),
            "gate": [{"name": "minimum_sample", "options": {"minimum_treated": 60}, "reason": "x"}],
        },
        {
            "population": people(target_n=60),
            "gate": [{"name": "minimum_sample", "options": {"minimum_treated": 60}, "reason": "x"}],
        },
    ),
    (
        "LINT_NO_VINTAGE",
        "data.vintage",
        {"data": {"source": "csv", "path": "x.csv"}},
        {"data": {"source": "csv", "path": "x.csv", "vintage": "first working day after 20 August"}},
    ),
    ("LINT_NO_DEFINITION", "outcome[0].definition", {"outcome": [CLEAN_OUTCOME | {"definition": {}}]}, {}),
    ("LINT_NO_VERIFIER", "outcome[0].verifier", {"outcome": [CLEAN_OUTCOME | {"verifier": None}]}, {}),
    (
        "LINT_WINDOW_BEFORE_ENTRY",
        "outcome[0].window_to",
        {"population": people(entry_to="2026-01-01")},
        {"population": people(entry_to="2025-12-31")},
    ),
    (
        "LINT_WINDOW_BEFORE_ENTRY",
        "outcome[0].window_to",
        {"population": people(cohort=[COHORTS[0] | {"entry_to": "2026-01-01"}])},
        {"population": people(entry_to="2026-06-01", cohort=COHORTS)},  # the first cohort is tested while entry is open
    ),
    ("LINT_NO_MATURITY", "outcome[0].matures_on", {"outcome": [CLEAN_OUTCOME | {"matures_on": None}]}, {}),
    (
        "LINT_DECIDES_BEFORE_MATURE",
        "governance.decide_from",
        {"governance": {"decide_from": "2026-01-14"}},
        {"governance": {"decide_from": "2026-01-15"}},
    ),
    (
        "LINT_NO_COUNTERFACTUAL",
        "estimand",
        BEFORE_AFTER | {"estimand": TARGETS | {"scale": "relative", "denominator": "baseline"}},
        BEFORE_AFTER,
    ),
    ("LINT_NO_COUNTERFACTUAL", "estimand", BEFORE_AFTER | {"estimand": TARGETS | {"target": "ATT"}}, COUNTED),
    (
        "LINT_REGRESSION_TO_MEAN",
        "population.selected_as_extreme",
        BEFORE_AFTER | {"population": people(selected_as_extreme=True)},
        {"population": people(selected_as_extreme=True)},
    ),
    (
        # n = 66: (1.95996 + 0.84162) x sqrt(0.25/66 + 0.25/66) = 2.80158 x 0.0870388 = 0.24385
        "LINT_BELOW_DETECTABLE",
        "payment.rule[0].terms",
        {"outcome": [BINARY], "population": people(target_n=66), "rules": [tiers("0.2438")]},
        {"outcome": [BINARY], "population": people(target_n=66), "rules": [tiers("0.2439")]},
    ),
    (
        # one-sided: (1.64485 + 0.84162) x 0.0870388 = 0.21642
        "LINT_BELOW_DETECTABLE",
        "payment.rule[0].terms",
        {
            "outcome": [BINARY],
            "population": people(target_n=66),
            "rules": [tiers("0.2164")],
            "inference": {"sides": "one"},
        },
        {
            "outcome": [BINARY],
            "population": people(target_n=66),
            "rules": [tiers("0.2165")],
            "inference": {"sides": "one"},
        },
    ),
    ("LINT_NO_FALLBACK", "fallback", {"fallback": [{"on": ["N_MIN"], "action": "hold"}]}, {}),
    ("LINT_NO_BASIS", "payment.rule[0].basis", {"rules": [rule(basis=None)]}, COUNTED | {"rules": [tariff()]}),
    (
        "LINT_NO_INCLUSIVE",
        "payment.rule[0].inclusive",
        {"rules": [LOWER | {"inclusive": None}]},
        COUNTED | {"rules": [tariff()]},
    ),
    (
        "LINT_CAP_BELOW_REACH",
        "payment.rule[0].cap",
        {"rules": [LOWER | {"cap": "999999.99"}]},
        {"rules": [LOWER | {"cap": "1000000"}]},
    ),
    (
        "LINT_CAP_BELOW_REACH",
        "payment.rule[0].terms.cap",
        COUNTED | {"rules": [tariff(maximum_units="10", cap="999")]},
        COUNTED | {"rules": [tariff(maximum_units="10", cap="1000")]},
    ),
    ("LINT_CAP_BELOW_REACH", "payment.cap", {"payment": {"cap": "999999"}}, {"payment": {"cap": "1000000"}}),
    (
        "LINT_CAP_BELOW_REACH",
        "payment.cap",
        {"rules": [LOWER, LOWER | {"id": "r2", "cap": "500000"}], "payment": {"cap": "1499999"}},
        # the capped rule adds 500,000 only
        {"rules": [LOWER, LOWER | {"id": "r2", "cap": "1000000"}], "payment": {"cap": "2000000"}},
    ),
    (
        "LINT_CAP_BELOW_REACH",
        "payment.rule[0].cap",
        {"rules": [POOLED | {"cap": "19"}], "population": people(cohort=COHORTS)},  # two cohorts of 10 exceed the 15
        {"rules": [POOLED | {"cap": "20"}], "population": people(cohort=COHORTS)},
    ),
    (
        # Type-2 diabetes, Aarhus: "at least 31 % (50 of 162)", and 50/162 = 30.9 percent
        "LINT_COUNT_AND_SHARE",
        "payment.rule[0].terms.stated_share",
        {"rules": [share(50, 162, "0.31")]},
        {"rules": [share(50, 162, "0.308")]},
    ),
    (
        # exact: 1/3 lies below 0.3333333334 and above 0.3333333333
        "LINT_COUNT_AND_SHARE",
        "payment.rule[0].terms.stated_share",
        {"rules": [share(1, 3, "0.3333333334")]},
        {"rules": [share(1, 3, "0.3333333333")]},
    ),
    (
        "LINT_PERCENT_FOR_SHARE",
        "payment.rule[0].terms",
        {"estimand": RELATIVE, "rules": [tiers("10")]},
        {"estimand": RELATIVE, "rules": [tiers("1")]},
    ),
    (
        "LINT_PERCENT_FOR_SHARE",
        "payment.rule[0].terms",
        {"estimand": RELATIVE, "rules": [tiers("1.01")]},
        {"rules": [tiers("10")]},  # days, not shares
    ),
    (
        "LINT_PAYS_FOR_HARM",
        "payment.rule[0].terms",
        {"rules": [tiers("-0.02")]},
        {"rules": [tiers("0")]},
    ),
    (
        "LINT_FLOOR_ABOVE_CAP",
        "fallback[0].amount",
        {"payment": {"cap": "1"}, "fallback": [FLOOR | {"amount": "1.01"}]},
        {"payment": {"cap": "1"}, "fallback": [FLOOR | {"amount": "1"}]},
    ),
    (
        # without a cap the top tier of 1,000,000 is the most
        "LINT_FLOOR_ABOVE_CAP",
        "fallback[0].amount",
        {"fallback": [FLOOR | {"amount": "1000000.01"}]},
        {"fallback": [FLOOR | {"amount": "1000000"}]},
    ),
    (
        # an open tariff has no top
        "LINT_FLOOR_ABOVE_CAP",
        "fallback[0].amount",
        COUNTED | {"rules": [tariff(cap="500")], "fallback": [FLOOR | {"amount": "501"}]},
        COUNTED | {"rules": [tariff()], "fallback": [FLOOR | {"amount": "501"}]},
    ),
    (
        "LINT_VINTAGE_AFTER_AS_OF",
        "data.vintage_date",
        {"data": {"source": "none", "vintage_date": "2026-02-02"}, "governance": STATED},
        {"data": {"source": "none", "vintage_date": "2026-02-01"}, "governance": STATED},
    ),
    (
        "LINT_POINT_ESTIMATE",
        "payment.rule[0].basis",
        {"rules": [rule()]},
        COUNTED | {"rules": [rule()]},  # a verified count has no chance in it
    ),
]


@pytest.mark.parametrize(("code", "place", "broken", "near"), BROKEN)
def test_rule(code: str, place: str, broken: Mapping[str, object], near: Mapping[str, object]) -> None:
    found = [finding for finding in lint(clean(**broken)) if finding.code == code]
    assert place in {finding.place.key for finding in found}
    assert code not in codes(clean(**near))
    for finding in found:
        assert isinstance(finding, Finding)
        assert finding.cause.endswith((".", ":"))
        assert finding.fix.endswith(".")


@pytest.mark.parametrize(("profile", "severity"), [("public", "note"), ("minimum_5", "warning")])
def test_public_data_of_an_old_programme_are_fetched_later(profile: str, severity: str) -> None:
    drawn = {"source": "none", "vintage_date": "2026-02-02"}
    found = lint(clean(data=drawn, governance=STATED, disclosure={"profile": profile}))
    assert [f.severity for f in found if f.code == "LINT_VINTAGE_AFTER_AS_OF"] == [severity]


def test_a_careful_plan_has_no_findings() -> None:
    assert codes(clean()) == []


def test_the_aarhus_sentence_shows_the_arithmetic() -> None:
    found = [f for f in lint(clean(rules=[share(50, 162, "0.31")])) if f.code == "LINT_COUNT_AND_SHARE"]
    assert found[0].cause == "count and percent disagree: 50/162 = 30.9 percent, below the stated 31 percent."


def test_a_count_without_a_share_says_nothing() -> None:
    terms = {"threshold": "0.31", "amount": "1", "count": 50}
    assert "LINT_COUNT_AND_SHARE" not in codes(clean(rules=[rule("binary_threshold", terms, basis="lower_bound")]))


def test_detectable_effects_of_the_brief() -> None:
    # n = treated, as many in the comparison, variance 0.25, 80 percent power, two-sided 5 percent: 44, 24 and 9 points
    for size, points in ((20, 44), (66, 24), (450, 9)):
        agreed = clean(outcome=[BINARY], population=people(target_n=size), rules=[tiers("0.01")])
        found = [f for f in lint(agreed) if f.code == "LINT_BELOW_DETECTABLE"]
        assert f"about 0.{points:02d} " in found[0].cause


def test_a_threshold_of_non_inferiority_is_no_question_of_power() -> None:
    agreed = clean(outcome=[BINARY], population=people(target_n=20), rules=[tiers("-0.02")])
    assert "LINT_BELOW_DETECTABLE" not in codes(agreed)


def test_no_fallback_names_each_gate_that_may_block_and_no_other() -> None:
    found = [f for f in lint(clean(fallback=[])) if f.code == "LINT_NO_FALLBACK"]
    named = {gate for gate in GATE_REASONS if any(f"gate {gate} " in f.cause for f in found)}
    blocking = {
        g.name
        for g in registry.gates()
        if g.consequence == "block"
        and g.name in GATE_REASONS
        and g.expected("did")
        and g.applies(registry.estimator("did.group_time").capabilities, clean()) is None
    }
    assert named == blocking
    assert len(found) == len(blocking)


def test_a_gate_turned_to_review_needs_no_fallback_and_one_turned_to_block_does() -> None:
    review = [{"name": name, "consequence": "review", "reason": "x"} for name in GATE_REASONS]
    assert "LINT_NO_FALLBACK" not in codes(clean(fallback=[], gate=review))
    block = clean(
        fallback=[{"on": ["N_MIN", "PLACEBO_FAIL", "FEW_CLUSTERS", "DISCLOSURE_BLOCK"], "action": "hold"}],
        gate=[{"name": "pre_trend", "consequence": "block", "reason": "x"}],
    )
    assert [f.cause.split()[2] for f in lint(block) if f.code == "LINT_NO_FALLBACK"] == ["pre_trend"]


@pytest.mark.parametrize("name", sorted(GATE_REASONS))
def test_gate_reasons_are_the_gates_own(name: str) -> None:
    assert GATE_REASONS[name] == import_module(f"evaltool.gates.{name}").MEASURE.reason


def test_a_monitoring_plan_is_not_asked_about_payment() -> None:
    governance = {"decide_from": "2020-01-01", "purpose": "monitoring"}
    assert codes(clean(fallback=[], rules=[rule()], governance=governance)) == []


def test_unknown_methods_and_malformed_terms_are_faults_elsewhere_and_lint_goes_on() -> None:
    agreed = clean(
        estimator={"method": "did.nothing"},
        rules=[rule("no_such"), rule(id="r2", terms={"tiers": []}), LOWER | {"id": "r3", "cap": "1"}],
        outcome=[CLEAN_OUTCOME | {"verifier": None}],
    )
    assert codes(agreed) == ["LINT_NO_VERIFIER", "LINT_CAP_BELOW_REACH"]


def test_other_gates_and_options_and_unknown_methods_say_nothing_about_sizes() -> None:
    gates = [{"name": "few_clusters", "options": {"minimum_treated": 99}, "reason": "x", "signed_by": "all"}]
    assert codes(clean(population=people(target_n=60), gate=gates)) == []
    unknown = clean(population=people(target_n=1), estimator={"method": "did.nothing"})
    assert "LINT_MINIMUM_ABOVE_TARGET" not in codes(unknown)


def test_findings_of_several_rules_come_in_the_order_of_the_tables() -> None:
    agreed = clean(outcome=[outcome()], fallback=FALLBACK, rules=[rule(inclusive=None)])
    assert codes(agreed) == [
        "LINT_NO_DEFINITION",
        "LINT_NO_VERIFIER",
        "LINT_NO_MATURITY",
        "LINT_NO_INCLUSIVE",
        "LINT_POINT_ESTIMATE",
    ]
    assert [f.severity for f in lint(agreed)] == ["warning", "warning", "note", "warning", "note"]
