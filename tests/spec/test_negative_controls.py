"""Outcomes that cannot have moved: an effect is found where there is one, the level is shared, refusals."""

from __future__ import annotations

import pytest
from gate_world import KEY, ask, can, outcome, plan, rule
from matched_worlds import built, cross_section, panel_of

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted import difference
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.panel import Panel
from evaltool.records.plugins import EstimationRequest

WEIGHTED = can(family="weighted", designs=("matching.nearest",), covariates=True, path=False, placebo_in_time=False)


def asked(*names: str) -> GateResult:
    """The check on a cross-section in which ``before`` is as in both groups and ``moved`` is not."""
    frame = cross_section(4, 40, 90)
    frame["y.absence"] = frame.pop("y.y")
    frame["y.before"] = frame["y.absence"] - 2.0 * frame["treated"]
    frame["y.moved"] = frame["y.before"] + 1.5 * frame["treated"]
    frame["y.still"] = 1.0
    stated = plan([rule()], outcome=[outcome(), *(outcome(name) for name in ("before", "moved", "still"))])
    options = difference.DifferenceOptions(covariates=("a", "b"))
    nearest = registry.design("matching.nearest")

    def refit(panel: Panel) -> Estimate:
        design = built(nearest, nearest.options.model_validate({"covariates": ("a", "b")}), panel)
        request = EstimationRequest(
            KEY, stated.outcome_named("absence"), stated.estimand, stated.inference, options, design, panel
        )
        return difference.estimate(request)

    panel = panel_of(frame)
    world = {"plan": stated, "capabilities": WEIGHTED, "panel": panel, "headline": refit(panel), "refit": refit}
    return ask("negative_controls", **world, options={"outcomes": list(names)})


def test_an_effect_is_found_where_there_is_one_and_nowhere_else() -> None:
    found = asked("before")
    assert (found.verdict, found.statistic, found.threshold) == ("PASS", 0.0, 0.0)
    both = asked("before", "moved")
    assert (both.verdict, both.statistic, both.reason) == ("REVIEW", 1.0, "NEGATIVE_CONTROL")
    assert "1 of 2 control outcomes show an effect (moved)" in both.sentence.in_language("en")
    rows = {row["outcome"]: row for row in both.evidence["controls"]}  # type: ignore[index, union-attr, call-overload]
    assert rows["moved"]["effect"] == pytest.approx(rows["before"]["effect"] + 1.5)
    told = infer(rows["moved"]["effect"], rows["moved"]["se"], InferenceRule(level=0.975, df=39.0))
    assert (rows["moved"]["lower"], rows["moved"]["upper"]) == pytest.approx((told.lower, told.upper))


def test_one_that_does_not_vary_cannot_tell() -> None:
    assert asked("still").verdict == "CANNOT_TELL"
    assert asked("still", "moved").verdict == "REVIEW"


@pytest.mark.parametrize("names", [("absense",), ("absence",), ("before", "before")])
def test_outcomes_that_are_no_controls_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(RunError, match="RUN_CONTROL_OUTCOME"):
        asked(*names)
