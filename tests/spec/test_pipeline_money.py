"""Gains and the investors' return in a run: from the estimate's own figures, withheld together with them."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache

import pytest
from payment_cases import outcome, plan, rule

from evaltool.bundle.determination import determination_of
from evaltool.errors import PlanError, RunError
from evaltool.pipeline import evaluate
from evaltool.pipeline.money import investor_return
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.money import Investment
from evaltool.records.run import Run

D = Decimal
PUBLISHED = {
    "value": "-0.5", "standard_error": "0.1", "n_treated": 200, "n_comparison": 300, "source": "made up",
}  # fmt: skip
PRICE = {
    "id": "lessons", "title": {"en": "Lessons"}, "outcome": "absence", "payer": "kommune", "unit_price": "1000",
    "price_year": 2025, "source": "made up",
}  # fmt: skip
INVESTMENT = {"paid_on": "2026-01-01", "drawdown": [{"on": "2024-01-02", "amount": "400000", "investor": "Fund"}]}
TERMS = {"tiers": [{"from": "0.25", "amount": "500000"}]}


def asked(published: dict[str, object] = PUBLISHED, **tables: object) -> EvaluationPlan:
    """Half a day less absence, published; half a million from a quarter of a day on."""
    estimator = {"method": "published.estimate", "options": {"published": [published]}}
    whole: dict[str, object] = {
        "design": {"method": "groups.published"},
        "estimator": estimator,
        "budget_gain": [PRICE],
        "investment": INVESTMENT,
        "governance": {"decide_from": "2026-01-31", "as_of": "2026-02-15"},
        **tables,
    }
    return plan([rule(terms=TERMS)], **whole)


def ran(wanted: EvaluationPlan) -> Run:
    return evaluate(wanted, None, lock=LockStatus(state="locked", seal=wanted.seal))


@cache
def standard() -> Run:
    return ran(asked())


def test_gains_are_people_times_effect_in_the_direction_of_good() -> None:
    """200 people, half a day less, 1,000 a day: 100,000, from 0.5 − 1.96 · 0.1 to 0.5 + 1.96 · 0.1."""
    gains = standard().gains
    assert gains is not None
    assert gains.total.value == D(100000)
    assert gains.total.lower == D("60800.72")
    assert gains.total.upper == D("139199.28")
    assert gains.level == D("0.95")
    assert {p.payer: p.paid for p in gains.payers} == {"kommune": D(350000), "region": D(100000), "stat": D(50000)}


def test_a_relative_estimand_is_priced_by_its_absolute_effect() -> None:
    """5 of 10 days gone, published as half: 200 people times 5 days, not times a half."""
    published = PUBLISHED | {"value": "0.5", "standard_error": "0.1", "treated_rate": "5", "comparison_rate": "10"}
    estimand = {"outcome": "absence", "scale": "relative", "denominator": "counterfactual"}
    gains = ran(asked(published, estimand=estimand)).gains
    assert gains is not None
    assert gains.total.value == D(1000000)
    assert gains.changes[0].effect.value == 5


def test_a_share_alone_cannot_be_priced() -> None:
    estimand = {"outcome": "absence", "scale": "relative", "denominator": "counterfactual"}
    with pytest.raises(RunError) as caught:
        ran(asked(PUBLISHED | {"value": "0.5"}, estimand=estimand))
    assert caught.value.faults[0].code == "RUN_GAIN_NOT_POSSIBLE"


def test_nobody_to_multiply_by_is_refused_unless_the_plan_says_how_many() -> None:
    bare = {name: value for name, value in PUBLISHED.items() if not name.startswith("n_")}
    with pytest.raises(RunError) as caught:
        ran(asked(bare))
    (fault,) = caught.value.faults
    assert (fault.code, fault.place.key) == ("RUN_GAIN_NOT_POSSIBLE", "budget_gain[0].people")
    gains = ran(asked(bare, budget_gain=[PRICE | {"people": 40}])).gains
    assert gains is not None
    assert gains.total.value == D(20000)


def test_an_outcome_that_is_not_estimated_cannot_be_priced() -> None:
    other = asked(outcome=[outcome(), outcome("other")], budget_gain=[PRICE | {"outcome": "other"}])
    with pytest.raises(RunError) as caught:
        ran(other)
    assert caught.value.faults[0].code == "RUN_GAIN_NOT_POSSIBLE"


def test_a_method_that_measures_no_effect_has_no_gains() -> None:
    counted = asked(
        estimand={"outcome": "absence", "target": "NONE"},
        design={"method": "groups.none"},
        estimator={"method": "measured.verified_count"},
    )
    with pytest.raises(PlanError) as caught:
        ran(counted)
    assert "PLAN_GAIN_NEEDS_EFFECT" in [fault.code for fault in caught.value.faults]


def test_cohorts_without_a_common_estimate_are_averaged_by_their_people() -> None:
    """100 people with 0.4 and 300 with 0.8: 400 people, (40 + 240)/400 = 0.7."""
    cohorts = [
        {"id": name, "entry_from": "2024-08-01", "entry_to": "2025-08-01", "weight": "0.5"} for name in ("one", "two")
    ]
    figures = [
        PUBLISHED | {"cohort": "one", "value": "-0.4", "n_treated": 100},
        PUBLISHED | {"cohort": "two", "value": "-0.8", "n_treated": 300},
    ]
    people = {
        "eligibility": {"en": "all"}, "unit": "person", "entry_from": "2024-08-01", "entry_to": "2025-08-01",
        "cohort": cohorts,
    }  # fmt: skip
    terms = {"cohort_threshold": "0.1", "cohort_amount": "1", "pooled_threshold": "0.05", "pooled_amount": "2"}
    wanted = asked(population=people, estimator={"method": "published.estimate", "options": {"published": figures}})
    payment = wanted.payment.model_copy(update={"rule": plan([rule("cohort_then_pooled", terms)]).payment.rule})
    gains = ran(wanted.model_copy(update={"payment": payment})).gains
    assert gains is not None
    assert (gains.changes[0].people, gains.changes[0].effect.value) == (400, D("0.7"))
    assert gains.total.value == D(280000)


def test_the_investors_return_of_what_is_paid() -> None:
    """400,000 two years of 365 days before 500,000: 1.25 times, 11.8034 per cent a year."""
    investor = standard().investor
    assert investor is not None
    assert (investor.multiple, investor.gain) == (D("1.25"), D(100000))
    assert investor.rate == D("0.118034")
    assert [(f.kind, f.amount, f.party) for f in investor.flows] == [
        ("drawdown", D(-400000), "Fund"),
        ("payment", D(500000), None),
    ]


def test_before_a_decision_there_is_no_return() -> None:
    early = asked(governance={"decide_from": "2027-01-31", "as_of": "2026-02-15"})
    assert ran(early).decision.state == "NOT_YET_DUE"
    assert ran(early).investor is None


def test_floor_guarantee_and_expected_receipts_are_flows_of_their_own() -> None:
    terms = Investment.model_validate(
        {
            "paid_on": "2026-01-01", "principal_floor": D("0.25"), "guarantee": {"by": "Guarantor", "share": D("0.5")},
            "drawdown": ({"on": "2024-01-01", "amount": D(1000)},),
            "receipt": ({"on": "2027-01-01", "amount": D(100), "expected": True},),
        },
        strict=False,
    )  # fmt: skip
    found = investor_return(terms, D(0), "DKK")
    assert [(f.kind, f.amount) for f in found.flows] == [
        ("drawdown", D(-1000)), ("payment", D(0)), ("floor", D(150)), ("guarantee", D(500)),
        ("expected_receipt", D(100)),
    ]  # fmt: skip
    assert found.expected
    assert found.gain == D(-250)
    assert found.rate is not None
    assert found.rate < 0


def test_nothing_came_back_and_so_there_is_no_rate() -> None:
    terms = Investment.model_validate_json(json.dumps(INVESTMENT))
    found = investor_return(terms, D(0), "DKK")
    assert (found.multiple, found.rate, found.rate_absent) == (0, None, "never_received")


def test_the_record_holds_them_where_the_plan_asks_and_nothing_where_it_does_not() -> None:
    shown = determination_of(standard())
    assert {"gains", "investor"} <= set(shown)
    assert "chances" not in shown
    bare = determination_of(ran(asked(budget_gain=[], investment=None)))
    assert not {"gains", "investor", "chances"} & set(bare)


def test_gains_are_withheld_with_the_estimate_they_are_made_from() -> None:
    """People times effect tells either from the other: nothing of it is left when an arm is hidden."""
    run = standard()
    gates = tuple(
        gate.model_copy(update={"evidence": {**gate.evidence, "hidden": ["arm:treated"]}})
        if gate.name == "disclosure"
        else gate
        for gate in run.gates
    )
    shown = determination_of(run.model_copy(update={"gates": gates}))["gains"]
    assert isinstance(shown, dict)
    assert shown["suppressed"] is True
    assert {name for name, value in shown.items() if value is not None} == {"suppressed", "currency"}


def test_a_run_read_back_is_the_same() -> None:
    assert Run.from_json(standard().to_json()).gains == standard().gains
    assert Run.from_json(standard().to_json()).investor == standard().investor
