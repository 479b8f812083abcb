"""One treated unit without a plan: ``evaltool.counterfactual.synthetic_control(frame, outcome="…", treated="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow), one row per unit and time. Errors come from
``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

import pandas as pd
import pyarrow as pa

from evaltool.direct.call import Call, Frame, column_names, compute, frame_of, listed, only
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, Place, UsageError, did_you_mean
from evaltool.reading.frames import FrameRoles
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate
from evaltool.records.plan.analysis import Option
from evaltool.records.readable import Readable, period_names

NAME = "counterfactual.synthetic_control"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SyntheticControl(Readable):
    """An estimate with its donors and its path. ``estimate`` is the record itself; no standard error is invented."""

    estimate: DirectEstimate
    asked: tuple[Call, Frame]
    """The call and the frame it was answered from."""

    def _read(self) -> Estimate:
        """The estimate."""
        return self.estimate

    @property
    def att(self) -> float:
        """Mean effect over the treated periods."""
        return self.estimate.att

    @property
    def se(self) -> float | None:
        """None: a synthetic control is judged by placebos."""
        return self.estimate.se

    @property
    def weights(self) -> pd.Series[float]:
        """Weight by donor, sorted by name; they sum to one. Raises KeyError for methods without weights."""
        found = _table(self.estimate.certificate["donor_weights"])
        names = [str(row["unit"]) for row in _rows(self.estimate.certificate["placebos"])]
        return pd.Series([_float(found.get(name, 0.0)) for name in names], index=names, name="weight", dtype="float64")

    @property
    def path(self) -> pd.DataFrame:
        """One row per time: ``time, observed, counterfactual, effect, lower, upper``.

        The interval is the conformal one of that time alone, in treated times and where it was asked for; else NaN.
        """
        alone = {_float(row["period"]): row for row in _rows(self.estimate.certificate.get("conformal_periods", []))}
        names = period_names(self.estimate)
        control = {point.period: point.mean for point in self.estimate.series if point.arm == "comparison"}
        seen = {point.period: point.mean for point in self.estimate.series if point.arm != "comparison"}
        gaps = [element.att for element in self.estimate.path]
        rows = [
            {
                "time": names[period],
                "observed": seen[period],
                "counterfactual": control[period],
                "effect": gap,
                "lower": _float(alone[period]["lower"]) if period in alone else float("nan"),
                "upper": _float(alone[period]["upper"]) if period in alone else float("nan"),
            }
            for period, gap in zip(sorted(seen), gaps, strict=True)
        ]
        return pd.DataFrame(rows)

    @property
    def placebos(self) -> pd.DataFrame:
        """Every donor in turn as if treated: ``unit, effect, rmspe_before, rmspe_after, ratio``."""
        return pd.DataFrame(_rows(self.estimate.certificate["placebos"]))

    @property
    def placebo_p(self) -> float:
        """Share of units, the treated one included, whose RMSPE ratio is at least the treated unit's."""
        return _float(_table(self.estimate.certificate["permutation"])["p_value"])

    @property
    def conformal(self) -> Mapping[str, float]:
        """``p_value, lower, upper, level`` of the moving-block test. Raises KeyError unless inference="conformal"."""
        said = self.estimate.conventions
        named = {"p_value": "p", "lower": "lower", "upper": "upper", "level": "level"}
        return {name: _float(said[f"conformal_{key}"]) for name, key in named.items()}

    def identification_bound(self, delta: float = 0.01) -> tuple[float, float]:
        """Smallest and largest effect over all weights whose error before is at most (1 + ``delta``) times the least.

        Raises UsageError (USAGE_NOT_OFFERED) for other methods, and with predictors or conformal inference.
        """
        call, frame = self.asked
        if call.estimator != NAME or {"predictors", "inference"} & call.options.keys():
            raise UsageError(only("identification_bound", call.estimator, (NAME,), f"{call.name}.identification_bound"))
        options = {**call.options, "bound_delta": Decimal(repr(float(delta)))}
        found = compute(replace(call, options=options), frame, []).estimate.certificate["identification_bound"]
        return _float(_table(found)["lower"]), _float(_table(found)["upper"])

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text


def synthetic_control(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    predictors: Sequence[Mapping[str, object]] | None = None,
    solver: Literal["exact"] = "exact",
    inference: Literal["placebo", "conformal"] = "placebo",
) -> SyntheticControl:
    """Synthetic control of one treated unit (``counterfactual.synthetic_control``).

    Fitted on all earlier outcomes, or on ``predictors``, each a table with ``column`` (a covariate, or "outcome") and
    ``periods``; their weights are found by a global search, or stated as ``weight`` in each. ``treated`` is the id of
    the treated unit and ``start`` its first treated time, both as the frame holds them; all others are donors. Raises
    UsageError, DataError, RunError.
    """
    faults = only("solver", solver, ("exact",), NAME)
    rows = _predictors(predictors, faults)
    options: dict[str, Option] = {"predictors": rows} if rows else {}
    if any("weight" in row for row in rows):
        options["v"] = "given"
    names = tuple(dict.fromkeys(str(row.get("column")) for row in rows if row.get("column") != "outcome"))
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
    marked, column = _marked(frame_of(frame, ask.name), ask.unit, *treated)
    roles = FrameRoles(
        unit=ask.unit, time=ask.time, outcome=ask.outcome, first_treated=column, covariates=ask.covariates
    )
    options = {**ask.options, **({} if ask.inference == "placebo" else {"inference": ask.inference})}
    call = Call(name=ask.name, roles=roles, estimator=ask.name, options=options, design="donors.pool")
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


def _marked(frame: Frame, unit: str, treated: object, start: object) -> tuple[Frame, str]:
    """The frame with a column that holds ``start`` for the treated unit, and its name.

    Raises UsageError (USAGE_BAD_ARGUMENT) when the unit or the start is not there.
    """
    column = "first treated"
    if isinstance(frame, pd.DataFrame):
        while column in frame.columns:
            column += " "
        ids: list[object] = list(frame[unit]) if unit in frame.columns else []
        starts = pd.Series(_starts(ids, unit, treated, start), index=frame.index, dtype="object")
        return frame.assign(**{column: starts}), column
    table = pa.table(frame)
    while column in table.column_names:
        column += " "
    ids = list(table.column(unit).to_pylist()) if unit in table.column_names else []
    return table.append_column(column, pa.array(_starts(ids, unit, treated, start))), column


def _starts(ids: list[object], unit: str, treated: object, start: object) -> list[object]:
    """``start`` in the rows of the treated unit, None elsewhere. Raises UsageError (USAGE_BAD_ARGUMENT)."""
    faults = []
    if treated not in ids:
        near = did_you_mean(str(treated), sorted({str(name) for name in ids}))
        cause = f"No row of the frame has {treated!r} in the column '{unit}'."
        fix = "Write the id of the treated unit as the frame holds it."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.treated"), near))
    if start is None:
        cause, fix = "start is None.", "Write the first treated time as the frame holds it."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.start")))
    if faults:
        raise UsageError(faults)
    return [start if name == treated else None for name in ids]


def _table(value: Json) -> dict[str, Json]:
    """A table of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, dict):
        message = f"the certificate holds {type(value).__name__} where a table was expected"
        raise TypeError(message)
    return value


def _rows(value: Json) -> list[dict[str, Json]]:
    """A list of tables of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, list):
        message = f"the certificate holds {type(value).__name__} where a list was expected"
        raise TypeError(message)
    return [_table(row) for row in value]


def _float(value: Json) -> float:
    """A number of the certificate. Raises TypeError when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"the certificate holds {type(value).__name__} where a number was expected"
        raise TypeError(message)
    return float(value)
