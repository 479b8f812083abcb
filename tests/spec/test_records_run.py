"""A run has exactly one headline from the moment it exists."""

from __future__ import annotations

import pytest
from disclosure_designs import matched_design, run_of
from gate_world import estimate
from payment_cases import plan
from pydantic import ValidationError

from evaltool.records.estimate import Estimate
from evaltool.records.evidence import EstimateKey
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Run

COHORTS = {
    "eligibility": {"en": "x"},
    "unit": "school",
    "entry_from": "2024-08-01",
    "entry_to": "2025-08-01",
    "cohort": [
        {"id": "late", "entry_from": "2024-08-01", "entry_to": "2024-12-31"},
        {"id": "early", "entry_from": "2025-01-01", "entry_to": "2025-08-01"},
    ],
}


def keyed(cohort: str = "all", specification: str = "primary", outcome: str = "absence") -> Estimate:
    return estimate(key=EstimateKey(outcome=outcome, cohort=cohort, specification=specification))


def made(stated: EvaluationPlan, *estimates: Estimate) -> Run:
    """A run of this plan with these estimates, checked as any record is."""
    run = run_of(matched_design((80, 80), {}))
    fields = {name: getattr(run, name) for name in Run.model_fields}
    return Run(**{**fields, "plan": stated, "estimates": estimates})


@pytest.mark.parametrize(
    ("estimates", "headline"),
    [
        ((keyed(),), "absence/all/primary"),
        ((keyed("early"), keyed(), keyed("late")), "absence/all/primary"),
        ((keyed("early"), keyed("late")), "absence/early/primary"),  # the plan's last, not the alphabet's
        ((keyed("late"),), "absence/late/primary"),
        ((keyed("late"), keyed("early", "other")), "absence/late/primary"),
    ],
)
def test_the_headline(estimates: tuple[Estimate, ...], headline: str) -> None:
    assert str(made(plan(population=COHORTS), *estimates).estimate.key) == headline


@pytest.mark.parametrize(
    ("estimates", "why"),
    [
        ((), "needs a primary estimate"),
        ((keyed(specification="other"),), "needs a primary estimate"),
        ((keyed(outcome="grades"),), "needs a primary estimate"),
        ((keyed("nobody"),), "needs a primary estimate"),  # a cohort the plan does not know
        ((keyed(), keyed()), "same key"),
    ],
)
def test_a_run_without_one_headline_cannot_exist(estimates: tuple[Estimate, ...], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        made(plan(population=COHORTS), *estimates)
