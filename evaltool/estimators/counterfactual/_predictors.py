"""Predictors of a synthetic control: means of columns over stated periods before the start, and the fitter on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.estimators.counterfactual._layout import Layout, outcomes_of
from evaltool.estimators.counterfactual._options import SimplexOptions
from evaltool.numerics.fits import Fit, Fitter, fit_of, weighted_path
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.predictor_weights import Weighed, scaled, searched, weighed
from evaltool.numerics.simplex_control import Control, Windows, mean_of, rmspe_of
from evaltool.records.base import Exact, Record, Text
from evaltool.records.plugins import EstimationRequest

OUTCOME = "outcome"
MOST = 25


class Predictor(Record):
    """One predictor: the mean of a covariate column, or of the outcome (``outcome``), over the periods listed."""

    column: Text
    periods: tuple[int | Text, ...] = Field(min_length=1)
    """Periods as the data name them; all before the start."""
    weight: Annotated[Exact, Field(ge=0)] | None = None
    """Its share of V, with ``v = "given"``."""


class PredictorOptions(SimplexOptions):
    """Predictors and how they are weighed; without any, the outcomes of all fitted periods count alike."""

    predictors: tuple[Predictor, ...] = Field(default=(), max_length=MOST)
    v: Literal["search", "equal", "given"] = "search"
    """Weights of the predictors: found by a global search, all alike, or the ``weight`` of each."""
    loss_from: int | Text | None = None
    """First period whose outcome the search fits; the first of the data when absent."""

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """Refuse weights that are missing, idle or all zero, and what predictors do not go with."""
        stated = [predictor.weight for predictor in self.predictors if predictor.weight is not None]
        wrong = None
        if self.v == "given" and (len(stated) < len(self.predictors) or not any(stated)):
            wrong = 'v = "given" needs a weight for every predictor, not all zero'
        elif self.v != "given" and stated:
            wrong = 'weights of predictors are used only with v = "given"'
        elif self.predictors and (self.bound_delta is not None or self.inference == "conformal"):
            wrong = "bound_delta and conformal inference are offered for outcomes alone, without predictors"
        elif not self.predictors and (self.v != "search" or self.loss_from is not None):
            wrong = "v and loss_from need predictors"
        if wrong:
            raise ValueError(wrong)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class PredictorTable:
    """``means`` (k, J + 1) in the columns of ``Layout.values``; positions of the periods used; V, when stated."""

    names: tuple[str, ...]
    means: Floats
    used: Ints
    v: Floats | None
    loss: Ints
    """Positions of the periods from ``loss_from`` on."""


def predictors_of(request: EstimationRequest, layout: Layout, options: PredictorOptions) -> PredictorTable:
    """The predictors of all units. Raises RunError with every fault found.

    RUN_UNKNOWN_PREDICTOR, RUN_PREDICTOR_PERIOD, RUN_PREDICTOR_MISSING.
    """
    panel, rows = outcomes_of(request)
    known = {OUTCOME: f"y.{request.outcome.id}", **{name: f"x.{name}" for name in panel.covariates}}
    faults: list[Fault] = []
    means, names, used = [], [], set()
    for index, predictor in enumerate(options.predictors):
        place = Place(key=f"estimator.options.predictors[{index}]")
        if predictor.column not in known:
            cause = f"The data have no covariate '{predictor.column}', and it is not the word 'outcome'."
            fix = "Give the column the role covariate, or correct the name."
            near = did_you_mean(predictor.column, sorted(known))
            faults.append(Fault("RUN_UNKNOWN_PREDICTOR", cause, fix, place, near))
            continue
        at = [_position(layout, period) for period in predictor.periods]
        bad = [p for p, a in zip(predictor.periods, at, strict=True) if a is None or not layout.windows.before[a]]
        if bad:
            cause = f"{', '.join(map(str, bad))}: no fitted period before the start is called so."
            faults.append(Fault("RUN_PREDICTOR_PERIOD", cause, "List periods that are fitted on.", place))
            continue
        positions = sorted({a for a in at if a is not None})
        values = _wide(rows, known[predictor.column], layout)[positions]
        if not bool(np.all(np.isfinite(values))):
            cause = f"'{predictor.column}' has no value for some unit in the periods listed."
            faults.append(Fault("RUN_PREDICTOR_MISSING", cause, "List periods in which all units have one.", place))
            continue
        used |= set(positions)
        means.append([mean_of(values[:, j]) for j in range(values.shape[1])])
        names.append(f"{predictor.column} {', '.join(map(str, predictor.periods))}")
    start = 0 if options.loss_from is None else _position(layout, options.loss_from)
    if start is None or not bool(np.any(layout.windows.before[start:])):
        cause, fix = f"No fitted period is called {options.loss_from}.", "State a period before the start."
        faults.append(Fault("RUN_PREDICTOR_PERIOD", cause, fix, Place(key="estimator.options.loss_from")))
    if faults:
        raise RunError(faults)
    v = {"search": None, "equal": np.ones(len(means))}.get(options.v, _given(options))
    loss = np.arange(start or 0, len(layout.periods))
    return PredictorTable(tuple(names), np.array(means), np.array(sorted(used), dtype=np.int64), v, loss)


def on_predictors(values: Floats, table: PredictorTable) -> Fitter:
    """Simplex weights on predictors; the target's own V is searched for every target alike."""

    def fit(target: int, pool: Ints, windows: Windows) -> Fit:
        if not bool(np.all(windows.before[table.used])):
            cause = "A predictor reads periods that the pretended earlier start no longer has before it."
            fix = "List earlier periods, or leave placebo_periods out."
            raise RunError(Fault("RUN_PREDICTOR_PERIOD", cause, fix, Place(key="estimator.options.placebo_periods")))
        x = scaled(table.means[:, target], table.means[:, pool])
        if x is None:
            cause = "A predictor has the same value for all units."
            fix = "Leave it out: it tells no unit from another."
            raise RunError(Fault("RUN_PREDICTOR_CONSTANT", cause, fix, Place(key="estimator.options.predictors")))
        rows = table.loss[windows.before[table.loss]]
        c = values[np.ix_(rows, pool)] - values[rows, target][:, None]
        return _fit(values, (target, pool), windows, searched(x, c) if table.v is None else weighed(x, c, table.v))

    return fit


def _fit(values: Floats, columns: tuple[int, Ints], windows: Windows, found: Weighed) -> Fit:
    """The weights found, as a fit with V and loss among its figures."""
    y = values[:, columns[0]]
    path = weighted_path(values[:, columns[1]], found.solution.weights)
    gap = y - path
    control = Control(
        solution=found.solution,
        path=path,
        gap=gap,
        effect=mean_of(gap[windows.after]),
        rmspe_before=rmspe_of(gap[windows.before], y),
        rmspe_after=rmspe_of(gap[windows.after], y),
    )
    shares = {f"v_{k + 1}": float(share) for k, share in enumerate(found.v)}
    return fit_of(control, {"loss": found.loss, "evaluations": found.evaluations, **shares})


def _position(layout: Layout, period: int | str) -> int | None:
    """Where a period stands in the layout; None when it is not there."""
    wanted = str(period)
    return next((k for k, label in enumerate(layout.labels) if label == wanted), None)


def _wide(rows: pd.DataFrame, column: str, layout: Layout) -> Floats:
    """(T, J + 1) a column in the order of ``Layout.values``."""
    wide = rows.assign(unit=rows["unit"].astype(str)).pivot(index="period", columns="unit", values=column)  # noqa: PD010 - one value per cell is checked by the panel
    ordered = wide.sort_index().reindex(columns=[*layout.names, layout.unit])
    return ordered.to_numpy(dtype=np.float64)


def _given(options: PredictorOptions) -> Floats:
    """The stated shares of V."""
    return np.array([float(predictor.weight or 0) for predictor in options.predictors])
