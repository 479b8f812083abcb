"""Event study with two-way fixed effects: one coefficient for each distance from the start, everything else pooled.

Estimand
    Coefficients b_e on the event times e = t − G, measured from one base: the last period before the start (less the
    anticipation). With one common start b_e is the ATT e periods after it. With several starts b_e also takes in
    effects at other event times (Sun & Abraham 2021, proposition 3); the note ``event_times_mixed`` is printed. The
    headline is their plain mean over e ≥ 0 (``dynamic``) or their mean by number of treated rows (``simple``).

Equation as implemented
    y_it = a_i + l_t + Σ_e b_e 1[t − G_i = e] + x_it'c + e_it with b_base = 0, by weighted least squares; effects as in
    ``did.twfe``. ``first`` and ``last`` pool all event times at or beyond an end into one coefficient; nothing is
    pooled unless stated, and pooled ends are printed. A pooled last end enters the headline as one event time.

Uncertainty
    As in ``did.twfe``: clusters by default, every small-sample choice of R fixest, t with G − 1 degrees of freedom.

Assumptions
    Parallel trends, no anticipation beyond the stated periods; the same path of effects in every cohort, unless there
    is one common start; constant effects within a pooled end.

Refuses when
    As ``did.twfe``; also when event times, unit and period effects explain each other (everybody starts within the data
    and nothing is pooled), naming the event times; when the base lies in a pooled end; when no event time is left.

Source
    Sun & Abraham 2021 (Journal of Econometrics 225), equation 4 and proposition 3; Freyaldenhoven, Hansen & Shapiro
    2019 (pooled ends); Roth 2024 (universal base).

Reference implementation and agreed tolerance
    linearmodels.PanelOLS: coefficients 1e-8. With one start, did.group_time with never-treated comparison: 1e-10. The
    standard errors are those of ``did.twfe``, which agree with R fixest 0.14.2.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._effects import Piece, Terms, never_or_everybody, regression_influence
from evaltool.estimators.did._finish import Found, finish
from evaltool.estimators.did._regression import FORMULAS, RegressionOptions, check_clusters, conventions_of, regress
from evaltool.estimators.did._rows import BoolArray, Rows, arrange_rows
from evaltool.estimators.did._second_rows import event_study_again
from evaltool.estimators.did._window import check_window
from evaltool.numerics.cell_averages import Average
from evaltool.numerics.distinct import coded
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class EventStudyOptions(RegressionOptions):
    """``[estimator.options]`` of ``did.event_study``."""

    anticipation: int = Field(default=0, ge=0)
    first: int | None = Field(default=None, le=-2)
    """Event times at or before this one share a coefficient."""
    last: int | None = Field(default=None, ge=0)
    """Event times at or after this one share a coefficient."""


def options_of(request: EstimationRequest) -> EventStudyOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, EventStudyOptions):
        message = f"did.event_study was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every event time, and their mean from the start on as the headline. Raises RunError."""
    options = options_of(request)
    check_clusters(request, options)
    rows = arrange_rows(request, options.anticipation, options.covariates)
    events, row_term = _terms_of(rows, options)
    base = -1 - options.anticipation
    moving = np.flatnonzero(events != base)
    indicators = (row_term[:, None] == moving[None, :]).astype(np.float64)
    regression = regress(rows, indicators, tuple(f"event time {events[k]:+d}" for k in moving), options)
    loading = np.zeros((regression.fit.coefficients.shape[0], events.shape[0]))
    loading[np.arange(moving.shape[0]), moving] = 1.0
    terms = Terms(
        values=regression.fit.coefficients @ loading,
        row_term=row_term,
        involved=_involved(rows, row_term, events.shape[0]),
        compared=np.tile(never_or_everybody(rows), (events.shape[0], 1)),
        reference=events == base,
        influence=regression_influence(rows, regression.fit, loading),
        factor=regression.covariance.factor,
        matrix=regression.matrix(loading),
    )
    several = int(np.sum(np.array(rows.starts) <= rows.periods[-1])) > 1
    found = Found(
        rows=rows,
        headline=Piece(terms, _headline(rows, row_term, events, request)),
        estimand=f"ATT ({'simple' if request.estimand.aggregation == 'simple' else 'dynamic'})",
        se=FORMULAS[options.se],
        conventions=conventions_of(regression, options)
        | {"control_group": "everybody", "base_period": "universal", "first": options.first, "last": options.last},
        notes=("event_times_mixed",) if several else (),
        path=tuple(Piece(terms, average) for average in _alone(events)),
        df=regression.covariance.df,
    )
    return _with_ends(finish(request, "did.event_study", found), options)


def _terms_of(rows: Rows, options: EventStudyOptions) -> tuple[IntArray, IntArray]:
    """Event times after pooling, and the one of each row (−1 for never-treated). Raises RunError (RUN_BASE_POOLED)."""
    base = -1 - options.anticipation
    if options.first is not None and options.first >= base:
        raise RunError(
            Fault(
                code="RUN_BASE_POOLED",
                cause=f"first = {options.first} pools the base period (event time {base}) with earlier ones.",
                fix=f"State a first of {base - 1} or earlier.",
                place=Place(key="estimator.options.first"),
            )
        )
    starts = np.isfinite(rows.start)
    low = -np.inf if options.first is None else float(options.first)
    high = np.inf if options.last is None else float(options.last)
    event = np.clip(rows.event[starts], low, high).astype(np.int64)
    events, inverse = coded(event)
    row_term = np.full(rows.unit.shape[0], -1, dtype=np.int64)
    row_term[starts] = inverse
    return events, row_term


def _involved(rows: Rows, row_term: IntArray, size: int) -> BoolArray:
    """(terms, cohorts) cohorts that are seen at each event time."""
    found = np.zeros((size, len(rows.starts)), dtype=np.bool_)
    seen = row_term >= 0
    found[row_term[seen], rows.cohort[seen]] = True
    return found


def _headline(rows: Rows, row_term: IntArray, events: IntArray, request: EstimationRequest) -> Average:
    """The mean over event times from the start on, plain or by weighted number of rows.

    A pooled last end is no event time of its own: a window of event times cannot reach into it.
    Raises RunError (RUN_NO_EVENT_TIME).
    """
    last = options_of(request).last
    within = check_window(request, events if last is None else events[events < last])
    first, until = within or (0, int(events[-1]))
    mass = np.bincount(row_term[row_term >= 0], weights=rows.weights[row_term >= 0], minlength=events.shape[0])
    kind = request.estimand.aggregation
    after: FloatArray = np.where((events >= first) & (events <= until), mass if kind == "simple" else 1.0, 0.0)
    return Average(0, after / float(np.sum(after)), events)


def _alone(events: IntArray) -> list[Average]:
    """Each event time on its own."""
    return [Average(int(e), np.eye(events.shape[0])[k], events) for k, e in enumerate(events)]


def _with_ends(estimate: Estimate, options: EventStudyOptions) -> Estimate:
    """The path with its pooled ends marked."""
    ends = {options.first: "≤ ", options.last: "≥ "}
    path = tuple(
        e.model_copy(update={"label": f"{ends[e.element]}{e.label}"}) if e.element in ends else e for e in estimate.path
    )
    return estimate.model_copy(update={"path": path})


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The mean of the coefficients from linearmodels. Raises RunError."""
    options = options_of(request)
    window = (-1 - options.anticipation, options.first, options.last)
    return event_study_again(request, options.covariates, window)


PLUGIN = EstimatorPlugin(
    name="did.event_study",
    capabilities=Capabilities(
        family="did",
        title="Event study with two-way fixed effects",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("groups.adoption",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        clusters=True,
        path=True,
        placebo_in_time=True,
        relative=True,
        aggregations=("dynamic", "simple"),
        event_times=True,
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=EventStudyOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
