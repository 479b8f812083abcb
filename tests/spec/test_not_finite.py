"""Outcomes near the end of the range of numbers end in a refusal with cause and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

import evaltool as ev
from evaltool.errors import RunError

SAMPLE = Path(__file__).resolve().parents[2] / "data_samples" / "school_absence" / "plan.toml"


def test_an_overflow_is_a_refusal() -> None:
    plan = ev.read_plan(SAMPLE)
    panel = ev.read_panel(plan)
    assert panel is not None
    name = f"y.{plan.estimand.outcome}"
    vast = panel.with_frame(panel.frame.assign(**{name: panel.frame[name] * 1e307}))
    with pytest.raises(RunError) as caught:
        ev.evaluate(plan, vast)
    assert caught.value.codes == ("RUN_NOT_FINITE",)
    assert "extreme values" in caught.value.faults[0].fix
