"""Looking things up in a plan and in a run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from evaltool import evaluate, read_panel, read_plan
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import EstimateKey
from evaltool.records.plan.data import Column
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule
from evaltool.records.run import Run


@pytest.fixture(name="plan")
def the_plan(samples: Path) -> EvaluationPlan:
    return read_plan(samples / "school_absence" / "plan.toml")


def test_an_outcome_that_is_not_there(plan: EvaluationPlan) -> None:
    assert plan.outcome_named("absence").direction == "decrease"
    with pytest.raises(KeyError):
        plan.outcome_named("wellbeing")


def test_which_column_measures_an_outcome(plan: EvaluationPlan) -> None:
    named = plan.outcome_column("absence")
    assert named is not None
    assert named.name == "fraværsdage"
    assert plan.outcome_column("wellbeing") is None
    anonymous = Column(name="days", role="outcome", type="number")
    alone = plan.model_copy(update={"data": plan.data.model_copy(update={"column": (anonymous,)})})
    assert alone.outcome_column("absence") == anonymous
    twice = plan.model_copy(update={"data": plan.data.model_copy(update={"column": (anonymous, anonymous)})})
    assert twice.outcome_column("absence") is None
    assert alone.column("weight") is None
    assert alone.column("outcome") == anonymous


def test_a_plan_remembers_its_file_outside_the_seal(plan: EvaluationPlan, tmp_path: Path) -> None:
    moved = plan.read_from(tmp_path / "plan.toml")
    assert moved.path == tmp_path / "plan.toml"
    assert moved.seal == plan.seal
    assert EvaluationPlan.from_json(plan.to_json()).path is None


def test_the_seal_survives_json_and_notices_a_threshold(plan: EvaluationPlan) -> None:
    assert EvaluationPlan.from_json(plan.to_json()).seal == plan.seal
    rule = plan.payment.rule[0]
    assert isinstance(rule, Rule)
    changed = plan.model_copy(
        update={"payment": plan.payment.model_copy(update={"rule": (rule.model_copy(update={"inclusive": False}),)})}
    )
    assert changed.seal != plan.seal


def test_a_run_finds_its_estimates_and_its_headline(plan: EvaluationPlan, samples: Path) -> None:
    run = evaluate(plan, read_panel(plan))
    assert run.estimate.key == EstimateKey(outcome="absence")
    assert run.estimate_named(EstimateKey(outcome="absence", specification="by_cohort")).att != run.estimate.att
    with pytest.raises(KeyError):
        run.estimate_named(EstimateKey(outcome="absence", specification="unheard_of"))
    assert Run.from_json(run.to_json()).to_json() == run.to_json()
    pooled = read_plan(samples / "peterborough" / "contract" / "pooled" / "plan.toml")
    assert evaluate(pooled, None).estimate.key.cohort == "cohort_2"


def test_trace_values_come_back_as_figures_and_names_as_words() -> None:
    step = TraceStep(key="rule.threshold", values={"rule": "2026", "threshold": Decimal("0.10")})
    again = TraceStep.from_json(step.to_json())
    assert again.values == {"rule": "2026", "threshold": Decimal("0.10")}
    with pytest.raises(ValidationError):
        TraceStep.model_validate({"key": "x", "values": "not a table"})


def test_a_text_that_is_no_figure_stays_a_text() -> None:
    step = TraceStep(key="rule.threshold", values={"threshold": "not stated"})
    assert TraceStep.from_json(step.to_json()) == step
