"""What no matching or weighting accepts, in a plan and in a call: the same code, with the column where it is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool import registry
from evaltool.errors import EvaltoolError, RunError
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.numerics.weighting_fit import How, fitted
from evaltool.records.design import Design

CALLS: Mapping[str, Callable[..., object]] = {
    "matching.nearest": ev.matching.nearest,
    "matching.optimal": ev.matching.optimal,
    "matching.full": ev.matching.full,
    "matching.subclass": ev.matching.subclass,
    "weighting.inverse_propensity": ev.weighting.inverse_propensity,
    "weighting.covariate_balancing": ev.weighting.covariate_balancing,
    "weighting.entropy_balancing": ev.weighting.entropy_balancing,
    "weighting.stable": ev.weighting.stable,
}
SCORED = tuple(name for name in CALLS if name not in {"weighting.entropy_balancing", "weighting.stable"})


def in_a_plan(frame: pd.DataFrame, method: str, **options: object) -> Design:
    plugin = registry.design(method)
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel_of(frame))


def in_a_call(frame: pd.DataFrame, method: str, **options: object) -> object:
    plain = frame.rename(columns={"x.a": "a", "x.b": "b"}).drop(columns=["weight", "y.y"])
    stated = {name: float(one) if isinstance(one, Decimal) else one for name, one in options.items()}
    return CALLS[method](plain, treatment="treated", covariates=["a", "b"], unit="unit", **stated)


def both(frame: pd.DataFrame, method: str, **options: object) -> list[EvaltoolError]:
    """What is raised on either road."""
    found = []
    for road in (in_a_plan, in_a_call):
        with pytest.raises(EvaltoolError) as caught:
            road(frame, method, **options)
        found.append(caught.value)
    return found


def world() -> pd.DataFrame:
    return cross_section(31, 12, 24)


@pytest.mark.parametrize("method", CALLS)
def test_a_constant_covariate(method: str) -> None:
    options = {"tolerance": Decimal("0.1")} if method == "weighting.stable" else {}
    for error in both(world().assign(**{"x.b": 3.0}), method, **options):
        assert error.codes == ("RUN_COLLINEAR",)
        assert "'b'" in str(error)


@pytest.mark.parametrize("method", SCORED)
def test_covariates_that_are_collinear(method: str) -> None:
    frame = world()
    for error in both(frame.assign(**{"x.b": 1.0 - 2.0 * frame["x.a"]}), method):
        assert error.codes == ("RUN_COLLINEAR",)
        assert "'b'" in str(error)


@pytest.mark.parametrize("method", CALLS)
def test_groups_that_a_covariate_tells_apart_do_not_overlap(method: str) -> None:
    frame = world()
    options = {"tolerance": Decimal("0.1")} if method == "weighting.stable" else {}
    for error in both(frame.assign(**{"x.b": frame["x.b"] + 100.0 * frame["treated"]}), method, **options):
        assert error.codes == ("RUN_SEPARATION",)
        assert "'b'" in str(error)


@pytest.mark.parametrize("method", ["matching.nearest", "matching.optimal", "matching.full"])
def test_a_caliper_that_leaves_nobody(method: str) -> None:
    for error in both(world(), method, caliper=Decimal("1e-9")):
        assert error.codes == ("RUN_NO_MATCH",)


@pytest.mark.parametrize("method", ["matching.nearest", "matching.optimal"])
def test_more_treated_than_others_without_replacement(method: str) -> None:
    """The estimand is renamed as soon as one is unmatched, or the design refused when that was agreed."""
    frame = cross_section(32, 24, 12)
    for error in both(frame, method, unmatched_treated="refuse"):
        assert error.codes == ("RUN_TREATED_UNMATCHED",)
        assert "12 of 24 treated" in str(error)
    for found in (in_a_plan(frame, method).summary.matching, in_a_call(frame, method).facts):  # type: ignore[attr-defined]
        assert found is not None
        assert found.estimand == "ATT among the matched treated"


def test_one_treated_unit_has_an_effect_and_no_standard_error() -> None:
    """A single one tells nothing of the variation among the treated; where a score can be fitted at all."""
    frame = world()
    frame["treated"] = frame["unit"] == frame["unit"].iloc[int(np.argmin(frame["x.a"].abs() + frame["x.b"].abs()))]
    design = in_a_plan(frame, "matching.nearest")
    found = PLUGIN.estimate(asked(DifferenceOptions(), design, panel_of(frame)))
    assert (found.se, found.interval, found.p_value) == (None, None, None)
    assert found.absent == "ONE_UNIT_PER_ARM"
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"}).drop(columns="weight")
    direct = ev.weighted.difference(in_a_call(frame, "matching.nearest"), plain, outcome="y")  # type: ignore[arg-type]
    assert (direct.att, direct.absent) == (found.att, found.absent)


@pytest.mark.parametrize("kind", ["inverse_propensity", "entropy_balancing", "covariate_balancing", "stable"])
def test_no_weight_is_negative(kind: str) -> None:
    frame = world()
    how = How(kind=kind, target="ATT", tolerance=0.1)  # type: ignore[arg-type]
    x = frame[["x.a", "x.b"]].to_numpy()
    assert float(np.min(fitted(x, ("a", "b"), frame["treated"].to_numpy(), how).weights)) >= 0.0


def test_unit_weights_that_differ() -> None:
    frame = world()
    with pytest.raises(RunError, match="RUN_UNIT_WEIGHTS"):
        in_a_plan(frame.assign(weight=np.where(frame["unit"] == 0, 2.0, 1.0)), "matching.nearest")


@pytest.mark.parametrize("kind", ["entropy_balancing", "covariate_balancing"])
def test_promises_are_checked_for_one_treated_unit_too(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = world()
    frame["treated"] = frame["unit"] == frame["unit"].iloc[int(np.argmin(frame["x.a"].abs() + frame["x.b"].abs()))]
    assert np.isfinite(in_a_plan(frame, f"weighting.{kind}").weights["weight"]).all()
    monkeypatch.setattr("evaltool.designs.weighting._weigh.BALANCED", -1.0)
    with pytest.raises(RunError, match="RUN_PROMISE_BROKEN"):
        in_a_plan(frame, f"weighting.{kind}")
