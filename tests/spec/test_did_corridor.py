"""Every difference-in-differences method through the whole corridor: gates, second opinion, disclosure, decision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import evaltool as ev
from evaltool.bundle.determination import determination_bytes
from evaltool.records.lock import LockStatus
from evaltool.records.plan.analysis import Estimator, Option


@pytest.mark.parametrize(
    ("method", "aggregation", "options"),
    [
        ("did.twfe", "none", {}),
        ("did.event_study", "dynamic", {"first": -12, "last": 12}),
        ("did.sun_abraham", "simple", {}),
        ("did.imputation", "dynamic", {}),
        ("did.two_stage", "group", {}),
        ("did.extended_twfe", "calendar", {}),
    ],
)
def test_a_plan_with_the_method_is_decided(
    samples: Path, method: str, aggregation: str, options: Mapping[str, Option]
) -> None:
    """The sample's true effect is −0.1020 days; every average, however it weighs, is within 0.02 of it."""
    plan = ev.read_plan(samples / "school_absence" / "plan.toml")
    panel = ev.read_panel(plan)
    other = plan.model_copy(
        update={
            "estimator": Estimator(method=method, options=dict(options)),
            "estimand": plan.estimand.model_copy(update={"aggregation": aggregation}),
            "sensitivity": (),
        }
    )
    run = ev.evaluate(other, panel, lock=LockStatus(state="locked", seal=other.seal))
    verdicts = {gate.name: gate.verdict for gate in run.gates}
    assert verdicts["second_opinion"] == "PASS"
    assert verdicts["disclosure"] == "PASS"
    assert run.decision.state == "PAY_PARTIAL"
    assert run.estimate.att == pytest.approx(-0.1020, abs=0.02)
    assert method.encode() in determination_bytes(run)
