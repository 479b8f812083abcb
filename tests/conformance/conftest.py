"""What the conformance suite evaluates: the bundled programmes."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltool.reading.plan_file import read_plan
from evaltool.records.plan.evaluation_plan import EvaluationPlan


@pytest.fixture(scope="session")
def plan_for_gates(samples: Path) -> EvaluationPlan:
    """A whole plan, for gates that look at it to say whether they apply."""
    return read_plan(samples / "school_absence" / "plan.toml")
