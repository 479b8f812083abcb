"""One treated unit without a plan: ``evaltool.counterfactual.synthetic_control(frame, outcome="…", treated="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow), one row per unit and time. Errors come from
``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from evaltool.direct.call import Call, Frame, column_names, compute, frame_of, listed, only
from evaltool.direct.marking import marked_frame
from evaltool.direct.result import DirectEstimate
from evaltool.direct.side_by_side import SideBySide, Thunk, run_all
from evaltool.direct.synthetic import NAME, SyntheticControl
from evaltool.direct.synthetic_did import synthetic
from evaltool.errors import Fault, Place, UsageError
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option

__all__ = [
    "SyntheticControl",
    "augmented",
    "fixed_rate",
    "forecast",
    "historical",
    "interactive_effects",
    "interrupted_series",
    "matrix_completion",
    "penalised",
    "side_by_side",
    "structural_series",
    "synthetic_control",
]


def synthetic_control(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    predictors: Sequence[Mapping[str, object]] | None = None,
    solver: Literal["exact", "frank_wolfe"] = "exact",
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Synthetic control of one treated unit or of several (``counterfactual.synthetic_control``).

    Fitted on all earlier outcomes, or on ``predictors``, each a table with ``column`` (a covariate, or "outcome") and
    ``periods``; their weights are found by a global search, or stated as ``weight`` in each. ``treated`` is the id of
    the treated unit and ``start`` its first treated time, both as the frame holds them; all others are donors. For
    several treated units give a list, and one start or a start for each by id. ``solver="frank_wolfe"`` stops where R
    synthdid stops. Raises UsageError, DataError, RunError.
    """
    faults = only("solver", solver, ("exact", "frank_wolfe"), NAME)
    rows = _predictors(predictors, faults)
    options: dict[str, Option] = {"predictors": rows} if rows else {}
    options |= {} if solver == "exact" else {"solver": solver}
    if any("weight" in row for row in rows):
        options["v"] = "given"
    read = [row.get("column") for row in rows]
    names = tuple(dict.fromkeys(name for name in read if isinstance(name, str) and name != "outcome"))
    return _answered(Ask(NAME, outcome, unit, time, inference, options, names), frame, (treated, start), faults)


def augmented(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    covariates: Sequence[str] = (),
    fixed_effects: bool = False,
    penalty: float | None = None,
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Ridge-augmented synthetic control (``counterfactual.augmented``). Raises UsageError, DataError, RunError."""
    name = "counterfactual.augmented"
    faults: list[Fault] = []
    names = listed("covariates", covariates, name, faults)
    options = {"covariates": names, "fixed_effects": fixed_effects, **_stated("penalty", penalty)}
    return _answered(Ask(name, outcome, unit, time, inference, options, names), frame, (treated, start), faults)


def penalised(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    penalty: float | None = None,
    holdout: int | None = None,
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Penalised synthetic control (``counterfactual.penalised``). Raises UsageError, DataError, RunError."""
    options = {**_stated("penalty", penalty), **({} if holdout is None else {"holdout": holdout})}
    ask = Ask("counterfactual.penalised", outcome, unit, time, inference, options)
    return _answered(ask, frame, (treated, start), [])


def interactive_effects(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    factors: int | None = None,
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Interactive fixed effects (``counterfactual.interactive_effects``). Raises UsageError, DataError, RunError."""
    options: dict[str, Option] = {} if factors is None else {"factors": factors}
    ask = Ask("counterfactual.interactive_effects", outcome, unit, time, inference, options)
    return _answered(ask, frame, (treated, start), [])


def matrix_completion(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    penalty: float | None = None,
    folds: int = 5,
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Matrix completion (``counterfactual.matrix_completion``); ``penalty`` is a share of the largest that matters.

    Raises UsageError, DataError, RunError.
    """
    options = {**_stated("penalty", penalty), "folds": folds}
    ask = Ask("counterfactual.matrix_completion", outcome, unit, time, inference, options)
    return _answered(ask, frame, (treated, start), [])


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks: method, columns, inference and options."""

    name: str
    outcome: str
    unit: str
    time: str
    inference: str
    options: Mapping[str, Option] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()


def _answered(ask: Ask, frame: Frame, treated: tuple[object, object], faults: list[Fault]) -> SyntheticControl:
    """The estimate of a call. Raises UsageError with every fault of the arguments, DataError, RunError."""
    faults += only("inference", ask.inference, ("placebo", "conformal"), ask.name)
    faults += column_names({"outcome": ask.outcome, "unit": ask.unit, "time": ask.time}, ask.name)
    if faults:
        raise UsageError(faults)
    marked, column = marked_frame(frame_of(frame, ask.name), ask.unit, *treated)
    roles = FrameRoles(
        unit=ask.unit, time=ask.time, outcome=ask.outcome, first_treated=column, covariates=ask.covariates
    )
    options = {**ask.options, **({} if ask.inference == "placebo" else {"inference": ask.inference})}
    several: dict[str, Option] = {"several": True} if isinstance(treated[0], list | tuple) else {}
    call = Call(ask.name, roles, ask.name, options, design="donors.pool", design_options=several)
    return SyntheticControl(estimate=DirectEstimate.of(compute(call, marked, faults)), asked=(call, marked))


def _stated(name: str, value: float | None) -> dict[str, Option]:
    """A number as a plan would state it; nothing when it was not given."""
    return {} if value is None else {name: Decimal(repr(float(value)))}


def _predictors(rows: object, faults: list[Fault]) -> tuple[dict[str, Option], ...]:
    """Predictors as a plan would state them; what is no list of tables is added to ``faults``."""
    found = () if rows is None else rows
    if not isinstance(found, list | tuple) or not all(isinstance(row, Mapping) for row in found):
        cause = f"predictors is {rows!r}, not a list of tables."
        fix = 'Write predictors=[{"column": "…", "periods": [2001, 2002]}].'
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.predictors")))
        return ()
    return tuple({str(key): _option(value) for key, value in row.items()} for row in found)


def _option(value: object) -> Option:
    """A value of a predictor's table as a plan holds it; what a plan cannot hold becomes text, and is refused there."""
    if isinstance(value, list | tuple | range):
        return tuple(_option(item) for item in value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return value if isinstance(value, bool | int | str | Decimal) else str(value)


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
    stated: dict[str, int | str | None] = {"season": season, "lags": lags, "exposure": exposure}
    options |= {key: value for key, value in stated.items() if value is not None}
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
    stated: dict[str, int | None] = {"season": season, "keep": keep, "holdout": holdout}
    options |= {key: value for key, value in stated.items() if value is not None}
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
    stated: dict[str, int | None] = {"season": season, "holdout": holdout}
    options |= {key: value for key, value in stated.items() if value is not None}
    return _series(Ask(name, outcome, unit, time, "", options), frame, (treated, start, None), [])


def side_by_side(  # noqa: PLR0913 - the direct road
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    primary: str = "synthetic_control",
    season: int | None = None,
    slow: bool = True,
) -> SideBySide:
    """Every baseline of one treated unit, with default options, beside the ``primary``; refusals are kept with reasons.

    Against donors: synthetic_control, augmented, penalised, interactive_effects, matrix_completion, synthetic_did; from
    the unit's own history: interrupted_series, structural_series, forecast (with ``season``). ``slow=False`` leaves out
    augmented, penalised, interactive_effects and matrix_completion. Raises UsageError, and what the primary raises.
    """
    who = {"outcome": outcome, "unit": unit, "time": time, "treated": treated, "start": start}
    name = "counterfactual.side_by_side"
    faults = column_names({"outcome": outcome, "unit": unit, "time": time}, name)
    quick: dict[str, Thunk] = {"synthetic_control": lambda: synthetic_control(frame, **who)}  # type: ignore[arg-type]
    slower: dict[str, Thunk] = {
        "augmented": lambda: augmented(frame, **who),  # type: ignore[arg-type]
        "penalised": lambda: penalised(frame, **who),  # type: ignore[arg-type]
        "interactive_effects": lambda: interactive_effects(frame, **who),  # type: ignore[arg-type]
        "matrix_completion": lambda: matrix_completion(frame, **who),  # type: ignore[arg-type]
    }
    waves = 0 if season is None else 1
    own: dict[str, Thunk] = {
        "synthetic_did": lambda: _synthetic_did(frame, who),
        "interrupted_series": lambda: interrupted_series(frame, **who, season=season, harmonics=waves),  # type: ignore[arg-type]
        "structural_series": lambda: structural_series(frame, **who, season=season),  # type: ignore[arg-type]
        "forecast": lambda: forecast(frame, **who),  # type: ignore[arg-type]
    }
    methods = {**quick, **(slower if slow else {}), **own}
    faults += only("primary", primary, tuple(methods), name)
    if faults:
        raise UsageError(faults)
    return run_all(primary, methods)


def _synthetic_did(frame: Frame, who: Mapping[str, object]) -> DirectEstimate:
    """Synthetic difference-in-differences of the same unit. Raises UsageError, DataError, RunError."""
    outcome, unit, time = (str(who[key]) for key in ("outcome", "unit", "time"))
    marked, column = marked_frame(frame_of(frame, "did.synthetic"), unit, who["treated"], who["start"])
    return synthetic(marked, outcome=outcome, unit=unit, time=time, first_treated=column)


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
    options |= _stated("until", until) | ({} if entered is None else {"entered": entered})
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
