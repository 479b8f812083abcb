"""Forecast from a series' own history: ARIMA or exponential smoothing, of a stated order or by a stated search.

Estimand
    The mean over the periods from the start on of the outcome less its forecast (the ATT of one unit).

Equation as implemented
    ``arima``: seasonal ARIMA (p, d, q)(P, D, Q) of the periods before the start, with a ``drift`` where stated;
    ``ets``: exponential smoothing with additive errors, an additive trend (damped where stated) and an additive season,
    in state space form with estimated starting states. Parameters maximise the likelihood by L-BFGS from statsmodels'
    moment estimates. ``order = "search"`` takes the smallest corrected Akaike criterion over p, q ≤ 2 for the stated d
    (arima) or over none, trend and damped trend (ets), the first of equals in the order listed; candidates that do not
    converge are left out and counted. Effect = mean of y_t less its forecast.

Uncertainty
    The joint covariance of the forecasts gives the standard error of their mean, normal. Estimated parameters, and the
    order found, are taken as known: the intervals are too narrow, most of all after a search. The last periods before
    the start are held out, and how many of them the intervals hold is stated. The largest step before the start has a
    p-value beside it.

Assumptions
    The series would have gone on as before; nothing else happened to it from the start on.

Refuses when
    The optimiser does not converge; one-step errors are autocorrelated (Ljung–Box p below 0.01); the history is short
    (twelve periods, two seasons); the series has gaps or a known break before the start.

Source
    Box, Jenkins, Reinsel & Ljung 2015 (Time Series Analysis), chapters 4, 5 and 9; Hyndman, Koehler, Ord & Snyder 2008
    (Forecasting with Exponential Smoothing), chapters 2 and 6; Hurvich & Tsai 1989 (Biometrika 76) (criterion).

Reference implementation and agreed tolerance
    statsmodels 0.15 SARIMAX and ExponentialSmoothing: means and variances of forecasts to 1e-8.
"""

from __future__ import annotations

import warnings
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator
from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
from statsmodels.tsa.statespace.mlemodel import MLEModel, MLEResults
from statsmodels.tsa.statespace.sarimax import SARIMAX

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._projected import Projected, Projection, Task, estimate_projected
from evaltool.estimators.counterfactual._series import SeriesNeeds, series_of
from evaltool.estimators.counterfactual._state_space import errors_of, fitted, row_of, state_space
from evaltool.numerics.inference import Floats
from evaltool.numerics.state_space import Forecast, forecast
from evaltool.numerics.unknown_break import one_step_course
from evaltool.records.base import Record, Text
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.forecast"
FEWEST = 12
MOST = 2
ORDER = 3
Shape = tuple[int, int, int]


class ForecastOptions(Record):
    """``[estimator.options]`` of ``counterfactual.forecast``."""

    model: Literal["arima", "ets"] = "arima"
    order: tuple[int, ...] | Literal["search"] = (0, 1, 1)
    """(p, d, q) of ``arima``, or ``search``."""
    difference: int = Field(default=1, ge=0, le=2)
    """d, where the order is searched for."""
    seasonal_order: tuple[int, ...] = (0, 0, 0)
    """(P, D, Q), with a season."""
    season: int | None = Field(default=None, ge=2)
    drift: bool = False
    trend: Literal["none", "additive", "damped"] = "none"
    """Trend of ``ets``, where the order is not searched for."""
    holdout: int | None = Field(default=None, ge=1)
    breaks: tuple[int | Text, ...] = ()

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Refuse orders that are none, and choices of the other model."""
        wrong = None
        stated = [self.seasonal_order, *([] if self.order == "search" else [self.order])]
        if any(len(one) != ORDER or not all(0 <= int(k) <= ORDER for k in one) for one in stated):
            wrong = "an order is three whole numbers from 0 to 3"
        elif any(self.seasonal_order) and self.season is None:
            wrong = "seasonal_order needs a season"
        elif self.model == "ets" and (self.drift or any(self.seasonal_order)):
            wrong = "drift and seasonal_order are for arima"
        elif self.model == "arima" and self.trend != "none":
            wrong = "trend is for ets"
        if wrong:
            raise ValueError(wrong)
        return self


def options_of(request: EstimationRequest) -> ForecastOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, ForecastOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def asked_of(request: EstimationRequest) -> Projected:
    """The series. Raises RunError with every fault found."""
    options = options_of(request)
    series = series_of(request, SeriesNeeds(FEWEST, options.season, options.breaks))
    if series.control is not None:
        cause, place = (
            "A forecast reads one series, and a control stands beside it.",
            Place(key="design.options.control"),
        )
        fix = "Leave the control out, or use counterfactual.structural_series."
        raise RunError(Fault("RUN_NOT_BY_SERIES", cause, fix, place))
    return Projected(NAME, series, None, options.season, options.holdout)


def candidates(options: ForecastOptions) -> list[tuple[str, Shape]]:
    """(trend, order) in the order in which ties are broken."""
    if options.order != "search":
        p, d, q = (int(k) for k in options.order)
        return [(options.trend, (p, d, q))]
    if options.model == "ets":
        return [(trend, (0, 0, 0)) for trend in ("none", "additive", "damped")]
    every = [(p, options.difference, q) for p in range(MOST + 1) for q in range(MOST + 1)]
    return [("none", shape) for shape in sorted(every, key=lambda shape: (shape[0] + shape[2], shape[0]))]


def model_of(options: ForecastOptions, y: Floats, one: tuple[str, Shape]) -> MLEModel:
    """Statsmodels' model of the scaled outcome."""
    trend, (p, d, q) = one
    if options.model == "ets":
        return ExponentialSmoothing(
            y, trend=trend != "none", damped_trend=trend == "damped", seasonal=options.season, concentrate_scale=False
        )
    big = (*(int(k) for k in options.seasonal_order), options.season or 0)
    drift = "c" if options.drift else None
    return SARIMAX(y, order=(p, d, q), seasonal_order=big if any(big[:3]) else (0, 0, 0, 0), trend=drift)


def found_model(options: ForecastOptions, y: Floats) -> tuple[MLEModel, MLEResults, tuple[str, Shape], int]:
    """Model, fit, what was chosen, and how many candidates did not converge. Raises RunError (RUN_NOT_CONVERGED)."""
    best, left_out = None, 0
    refusal: RunError | None = None
    for one in candidates(options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says where its moment estimates are no start and zeros are taken
            model = model_of(options, y, one)
            start = np.asarray(model.start_params, dtype=np.float64)
        try:
            result = fitted(model, start)
        except RunError as error:
            refusal, left_out = error, left_out + 1
            continue
        criterion = float(result.aicc)
        if best is None or criterion < best[0] - 1e-9:
            best = (criterion, model, result, one)
    if best is None:
        raise refusal or RunError([])
    return best[1], best[2], best[3], left_out


def project(options: ForecastOptions, task: Task) -> Projection:
    """Fit before the start and carry forward. Raises RunError (RUN_NOT_CONVERGED)."""
    scale = float(np.std(task.y)) or 1.0
    model, result, (trend, shape), left_out = found_model(options, task.y / scale)
    space, row = state_space(model, result), row_of(model)
    found = forecast(space, np.tile(row, (task.steps, 1)))
    used = shape[1] + (options.season or 0) * int(options.seasonal_order[1])
    return Projection(
        forecast=Forecast(found.mean * scale, found.covariance * scale**2),
        errors=errors_of(result, used + 1 if options.model == "arima" else 0),
        parameters=len(result.params),
        said={
            "model": "exponential smoothing, additive errors" if options.model == "ets" else "seasonal ARIMA",
            "order": str(shape) if options.model == "arima" else None,
            "seasonal_order": str(tuple(options.seasonal_order))
            if options.season and options.model == "arima"
            else None,
            "trend": trend if options.model == "ets" else None,
            "criterion": float(result.aicc),
            "candidates": len(candidates(options)),
            "candidates_not_converged": left_out,
            "converged": True,
        },
        course=lambda: one_step_course(space, np.tile(row, (task.y.shape[0], 1)), task.y / scale),
    )


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its interval and a holdout. Raises RunError with every fault found."""
    options = options_of(request)
    found = estimate_projected(request, asked_of(request), lambda task: project(options, task))
    said = {
        "season": options.season,
        "drift": options.drift if options.model == "arima" else None,
        "order_chosen": "smallest corrected Akaike criterion" if options.order == "search" else "as stated",
        "optimiser": "L-BFGS from moment estimates",
        "known_breaks": ", ".join(str(point) for point in options.breaks) or None,
    }
    return found.model_copy(update={"conventions": {**found.conventions, **said}})


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The same parameters, carried forward by statsmodels. Raises RunError."""
    options = options_of(request)
    series = asked_of(request).series
    before = series.time < 0.0
    scale = float(np.std(series.y[before])) or 1.0
    _, result, _, _ = found_model(options, series.y[before] / scale)
    later = series.y[~before]
    mean = np.asarray(result.forecast(later.shape[0]), dtype=np.float64) * scale
    return SecondOpinion(value=float(np.mean(later - mean)), by="statsmodels' own forecast of the fitted model")


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Forecast of one treated unit from its own history",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("history.series",),
        standard_error="sometimes",
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=ForecastOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
