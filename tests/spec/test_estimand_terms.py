"""``[estimand]``: which event times, which units, which weights — stated, and followed or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from estimator_world import Ask, request_for, sim_stagg, staggered

from evaltool import read_plan, registry
from evaltool.errors import EvaltoolError, RunError
from evaltool.pipeline.prepare import plan_refusals
from evaltool.records.estimate import Estimate
from evaltool.records.plugins import EstimationRequest

SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
METHODS = [
    "did.event_study",
    "did.extended_twfe",
    "did.group_time",
    "did.imputation",
    "did.sun_abraham",
    "did.two_stage",
]
Kind = Literal["simple", "dynamic", "group", "calendar"]


def asked(method: str, kind: Kind, window: tuple[int, int] | None) -> EstimationRequest:
    """A request whose headline averages over a window of event times."""
    request = request_for(staggered(sim_stagg()), Ask(method, aggregation=kind))
    return replace(request, estimand=request.estimand.model_copy(update={"event_times": window}))


def found(method: str, kind: Kind, window: tuple[int, int] | None) -> Estimate:
    """The estimate of such a request."""
    return registry.estimator(method).estimate(asked(method, kind, window))


@pytest.mark.parametrize("method", METHODS)
def test_the_dynamic_mean_is_that_of_the_event_times_agreed(method: str) -> None:
    whole, part = found(method, "dynamic", None), found(method, "dynamic", (1, 2))
    path = {element.element: element.att for element in whole.path}
    assert part.att == pytest.approx((path[1] + path[2]) / 2, abs=1e-12)
    assert part.att != pytest.approx(whole.att, abs=1e-6)
    assert [element.att for element in part.path] == [element.att for element in whole.path], "the path is shown whole"
    assert part.conventions["event_times"] == "1 to 2"
    assert "event_times" not in whole.conventions


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize("method", METHODS)
def test_a_second_computation_agrees(method: str, kind: Kind) -> None:
    plugin = registry.estimator(method)
    if kind not in plugin.capabilities.aggregations:
        assert method == "did.event_study"
        return
    assert plugin.second_opinion is not None
    part, again = found(method, kind, (0, 2)), plugin.second_opinion(asked(method, kind, (0, 2)))
    assert abs(part.att - again.value) <= 1e-10
    assert part.se is not None


def test_one_event_time_is_its_own_entry_of_the_path() -> None:
    """Effect and standard error; by group, cohorts weigh as they do in the path."""
    whole = found("did.group_time", "dynamic", None)
    own = next(element for element in whole.path if element.element == 1)
    for kind in ("simple", "dynamic"):
        part = found("did.group_time", kind, (1, 1))
        assert (part.att, part.se) == (pytest.approx(own.att, abs=1e-13), pytest.approx(own.se, rel=1e-12))


def test_all_event_times_named_is_none_named() -> None:
    whole = found("did.group_time", "simple", None)
    named = found("did.group_time", "simple", (0, 6))
    assert (named.att, named.se) == (whole.att, whole.se)


@pytest.mark.parametrize("method", METHODS)
def test_a_mean_over_fewer_periods_than_agreed_is_refused(method: str) -> None:
    with pytest.raises(RunError) as refused:
        found(method, "dynamic", (0, 7))
    (fault,) = refused.value.faults
    assert fault.code == "RUN_NO_EVENT_TIME"
    assert "No effect 7 periods" in fault.cause
    assert "from 0 to 6" in fault.cause


def test_a_pooled_end_is_no_event_time() -> None:
    request = request_for(staggered(sim_stagg()), Ask("did.event_study", {"last": 3}, aggregation="dynamic"))
    window = replace(request, estimand=request.estimand.model_copy(update={"event_times": (0, 3)}))
    with pytest.raises(RunError, match="No effect 3 periods"):
        registry.estimator("did.event_study").estimate(window)


def plan_with(tmp_path: Path, *changes: tuple[str, str], sample: str = "school_absence") -> Path:
    """A sample's plan with texts replaced."""
    text = (SAMPLES / sample / "plan.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def codes(path: Path) -> dict[str, str]:
    """Codes and places of what a plan is refused for."""
    try:
        return {fault.code: fault.place.key or "" for fault in plan_refusals(read_plan(path))}
    except EvaltoolError as refused:
        return {fault.code: fault.place.key or "" for fault in refused.faults}


TABLE = "[estimand]\n"


def test_terms_that_agree_are_accepted(tmp_path: Path) -> None:
    said = TABLE + 'event_times = [0, 3]\nunits = "all"\nweights = "column"\n'
    assert codes(plan_with(tmp_path, (TABLE, said))) == {}


def test_weights_that_the_data_contradict(tmp_path: Path) -> None:
    path = plan_with(tmp_path, (TABLE, TABLE + 'weights = "equal"\n'))
    assert codes(path) == {"PLAN_WEIGHTS_DISAGREE": "estimand.weights"}


def test_event_times_out_of_order(tmp_path: Path) -> None:
    path = plan_with(tmp_path, (TABLE, TABLE + "event_times = [3, 0]\n"))
    with pytest.raises(EvaltoolError, match="first period since the start before the last"):
        read_plan(path)


def test_a_method_that_averages_nothing_refuses_event_times(tmp_path: Path) -> None:
    path = plan_with(tmp_path, (TABLE, TABLE + "event_times = [0, 1]\n"), sample="replays/koto")
    assert codes(path) == {"PLAN_METHOD_CANNOT": "estimand.event_times"}


def test_figures_are_numbers() -> None:
    """The window keeps weights that sum to one: a constant effect is found whatever the window."""
    frame = sim_stagg()
    flat = frame.assign(y=np.where((frame["g"] > 0) & (frame["time"] >= frame["g"]), 2.0, 0.0) + frame["time"])
    for kind in ("simple", "dynamic", "group", "calendar"):
        request = request_for(staggered(flat), Ask("did.group_time", aggregation=kind))
        window = replace(request, estimand=request.estimand.model_copy(update={"event_times": (1, 3)}))
        assert registry.estimator("did.group_time").estimate(window).att == pytest.approx(2.0, abs=1e-12)
