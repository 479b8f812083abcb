"""Lint of words, parties, money and the world outside: each rule on a plan that breaks it and on one near it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from payment_cases import outcome, plan, rule

from evaltool.planning.lint import Finding, lint
from evaltool.records.plan.evaluation_plan import EvaluationPlan

OUTCOME = outcome(definition={"en": "all days of absence"}, verifier="the auditor", matures_on="2026-01-15")
HOLD = [{"on": ["N_MIN", "PLACEBO_FAIL", "FEW_CLUSTERS", "DISCLOSURE_BLOCK", "PRETREND_REVIEW"], "action": "hold"}]
LOWER = rule(basis="lower_bound")
SENSITIVITY = [{"id": "otherwise", "options": {"anticipation": 1}}]
GOVERNANCE = {"decide_from": "2026-01-31"}
PAID = {"manifest": "a" * 64, "amount": "100", "path": "earlier"}
AUTHORITIES = [
    {"name": "Kommune", "level": "kommune", "share": "0.7"},
    {"name": "Region", "level": "region", "share": "0.3"},
]
EVALUATOR = {"name": "Uvildig", "fee_contingent": False}
GAIN = {
    "id": "absence",
    "title": {"en": "a day at school"},
    "outcome": "absence",
    "payer": "kommune",
    "unit_price": "900",
    "price_year": 2024,
    "source": "Municipal accounts 2023, table 4",
}
DRAWN = [{"on": "2024-08-01", "amount": "1000000"}]
INVESTED = {"drawdown": DRAWN, "paid_on": "2026-06-30", "return_cap": "0.08"}
SHOCK = {
    "id": "strike",
    "title": {"en": "Strike"},
    "first_day": "2025-03-01",
    "last_day": "2025-03-31",
    "clause": "events",
}
CLAUSES = [{"id": "events", "text": {"en": "Months of a strike are left out."}}]
PEOPLE: dict[str, object] = {
    "eligibility": {"en": "schools"},
    "unit": "school",
    "entry_from": "2024-08-01",
    "entry_to": "2025-08-01",
}
FIRST = {"id": "c1", "entry_from": "2024-08-01", "entry_to": "2024-12-31"}
SECOND = {"id": "c2", "entry_from": "2025-01-01", "entry_to": "2025-08-01"}


def careful(**changes: object) -> EvaluationPlan:
    """A plan without findings, with changes."""
    tables: dict[str, object] = {
        "outcome": [OUTCOME],
        "fallback": HOLD,
        "sensitivity": SENSITIVITY,
        "rules": [LOWER],
        **changes,
    }
    stated = tables.pop("rules")
    return plan(stated if isinstance(stated, list) else None, **tables)


def found(code: str, agreed: EvaluationPlan) -> list[Finding]:
    return [finding for finding in lint(agreed) if finding.code == code]


def parties(**other: object) -> dict[str, object]:
    return {"authorities": AUTHORITIES, "evaluator": EVALUATOR, **other}


def believed(mean: str, **other: object) -> dict[str, object]:
    """A rule that pays on a probability of 0.8 above the threshold 0.05, and a normal prior."""
    stated = rule(basis="probability", probability="0.8")
    prior = {"outcome": "absence", "kind": "normal", "mean": mean, "sd": "0.1", "source": "A 2019"}
    return {"rules": [stated], "prior": [prior | other]}


def worded(text: str, lang: str = "en") -> dict[str, object]:
    return {"outcome": [OUTCOME | {"definition": {lang: text}}]}


RULES = [
    # code, severity, place, changes that break the rule, changes that come near and do not
    (
        "LINT_TO_BE_DETERMINED",
        "warning",
        "governance.clause[0].text",
        {"governance": GOVERNANCE | {"clause": [{"id": "a", "text": {"da": "Prisen fastsættes senere."}}]}},
        {"governance": GOVERNANCE | {"clause": [{"id": "a", "text": {"da": "Prisen fastsættes i bilag 1."}}]}},
    ),
    (
        "LINT_TO_BE_DETERMINED",
        "warning",
        "payment.previous[0].note",
        {"payment": {"previous": [PAID | {"note": "amount ???"}], "clawback": "agreed"}},
        {"payment": {"previous": [PAID | {"note": "amount?"}], "clawback": "agreed"}},
    ),
    (
        "LINT_COUNT_AND_SHARE",
        "warning",
        "outcome[0].definition",
        worded("reached by at least 31 % (50 of 162)"),
        worded("reached by at least 30.8 % (50 of 162)"),
    ),
    (
        # 50/162 = 30.86, which is 31 when rounded and nothing is said of "at least"
        "LINT_COUNT_AND_SHARE",
        "warning",
        "outcome[0].definition",
        worded("nået af 30 pct. (50 ud af 162)", "da"),
        worded("nået af 31 pct. (50 ud af 162)", "da"),
    ),
    (
        # 49/162 = 30.2 percent reaches 30 already, so 50 is one too many
        "LINT_COUNT_AND_SHARE",
        "warning",
        "outcome[0].definition",
        worded("mindst 30 pct. (50 af 162)", "da"),
        worded("mindst 30 pct. (49 af 162)", "da"),
    ),
    (
        "LINT_COUNT_AND_SHARE",
        "warning",
        "outcome[0].definition",
        worded("at least 10 percent (1 of 0)"),
        worded("at least 10 percent (1 of 10)"),
    ),
    (
        "LINT_SECOND_CURRENCY",
        "warning",
        "outcome[0].unit",
        {"outcome": [OUTCOME | {"unit": {"en": "EUR per pupil"}}]},
        {"outcome": [OUTCOME | {"unit": {"en": "DKK per pupil"}}]},
    ),
    (
        "LINT_SECOND_CURRENCY",
        "warning",
        "budget_gain[0].title",
        {"budget_gain": [GAIN | {"title": {"en": "a day, $ 130"}}], "parties": parties()},
        {"budget_gain": [GAIN | {"title": {"en": "a day, DKK 900"}}], "parties": parties()},
    ),
    (
        "LINT_NO_EVALUATOR",
        "warning",
        "parties.evaluator.name",
        {"parties": parties(evaluator={"name": "N.N.", "fee_contingent": False})},
        {"parties": parties(evaluator={"name": "N.N. Hansen", "fee_contingent": False})},
    ),
    (
        "LINT_EVALUATOR_NOT_INDEPENDENT",
        "warning",
        "parties.evaluator.name",
        {"parties": parties(provider={"name": "uvildig "})},
        {"parties": parties(provider={"name": "Foreningen"})},
    ),
    (
        "LINT_EVALUATOR_NOT_INDEPENDENT",
        "warning",
        "parties.evaluator.name",
        {"parties": parties(investors=[{"name": "Fond"}, {"name": "Uvildig"}])},
        {"parties": parties(investors=[{"name": "Fond"}])},
    ),
    (
        "LINT_COHORTS_OVERLAP",
        "warning",
        "population.cohort[1].entry_from",
        {"population": PEOPLE | {"cohort": [FIRST, SECOND | {"entry_from": "2024-12-31"}]}},
        {"population": PEOPLE | {"cohort": [FIRST, SECOND]}},
    ),
    (
        "LINT_COHORT_OUTSIDE_ENTRY",
        "warning",
        "population.cohort[0]",
        {"population": PEOPLE | {"cohort": [FIRST | {"entry_from": "2024-07-31"}]}},
        {"population": PEOPLE | {"cohort": [FIRST]}},
    ),
    (
        "LINT_COHORT_OUTSIDE_ENTRY",
        "warning",
        "population.cohort[1]",
        {"population": PEOPLE | {"cohort": [FIRST, SECOND | {"entry_to": "2025-08-02"}]}},
        {"population": PEOPLE | {"cohort": [FIRST, SECOND]}},
    ),
    (
        "LINT_OUTCOME_UNUSED",
        "note",
        "outcome[1].id",
        {"outcome": [OUTCOME, OUTCOME | {"id": "marks"}]},
        {"outcome": [OUTCOME, OUTCOME | {"id": "marks"}], "rules": [LOWER, LOWER | {"id": "r2", "outcome": "marks"}]},
    ),
    (
        # (1.95996 + 0.84162) x 0.02 = 0.05603: the first tier of 0.05 lies below, and not with 0.017 (0.04763)
        "LINT_BELOW_DETECTABLE",
        "warning",
        "payment.rule[0].terms",
        {"expectation": [{"outcome": "absence", "standard_error": "0.02", "source": "pilot 2023"}]},
        {"expectation": [{"outcome": "absence", "standard_error": "0.017", "source": "pilot 2023"}]},
    ),
    (
        "LINT_OVERRIDE_UNSIGNED",
        "warning",
        "gate[0]",
        {"gate": [{"name": "few_clusters", "consequence": "review", "reason": "x"}]},
        {"gate": [{"name": "few_clusters", "consequence": "review", "reason": "x", "signed_by": "all"}]},
    ),
    (
        "LINT_NO_EXPERT",
        "warning",
        "fallback[0].action",
        {"fallback": [HOLD[0] | {"action": "expert"}]},
        {"fallback": [HOLD[0] | {"action": "expert"}], "governance": GOVERNANCE | {"expert": "The arbitration court"}},
    ),
    (
        "LINT_PAID_TWICE",
        "note",
        "payment.rule[1].outcome",
        {"rules": [LOWER, LOWER | {"id": "r2"}]},
        {"rules": [LOWER, LOWER | {"id": "r2"}], "payment": {"combine": "maximum"}},
    ),
    (
        "LINT_ROUNDED_ESTIMATE",
        "note",
        "payment.rule[0].estimate_rounding",
        {"rules": [LOWER | {"estimate_rounding": {"places": 2}}]},
        {"rules": [LOWER | {"estimate_rounding": {"places": 2, "mode": "down"}}]},
    ),
    ("LINT_PRIOR_ALONE_PAYS", "note", "payment.rule[0].basis", believed("0.06"), believed("0.05")),
    (
        "LINT_PREVIOUS_WITHOUT_PATH",
        "warning",
        "payment.previous[0]",
        {"payment": {"previous": [PAID | {"path": None}]}},
        {"payment": {"previous": [PAID]}},
    ),
    (
        "LINT_CLAWBACK_UNSTATED",
        "warning",
        "payment.clawback",
        {"payment": {"previous": [PAID]}},
        {"payment": {"previous": [PAID], "clawback": "none"}},
    ),
    (
        "LINT_INTERIM_WITHOUT_TRUE_UP",
        "warning",
        "payment.previous",
        {"payment": {"previous": [PAID], "clawback": "none"}},
        {"payment": {"previous": [PAID], "clawback": "agreed"}},
    ),
    (
        "LINT_INTERIM_WITHOUT_TRUE_UP",
        "warning",
        "payment.previous",
        {"payment": {"previous": [PAID], "clawback": "none"}, "governance": GOVERNANCE | {"clause": CLAUSES}},
        {
            "payment": {"previous": [PAID], "clawback": "none"},
            "governance": GOVERNANCE | {"clause": [{"id": "a", "text": {"da": "Forskellen efterreguleres."}}]},
        },
    ),
    (
        "LINT_HAIRCUT_SAME_METHOD",
        "warning",
        "payment.haircut.among",
        {
            "payment": {"haircut": {"over": "0.02", "share": "0.25", "among": ["again"]}},
            "sensitivity": [{"id": "again", "title": {"en": "Other options"}, "options": {"anticipation": 1}}],
        },
        {
            "payment": {"haircut": {"over": "0.02", "share": "0.25", "among": ["again"]}},
            "sensitivity": [{"id": "again", "title": {"en": "Another"}, "method": "did.imputation"}],
        },
    ),
    (
        "LINT_SHOCK_WITHOUT_CLAUSE",
        "warning",
        "payment.shock[0]",
        {"payment": {"shock": [SHOCK | {"clause": None}]}},
        {"payment": {"shock": [SHOCK]}, "governance": GOVERNANCE | {"clause": CLAUSES}},
    ),
    (
        "LINT_GAIN_SOURCE",
        "warning",
        "budget_gain[0].source",
        {"budget_gain": [GAIN | {"source": "Municipal accounts"}]},
        {"budget_gain": [GAIN]},
    ),
    (
        "LINT_GAIN_SOURCE",
        "warning",
        "budget_gain[0].source",
        {"budget_gain": [GAIN | {"source": "Forvaltningens skøn 2024"}]},
        {"budget_gain": [GAIN]},
    ),
    (
        "LINT_GAIN_SOURCE",
        "note",
        "budget_gain[0].source",
        {"budget_gain": [GAIN | {"source": "made up for the example"}]},
        {"budget_gain": [GAIN]},
    ),
    (
        "LINT_GAINS_WITHOUT_PAYING",
        "note",
        "budget_gain[1].payer",
        {"budget_gain": [GAIN, GAIN | {"id": "tax", "payer": "stat"}], "parties": parties()},
        {"budget_gain": [GAIN, GAIN | {"id": "tax", "payer": "stat", "unit_price": "-1"}], "parties": parties()},
    ),
    (
        "LINT_PAYS_WITHOUT_GAINING",
        "note",
        "parties.authorities[1]",
        {"budget_gain": [GAIN], "parties": parties()},
        {"budget_gain": [GAIN, GAIN | {"id": "care", "payer": "region"}], "parties": parties()},
    ),
    (
        "LINT_NO_RETURN_CAP",
        "note",
        "investment",
        {"investment": {k: v for k, v in INVESTED.items() if k != "return_cap"}},
        {"investment": INVESTED},
    ),
    (
        "LINT_PRINCIPAL_WHATEVER",
        "warning",
        "investment.principal_floor",
        {"investment": INVESTED | {"principal_floor": "0.6", "guarantee": {"by": "Fond", "share": "0.4"}}},
        {"investment": INVESTED | {"principal_floor": "0.6", "guarantee": {"by": "Fond", "share": "0.39"}}},
    ),
    (
        "LINT_PRINCIPAL_WHATEVER",
        "warning",
        "investment.principal_floor",
        {"investment": INVESTED | {"principal_floor": "1"}},
        {"investment": INVESTED | {"principal_floor": "0.99"}},
    ),
    ("LINT_NO_SENSITIVITY", "note", "sensitivity", {"sensitivity": []}, {}),
    (
        "LINT_NO_DISPUTE_DAYS",
        "note",
        "governance.dispute_days",
        {"governance": GOVERNANCE | {"dispute_days": 0}},
        {"governance": GOVERNANCE | {"dispute_days": 1}},
    ),
]


@pytest.mark.parametrize(("code", "severity", "place", "broken", "near"), RULES)
def test_rule(code: str, severity: str, place: str, broken: Mapping[str, object], near: Mapping[str, object]) -> None:
    findings = found(code, careful(**broken))
    assert [(f.place.key, f.severity) for f in findings] == [(place, severity)]
    assert found(code, careful(**near)) == []
    assert findings[0].cause.endswith(".")
    assert findings[0].fix.endswith(".")


def test_a_careful_plan_has_no_findings() -> None:
    assert lint(careful()) == ()


def test_one_text_open_in_both_languages_is_told_once() -> None:
    both = {"da": "Aftales nærmere", "en": "to be agreed"}
    assert len(found("LINT_TO_BE_DETERMINED", careful(outcome=[OUTCOME | {"definition": both}]))) == 1


def test_names_of_columns_and_queries_are_no_terms() -> None:
    data = {
        "source": "csv",
        "path": "tbd.csv",
        "vintage": "the extraction of 1 May 2026",
        "column": [{"name": "xx", "role": "unit", "type": "text"}],
    }
    assert found("LINT_TO_BE_DETERMINED", careful(data=data)) == []


@pytest.mark.parametrize(
    ("mean", "says"),
    [
        # P(N(0.2, 0.1) > 0.05) = Φ(1.5) = 0.9332, more than the 0.8 asked for
        ("0.2", "with probability 0.93; rule 'r1' asks for 0.8. The prior alone would pay."),
        # P(N(0.06, 0.1) > 0.05) = Φ(0.1) = 0.5398
        ("0.06", "with probability 0.54; rule 'r1' asks for 0.8. It argues for payment already."),
    ],
)
def test_the_prior_is_told_in_numbers(mean: str, says: str) -> None:
    (finding,) = found("LINT_PRIOR_ALONE_PAYS", careful(**believed(mean)))
    assert says in finding.cause


def test_the_rounding_is_told_in_numbers() -> None:
    (finding,) = found("LINT_ROUNDED_ESTIMATE", careful(rules=[LOWER | {"estimate_rounding": {"places": 2}}]))
    assert "just above 0.045 counts as 0.05" in finding.cause
    up = LOWER | {"estimate_rounding": {"places": 2, "mode": "up"}}
    (finding,) = found("LINT_ROUNDED_ESTIMATE", careful(rules=[up]))
    assert "just above 0.04 counts as 0.05" in finding.cause


@pytest.mark.parametrize(
    ("combine", "cap", "caught"),
    [
        # two rules reach 1,000,000 each: 2,000,000 added, 1,000,000 as the larger or smaller of the two
        ("sum", "1999999", True),
        ("sum", "2000000", False),
        ("maximum", "999999", True),
        ("maximum", "1000000", False),
        ("minimum", "999999", True),
        ("minimum", "1000000", False),
    ],
)
def test_the_contracts_cap_is_held_against_what_the_rules_come_to(combine: str, cap: str, caught: bool) -> None:
    agreed = careful(rules=[LOWER, LOWER | {"id": "r2"}], payment={"combine": combine, "cap": cap})
    assert bool(found("LINT_CAP_BELOW_REACH", agreed)) is caught


def test_the_detectable_effect_says_from_where_it_has_its_standard_error() -> None:
    agreed = careful(expectation=[{"outcome": "absence", "standard_error": "0.02", "source": "pilot 2023"}])
    (finding,) = found("LINT_BELOW_DETECTABLE", agreed)
    assert "the design can show an effect of about 0.06 at the least (80% power, standard error 0.02)" in finding.cause
