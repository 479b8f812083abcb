"""G-computation and the doubly robust estimator: by hand, kinds of outcome, clusters, refusals, both roads."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, cross_section, panel_of

import evaltool as ev
from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.doubly_robust import PLUGIN as ROBUST
from evaltool.estimators.weighted.doubly_robust import DoublyRobustOptions
from evaltool.estimators.weighted.g_computation import PLUGIN as MODELS
from evaltool.estimators.weighted.g_computation import GComputationOptions
from evaltool.records.design import Design
from evaltool.records.plan.analysis import Estimand
from evaltool.records.plugins import EstimationRequest


def designed(frame: pd.DataFrame, method: str, covariates: tuple[str, ...] = ("a", "b"), **options: object) -> Design:
    plugin = registry.design(method)
    return built(plugin, plugin.options.model_validate({"covariates": covariates, **options}), panel_of(frame))


def request(frame: pd.DataFrame, design: Design, options: object, kind: str = "mean") -> EstimationRequest:
    assert design.summary.matching is not None
    target = Estimand(outcome="y", target=design.summary.matching.estimand[:3])  # type: ignore[arg-type]
    made = asked(options, design, panel_of(frame), estimand=target)  # type: ignore[arg-type]
    return replace(made, outcome=made.outcome.model_copy(update={"kind": kind}))


def shares() -> pd.DataFrame:
    """Two values of a: treated 1 of 2 and 3 of 4 succeed, comparison 1 of 4 and 1 of 2."""
    cells = [(0, True, 2, 1), (1, True, 4, 3), (0, False, 4, 1), (1, False, 2, 1)]
    rows = [(a, d, k < good) for a, d, size, good in cells for k in range(size)]
    frame = pd.DataFrame(rows, columns=["x.a", "treated", "y.y"]).astype({"x.a": float, "y.y": float})
    frame.insert(0, "unit", np.arange(12))
    return frame.assign(weight=1.0)


@pytest.mark.parametrize("kind", ["binary", "count", "mean"])
@pytest.mark.parametrize("plugin", [MODELS, ROBUST])
def test_a_saturated_model_standardises_the_cells(kind: str, plugin: object) -> None:
    """ATE: six units at either value: with treatment (1/2 + 3/4)/2 = 5/8, without (1/4 + 1/2)/2 = 3/8, any link."""
    frame = shares()
    design = designed(frame, "weighting.inverse_propensity", ("a",), estimand="ATE")
    options = GComputationOptions() if plugin is MODELS else DoublyRobustOptions()
    found = plugin.estimate(request(frame, design, options, kind))  # type: ignore[attr-defined]
    assert (found.observed, found.counterfactual) == (pytest.approx(5 / 8), pytest.approx(3 / 8))
    assert found.att == pytest.approx(1 / 4)
    assert found.relative is not None
    assert found.relative.value == pytest.approx(2 / 3)
    if kind == "binary":
        assert found.certificate["risk_ratio"]["value"] == pytest.approx(5 / 3)  # type: ignore[index,call-overload]
        assert found.certificate["odds_ratio"]["value"] == pytest.approx((5 / 3) / (3 / 5))  # type: ignore[index,call-overload]
    if kind == "count":
        assert found.certificate["rate_ratio"]["value"] == pytest.approx(5 / 3)  # type: ignore[index,call-overload]


def test_for_the_att_only_the_treated_are_averaged_over() -> None:
    """Treated: 2 at the lower value, 4 at the upper: without treatment (2·1/4 + 4·1/2)/6 = 5/12; observed 4/6."""
    frame = shares()
    design = designed(frame, "weighting.inverse_propensity", ("a",))
    for plugin, options in ((MODELS, GComputationOptions()), (ROBUST, DoublyRobustOptions())):
        found = plugin.estimate(request(frame, design, options, "binary"))
        assert found.att == pytest.approx(4 / 6 - 5 / 12)


@pytest.mark.parametrize("kind", ["mean", "binary", "count"])
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("weighting.inverse_propensity", {"estimand": "ATE"}),
        ("weighting.inverse_propensity", {"estimand": "ATC"}),
        ("weighting.entropy_balancing", {}),
        ("weighting.inverse_propensity", {"estimand": "ATO"}),
        ("matching.nearest", {"caliper": Decimal(1)}),
        ("matching.subclass", {"subclasses": 3}),
    ],
)
def test_two_computations_agree_whatever_the_kind(kind: str, method: str, more: dict[str, object]) -> None:
    frame = cross_section(51, 60, 90)
    r = np.random.default_rng(2)
    if kind == "binary":
        frame["y.y"] = (frame["y.y"] + r.normal(size=150) > 1.0).astype(float)
    if kind == "count":
        frame["y.y"] = r.poisson(np.exp(0.3 * frame["y.y"].clip(-3, 3))).astype(float)
    design = designed(frame, method, **more)
    plugins = [(MODELS, GComputationOptions())]
    if method == "weighting.inverse_propensity" and more["estimand"] != "ATO":
        plugins.append((ROBUST, DoublyRobustOptions()))  # type: ignore[arg-type]
    for plugin, options in plugins:
        asking = request(frame, design, options, kind)
        found = plugin.estimate(asking)
        assert plugin.second_opinion is not None
        assert plugin.second_opinion(asking).value == pytest.approx(
            found.att, abs=1e-8 * max(abs(found.att), found.se or 0)
        )
        assert found.se is not None
        shuffled = frame.sample(frac=1.0, random_state=1)
        again = plugin.estimate(request(shuffled, designed(shuffled, method, **more), options, kind))
        assert again.to_json() == found.to_json()
        assert (found.counts.clusters is not None) == (method == "matching.nearest")


def test_the_standard_error_agrees_with_a_bootstrap() -> None:
    """Seeded, 300 resamples: the ratio is known to about 5 per cent; 20 is allowed."""
    frame = cross_section(52, 120, 180)
    noise = 3.0 * np.random.default_rng(4).normal(size=300)
    frame["y.y"] = (frame["y.y"] + noise > 1.0).astype(float)

    def run(rows: pd.DataFrame) -> tuple[float, float]:
        design = designed(rows, "weighting.inverse_propensity", estimand="ATE")
        found = ROBUST.estimate(request(rows, design, DoublyRobustOptions(), "binary"))
        return found.att, found.se or 0.0

    se = run(frame)[1]
    r = np.random.default_rng(3)
    draws = [run(frame.iloc[r.integers(0, 300, 300)].assign(unit=np.arange(300)))[0] for _ in range(300)]
    assert se == pytest.approx(float(np.std(draws, ddof=1)), rel=0.2)


def test_what_is_refused() -> None:
    frame = cross_section(53, 30, 60)
    plain = designed(frame, "weighting.inverse_propensity")
    for kind in ("binary", "count"):
        with pytest.raises(RunError, match="RUN_OUTCOME_MODEL"):
            MODELS.estimate(request(frame, plain, GComputationOptions(), kind))
    trimmed = designed(frame, "weighting.inverse_propensity", trim=Decimal("0.9"))
    with pytest.raises(RunError, match="RUN_NOT_DOUBLY_ROBUST"):
        ROBUST.estimate(request(frame, trimmed, DoublyRobustOptions()))
    sure = frame.assign(**{"y.y": (frame["x.a"] > 0).astype(float)})
    with pytest.raises(RunError, match="No finite logit model"):
        MODELS.estimate(request(sure, plain, GComputationOptions(), "binary"))
    with pytest.raises(RunError, match="RUN_UNKNOWN_COVARIATE"):
        MODELS.estimate(request(frame, plain, GComputationOptions(covariates=("c",))))


def test_the_direct_road() -> None:
    frame = shares()
    plain = frame.rename(columns={"x.a": "a", "y.y": "y"})
    design = ev.weighting.inverse_propensity(plain, treatment="treated", covariates=["a"], unit="unit", estimand="ATE")
    for call in (ev.weighted.g_computation, ev.weighted.doubly_robust):
        found = call(design, plain, outcome="y", kind="binary")
        assert found.att == pytest.approx(1 / 4)
        assert "odds_ratio" in found.certificate
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        ev.weighted.g_computation(design, plain, outcome="y", kind="rank")


@pytest.mark.parametrize("times", [1e-60, 1e-15, 1e60])
def test_the_unit_of_the_outcome_is_no_other_question(times: float) -> None:
    frame = cross_section(35, 30, 60).rename(columns={"x.a": "a", "x.b": "b", "y.y": "y"})
    design = ev.matching.nearest(frame, treatment="treated", covariates=["a", "b"], unit="unit")
    one = ev.weighted.g_computation(design, frame, outcome="y")
    other = ev.weighted.g_computation(design, frame.assign(y=frame["y"] * times), outcome="y")
    assert other.att == pytest.approx(one.att * times, rel=1e-10)
    assert other.se == pytest.approx(one.se * times, rel=1e-10)  # type: ignore[operator]
