"""One series, and a control where there is one, as arrays in time order, with everything that can be refused first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.estimators.counterfactual._layout import break_faults
from evaltool.records.evidence import ALL
from evaltool.records.panel import FloatArray, Panel
from evaltool.records.plugins import EstimationRequest

SEASONS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """``y`` (T,) of the treated unit, ``control`` (T,) or None, exposures to match (ones without), and the start."""

    unit: str
    y: FloatArray
    control: FloatArray | None
    exposure: FloatArray
    control_exposure: FloatArray
    periods: tuple[int, ...]
    labels: tuple[str, ...]
    start: int

    @property
    def time(self) -> FloatArray:
        """(T,) 0, 1, 2, … at the start and after, negative before."""
        first = next(k for k, period in enumerate(self.periods) if period >= self.start)
        return np.arange(len(self.periods), dtype=np.float64) - first


@dataclass(frozen=True, slots=True)
class SeriesNeeds:
    """What a method asks of a series: fewest periods before, length of its season, known breaks, exposure column."""

    before: int
    season: int | None
    breaks: tuple[int | str, ...]
    exposure: str | None = None


def series_of(request: EstimationRequest, needs: SeriesNeeds) -> Series:
    """The arrays. Raises RunError with every fault found.

    RUN_NEEDS_DATA, RUN_NOT_BY_SERIES, RUN_GAP_IN_SERIES, RUN_SHORT_HISTORY, RUN_SHORT_SEASONS,
    RUN_BREAK_BEFORE_START, RUN_UNKNOWN_COVARIATE, RUN_BAD_EXPOSURE.
    """
    panel, roster = request.panel, request.design.roster
    if panel is None or panel.masked or roster is None or "period" not in panel.frame:
        cause = "A series needs periods and outcomes, and was not given them."
        fix = 'State a [data] source with time and outcome, and design.method = "history.series".'
        raise RunError(Fault("RUN_NEEDS_DATA", cause, fix, Place(key="data.source")))
    rows = panel.frame.loc[panel.frame["unit"].isin(roster["unit"])]
    faults = [*_plan_faults(request), *_exposure_faults(panel, needs)]
    if faults:
        raise RunError(faults)
    wide = rows.pivot(index="period", columns="unit", values=f"y.{request.outcome.id}").sort_index()  # noqa: PD010 - one value per cell is checked by the panel
    starts = roster.set_index("unit")["first_treated"]
    own = starts.idxmin()
    others = [unit for unit in wide.columns if unit != own]
    ones = pd.DataFrame(1.0, index=wide.index, columns=wide.columns)
    exposure = ones if needs.exposure is None else _wide(rows, f"x.{needs.exposure}")
    found = Series(
        unit=str(own),
        y=wide[own].to_numpy(dtype=np.float64),
        control=wide[others[0]].to_numpy(dtype=np.float64) if others else None,
        exposure=exposure[own].to_numpy(dtype=np.float64),
        control_exposure=exposure[others[0] if others else own].to_numpy(dtype=np.float64),
        periods=tuple(int(p) for p in wide.index),
        labels=tuple(panel.label(int(p)) for p in wide.index),
        start=int(starts.min()),
    )
    faults = _history_faults(found, needs)
    if faults:
        raise RunError(faults)
    return found


def _wide(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Period by unit."""
    return rows.pivot(index="period", columns="unit", values=column).sort_index()  # noqa: PD010 - as above


def _plan_faults(request: EstimationRequest) -> list[Fault]:
    """What the plan asks for and a series does not do."""
    wrong = []
    if request.estimand.target != "ATT":
        wrong.append((f"targets the {request.estimand.target}", 'Use target = "ATT".', "estimand.target"))
    if request.inference.cluster is not None:
        fix = "Leave inference.cluster out: errors may hang together over time, which the method allows for."
        wrong.append((f"clusters by '{request.inference.cluster}'", fix, "inference.cluster"))
    if request.key.cohort != ALL:
        wrong.append((f"asks for cohort '{request.key.cohort}' alone", "Pay on all together.", "population.cohort"))
    return [
        Fault("RUN_NOT_BY_SERIES", f"The plan {what}; one series cannot.", fix, Place(key=key))
        for what, fix, key in wrong
    ]


def _exposure_faults(panel: Panel, needs: SeriesNeeds) -> list[Fault]:
    """An exposure that is not there, or not positive."""
    if needs.exposure is None:
        return []
    place = Place(key="estimator.options.exposure")
    if needs.exposure not in panel.covariates:
        near = did_you_mean(needs.exposure, list(panel.covariates))
        cause = f"The data have no covariate '{needs.exposure}'."
        return [Fault("RUN_UNKNOWN_COVARIATE", cause, "Give the column the role covariate.", place, near)]
    if not bool(np.all(panel.frame[f"x.{needs.exposure}"].to_numpy(dtype=np.float64) > 0.0)):
        return [Fault("RUN_BAD_EXPOSURE", "An exposure is not positive.", "Correct the column.", place)]
    return []


def _history_faults(series: Series, needs: SeriesNeeds) -> list[Fault]:
    """Gaps in time, too short a history, too few seasons, and a known break in the time that is fitted."""
    faults = []
    steps = set(np.diff(np.array(series.periods)).tolist())
    before = sum(1 for period in series.periods if period < series.start)
    if len(steps) > 1:
        cause, fix = "The periods of the series are not equally far apart.", "Complete the series."
        faults.append(Fault("RUN_GAP_IN_SERIES", cause, fix, Place(key="data.column")))
    if before < needs.before:
        cause = f"{before} periods before the start; this model needs at least {needs.before}."
        fix = "Include earlier periods, or state a simpler model."
        faults.append(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="data.column")))
    if needs.season is not None and before < SEASONS * needs.season:
        cause = f"{before} periods before the start are fewer than two seasons of {needs.season}."
        fix = "Include earlier periods, or state no season."
        faults.append(Fault("RUN_SHORT_SEASONS", cause, fix, Place(key="estimator.options.season")))
    return [*faults, *break_faults(series.labels, series.labels[:before], needs.breaks)]
