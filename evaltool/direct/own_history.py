"""Baselines from a history of one's own, and of people measured once; ``evaltool.counterfactual`` offers them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from evaltool.direct.asking import Ask, stated
from evaltool.direct.call import Call, Frame, column_names, compute, frame_of, listed
from evaltool.direct.marking import marked_frame
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, UsageError
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option


def interrupted_series(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    control: object = None,
    family: Literal["gaussian", "poisson", "quasi_poisson", "negative_binomial"] = "gaussian",
    slope: bool = True,
    season: int | None = None,
    harmonics: int = 0,
    errors: Literal["hac", "glsar", "model"] = "hac",
    lags: int | None = None,
    exposure: str | None = None,
) -> DirectEstimate:
    """Interrupted time series (``counterfactual.interrupted_series``); ``control`` is the id of a control series.

    Raises UsageError, DataError, RunError.
    """
    name = "counterfactual.interrupted_series"
    faults = column_names({"exposure": exposure}, name, optional=("exposure",))
    options: dict[str, Option] = {"family": family, "slope": slope, "harmonics": harmonics, "errors": errors}
    found: dict[str, int | str | None] = {"season": season, "lags": lags, "exposure": exposure}
    options |= {key: value for key, value in found.items() if value is not None}
    ask = Ask(name, outcome, unit, time, "", options, () if exposure is None else (exposure,))
    return _series(ask, frame, (treated, start, control), faults)


def structural_series(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    control: object = None,
    trend: Literal["level", "drift", "trend"] = "level",
    season: int | None = None,
    season_drifts: bool = False,
    regressors: Sequence[str] = (),
    keep: int | None = None,
    holdout: int | None = None,
) -> DirectEstimate:
    """Structural time series (``counterfactual.structural_series``); ``control`` is the id of a control series.

    Raises UsageError, DataError, RunError.
    """
    name = "counterfactual.structural_series"
    faults: list[Fault] = []
    names = listed("regressors", regressors, name, faults)
    options: dict[str, Option] = {"trend": trend, "season_drifts": season_drifts, "regressors": names}
    found: dict[str, int | None] = {"season": season, "keep": keep, "holdout": holdout}
    options |= {key: value for key, value in found.items() if value is not None}
    ask = Ask(name, outcome, unit, time, "", options, names)
    return _series(ask, frame, (treated, start, control), faults)


def forecast(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    model: Literal["arima", "ets"] = "arima",
    order: Sequence[int] | Literal["search"] = (0, 1, 1),
    difference: int = 1,
    seasonal_order: Sequence[int] = (0, 0, 0),
    season: int | None = None,
    drift: bool = False,
    trend: Literal["none", "additive", "damped"] = "none",
    holdout: int | None = None,
) -> DirectEstimate:
    """Forecast from the series' own history (``counterfactual.forecast``). Raises UsageError, DataError, RunError."""
    name = "counterfactual.forecast"
    options: dict[str, Option] = {"model": model, "order": order if order == "search" else tuple(order)}
    options |= {"difference": difference, "seasonal_order": tuple(seasonal_order), "drift": drift, "trend": trend}
    found: dict[str, int | None] = {"season": season, "holdout": holdout}
    options |= {key: value for key, value in found.items() if value is not None}
    return _series(Ask(name, outcome, unit, time, "", options), frame, (treated, start, None), [])


def _series(ask: Ask, frame: Frame, who: tuple[object, object, object], faults: list[Fault]) -> DirectEstimate:
    """A method of one series. Raises UsageError with every fault of the arguments, DataError, RunError."""
    treated, start, control = who
    faults += column_names({"outcome": ask.outcome, "unit": ask.unit, "time": ask.time}, ask.name)
    if faults:
        raise UsageError(faults)
    marked, column = marked_frame(frame_of(frame, ask.name), ask.unit, treated, start)
    roles = FrameRoles(ask.unit, ask.outcome, ask.time, column, covariates=ask.covariates, alone=control is None)
    design: dict[str, Option] = {} if control is None else {"control": str(control)}
    call = Call(ask.name, roles, ask.name, ask.options, design="history.series", design_options=design)
    return DirectEstimate.of(compute(call, marked, faults))


def fixed_rate(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    treated: str,
    rate: float | Decimal,
    entered: str | None = None,
    until: float | None = None,
    weights: str | None = None,
) -> DirectEstimate:
    """An agreed rate, then a live group (``counterfactual.fixed_rate``); ``treated`` and ``entered`` are columns.

    Raises UsageError, DataError, RunError.
    """
    name = "counterfactual.fixed_rate"
    columns = {"outcome": outcome, "unit": unit, "treated": treated, "entered": entered, "weights": weights}
    faults = column_names(columns, name, optional=("entered", "weights"))
    options: dict[str, Option] = {"rate": rate if isinstance(rate, Decimal) else Decimal(repr(float(rate)))}
    options |= stated("until", until) | ({} if entered is None else {"entered": entered})
    extra = () if entered is None else (entered,)
    roles = FrameRoles(unit=unit, outcome=outcome, treated=treated, covariates=extra, weight=weights, alone=True)
    return DirectEstimate.of(compute(Call(name, roles, name, options, design="history.rate"), frame, faults))


def historical(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    treated: str,
    live: str,
    eligible: str | None = None,
    covariates: Sequence[str] = (),
    adjust: Literal["regression", "weighting"] = "regression",
    weights: str | None = None,
) -> DirectEstimate:
    """An earlier cohort, less the trend of those not eligible (``counterfactual.historical``); all are columns.

    Raises UsageError, DataError, RunError.
    """
    name = "counterfactual.historical"
    columns = {"outcome": outcome, "unit": unit, "treated": treated, "live": live, "eligible": eligible}
    faults = column_names(columns | {"weights": weights}, name, optional=("eligible", "weights"))
    names = listed("covariates", covariates, name, faults)
    options: dict[str, Option] = {"live": live, "covariates": names, "adjust": adjust}
    options |= {} if eligible is None else {"eligible": eligible}
    marks = (live,) if eligible is None else (live, eligible)
    roles = FrameRoles(unit=unit, outcome=outcome, treated=treated, covariates=(*marks, *names), weight=weights)
    return DirectEstimate.of(compute(Call(name, roles, name, options, design="history.cohort"), frame, faults))
