"""What methods that carry one series' own history forward share: the effect, its error, a holdout, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.counterfactual._assembly import Said, zero_denominator
from evaltool.estimators.counterfactual._breaks import break_said
from evaltool.estimators.counterfactual._series import Series
from evaltool.numerics.distributions import beyond, binomial_share, normal_quantile
from evaltool.numerics.inference import Floats
from evaltool.numerics.segmented import ljung_box
from evaltool.numerics.simplex_control import mean_of
from evaltool.numerics.state_space import Forecast, ljung_box_lags
from evaltool.numerics.unknown_break import Course
from evaltool.records.base import Json
from evaltool.records.estimate import Counts, Element, Estimate, Relative, SeriesPoint
from evaltool.records.plugins import EstimationRequest

AUTOCORRELATED = 0.01
"""One-step errors with a smaller Ljung–Box p-value are no white noise: the model does not describe the series."""
MISSED = 0.05
"""A held-out share covered that is less likely than this, were the intervals right, is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A forecast with the one-step errors of the fit (standardised, the first few left out) and its figures.

    ``course`` makes the series in which a break is looked for.
    """

    forecast: Forecast
    errors: Floats
    parameters: int
    said: Said
    course: Callable[[], Course]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """History (T₀,), regressors (T, k) or None for history and what follows, and how many periods follow."""

    y: Floats
    x: Floats | None
    steps: int


Project = Callable[[Task], Projection]


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Method, series, regressors (T, k), season and how many periods are held out (None: by rule)."""

    name: str
    series: Series
    x: Floats | None
    season: int | None
    holdout: int | None


def estimate_projected(request: EstimationRequest, asked: Projected, project: Project) -> Estimate:
    """The mean of what was observed less what was forecast. Raises RunError (RUN_AUTOCORRELATED, RUN_NOT_CONVERGED)."""
    series = asked.series
    before = series.time < 0.0
    y = series.y
    history, later = y[before], y[~before]
    found = project(Task(history, asked.x, later.shape[0]))
    lags = ljung_box_lags(found.errors.shape[0], asked.season)
    q, p = ljung_box(found.errors, lags)
    if p < AUTOCORRELATED:
        cause = f"One-step errors are autocorrelated (Ljung–Box p = {p:.3g} over {lags} lags): the model does not fit."
        fix = "State another model or a season, or use counterfactual.interrupted_series with HAC errors."
        raise RunError(Fault("RUN_AUTOCORRELATED", cause, fix, Place(key="estimator.options")))
    gap = later - found.forecast.mean
    att, se = mean_of(gap), found.forecast.mean_se
    known = se > 1e-12 * float(np.max(np.abs(y)))
    rule = inference_rule(request)
    interval, p_value = interval_and_p(att, se if known else None, rule)
    held = _held_out(asked, history, project, float(request.inference.level))
    observed = mean_of(later)
    broken, noted = break_said(series, found.course())
    return Estimate(
        key=request.key,
        method=asked.name,
        kind="effect",
        estimand="ATT (mean of the periods from the start on)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=att,
        se=se if known else None,
        absent=None if known else "NO_VARIATION",
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(att, se if known else None),
        counts=Counts(treated=1, comparison=0 if series.control is None else 1, observations=y.shape[0]),
        observed=observed,
        counterfactual=observed - att,
        baseline=float(history[-1]),
        relative=_relative(request, (att, se if known else None), observed, float(history[-1])),
        path=_path(request, found.forecast, gap),
        series=_points(series, found.forecast.mean),
        conventions={
            "se": "joint covariance of the forecasts; estimated variances taken as known",
            "distribution": "normal",
            "interval": sides_convention(request),
            "periods_fitted": history.shape[0],
            "periods_after": later.shape[0],
            "parameters": found.parameters,
            "ljung_box": q,
            "ljung_box_lags": lags,
            "ljung_box_p": p,
            **found.said,
            **held,
            **broken,
        },
        certificate=_evidence(found),
        notes=(*(("holdout_missed",) if held.get("holdout_missed") else ()), *noted),
    )


def _held_out(asked: Projected, history: Floats, project: Project, level: float) -> Said:
    """The last periods before the start as if they came after it: how many the intervals hold, and the effect found."""
    after = asked.series.y.shape[0] - history.shape[0]
    size = min(after, history.shape[0] // 4) if asked.holdout is None else asked.holdout
    shorter = history.shape[0] - size
    if size < 1 or shorter < 2 * (asked.season or 4):
        return {"holdout_periods": 0}
    x = None if asked.x is None else asked.x[: history.shape[0]]
    found = project(Task(history[:shorter], x, size)).forecast
    gap = history[shorter:] - found.mean
    half = normal_quantile(0.5 + level / 2.0)
    spread = np.sqrt(np.diag(found.covariance))
    covered = int(np.sum(np.abs(gap) <= half * spread))
    effect, se = mean_of(gap), found.mean_se
    return {
        "holdout_periods": size,
        "holdout_covered": covered,
        "holdout_share": covered / size,
        "holdout_effect": effect,
        "holdout_effect_p": 2.0 * beyond(abs(effect / se)) if se > 0.0 else None,
        "holdout_missed": binomial_share(covered, size, level) < MISSED,
    }


def _relative(
    request: EstimationRequest, effect: tuple[float, float | None], observed: float, baseline: float
) -> Relative | None:
    """The effect as a share of what was forecast (or of the last period before). Raises RunError."""
    (att, se), name = effect, request.estimand.denominator or "counterfactual"
    value = observed - att if name == "counterfactual" else baseline
    if value <= 0.0:
        if request.estimand.scale == "absolute":
            return None
        raise zero_denominator(name, value)
    moves = observed / value**2 if name == "counterfactual" else 1.0 / value
    own = None if se is None or moves <= 0.0 else se * moves
    rule = inference_rule(request)
    return relative_effect(att / value, own, rule=rule, denominator=name, denominator_value=value)


def _path(request: EstimationRequest, found: Forecast, gap: Floats) -> tuple[Element, ...]:
    """The effect of every period from the start on."""
    rule, elements = inference_rule(request), []
    for place, (value, variance) in enumerate(zip(gap, np.diag(found.covariance), strict=True)):
        se = float(np.sqrt(variance)) if variance > 0.0 else None
        interval, p_value = interval_and_p(float(value), se, rule)
        elements.append(
            Element(
                kind="event",
                element=place,
                label=f"{place:+d}" if place else "0",
                att=float(value),
                se=se,
                interval=interval,
                p_value=p_value,
                n_treated=1,
                weight=1.0 / gap.shape[0],
            )
        )
    return tuple(elements)


def _points(series: Series, mean: Floats) -> tuple[SeriesPoint, ...]:
    """The treated series (under the label of its start) and its forecast (``comparison``) from the start on."""
    late = series.time >= 0.0
    first = series.labels[int(np.argmax(late))]
    rows = list(zip(series.periods, series.labels, series.y, late, strict=True))
    own = [
        SeriesPoint(arm=first, period=period, label=label, mean=float(value), units=1)
        for period, label, value, _ in rows
    ]
    made = [(period, label) for period, label, _, after in rows if after]
    return (
        *own,
        *(
            SeriesPoint(arm="comparison", period=period, label=label, mean=float(value), units=1)
            for (period, label), value in zip(made, mean, strict=True)
        ),
    )


def _evidence(found: Projection) -> dict[str, Json]:
    """Forecasts and their standard errors, period by period."""
    means: list[Json] = [float(value) for value in found.forecast.mean]
    spreads: list[Json] = [float(value) for value in np.sqrt(np.diag(found.forecast.covariance))]
    return {"forecast": means, "forecast_se": spreads}
