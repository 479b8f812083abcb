"""Structural series and forecasts: statsmodels' figures, joint covariance, holdout, regressors, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents

import evaltool as ev
from evaltool.estimators.counterfactual._state_space import fitted, row_of, state_space
from evaltool.numerics.state_space import Forecast, StateSpace, forecast

COLUMNS = {"outcome": "y", "unit": "unit", "time": "month", "treated": "T", "start": 37}


def series(seed: int = 0, size: int = 48, season: float = 0.0) -> pd.DataFrame:
    """A treated series that follows another, which gains 3 from month 37 on."""
    r = np.random.default_rng(seed)
    other = 10.0 + 0.5 * r.normal(size=size).cumsum()
    months = np.arange(1, size + 1)
    y = 20.0 + other + 0.4 * r.normal(size=size) + season * np.sin(months * np.pi / 2.0) + 3.0 * (months >= 37)
    near = other + 0.1 * r.normal(size=size)
    treated = pd.DataFrame({"unit": "T", "month": months, "y": y, "near": near, "noise": r.normal(size=size)})
    return pd.concat([treated, pd.DataFrame({"unit": "C", "month": months, "y": other, "near": 0.0, "noise": 0.0})])


def structural(frame: pd.DataFrame, **options: object) -> ev.did.DirectEstimate:
    return ev.counterfactual.structural_series(frame, **COLUMNS, **options)  # type: ignore[arg-type]


def forecasted(frame: pd.DataFrame, **options: object) -> ev.did.DirectEstimate:
    return ev.counterfactual.forecast(frame, **COLUMNS, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def beside() -> ev.did.DirectEstimate:
    return structural(series(), control="C", regressors=["near", "noise"], keep=1)


MODELS = [
    lambda y: UnobservedComponents(y, level="local linear trend", seasonal=4, use_exact_diffuse=True),
    lambda y: SARIMAX(y, order=(1, 1, 0), seasonal_order=(0, 1, 0, 4), trend="c"),
    lambda y: ExponentialSmoothing(y, trend=True, damped_trend=True, seasonal=4, concentrate_scale=False),
]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_means_and_variances_are_those_of_statsmodels(make: object) -> None:
    y = series(season=2.0)["y"].to_numpy()[:36] / 10.0
    model = make(y)  # type: ignore[operator]
    result = fitted(model, np.asarray(model.start_params))
    found = forecast(state_space(model, result), np.tile(row_of(model), (8, 1)))
    wanted = result.get_forecast(8)
    assert found.mean == pytest.approx(wanted.predicted_mean, abs=1e-8)
    assert np.diag(found.covariance) == pytest.approx(wanted.var_pred_mean, rel=1e-6)


def test_the_joint_covariance_is_that_of_simulated_paths() -> None:
    """A local level: errors of later forecasts hold those of earlier ones."""
    one = np.ones((1, 1))
    model = StateSpace(one, one, 0.3 * one, 0.5, np.zeros(1), 0.0, np.zeros(1), 0.2 * one)
    found = forecast(model, np.ones((4, 1)))
    by_hand = 0.2 + 0.3 * np.minimum.outer(np.arange(4), np.arange(4)) + 0.5 * np.eye(4)
    assert found.covariance == pytest.approx(by_hand)
    r = np.random.default_rng(0)
    start = np.sqrt(0.2) * r.normal(size=(20_000, 1))
    level = start + np.sqrt(0.3) * np.column_stack([np.zeros(20_000), r.normal(size=(20_000, 3)).cumsum(axis=1)])
    paths = level + np.sqrt(0.5) * r.normal(size=level.shape)
    assert found.mean_se == pytest.approx(paths.mean(axis=1).std(), rel=0.03)
    assert Forecast(np.zeros(2), np.eye(2)).mean_se == pytest.approx(np.sqrt(0.5))


def test_a_control_series_finds_the_effect(beside: ev.did.DirectEstimate) -> None:
    assert beside.att == pytest.approx(3.0, abs=0.5)
    assert beside.se is not None
    assert beside.conventions["regressors"] == "near"
    assert beside.conventions["converged"] is True
    assert beside.counts.comparison == 1
    assert len(beside.path) == 12
    assert beside.att == pytest.approx(np.mean([e.att for e in beside.path]))


def test_the_holdout_pretends_an_earlier_start(beside: ev.did.DirectEstimate) -> None:
    said = beside.conventions
    assert said["holdout_periods"] == 9
    frame = series()
    shorter = frame[frame["month"] <= 36]
    again = ev.counterfactual.structural_series(
        shorter, **{**COLUMNS, "start": 28}, control="C", regressors=["near"], holdout=1
    )
    plain = structural(frame, control="C", regressors=["near"])
    assert plain.conventions["holdout_effect"] == pytest.approx(again.att, abs=1e-4)
    inside = sum(e.interval is not None and e.interval.lower <= 0.0 <= e.interval.upper for e in again.path)
    assert plain.conventions["holdout_covered"] == inside


def test_the_effect_moves_with_what_happened_after_the_start() -> None:
    moved = series().assign(y=lambda d: d["y"] + 7.0 * ((d["unit"] == "T") & (d["month"] >= 37)))
    one, two = structural(series()), structural(moved)
    assert two.att - one.att == pytest.approx(7.0, abs=1e-9)
    assert one.se == two.se


def test_scaling_and_orders_of_rows() -> None:
    one = structural(series())
    scaled = structural(series().assign(y=lambda d: 1000.0 * d["y"]))
    assert (scaled.att, scaled.se) == pytest.approx((1000.0 * one.att, 1000.0 * (one.se or 0.0)), rel=1e-6)
    for seed in range(10):
        assert structural(series().sample(frac=1.0, random_state=seed)).to_json() == one.to_json()


def test_the_order_searched_for_has_the_smallest_criterion() -> None:
    found = forecasted(series(1), model="ets", order="search", holdout=1)
    each = [forecasted(series(1), model="ets", trend=trend, holdout=1) for trend in ("none", "damped")]
    assert found.conventions["criterion"] <= min(one.conventions["criterion"] for one in each)
    assert found.conventions["candidates"] == 3


def test_a_random_walk_forecasts_its_last_value() -> None:
    """Errors of the mean of n steps of a random walk: σ² (n + 1)(2n + 1) / 6n."""
    found = forecasted(series(), order=(0, 1, 0), holdout=1)
    y = series()["y"].to_numpy()[:48]
    assert found.att == pytest.approx(y[36:].mean() - y[35], abs=1e-7)
    variance = np.mean(np.diff(y[:36]) ** 2)
    assert found.se == pytest.approx(np.sqrt(variance * 13 * 25 / 72), rel=1e-3)


def waves(size: int = 48) -> pd.DataFrame:
    months = np.arange(1, size + 1)
    y = 5.0 + 3.0 * np.sin(months * np.pi / 6.0) + 0.05 * np.random.default_rng(0).normal(size=size)
    return pd.DataFrame({"unit": "T", "month": months, "y": y, "still": np.where(months >= 37, 1.0, 0.0)})


BAD: list[tuple[pd.DataFrame, str, dict[str, object], str]] = [
    (series()[lambda d: d["month"] > 30], "structural_series", {}, "RUN_SHORT_HISTORY"),
    (series(), "structural_series", {"season": 24}, "RUN_SHORT_SEASONS"),
    (series(), "structural_series", {"regressors": ["unknown"]}, "DATA_MISSING_COLUMN"),
    (waves(), "structural_series", {"regressors": ["still"]}, "RUN_PREDICTOR_CONSTANT"),
    (waves(), "forecast", {"order": (0, 0, 1)}, "RUN_AUTOCORRELATED"),
    (series(), "forecast", {"order": (1, 1)}, "USAGE_BAD_ARGUMENT"),
    (series(), "forecast", {"seasonal_order": (1, 0, 0)}, "USAGE_BAD_ARGUMENT"),
    (series()[lambda d: d["month"] != 20], "forecast", {}, "RUN_GAP_IN_SERIES"),
]


@pytest.mark.parametrize(("frame", "name", "options", "code"), BAD)
def test_refusals(frame: pd.DataFrame, name: str, options: dict[str, object], code: str) -> None:
    with pytest.raises(ev.errors.EvaltoolError) as caught:
        getattr(ev.counterfactual, name)(frame, **COLUMNS, **options)
    assert code in caught.value.codes
