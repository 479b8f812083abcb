"""Structural time series: level, trend, season and regressors from the time before the start, carried past it.

Estimand
    The mean over the periods from the start on of the outcome less what the series would have been (the ATT of one
    unit).

Equation as implemented
    y_t = μ_t + γ_t + x_t'β + ε_t, with μ_t a local level (``level``), a local level with a fixed slope (``drift``) or a
    local linear trend (``trend``), γ_t a dummy season that is fixed or drifts, β constant with a diffuse start, so that
    its uncertainty is in the forecast. Variances maximise the likelihood of the periods before the start with an exact
    diffuse start, from one tenth of the outcome's variance each, by L-BFGS and two
    Newton steps. Regressors are the control series and named
    covariates; with ``keep``, those whose first differences correlate most with the outcome's before the start (in
    size; ties in the order named). Effect = mean of y_t less its forecast.

Uncertainty
    The joint covariance of the forecasts gives the standard error of their mean, normal. Estimated variances are taken
    as known: with short histories the intervals are too narrow. The last periods before the start are held out, and how
    many of them the intervals hold is stated. The largest step before the start has a p-value beside it.

Assumptions
    The series would have gone on as the model says; regressors are known after the start and not affected by it.

Refuses when
    The optimiser does not converge; one-step errors are autocorrelated (Ljung–Box p below 0.01); the history is short
    (ten periods, two seasons, or three periods for every regressor); the series has gaps, a known break before the
    start; a covariate is unknown or does not vary before the start.

Source
    Harvey 1989 (Forecasting, Structural Time Series Models and the Kalman Filter), chapter 4; Brodersen, Gallusser,
    Koehler, Remy & Scott 2015 (Annals of Applied Statistics 9), equations 2.1–2.5; Durbin & Koopman 2012, section 5.2.

Reference implementation and agreed tolerance
    statsmodels 0.15 UnobservedComponents: means and variances of its forecasts to 1e-9. R CausalImpact differs by its
    priors and is not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from pydantic import Field
from statsmodels.tsa.statespace.structural import UnobservedComponents

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.estimators.counterfactual._projected import Projected, Projection, Task, estimate_projected
from evaltool.estimators.counterfactual._series import Series, SeriesNeeds, series_of
from evaltool.estimators.counterfactual._state_space import errors_of, fitted, row_of, state_space
from evaltool.numerics.inference import Floats
from evaltool.numerics.state_space import Forecast, forecast
from evaltool.numerics.unknown_break import one_step_course
from evaltool.records.base import Record, Text
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.structural_series"
FEWEST = 10
COMPONENTS = {"level": "local level", "drift": "local level with deterministic trend", "trend": "local linear trend"}


class StructuralOptions(Record):
    """``[estimator.options]`` of ``counterfactual.structural_series``."""

    trend: Literal["level", "drift", "trend"] = "level"
    season: int | None = Field(default=None, ge=2)
    """Periods in a season."""
    season_drifts: bool = False
    regressors: tuple[Text, ...] = ()
    """Covariate columns, beside the design's control series."""
    keep: int | None = Field(default=None, ge=1)
    """How many regressors to keep, by correlation of first differences before the start; all when absent."""
    holdout: int | None = Field(default=None, ge=1)
    """Periods before the start held out; as many as follow it, at most a quarter, when absent."""
    breaks: tuple[int | Text, ...] = ()
    """First periods of known breaks in the series, as the data name them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Regressors:
    """(T, k) values and their names."""

    values: Floats | None
    names: tuple[str, ...]


def options_of(request: EstimationRequest) -> StructuralOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, StructuralOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def asked_of(request: EstimationRequest) -> tuple[Projected, tuple[str, ...]]:
    """Series and regressors. Raises RunError with every fault found."""
    options = options_of(request)
    series = series_of(request, SeriesNeeds(FEWEST, options.season, options.breaks))
    chosen = _chosen(series, _regressors(request, series, options), options.keep)
    count = 0 if chosen.values is None else chosen.values.shape[1]
    if int(np.sum(series.time < 0.0)) < 3 * count:
        cause = f"{count} regressors for {int(np.sum(series.time < 0.0))} periods before the start."
        place = Place(key="estimator.options.keep")
        raise RunError(Fault("RUN_SHORT_HISTORY", cause, "Keep fewer: three periods for each are needed.", place))
    return Projected(NAME, series, chosen.values, options.season, options.holdout), chosen.names


def _regressors(request: EstimationRequest, series: Series, options: StructuralOptions) -> _Regressors:
    """The control series and the named columns. Raises RunError (RUN_UNKNOWN_COVARIATE, RUN_PREDICTOR_CONSTANT)."""
    panel = request.panel
    columns = [] if series.control is None else [("control series", series.control)]
    faults = []
    for name in options.regressors:
        place = Place(key="estimator.options.regressors")
        if panel is None or name not in panel.covariates:
            near = did_you_mean(name, [] if panel is None else list(panel.covariates))
            cause, fix = f"The data have no covariate '{name}'.", "Give the column the role covariate."
            faults.append(Fault("RUN_UNKNOWN_COVARIATE", cause, fix, place, near))
            continue
        own = panel.frame.loc[panel.frame["unit"].astype(str) == series.unit].sort_values("period")
        values = own[f"x.{name}"].to_numpy(dtype=np.float64)
        if float(np.ptp(values[series.time < 0.0])) == 0.0:
            cause, fix = f"'{name}' does not vary before the start.", "Leave it out."
            faults.append(Fault("RUN_PREDICTOR_CONSTANT", cause, fix, place))
        columns.append((name, values))
    if faults:
        raise RunError(faults)
    table: Floats | None = np.column_stack([column for _, column in columns]) if columns else None
    return _Regressors(table, tuple(name for name, _ in columns))


def _chosen(series: Series, found: _Regressors, keep: int | None) -> _Regressors:
    """The regressors that move most with the outcome before the start, in the order named; all without ``keep``."""
    if found.values is None or keep is None or keep >= len(found.names):
        return found
    before = series.time < 0.0
    steps = np.diff(np.column_stack([series.y, found.values])[before], axis=0)
    size = np.abs(np.asarray(np.corrcoef(steps.T), dtype=np.float64)[0, 1:])
    best = np.sort(np.argsort(-np.round(size, 12), kind="stable")[:keep])
    return _Regressors(found.values[:, best], tuple(found.names[int(k)] for k in best))


def project(options: StructuralOptions, task: Task) -> Projection:
    """Fit before the start and carry forward. Raises RunError (RUN_NOT_CONVERGED)."""
    size = task.y.shape[0]
    scale = float(np.std(task.y)) or 1.0
    x = None if task.x is None else (task.x - task.x[:size].mean(axis=0)) / _spread(task.x[:size])
    model = model_of(options, task.y / scale, None if x is None else x[:size])
    result = fitted(model, np.full(model.k_params, 0.1))
    row, space = row_of(model), state_space(model, result)
    designs = np.tile(row, (size + task.steps, 1))
    if x is not None:
        designs[:, row.shape[0] - x.shape[1] :] = x[: size + task.steps]
    found = forecast(space, designs[size:])
    found = Forecast(found.mean * scale, found.covariance * scale**2)
    names = [name.removeprefix("sigma2.") for name in model.param_names]
    variances = {
        f"variance_{n.replace('.', '_')}": float(v) * scale**2 for n, v in zip(names, result.params, strict=True)
    }
    return Projection(
        forecast=found,
        errors=errors_of(result, _diffuse(options, x)),
        parameters=len(names) + (0 if x is None else x.shape[1]),
        said={
            "log_likelihood": float(result.llf),
            "converged": True,
            **variances,
        },
        course=lambda: one_step_course(space, designs[:size], task.y / scale),
    )


def _spread(x: Floats) -> Floats:
    """(k,) standard deviations, one where a column stands still."""
    spread: Floats = x.std(axis=0)
    return np.where(spread > 0.0, spread, 1.0)


def _diffuse(options: StructuralOptions, x: Floats | None) -> int:
    """Periods used up by states without a known start."""
    states = {"level": 1, "drift": 2, "trend": 2}[options.trend] + (0 if options.season is None else options.season - 1)
    return states + (0 if x is None else x.shape[1])


def model_of(options: StructuralOptions, y: Floats, x: Floats | None) -> UnobservedComponents:
    """Statsmodels' model of the scaled outcome."""
    return UnobservedComponents(
        y,
        level=COMPONENTS[options.trend],
        seasonal=options.season,
        stochastic_seasonal=options.season_drifts,
        exog=x,
        mle_regression=False,
        use_exact_diffuse=True,
    )


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its interval and a holdout. Raises RunError with every fault found."""
    options = options_of(request)
    asked, names = asked_of(request)
    found = estimate_projected(request, asked, lambda task: project(options, task))
    said = {
        "trend": COMPONENTS[options.trend],
        "season": options.season,
        "season_drifts": options.season_drifts if options.season else None,
        "regressors": ", ".join(names) or None,
        "regressors_chosen": "as named" if options.keep is None else f"{options.keep} by correlation of differences",
        "optimiser": "L-BFGS from one tenth of the outcome's variance each",
        "known_breaks": ", ".join(str(point) for point in options.breaks) or None,
    }
    return found.model_copy(update={"conventions": {**found.conventions, **said}})


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The same variances, later outcomes as missing values of statsmodels' own filter. Raises RunError."""
    options = options_of(request)
    asked, _ = asked_of(request)
    series, x = asked.series, asked.x
    before = series.time < 0.0
    scale = float(np.std(series.y[before])) or 1.0
    scaled = None if x is None else (x - x[before].mean(axis=0)) / _spread(x[before])
    first = model_of(options, series.y[before] / scale, None if scaled is None else scaled[before])
    params = fitted(first, np.full(first.k_params, 0.1)).params
    y = np.where(before, series.y / scale, np.nan)
    whole = model_of(options, y, scaled)
    smoothed = whole.smooth(params)
    signal = cast("Floats", smoothed.get_prediction().predicted_mean)[~before] * scale
    value = float(np.mean(series.y[~before] - signal))
    return SecondOpinion(value=value, by="statsmodels' filter over the whole series with later outcomes missing")


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Structural time series of one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("history.series",),
        standard_error="sometimes",
        covariates=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=0,
    ),
    options=StructuralOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
