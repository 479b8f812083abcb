"""From cells and their averages to an ``Estimate``: inference, counts, relative effect, paths and series."""

from __future__ import annotations

from collections.abc import Callable
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
from evaltool.estimators.did._aggregate import Aggregates, Part
from evaltool.estimators.did._layout import Arranged
from evaltool.estimators.did._window import window_convention
from evaltool.numerics.group_time import NEVER, Cell, Combination, equally, influence_of, value_of
from evaltool.numerics.inference import InferenceRule, influence_covariance, influence_se
from evaltool.numerics.uneven_cells import Bools
from evaltool.records.estimate import AbsentReason, Counts, Element, Estimate, Relative, SeriesPoint
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import EstimationRequest

FEW_TREATED = 5
"""Below this many treated clusters an analytic standard error is not to be relied on (Ferman & Pinto 2019)."""
NOISE = 1e-13
"""A standard error below this share of the outcome's size is rounding, not variation."""
Distribution = Literal["t", "normal"]
"""``t``: Student's with one degree of freedom less than there are clusters (units, where none are named)."""


def degrees_of_freedom(distribution: Distribution, clusters: int) -> float | None:
    """G − 1 for G clusters; None for the normal distribution, and where one cluster leaves none."""
    return clusters - 1.0 if distribution == "t" and clusters > 1 else None


def one_role(_place: int) -> int:
    """Everybody compared with is one group."""
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Everything computed on the way."""

    arranged: Arranged
    cells: tuple[Cell, ...]
    aggregates: Aggregates
    conventions: dict[str, bool | int | float | str | None]
    notes: tuple[str, ...]
    distribution: Distribution = "t"
    role: Callable[[int], int] = one_role
    """Which group a cohort belongs to by its place among those a cell compares with: each needs two clusters."""


@dataclass(frozen=True, slots=True, eq=False)
class Headline:
    """Which average is the headline, and what it is an estimate of."""

    combination: Combination
    estimand: str
    basis: Body | None = None
    """Cells of the headline where they are not those of the path."""


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """Standard errors for combinations of one panel."""

    body: Body
    rule: InferenceRule
    floor: float

    def influence(self, combination: Combination) -> FloatArray:
        """(units,) influence values of the effect."""
        return influence_of(self.body.arranged.layout, self.body.cells, combination)

    def se(self, combination: Combination, influence: FloatArray) -> tuple[float | None, AbsentReason | None]:
        """The standard error, or why there is none."""
        clusters = self.body.arranged.clusters
        sizes = [clusters_in(group, clusters) for group in _groups(self.body, combination)]
        if min(sizes) == 1:
            return None, "ONE_UNIT_PER_ARM" if max(sizes) == 1 else "TOO_FEW_CLUSTERS"
        se = influence_se(influence, clusters)
        return (se, None) if se > self.floor else (None, "NO_VARIATION")


def clusters_in(group: Bools, clusters: IntArray | None) -> int:
    """Number of clusters (units, without clusters) of those in a group (units,)."""
    return int(np.count_nonzero(group if clusters is None else np.bincount(clusters[group])))


def arms(body: Body, combination: Combination) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], ...]:
    """(units,) who is treated and who is compared with in the cells of a combination; one unit may be both."""
    layout = body.arranged.layout
    treated, comparison = np.zeros(layout.units, dtype=bool), np.zeros(layout.units, dtype=bool)
    for k in np.flatnonzero(combination.weights):
        cell = body.cells[k]
        at = 0
        for cohort in (cell.cohort, *cell.comparison):
            rows = layout.slice_of(cohort)
            arm = treated if cohort == cell.cohort else comparison
            arm[rows] |= True if cell.used is None else cell.used[at : at + rows.stop - rows.start]
            at += rows.stop - rows.start
    return treated, comparison


def _groups(body: Body, combination: Combination) -> list[Bools]:
    """(units,) who is in each group whose mean is compared: the treated, and each role of the others.

    Cross-sections have each of them twice, in the period and in its base.
    """
    layout = body.arranged.layout
    found: dict[tuple[int, bool], Bools] = {}
    for k in np.flatnonzero(combination.weights):
        cell, at = body.cells[k], 0
        for place, cohort in enumerate((cell.cohort, *cell.comparison)):
            rows = layout.slice_of(cohort)
            size = rows.stop - rows.start
            own = np.ones(size, dtype=bool) if cell.used is None else cell.used[at : at + size]
            for before in (False, True) if layout.sampling == "rows" else (False,):
                period = cell.base if before else cell.period
                seen = np.isfinite(layout.outcome[rows, period]) if layout.sampling == "rows" else True
                key = (body.role(place - 1) + 1 if place else 0, before)
                found.setdefault(key, np.zeros(layout.units, dtype=bool))[rows] |= own & seen
            at += size
    return list(found.values())


def finish(request: EstimationRequest, method: str, headline: Headline, body: Body) -> Estimate:
    """The estimate. Raises RunError (RUN_ZERO_DENOMINATOR) when a relative effect was agreed and cannot be formed."""
    main = headline.basis or body
    cells = main.cells
    counts = _counts(main, headline.combination)
    df = degrees_of_freedom(body.distribution, counts.clusters or 0)
    rule = inference_rule(request, df=df)
    floor = NOISE * float(np.nanmax(np.abs(body.arranged.layout.outcome)))
    spread = _Spread(main, rule, floor)
    combination = headline.combination
    influence = spread.influence(combination)
    att = value_of(cells, combination)
    se, absent = spread.se(combination, influence)
    interval, p_value = interval_and_p(att, se, rule)
    observed = value_of(cells, combination, "observed")
    few = counts.treated_clusters is not None and counts.treated_clusters < FEW_TREATED
    by_cell = _Spread(body, rule, floor)
    path, covariance = _path(by_cell)
    return Estimate(
        key=request.key,
        method=method,
        kind="effect",
        estimand=headline.estimand,
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=att,
        se=se,
        absent=absent,
        df=df,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(att, se),
        counts=counts,
        observed=observed,
        counterfactual=observed - att,
        baseline=value_of(cells, combination, "baseline"),
        relative=_relative(request, spread, combination, None if se is None else influence),
        path=path,
        groups=tuple(_element(by_cell, "group", part) for part in body.aggregates.groups),
        calendar=tuple(_element(by_cell, "calendar", part) for part in body.aggregates.calendar),
        cells=_cell_elements(by_cell, None if headline.basis else combination),
        event_covariance=covariance,
        series=series_of(body.arranged),
        conventions={**body.conventions, **_inference_conventions(request, body, counts)},
        notes=tuple(sorted({*body.notes, *(["few_treated_clusters"] if few else [])})),
        influence=influence[body.arranged.rank],
    )


def _counts(body: Body, combination: Combination) -> Counts:
    """Sizes by arm: units treated in the headline, and units that are only compared with."""
    layout = body.arranged.layout
    treated, comparison = arms(body, combination)
    only = comparison & ~treated
    clusters = body.arranged.clusters
    weighted = body.arranged.weighted
    return Counts(
        treated=int(np.sum(treated)),
        comparison=int(np.sum(only)),
        observations=int(np.sum(np.isfinite(layout.outcome))),
        treated_weight=float(np.sum(layout.weights[treated])) if weighted else None,
        comparison_weight=float(np.sum(layout.weights[only])) if weighted else None,
        clusters=clusters_in(np.ones(layout.units, dtype=bool), clusters),
        treated_clusters=clusters_in(treated, clusters),
    )


def _relative(
    request: EstimationRequest, spread: _Spread, combination: Combination, influence: FloatArray | None
) -> Relative | None:
    """The effect over the counterfactual (or baseline) mean of the treated, by the delta method."""
    body = spread.body
    layout, cells = body.arranged.layout, body.cells
    name = request.estimand.denominator or "counterfactual"
    att = value_of(cells, combination)
    moment: Literal["observed", "baseline"] = "baseline" if name == "baseline" else "observed"
    value = value_of(cells, combination, moment) - (att if name == "counterfactual" else 0.0)
    if value <= spread.floor:
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
    relative, se = att / value, None
    if influence is not None:
        below = influence_of(layout, cells, combination, moment)
        if name == "counterfactual":
            below = below - influence
        se = influence_se((influence - relative * below) / value, body.arranged.clusters) or None
    return relative_effect(relative, se, rule=spread.rule, denominator=name, denominator_value=value)


def _element(spread: _Spread, kind: Literal["event", "group", "calendar"], part: Part) -> Element:
    """One element of a path with its own inference."""
    body = spread.body
    reference = all(body.cells[k].influence is None for k in part.chosen)
    att = value_of(body.cells, part.combination)
    se = None if reference else spread.se(part.combination, spread.influence(part.combination))[0]
    interval, p_value = interval_and_p(att, se, spread.rule)
    treated, comparison = arms(body, part.combination)
    labels = dict(zip(body.arranged.layout.periods, body.arranged.labels, strict=True))
    label = f"{part.element:+d}" if kind == "event" and part.element else str(part.element)
    return Element(
        kind=kind,
        element=part.element,
        label=label if kind == "event" else labels.get(part.element, str(part.element)),
        att=att,
        se=se,
        interval=interval,
        p_value=p_value,
        n_treated=int(np.sum(treated)),
        n_comparison=int(np.sum(comparison)),
        reference=reference,
    )


def _path(spread: _Spread) -> tuple[tuple[Element, ...], tuple[tuple[float, ...], ...]]:
    """The event study, and the covariance of its elements other than the reference."""
    parts = spread.body.aggregates.events
    elements = tuple(_element(spread, "event", part) for part in parts)
    moving = [part for part, element in zip(parts, elements, strict=True) if not element.reference]
    if not moving:
        return elements, ()
    columns = np.column_stack([spread.influence(part.combination) for part in moving])
    covariance = influence_covariance(columns, spread.body.arranged.clusters)
    return elements, tuple(tuple(float(v) for v in row) for row in covariance)


def _cell_elements(spread: _Spread, headline: Combination | None) -> tuple[Element, ...]:
    """Every ATT(g, t) with its weight in the headline."""
    body = spread.body
    layout = body.arranged.layout
    found = []
    for k, cell in enumerate(body.cells):
        alone = equally(body.cells, [k], len(layout.starts))
        reference = cell.influence is None
        se = None if reference else spread.se(alone, spread.influence(alone))[0]
        interval, p_value = interval_and_p(cell.att, se, spread.rule)
        treated, comparison = arms(body, alone)
        found.append(
            Element(
                kind="cell",
                element=layout.periods[cell.period],
                group=int(layout.starts[cell.cohort]),
                label=body.arranged.labels[cell.period],
                att=cell.att,
                se=se,
                interval=interval,
                p_value=p_value,
                n_treated=int(np.sum(treated)),
                n_comparison=int(np.sum(comparison)),
                reference=reference,
                weight=None if headline is None else float(headline.weights[k]),
            )
        )
    return tuple(found)


def series_of(arranged: Arranged) -> tuple[SeriesPoint, ...]:
    """Weighted mean outcome by cohort (``comparison`` for the never-treated) and period."""
    layout = arranged.layout
    labels = dict(zip(layout.periods, arranged.labels, strict=True))
    points = []
    for cohort, start in enumerate(layout.starts):
        rows = layout.slice_of(cohort)
        w, y = layout.weights[rows], layout.outcome[rows]
        seen = np.isfinite(y)
        units = np.sum(seen, axis=0)
        mass = np.where(units == y.shape[0], float(np.sum(w)), w @ seen)
        means = (w @ np.where(seen, y, 0.0)) / np.where(units > 0, mass, 1.0)
        arm = "comparison" if start == NEVER else labels.get(int(start), str(int(start)))
        points += [
            SeriesPoint(arm=arm, period=p, label=labels[p], mean=float(m), units=int(n))
            for p, m, n in zip(layout.periods, means, units, strict=True)
            if n
        ]
    return tuple(points)


def _inference_conventions(
    request: EstimationRequest, body: Body, counts: Counts
) -> dict[str, bool | int | float | str | None]:
    """How the standard error and the interval were made."""
    df = degrees_of_freedom(body.distribution, counts.clusters or 0)
    return {
        "se": "influence function, sqrt(sum of squared cluster sums) / n",
        "cluster": request.inference.cluster or "unit",
        "clusters": counts.clusters,
        "small_sample_factor": "none",
        "distribution": "normal" if df is None else "t",
        "df": df,
        "interval": sides_convention(request),
        "weights": "unit weights" if body.arranged.weighted else "equal",
        "units": body.arranged.layout.units,
        "balanced": body.arranged.layout.sampling == "balanced",
        "periods": len(body.arranged.layout.periods),
        **window_convention(request),
    }
