"""From a table of effects to an ``Estimate``: inference, counts, relative effect, paths and series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.did._effects import Piece, covariance
from evaltool.estimators.did._rows import Rows
from evaltool.estimators.did._window import window_convention
from evaltool.numerics.distinct import distinct
from evaltool.numerics.group_time import NEVER
from evaltool.numerics.inference import InferenceRule, influence_se
from evaltool.records.estimate import AbsentReason, Counts, Element, Estimate, Relative, SeriesPoint
from evaltool.records.panel import FloatArray
from evaltool.records.plugins import EstimationRequest

FEW_TREATED = 5
"""Below this many treated clusters an analytic standard error is not to be relied on (Ferman & Pinto 2019)."""
NOISE = 1e-13
"""A standard error below this share of the outcome's size is rounding, not variation."""
Conventions = dict[str, bool | int | float | str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Everything an estimator computed. ``cells``: pieces of one cell each, with (start, period)."""

    rows: Rows
    headline: Piece
    estimand: str
    se: str
    """Formula of the standard error, in words."""
    conventions: Conventions
    notes: tuple[str, ...] = ()
    path: tuple[Piece, ...] = ()
    groups: tuple[Piece, ...] = ()
    calendar: tuple[Piece, ...] = ()
    cells: tuple[tuple[int, int, Piece], ...] = ()
    df: float | None = None
    observed: bool = True
    """False where the counterfactual is not the observed mean less the effect."""


def finish(request: EstimationRequest, method: str, found: Found) -> Estimate:
    """The estimate. Raises RunError (RUN_ZERO_DENOMINATOR) when a relative effect was agreed and cannot be formed."""
    rows, headline = found.rows, found.headline
    rule = inference_rule(request, df=found.df)
    att = headline.att
    se, absent = _se(rows, headline)
    interval, p_value = interval_and_p(att, se, rule)
    influence = headline.terms.influence(headline.average)
    observed, baseline = _moment(rows, headline, "observed"), _moment(rows, headline, "baseline")
    counts = _counts(rows, headline)
    few = counts.treated_clusters is not None and counts.treated_clusters < FEW_TREATED
    path, moving = _elements(found, "event", found.path, rule)
    return Estimate(
        key=request.key,
        method=method,
        kind="effect",
        estimand=found.estimand,
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=att,
        se=se,
        absent=absent,
        df=found.df,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(att, se),
        counts=counts,
        observed=observed[0] if found.observed else None,
        counterfactual=observed[0] - att if found.observed else None,
        baseline=baseline[0],
        relative=_relative(request, found, rule, (se, influence)),
        path=path,
        groups=_elements(found, "group", found.groups, rule)[0],
        calendar=_elements(found, "calendar", found.calendar, rule)[0],
        cells=_cells(found, rule),
        event_covariance=tuple(tuple(float(v) for v in row) for row in covariance(rows, moving)) if moving else (),
        series=series(rows),
        conventions={**found.conventions, **_inference_conventions(request, found, counts)},
        notes=tuple(sorted({*found.notes, *_standing_notes(rows), *(["few_treated_clusters"] if few else [])})),
        influence=influence,
    )


def _se(rows: Rows, piece: Piece) -> tuple[float | None, AbsentReason | None]:
    """The standard error of an average, or why there is none."""
    treated, comparison = _arms(rows, piece)
    ids = rows.cluster_units
    sizes = [distinct(ids[arm]).shape[0] for arm in (treated, comparison)]
    if sizes[0] == 1 or sizes[1] == 1:
        return None, "ONE_UNIT_PER_ARM" if max(sizes) == 1 else "TOO_FEW_CLUSTERS"
    variance = float(covariance(rows, [piece])[0, 0])
    floor = NOISE * float(np.max(np.abs(rows.outcome)))
    return (variance**0.5, None) if variance > floor**2 else (None, "NO_VARIATION")


def _arms(rows: Rows, piece: Piece) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]:
    """(units,) who is treated and who is compared with; one unit may be both."""
    treated, comparison = piece.cohorts()
    return treated[rows.unit_cohort], comparison[rows.unit_cohort]


def _counts(rows: Rows, piece: Piece) -> Counts:
    """Sizes by arm: units treated in the headline, and units that are only compared with."""
    treated, comparison = _arms(rows, piece)
    only = comparison & ~treated
    ids, weight = rows.cluster_units, rows.unit_weight
    return Counts(
        treated=int(np.sum(treated)),
        comparison=int(np.sum(only)),
        observations=int(rows.unit.shape[0]),
        treated_weight=float(np.sum(weight[treated])) if rows.weighted else None,
        comparison_weight=float(np.sum(weight[only])) if rows.weighted else None,
        clusters=int(distinct(ids).shape[0]),
        treated_clusters=int(distinct(ids[treated]).shape[0]),
    )


def _moment(rows: Rows, piece: Piece, moment: Literal["observed", "baseline"]) -> tuple[float, FloatArray]:
    """Mean outcome of the treated rows, or of their units before, by the average's weights; and influence values.

    The weights are taken as known. Baseline: each unit's last row before its start could be felt.
    """
    term = piece.terms.row_term
    mine = np.flatnonzero(term >= 0)
    mine = mine[piece.average.weights[term[mine]] != 0.0]
    mass = np.bincount(term[mine], weights=rows.weights[mine], minlength=piece.terms.values.shape[0])
    omega = piece.average.weights[term[mine]] * rows.weights[mine] / mass[term[mine]]
    values = rows.outcome[mine] if moment == "observed" else rows.outcome[rows.last_untouched[rows.unit[mine]]]
    size = mass.shape[0]
    share = np.bincount(term[mine], weights=rows.weights[mine] * values, minlength=size) / np.where(mass > 0, mass, 1.0)
    spread = np.bincount(rows.unit[mine], weights=omega * (values - share[term[mine]]), minlength=rows.units)
    return float(omega @ values), spread.astype(np.float64) * rows.units


def _relative(
    request: EstimationRequest, found: Found, rule: InferenceRule, own: tuple[float | None, FloatArray]
) -> Relative | None:
    """The effect over the counterfactual (or baseline) mean of the treated, by the delta method.

    The small-sample factor is applied to the whole variance. No standard error where the effect's own variance is not
    a sum over clusters of its influence values.
    """
    rows, headline = found.rows, found.headline
    name = request.estimand.denominator or "counterfactual"
    moment: Literal["observed", "baseline"] = "baseline" if name == "baseline" else "observed"
    value, spread = _moment(rows, headline, moment)
    att, (se, influence) = headline.att, own
    if name == "counterfactual":
        value, spread = value - att, spread - influence
    floor = NOISE * float(np.max(np.abs(rows.outcome)))
    if value <= floor:
        if request.estimand.scale == "absolute":
            return None
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"The {name} mean of the treated is {value:g}: a relative effect needs a positive denominator.",
                fix='Agree on scale = "absolute" for this outcome.',
                place=Place(key="estimand.scale"),
            )
        )
    relative, relative_se = att / value, None
    if se is not None and headline.terms.matrix is None:
        joint = (influence - relative * spread) / value
        relative_se = influence_se(joint, rows.clusters) * headline.terms.factor**0.5 or None
    return relative_effect(relative, relative_se, rule=rule, denominator=name, denominator_value=value)


def _element(
    found: Found, kind: Literal["event", "group", "calendar", "cell"], piece: Piece, rule: InferenceRule
) -> Element:
    """One element of a path or table with its own inference."""
    rows, element = found.rows, piece.average.element
    se = None if piece.reference else _se(rows, piece)[0]
    interval, p_value = interval_and_p(piece.att, se, rule)
    treated, comparison = _arms(rows, piece)
    labels = dict(zip(rows.periods, rows.labels, strict=True))
    event = f"{element:+d}" if element else "0"
    return Element(
        kind=kind,
        element=element,
        label=event if kind == "event" else labels.get(element, str(element)),
        att=piece.att,
        se=se,
        interval=interval,
        p_value=p_value,
        n_treated=int(np.sum(treated)),
        n_comparison=0 if piece.reference else int(np.sum(comparison)),
        reference=piece.reference,
    )


def _elements(
    found: Found, kind: Literal["event", "group", "calendar"], pieces: tuple[Piece, ...], rule: InferenceRule
) -> tuple[tuple[Element, ...], list[Piece]]:
    """Elements, and the pieces that are not references."""
    shown = tuple(_element(found, kind, piece, rule) for piece in pieces)
    return shown, [piece for piece in pieces if not piece.reference]


def _cells(found: Found, rule: InferenceRule) -> tuple[Element, ...]:
    """Every cell with its weight in the headline."""
    shown = []
    for start, period, piece in found.cells:
        weight = None
        if piece.terms is found.headline.terms:
            weight = float(found.headline.average.weights[np.flatnonzero(piece.used)[0]])
        place = {"element": period, "group": start, "weight": weight}
        shown.append(_element(found, "cell", piece, rule).model_copy(update=place))
    labels = dict(zip(found.rows.periods, found.rows.labels, strict=True))
    return tuple(cell.model_copy(update={"label": labels[cell.element]}) for cell in shown)


def series(rows: Rows) -> tuple[SeriesPoint, ...]:
    """Weighted mean outcome by cohort (``comparison`` for the never-treated) and period, of the rows there are."""
    labels = dict(zip(rows.periods, rows.labels, strict=True))
    size = len(rows.periods)
    code = rows.cohort * size + rows.period
    length = len(rows.starts) * size
    mass = np.bincount(code, weights=rows.weights, minlength=length)
    sums = np.bincount(code, weights=rows.weights * rows.outcome, minlength=length)
    units = np.bincount(code, minlength=length)
    points = []
    for index in np.flatnonzero(units):
        start, period = rows.starts[index // size], rows.periods[index % size]
        arm = "comparison" if start == NEVER else labels.get(int(start), str(int(start)))
        points.append(
            SeriesPoint(
                arm=arm,
                period=period,
                label=labels[period],
                mean=float(sums[index] / mass[index]),
                units=int(units[index]),
            )
        )
    return tuple(points)


def _standing_notes(rows: Rows) -> list[str]:
    """Stable keys of what a reader must be told about the data of any of these methods."""
    notes = []
    if NEVER not in rows.starts:
        notes.append("no_never_treated_group")
    if rows.without_base:
        notes.append("units_without_untreated_period")
    sizes = np.bincount(rows.unit_cohort, minlength=len(rows.starts))
    if any(size == 1 for size, start in zip(sizes, rows.starts, strict=True) if start != NEVER):
        notes.append("single_unit_cohort")
    if not rows.balanced:
        notes.append("unbalanced_panel")
    return notes


def _inference_conventions(request: EstimationRequest, found: Found, counts: Counts) -> Conventions:
    """How the standard error and the interval were made."""
    rows = found.rows
    return {
        "se": found.se,
        "cluster": request.inference.cluster or "unit",
        "clusters": counts.clusters,
        "small_sample_factor": found.conventions.get("small_sample_factor", "none"),
        "distribution": "normal" if found.df is None else "t",
        "interval": sides_convention(request),
        "weights": "unit weights" if rows.weighted else "equal",
        "units": rows.units,
        "periods": len(rows.periods),
        "rows": int(rows.unit.shape[0]),
        "balanced": rows.balanced,
        "anticipation": rows.anticipation,
        "units_without_untreated_period": rows.without_base,
        **window_convention(request),
    }
