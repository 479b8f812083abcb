"""One treated unit without a plan: ``evaltool.counterfactual.synthetic_control(frame, outcome="…", treated="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow), one row per unit and time. Errors come from
``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from evaltool.direct.asking import Ask, level_fault, stated
from evaltool.direct.call import Call, Frame, column_names, compute, frame_of, listed, only
from evaltool.direct.marking import marked_frame
from evaltool.direct.own_history import fixed_rate, forecast, historical, interrupted_series, structural_series
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
    inference: Literal["placebo", "conformal", "prediction"] = "placebo",
    level: float = 0.95,
    breaks: Sequence[int | str] = (),
    validity: Sequence[Mapping[str, object]] | None = None,
    shocks: Literal["subgaussian", "gaussian", "location_scale"] = "subgaussian",
    seed: int = 1,
) -> SyntheticControl:
    """Synthetic control of one treated unit or of several (``counterfactual.synthetic_control``).

    Fitted on all earlier outcomes, or on ``predictors``, each a table with ``column`` (a covariate, or "outcome") and
    ``periods``; their weights are found by a global search, or stated as ``weight`` in each. ``treated`` is the id of
    the treated unit and ``start`` its first treated time, both as the frame holds them; all others are donors. For
    several treated units give a list, and one start or a start for each by id. ``solver="frank_wolfe"`` stops where R
    synthdid stops. ``inference="prediction"`` gives the intervals of Cattaneo, Feng & Titiunik (2021), with ``shocks``
    how later shocks are bounded and draws by ``seed``. ``breaks`` names times from which outcomes are known to be other
    ones, and ``validity`` donors that may serve only for a time: tables with ``unit``, ``reason``, and ``valid_from``
    or ``valid_until``. Raises UsageError, DataError, RunError.
    """
    faults = only("solver", solver, ("exact", "frank_wolfe"), NAME)
    rows = _tables(predictors, "predictors", faults)
    options: dict[str, Option] = {"predictors": rows} if rows else {}
    options |= {} if solver == "exact" else {"solver": solver}
    if any("weight" in row for row in rows):
        options["v"] = "given"
    read = [row.get("column") for row in rows]
    names = tuple(dict.fromkeys(name for name in read if isinstance(name, str) and name != "outcome"))
    options |= {} if shocks == "subgaussian" else {"shocks": shocks}
    kinds = ("placebo", "conformal", "prediction")
    limits = _tables(validity, "validity", faults)
    ask = Ask(NAME, outcome, unit, time, inference, options, names, level, seed, kinds, tuple(breaks), limits)
    return _answered(ask, frame, (treated, start), faults)


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
    level: float = 0.95,
    breaks: Sequence[int | str] = (),
) -> SyntheticControl:
    """Ridge-augmented synthetic control (``counterfactual.augmented``). Raises UsageError, DataError, RunError."""
    name = "counterfactual.augmented"
    faults: list[Fault] = []
    names = listed("covariates", covariates, name, faults)
    options = {"covariates": names, "fixed_effects": fixed_effects, **stated("penalty", penalty)}
    return _answered(
        Ask(name, outcome, unit, time, inference, options, names, level, breaks=tuple(breaks)),
        frame,
        (treated, start),
        faults,
    )


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
    level: float = 0.95,
    breaks: Sequence[int | str] = (),
) -> SyntheticControl:
    """Penalised synthetic control (``counterfactual.penalised``). Raises UsageError, DataError, RunError."""
    options = {**stated("penalty", penalty), **({} if holdout is None else {"holdout": holdout})}
    ask = Ask("counterfactual.penalised", outcome, unit, time, inference, options, level=level, breaks=tuple(breaks))
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
    level: float = 0.95,
    breaks: Sequence[int | str] = (),
) -> SyntheticControl:
    """Interactive fixed effects (``counterfactual.interactive_effects``). Raises UsageError, DataError, RunError."""
    options: dict[str, Option] = {} if factors is None else {"factors": factors}
    ask = Ask(
        "counterfactual.interactive_effects", outcome, unit, time, inference, options, level=level, breaks=tuple(breaks)
    )
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
    level: float = 0.95,
    breaks: Sequence[int | str] = (),
) -> SyntheticControl:
    """Matrix completion (``counterfactual.matrix_completion``); ``penalty`` is a share of the largest that matters.

    Raises UsageError, DataError, RunError.
    """
    options = {**stated("penalty", penalty), "folds": folds}
    ask = Ask(
        "counterfactual.matrix_completion", outcome, unit, time, inference, options, level=level, breaks=tuple(breaks)
    )
    return _answered(ask, frame, (treated, start), [])


def _answered(ask: Ask, frame: Frame, treated: tuple[object, object], faults: list[Fault]) -> SyntheticControl:
    """The estimate of a call. Raises UsageError with every fault of the arguments, DataError, RunError."""
    faults += only("inference", ask.inference, ask.inferences, ask.name) + level_fault(ask.level, ask.name)
    faults += column_names({"outcome": ask.outcome, "unit": ask.unit, "time": ask.time}, ask.name)
    if faults:
        raise UsageError(faults)
    marked, column = marked_frame(frame_of(frame, ask.name), ask.unit, *treated)
    roles = FrameRoles(
        unit=ask.unit, time=ask.time, outcome=ask.outcome, first_treated=column, covariates=ask.covariates
    )
    options = {**ask.options, **({} if ask.inference == "placebo" else {"inference": ask.inference})}
    options |= {"breaks": ask.breaks} if ask.breaks else {}
    settled: dict[str, Option] = {"several": True} if isinstance(treated[0], list | tuple) else {}
    settled |= {"validity": ask.validity} if ask.validity else {}
    level = Decimal(repr(float(ask.level)))
    call = Call(
        ask.name,
        roles,
        ask.name,
        options,
        design="donors.pool",
        design_options=settled,
        level=level,
        seed=ask.seed,
    )
    return SyntheticControl(estimate=DirectEstimate.of(compute(call, marked, faults)), asked=(call, marked))


def _tables(rows: object, name: str, faults: list[Fault]) -> tuple[dict[str, Option], ...]:
    """A list of tables as a plan would state it; what is no list of tables is added to ``faults``."""
    found = () if rows is None else rows
    if not isinstance(found, list | tuple) or not all(isinstance(row, Mapping) for row in found):
        cause = f"{name} is {rows!r}, not a list of tables."
        fix = f"Write {name}=[{{…}}, {{…}}], as the documentation shows."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.{name}")))
        return ()
    return tuple({str(key): _option(value) for key, value in row.items()} for row in found)


def _option(value: object) -> Option:
    """A value of a predictor's table as a plan holds it; what a plan cannot hold becomes text, and is refused there."""
    if isinstance(value, list | tuple | range):
        return tuple(_option(item) for item in value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return value if isinstance(value, bool | int | str | Decimal) else str(value)


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
    level: float = 0.95,
) -> SideBySide:
    """Every baseline of one treated unit, with default options, beside the ``primary``; refusals are kept with reasons.

    Against donors: synthetic_control, augmented, penalised, interactive_effects, matrix_completion, synthetic_did; from
    the unit's own history: interrupted_series, structural_series, forecast (with ``season``). ``slow=False`` leaves out
    augmented, penalised, interactive_effects and matrix_completion. ``level`` is that of permutations among donors,
    which must be able to reach it. Raises UsageError, and what the primary raises.
    """
    who = {"outcome": outcome, "unit": unit, "time": time, "treated": treated, "start": start}
    name = "counterfactual.side_by_side"
    faults = column_names({"outcome": outcome, "unit": unit, "time": time}, name)
    pool = {**who, "level": level}
    quick: dict[str, Thunk] = {"synthetic_control": lambda: synthetic_control(frame, **pool)}  # type: ignore[arg-type]
    slower: dict[str, Thunk] = {
        "augmented": lambda: augmented(frame, **pool),  # type: ignore[arg-type]
        "penalised": lambda: penalised(frame, **pool),  # type: ignore[arg-type]
        "interactive_effects": lambda: interactive_effects(frame, **pool),  # type: ignore[arg-type]
        "matrix_completion": lambda: matrix_completion(frame, **pool),  # type: ignore[arg-type]
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
