"""Matching or weighting followed by difference-in-differences: the change since columns measured before the start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand
from evaltool.records.plugins import EstimationRequest

ESTIMATORS = (
    ("weighted.difference", "matching.nearest", {"caliper": "0.5"}),
    ("weighted.difference", "matching.full", {}),
    ("weighted.g_computation", "matching.nearest", {"caliper": "0.5"}),
    ("weighted.bias_corrected", "matching.nearest", {"replace": True}),
    ("weighted.doubly_robust", "weighting.inverse_propensity", {}),
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Groups differ in a level that no covariate explains; two columns before the start, a common rise, effect 2."""
    made = cross_section(91, 60, 120)
    r = np.random.default_rng(1)
    level = 4.0 * made["treated"] + r.normal(size=180)
    for name, rise in (("x.two_before", 0.0), ("x.one_before", 1.0)):
        made[name] = level + rise + r.normal(size=180)
    made["y.y"] = level + 2.0 + made["x.a"] + 2.0 * made["treated"] + r.normal(size=180)
    return made


def designed(frame: pd.DataFrame, method: str, options: dict[str, object]) -> Design:
    plugin = registry.design(method)
    return built(plugin, plugin.options.model_validate({"covariates": ("a", "b"), **options}), panel_of(frame))


def request(frame: pd.DataFrame, design: Design, estimator: str, **options: object) -> EstimationRequest:
    chosen = registry.estimator(estimator).options.model_validate(options)
    return asked(chosen, design, panel_of(frame), estimand=Estimand(outcome="y", target="ATT"))


@pytest.mark.parametrize(("estimator", "method", "options"), ESTIMATORS)
def test_the_effect_on_the_change_is_that_on_the_difference_of_columns(
    frame: pd.DataFrame, estimator: str, method: str, options: dict[str, object]
) -> None:
    """The same effect and standard error as with the change made by hand; observed is the level after."""
    plugin, design = registry.estimator(estimator), designed(frame, method, options)
    asking = request(frame, design, estimator, before=("two_before", "one_before"))
    found = plugin.estimate(asking)
    by_hand = frame.assign(**{"y.y": frame["y.y"] - (frame["x.two_before"] + frame["x.one_before"]) / 2.0})
    plain = plugin.estimate(request(by_hand, design, estimator))
    assert (found.att, found.se) == (pytest.approx(plain.att, rel=1e-10), pytest.approx(plain.se, rel=1e-10))
    assert found.att == pytest.approx(2.0, abs=1.0)
    levels = plugin.estimate(request(frame, design, estimator))
    assert levels.att > 4.0, "the groups' own levels stand in the way without the change"
    assert found.conventions["before"] == "two_before, one_before"
    assert found.relative is None
    if found.observed is not None:
        assert levels.observed is not None
        assert found.observed == pytest.approx(levels.observed, rel=1e-9)
        assert found.counterfactual == pytest.approx(found.observed - found.att, rel=1e-9)
    assert plugin.second_opinion is not None
    assert plugin.second_opinion(asking).value == pytest.approx(found.att, rel=1e-8)
    shuffled = frame.sample(frac=1.0, random_state=2)[list(frame.columns[::-1])]
    again = plugin.estimate(
        request(shuffled, designed(shuffled, method, options), estimator, before=("two_before", "one_before"))
    )
    assert again.to_json() == found.to_json()


def test_weighted_changes_are_did_by_inverse_propensity(frame: pd.DataFrame) -> None:
    """Abadie 2005 with weights that add up to one: ``did.two_by_two`` with method = "ipw" on the same two periods."""
    plain = frame.rename(columns={"x.a": "a", "x.b": "b", "y.y": "after", "x.one_before": "before"})
    design = ev.weighting.inverse_propensity(plain, treatment="treated", covariates=["a", "b"], unit="unit")
    found = ev.weighted.difference(design, plain, outcome="after", before=["before"])
    long = plain.melt(["unit", "treated", "a", "b"], ["before", "after"], "when", "y")
    long["time"] = (long["when"] == "after").astype(int) + 1
    long["start"] = np.where(long["treated"], 2, 0)
    theirs = ev.did.two_by_two(
        long, outcome="y", unit="unit", time="time", first_treated="start", covariates=["a", "b"], method="ipw"
    )
    assert found.att == pytest.approx(theirs.att, rel=1e-9)
    assert theirs.se is not None
    assert found.se == pytest.approx(theirs.se, rel=1e-6)


def test_on_every_estimator_of_the_direct_road(frame: pd.DataFrame) -> None:
    plain = frame.rename(columns=lambda name: name.removeprefix("x.").removeprefix("y."))
    named = {"treatment": "treated", "covariates": ["a", "b"], "unit": "unit"}
    pairs = ev.matching.nearest(plain, **named, caliper=0.5)  # type: ignore[arg-type]
    several = ev.matching.nearest(plain, **named, replace=True)  # type: ignore[arg-type]
    weights = ev.weighting.inverse_propensity(plain, **named)  # type: ignore[arg-type]
    calls = (
        (ev.weighted.difference, pairs, ESTIMATORS[0]),
        (ev.weighted.g_computation, pairs, ESTIMATORS[2]),
        (ev.weighted.bias_corrected, several, ESTIMATORS[3]),
        (ev.weighted.doubly_robust, weights, ESTIMATORS[4]),
    )
    for call, design, (estimator, method, options) in calls:
        asking = request(frame, designed(frame, method, options), estimator, before=("one_before",))
        found = call(design, plain, outcome="y", before=["one_before"])  # type: ignore[operator]
        assert found.att == pytest.approx(registry.estimator(estimator).estimate(asking).att, rel=1e-12)


def test_what_is_refused(frame: pd.DataFrame) -> None:
    design = designed(frame, "matching.nearest", {"caliper": "0.5"})
    for estimator in ("weighted.difference", "weighted.g_computation"):
        plugin = registry.estimator(estimator)
        asking = request(frame, design, estimator, before=("one_before",))
        relative = replace(
            asking, estimand=Estimand(outcome="y", target="ATT", scale="relative", denominator="counterfactual")
        )
        with pytest.raises(RunError, match="RUN_NOT_BY_MATCHING"):
            plugin.estimate(relative)
        with pytest.raises(RunError, match=r"RUN_UNKNOWN_COVARIATE[\s\S]*last_year"):
            plugin.estimate(request(frame, design, estimator, before=("last_year",)))
    holes = frame.assign(**{"x.one_before": frame["x.one_before"].where(frame["unit"] > 2)})
    with pytest.raises(RunError, match="RUN_COVARIATE_MISSING"):
        registry.estimator("weighted.difference").estimate(
            request(holes, design, "weighted.difference", before=("one_before",))
        )
