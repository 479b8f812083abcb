"""One treated unit and its donors as arrays, donors in order of their own history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.simplex_control import Windows
from evaltool.records.evidence import ALL
from evaltool.records.panel import FloatArray, IntArray, Panel
from evaltool.records.plugins import EstimationRequest

FEWEST_BEFORE = 2
FEWEST_DONORS = 2
NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """``y`` (T,) of the treated unit, ``donors`` (T, J) in order of their outcomes before the start, ids to match."""

    unit: str
    y: FloatArray
    names: tuple[str, ...]
    donors: FloatArray
    periods: tuple[int, ...]
    labels: tuple[str, ...]
    start: int
    windows: Windows
    weight_treated: float
    weight_donors: float

    @property
    def values(self) -> FloatArray:
        """(T, J + 1) the donors' outcomes, then the treated unit's."""
        return np.column_stack([self.donors, self.y])

    @property
    def target(self) -> int:
        """The column of the treated unit in ``values``."""
        return len(self.names)

    @property
    def pool(self) -> IntArray:
        """The columns of the donors in ``values``."""
        return np.arange(len(self.names), dtype=np.int64)


def outcomes_of(request: EstimationRequest) -> tuple[Panel, pd.DataFrame]:
    """The panel and the rows of the design's units. Raises RunError (RUN_NEEDS_DATA)."""
    panel, roster = request.panel, request.design.roster
    if panel is None or panel.masked or roster is None or "period" not in panel.frame:
        raise RunError(
            Fault(
                code="RUN_NEEDS_DATA",
                cause="A synthetic control needs periods, outcomes and a donor pool, and was not given them.",
                fix='State a [data] source with time and outcome, and design.method = "donors.pool".',
                place=Place(key="data.source"),
            )
        )
    return panel, panel.frame.loc[panel.frame["unit"].isin(roster["unit"])]


def layout_of(request: EstimationRequest, anticipation: int) -> Layout:
    """The arrays of the one treated unit. Raises RunError with every fault found.

    RUN_NEEDS_DATA, RUN_NOT_BY_SYNTHETIC_CONTROL, RUN_ONE_TREATED_UNIT, RUN_TOO_FEW_DONORS, RUN_UNBALANCED_PANEL,
    RUN_SHORT_HISTORY, RUN_CONSTANT_DONOR, RUN_BREAK_BEFORE_START.
    """
    return _layouts(request, anticipation, several=False)[0]


def layouts_of(request: EstimationRequest, anticipation: int) -> tuple[Layout, ...]:
    """The arrays of every treated unit, in order of start and history; the same donors for all. Raises RunError."""
    return _layouts(request, anticipation, several=True)


def _layouts(request: EstimationRequest, anticipation: int, *, several: bool) -> tuple[Layout, ...]:
    """The arrays of the treated. Raises RunError with every fault found."""
    panel, rows = outcomes_of(request)
    wide = rows.pivot(index="period", columns="unit", values=f"y.{request.outcome.id}").sort_index()  # noqa: PD010 - one value per cell is checked by the panel
    firsts = rows.loc[~rows["unit"].duplicated()].set_index("unit")
    start = firsts["first_treated"].reindex(wide.columns).to_numpy(dtype=np.float64)
    periods = wide.index.to_numpy(dtype=np.int64)
    values = wide.to_numpy(dtype=np.float64)
    treated = start <= float(periods[-1])
    faults = [*_plan_faults(request), *_shape_faults(treated, values, several), *_constant_faults(treated, wide)]
    labels = [panel.label(int(period)) for period in periods]
    first = float(np.min(start)) - anticipation
    fitted = [label for label, period in zip(labels, periods, strict=True) if period < first]
    faults += break_faults(labels, fitted, getattr(request.options, "breaks", ()))
    if faults:
        raise RunError(faults)
    weight = (
        firsts["weight"].reindex(wide.columns).to_numpy(dtype=np.float64) if "weight" in firsts else np.ones_like(start)
    )
    table = _Table(panel, periods, values, [str(unit) for unit in wide.columns], np.flatnonzero(~treated), weight)
    own = np.flatnonzero(treated)
    ordered = own[np.lexsort((*values[::-1][:, own], start[own]))]
    return tuple(_one(table, int(place), int(start[place]), anticipation) for place in ordered)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What every layout is cut from: (T, N) outcomes, unit names, columns of the donors, unit weights."""

    panel: Panel
    periods: IntArray
    outcomes: FloatArray
    names: list[str]
    others: IntArray
    weight: FloatArray


def _one(table: _Table, own: int, first: int, anticipation: int) -> Layout:
    """One treated unit's layout. Raises RunError (RUN_SHORT_HISTORY)."""
    periods, values, others = table.periods, table.outcomes, table.others
    before, after = periods < first - anticipation, periods >= first
    if int(np.sum(before)) < FEWEST_BEFORE:
        raise _short_history(table.panel, first, int(np.sum(before)))
    order = others[np.lexsort(values[before][::-1][:, others])]
    return Layout(
        unit=table.names[own],
        y=values[:, own].copy(),
        names=tuple(table.names[j] for j in order),
        donors=np.ascontiguousarray(values[:, order]),
        periods=tuple(int(p) for p in periods),
        labels=tuple(table.panel.label(int(p)) for p in periods),
        start=first,
        windows=Windows(before=before, after=after),
        weight_treated=float(table.weight[own]),
        weight_donors=float(np.sum(np.sort(table.weight[others]))),
    )


def _shape_faults(
    treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: FloatArray, several: bool
) -> list[Fault]:
    """Nobody or too many treated, too few donors, or cells without a value."""
    faults = []
    if (count := int(np.sum(treated))) == 0 or (count > 1 and not several):
        cause = f"{count} units are treated within the data; this needs {'at least' if several else 'exactly'} one."
        fix = "Add the treated units together into one, exclude the others, or use did.synthetic or did.group_time."
        faults.append(Fault("RUN_ONE_TREATED_UNIT", cause, fix, Place(key="data.column")))
    if (donors := int(np.sum(~treated))) < FEWEST_DONORS:
        cause = f"{donors} donors remain; at least {FEWEST_DONORS} are needed."
        fix = "Include more units that were never treated."
        faults.append(Fault("RUN_TOO_FEW_DONORS", cause, fix, Place(key="design.options")))
    if missing := int(np.sum(~np.isfinite(values))):
        cause = f"{missing} of {values.size} unit-periods have no outcome."
        fix = 'Complete the data, or state balance = "drop_unit" in [data].'
        faults.append(Fault("RUN_UNBALANCED_PANEL", cause, fix, Place(key="data.balance")))
    return faults


def break_faults(labels: Sequence[str], fitted: Sequence[str], breaks: Sequence[int | str]) -> list[Fault]:
    """A known break among the ``fitted`` periods (in their first it harms nothing), or in none of ``labels``."""
    named = {str(point) for point in breaks}
    early = [label for label in fitted if label in named]
    unknown = sorted(named - set(labels))
    place, faults = Place(key="estimator.options.breaks"), []
    if early and early != [labels[0]]:
        cause = f"The series breaks in {', '.join(early)}, before the start: what is fitted there is two series."
        fix = "Cut the data off before the break, or repair the series in its source."
        faults.append(Fault("RUN_BREAK_BEFORE_START", cause, fix, place))
    if unknown:
        cause, fix = f"No period is called {', '.join(unknown)}.", "Write it as the data name it."
        faults.append(Fault("RUN_BREAK_BEFORE_START", cause, fix, place))
    return faults


def _constant_faults(treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], wide: pd.DataFrame) -> list[Fault]:
    """Donors whose outcome never changes: a series of zeros is more often a gap in the data than an outcome."""
    spread = np.ptp(wide.to_numpy(dtype=np.float64), axis=0)
    still = [str(unit) for unit, still in zip(wide.columns, ~treated & (spread == 0.0), strict=True) if still]
    if not still:
        return []
    cause = f"The outcome of {len(still)} donors never changes ({', '.join(still[:NAMED])})."
    fix = "Exclude them in design.options, or correct the data."
    return [Fault("RUN_CONSTANT_DONOR", cause, fix, Place(key="design.options.exclude"))]


def _plan_faults(request: EstimationRequest) -> list[Fault]:
    """What the plan asks for and a synthetic control does not do."""
    wrong = []
    if request.estimand.target != "ATT":
        wrong.append((f"targets the {request.estimand.target}", 'Use target = "ATT".', "estimand.target"))
    if request.inference.cluster is not None:
        fix = "Leave inference.cluster out: inference is by placebo, unit by unit."
        wrong.append((f"clusters by '{request.inference.cluster}'", fix, "inference.cluster"))
    if request.key.cohort != ALL:
        wrong.append((f"asks for cohort '{request.key.cohort}' alone", "Pay on all together.", "population.cohort"))
    return [
        Fault("RUN_NOT_BY_SYNTHETIC_CONTROL", f"The plan {what}; a synthetic control cannot.", fix, Place(key=key))
        for what, fix, key in wrong
    ]


def _short_history(panel: Panel, first: int, before: int) -> RunError:
    """The refusal when there is nothing to fit on."""
    return RunError(
        Fault(
            code="RUN_SHORT_HISTORY",
            cause=f"{before} periods before the start in {panel.label(first)} (less the anticipation); two are needed.",
            fix="Include earlier periods, or state a shorter anticipation.",
            place=Place(key="estimator.options.anticipation"),
        )
    )
