"""Prediction intervals of a synthetic control: ends by an independent search, two donors by hand, roads, refusals."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError

import evaltool as ev
from evaltool import registry
from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.errors import RunError
from evaltool.numerics.identification_bound import objective_range
from evaltool.numerics.prediction_interval import Rule, predict, shock_bounds, threshold
from evaltool.numerics.simplex import simplex_least_squares
from evaltool.numerics.simplex_ball import largest_within
from evaltool.records.estimate import Estimate
from evaltool.records.plan.analysis import Inference

ROAD = registry.estimator("counterfactual.synthetic_control")
WHO = {"outcome": "y", "unit": "unit", "time": "period", "treated": "u00", "start": 16}


def frame(seed: int = 0, units: int = 7, periods: int = 20) -> pd.DataFrame:
    """Unit u00 gains 5 from period 16 on."""
    r = np.random.default_rng(seed)
    paths = r.normal(size=(periods, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, units)) + 20
    paths += 0.3 * r.normal(size=(periods, units))
    paths[16:, 0] += 5.0
    rows = [(f"u{k:02d}", t, paths[t, k]) for k in range(units) for t in range(periods)]
    return pd.DataFrame(rows, columns=["unit", "period", "y"])


def by_plan(data: pd.DataFrame, level: str = "0.9", **options: object) -> Estimate:
    start = np.where(data["unit"] == "u00", 16.0, np.inf)
    panel = panel_of(data.rename(columns={"y": "y.y"}).assign(weight=1.0, first_treated=start))
    wanted = ROAD.options.model_validate({"inference": "prediction", **options})
    return ROAD.estimate(
        asked(wanted, built(POOL, PoolOptions(), panel), panel, inference=Inference(level=Decimal(level)))
    )


@pytest.mark.parametrize(("rows", "donors"), [(12, 5), (6, 15)])
def test_ends_agree_with_bisection_of_the_multiplier(rows: int, donors: int) -> None:
    """Another algorithm (an active set with prices, bisected) finds the same range; weak duality closes the gap."""
    r = np.random.default_rng(rows)
    for _ in range(4):
        c, x = r.normal(size=(rows, donors)) + 0.4, r.normal(size=donors)
        best = simplex_least_squares(c)
        found = objective_range(c, x, best, 0.3)
        up = largest_within(c, x, found.allowed, best.weights)
        down = largest_within(c, -x, found.allowed, best.weights)
        if float(np.linalg.norm(c @ best.weights)) < 1e-6:
            continue
        assert up.value == pytest.approx(found.upper.value, abs=1e-6)
        assert -down.value == pytest.approx(found.lower.value, abs=1e-6)
        assert up.bound - up.value <= 1e-7 * np.ptp(x)


def test_two_donors_by_hand() -> None:
    """With h = z₁ − z₂, d = δ(1, −1): |ε − δh|² ≤ |ε|² is δ between 0 and 2h'ε/h'h, cut to what the weights allow."""
    r = np.random.default_rng(3)
    z = r.normal(size=(20, 2)) + np.array([0.0, 1.0])
    y = z @ [0.6, 0.4] + 0.5 * r.normal(size=20)
    weights = simplex_least_squares(z - y[:, None]).weights
    residuals, x = y - z @ weights, np.array([[1.0, 3.0]])
    rho = threshold(z, residuals, 2)
    assert min(weights) > rho, "the case without weights held down"
    rule = Rule(level=0.9, draws=100, seed=5, lags=0, shock="gaussian")
    found = predict(z, residuals, weights, x, rule)
    drawn = np.random.Generator(np.random.PCG64(5)).standard_normal((100, 20)) * residuals * math.sqrt(20 / 19)
    h = z[:, 0] - z[:, 1]
    ends = 2.0 * drawn @ h / (h @ h)
    smallest, largest = np.minimum(ends, 0.0), np.maximum(ends, 0.0)
    delta = np.clip(np.column_stack([smallest, largest]), -weights[0], weights[1])
    moved = np.sort(delta * (1.0 - 3.0), axis=1)
    low, high = np.sort(moved[:, 0])[math.ceil(100 * 0.025) - 1], np.sort(moved[:, 1])[math.ceil(100 * 0.975) - 1]
    assert found.weights_lower[0] == pytest.approx(-high, abs=1e-7)
    assert found.weights_upper[0] == pytest.approx(-low, abs=1e-7)
    assert found.lower[0] == pytest.approx(found.shock[0] - high, abs=1e-7)
    assert found.upper[0] == pytest.approx(found.shock[1] - low, abs=1e-7)


def test_shocks_by_hand() -> None:
    """Residuals −2, −1, 0, 1, 2: s² = 10/4. α = 0.1: 1.6449 s, s √(2 log 20). Order statistics need 1/(T+1) ≤ α/2."""
    e, s = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), math.sqrt(2.5)
    assert shock_bounds(e, 4, 0.1, "gaussian")[1] == pytest.approx(1.6448536269514722 * s, abs=1e-12)
    assert shock_bounds(e, 4, 0.1, "subgaussian")[0] == pytest.approx(-math.sqrt(2 * math.log(20)) * s, abs=1e-12)
    assert shock_bounds(e, 4, 0.4, "location_scale") == pytest.approx((-2 * math.sqrt(1.25), 2 * math.sqrt(1.25)))
    with pytest.raises(RunError, match="RUN_LEVEL_OUT_OF_REACH"):
        shock_bounds(e, 4, 0.3, "location_scale")


def test_both_roads_print_the_same_interval_and_its_conventions() -> None:
    found = by_plan(frame())
    direct = ev.counterfactual.synthetic_control(frame(), **WHO, inference="prediction", level=0.9)
    assert dict(direct.prediction) == {k: found.conventions[f"prediction_{k}"] for k in ("lower", "upper", "level")}
    assert direct.prediction["lower"] < direct.att < direct.prediction["upper"]
    assert direct.prediction["lower"] > 0.0
    path = direct.path.set_index("time").loc[16:]
    assert bool(((path["lower"] < path["effect"]) & (path["effect"] < path["upper"])).all())
    assert found.interval is None
    assert found.conventions["prediction_draws"] == 200


def test_the_interval_moves_with_the_outcome_and_with_nothing_else() -> None:
    """Order of rows and names of donors: the same bits. Twice the outcome: twice the ends. More bounds: wider."""
    data = frame(1)
    one = by_plan(data).conventions
    shuffled = data.sample(frac=1.0, random_state=2)
    names = {f"u{k:02d}": f"u{(7 * k) % 11:02d}" for k in range(1, 7)}
    other = by_plan(shuffled.assign(unit=shuffled["unit"].replace(names))).conventions
    doubled = by_plan(data.assign(y=2.0 * data["y"])).conventions
    narrow = by_plan(data, shocks="gaussian").conventions
    for end, sign in (("prediction_lower", 1.0), ("prediction_upper", -1.0)):
        assert other[end] == one[end]
        assert doubled[end] == pytest.approx(2.0 * float(one[end] or 0.0), abs=1e-6)
        assert sign * float(narrow[end] or 0.0) > sign * float(one[end] or 0.0)


def test_refusals() -> None:
    with pytest.raises(RunError, match="RUN_LEVEL_OUT_OF_REACH"):
        by_plan(frame(), shocks="location_scale")
    with pytest.raises(ev.errors.RunError, match="RUN_LEVEL_OUT_OF_REACH"):
        ev.counterfactual.synthetic_control(frame(), **WHO, inference="prediction", shocks="location_scale", level=0.9)
    with pytest.raises(ValidationError, match="outcomes alone"):
        ROAD.options.model_validate(
            {"inference": "prediction", "predictors": ({"column": "outcome", "periods": (3,)},)}
        )
    data = frame()
    mixed = data.pivot(index="period", columns="unit", values="y")  # noqa: PD010 - complete by construction
    exact = (mixed["u01"] + mixed["u02"]) / 2.0
    perfect = data.assign(y=np.where(data["unit"] == "u00", data["period"].map(exact), data["y"]))
    with pytest.raises(RunError, match="RUN_PERFECT_FIT"):
        by_plan(perfect)
    with pytest.raises(ev.errors.UsageError, match="USAGE_BAD_ARGUMENT"):
        ev.counterfactual.synthetic_control(frame(), **WHO, inference="prediction", level=1.5)
    with pytest.raises(ev.errors.UsageError, match="USAGE_NOT_OFFERED"):
        ev.counterfactual.penalised(frame(), **WHO, inference="prediction")
