"""Triple differences: those eligible, against the ineligible of the same place, against both where it never came.

Estimand
    ATT(g, t) = E[Y_t(g) − Y_t(never) | S = g, eligible] for every start g and period t ≥ g, S the period from which a
    unit's group may receive the intervention (the column ``first_treated``), and its aggregates ``simple``,
    ``dynamic``, ``group`` and ``calendar`` as in ``did.group_time``, weighted by the sum of weights of the eligible of
    each start.

Equation as implemented
    With (g, 1) the eligible and (g, 0) the ineligible of start g, and c a comparison group by start:
    DDD(g, t; c) = DiD[(g, 1), (g, 0)] + DiD[(g, 1), (c, 1)] − DiD[(g, 1), (c, 0)], each a two-period effect against the
    last period before the start (less the anticipation), adjusted to the covariates of (g, 1) in the earlier of the two
    periods by outcome regression, normalised inverse probability weighting or both. c is never (``never_treated``), or
    every start that is untouched in both periods (``not_yet_treated``); those are never pooled: the DDDs are averaged
    with weights Ω⁻¹1 / 1'Ω⁻¹1, Ω the covariance of their influence values over units (equal weights where Ω is
    singular). With a varying base the periods before the start use the period before instead.

Uncertainty
    Influence functions of the three effects, the estimation of regression, score and cohort weights included, the
    weights Ω⁻¹1 / 1'Ω⁻¹1 taken as known; se = sqrt(Σ psi²) / n, summed within clusters first; no G/(G − 1); t(G − 1)
    with G clusters (units, where none are named) unless ``distribution = "normal"``.

Assumptions
    What separates eligible from ineligible would have changed alike in every group (conditional on covariates where
    given), no anticipation beyond the stated periods, no effect on the ineligible, overlap where a score is fitted.

Refuses when
    No column says who is eligible, or it is not 0 or 1, or it changes within a unit; a unit lacks a period; no start
    has both eligible and ineligible units and a comparison group with both; and as ``did.group_time`` does.

Source
    Ortiz-Villavicencio & Sant'Anna 2025 (Better Understanding Triple Differences Estimators, arXiv 2505.09942): the
    three-difference form and its doubly robust estimator, and the combination of comparison groups in staggered
    designs. Sant'Anna & Zhao 2020 (Journal of Econometrics 219), equations 2.2, 2.6, 3.1 and 4.1.

Reference implementation and agreed tolerance
    Without covariates: the difference of two ``did.group_time`` effects (1e-12), and the coefficient on the triple
    interaction of a regression with HC0 (1e-10). moderndid 0.2.0, after R triplediff: effects 1e-8, standard errors of
    cells 2e-7 (with several comparison groups it divides by n − 1 instead of n). With covariates also statsmodels fits
    written out (1e-8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._aggregate import aggregate
from evaltool.estimators.did._layout import Arranged, arrange
from evaltool.estimators.did._result import Body, Distribution, Headline, finish
from evaltool.estimators.did._second_triple import TripleAgain, triple_again
from evaltool.numerics.distinct import distinct
from evaltool.numerics.group_time import NEVER, Cell, Choices, Layout, base_period, reference_cell
from evaltool.numerics.triple import Periods, TripleGroups, smallest_variance_weights, triple_cell, triples
from evaltool.numerics.uneven_cells import Bools
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion, SeriesPoint
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.triple"
SHOWN = 5


class TripleOptions(Record):
    """``[estimator.options]`` of ``did.triple``."""

    eligible: str = "eligible"
    """Column with the role ``covariate`` that is 1 for units that may receive the intervention and 0 for others."""
    control_group: Literal["never_treated", "not_yet_treated"] = "never_treated"
    base_period: Literal["universal", "varying"] = "universal"
    anticipation: int = Field(default=0, ge=0)
    method: Literal["reg", "ipw", "dr"] = "dr"
    covariates: tuple[str, ...] = ()
    distribution: Distribution = "t"
    """``t`` with one degree of freedom less than there are clusters (units, where none are named), or ``normal``."""


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The arrays with one cohort for each start and eligibility. ``codes`` maps (start, eligible) to a cohort."""

    arranged: Arranged
    codes: dict[tuple[float, bool], int]


def options_of(request: EstimationRequest) -> TripleOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, TripleOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every ATT(g, t) of the eligible, all four aggregates, and the plan's as the headline. Raises RunError."""
    options = options_of(request)
    world = by_eligibility(request, options)
    arranged = world.arranged
    layout = arranged.layout
    cells = tuple(
        reference_cell(layout, groups.treated, at.period)
        if at.period == at.base
        else triple_cell(layout, groups, at, options.method)
        for groups, at in planned_cells(world, options)
    )
    if not cells:
        raise _no_comparison(options)
    aggregates = aggregate(layout, cells)
    kind = "simple" if request.estimand.aggregation == "none" else request.estimand.aggregation
    body = Body(
        arranged=arranged,
        cells=cells,
        aggregates=aggregates,
        conventions=_conventions(world, cells, options),
        notes=_notes(world, cells),
        distribution=options.distribution,
        role=lambda place: 0 if place == 0 else 1 + place % 2,
    )
    headline = Headline(combination=aggregates.headline(kind), estimand=f"ATT ({kind})")
    return finish(request, NAME, headline, body).model_copy(update={"series": _series(world)})


def by_eligibility(request: EstimationRequest, options: TripleOptions) -> Sorted:
    """The panel sorted by start and, within it, the eligible first. Raises RunError."""
    arranged = arrange(request, options.anticipation, (*options.covariates, options.eligible))
    layout = arranged.layout
    eligible = _eligible(layout, options.eligible)
    cohort = np.repeat(np.arange(len(layout.starts)), np.diff(layout.offsets))
    found, code, sizes = np.unique(2 * cohort + ~eligible, return_inverse=True, return_counts=True)
    order = np.argsort(code, kind="stable")
    groups = [(layout.starts[c // 2], c % 2 == 0) for c in found.tolist()]
    values = None if layout.covariates is None else layout.covariates[order][:, :, :-1]
    place = np.argsort(order, kind="stable").astype(np.int64)
    return Sorted(
        arranged=replace(
            arranged,
            layout=replace(
                layout,
                outcome=layout.outcome[order],
                weights=layout.weights[order],
                starts=tuple(start if able else NEVER for start, able in groups),
                offsets=(0, *(int(c) for c in np.cumsum(sizes))),
                covariates=values if options.covariates else None,
                names=options.covariates,
                ids=None if layout.ids is None else layout.ids[order],
            ),
            clusters=None if arranged.clusters is None else arranged.clusters[order],
            rank=place[arranged.rank],
        ),
        codes={group: number for number, group in enumerate(groups)},
    )


def _eligible(layout: Layout, name: str) -> Bools:
    """(units,) who may receive the intervention. Raises RunError (RUN_ELIGIBILITY) naming units."""
    if layout.covariates is None or layout.ids is None:  # pragma: no cover - the column is always asked for
        raise TypeError(name)
    column = layout.covariates[:, :, -1]
    wrong = ~np.all((column == 0.0) | (column == 1.0), axis=1)
    varying = ~wrong & (np.ptp(column, axis=1) > 0.0)
    faults = [
        Fault(
            code="RUN_ELIGIBILITY",
            cause=f"'{name}' {what} for {int(np.sum(rows))} units ({_named(layout.ids[rows].tolist())}).",
            fix="Give each unit 1 (may receive the intervention) or 0, the same in every period.",
            place=Place(key="estimator.options.eligible", column=name),
        )
        for rows, what in ((wrong, "is neither 0 nor 1"), (varying, "changes over time"))
        if bool(np.any(rows))
    ]
    if faults:
        raise RunError(faults)
    able: Bools = column[:, 0] == 1.0
    return able


def _named(units: list[object]) -> str:
    """The first few."""
    return ", ".join(str(unit) for unit in units[:SHOWN]) + (", …" if len(units) > SHOWN else "")


def planned_cells(world: Sorted, options: TripleOptions) -> list[tuple[TripleGroups, Periods]]:
    """Every cell that can be formed, by start and period; those of a start without any treated one are left out."""
    layout, codes = world.arranged.layout, world.codes
    starts = sorted({start for start, _ in codes if (start, True) in codes and (start, False) in codes})
    planned: list[tuple[TripleGroups, Periods]] = []
    for g in (start for start in starts if start != NEVER):
        fixed = base_period(layout.periods, g, options.anticipation)
        own: list[tuple[TripleGroups, Periods]] = []
        for i, period in enumerate(layout.periods):
            base = i - 1 if options.base_period == "varying" and period < g else fixed
            if base is None or base < 0:
                continue
            bound = layout.periods[max(i, base)] + options.anticipation
            never = options.control_group == "never_treated"
            others = [c for c in starts if c != g and (c == NEVER if never else c > bound)]
            groups = TripleGroups(
                codes[g, True], codes[g, False], tuple((codes[c, True], codes[c, False]) for c in others)
            )
            if others or i == base:
                own.append((groups, Periods(i, base, f"start {g:g}, period {world.arranged.labels[i]}")))
        if any(layout.periods[at.period] >= g for _, at in own):
            planned += own
    return planned


def _no_comparison(options: TripleOptions) -> RunError:
    """The refusal when no start has eligible and ineligible units and a comparison with both."""
    return RunError(
        Fault(
            code="RUN_NO_COMPARISON",
            cause=f"No start has eligible and ineligible units and a {options.control_group.replace('_', '-')} group "
            "with both.",
            fix="Include eligible and ineligible units in places that start and in places that do not (or start later: "
            'control_group = "not_yet_treated").',
            place=Place(key="estimator.options.control_group"),
        )
    )


def _conventions(
    world: Sorted, cells: tuple[Cell, ...], options: TripleOptions
) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit."""
    layout = world.arranged.layout
    estimated = {layout.starts[cell.cohort] for cell in cells}
    left = sorted({start for start, _ in world.codes if start != NEVER and start not in estimated})
    treated = {(start, p) for start in {s for s, _ in world.codes} for p in layout.periods if p >= start}
    seen = {(layout.starts[cell.cohort], layout.periods[cell.period]) for cell in cells}
    return {
        "eligible": options.eligible,
        "control_group": options.control_group,
        "comparison_weights": "smallest variance, from influence values over units",
        "base_period": options.base_period,
        "anticipation": options.anticipation,
        "method": options.method if options.covariates else "difference in means",
        "covariates": ", ".join(options.covariates) or None,
        "covariate_period": "the earlier of the two periods" if options.covariates else None,
        "trimmed_comparison_units": sum(cell.trimmed for cell in cells),
        "cells_without_comparison": len(treated - seen),
        "cohorts_used_for_comparison_only": ", ".join(f"{g:g}" for g in left) or None,
        "units_without_untreated_period": world.arranged.without_base,
    }


def _notes(world: Sorted, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """Stable keys of what a reader must be told about the design of this comparison."""
    layout = world.arranged.layout
    sizes = np.diff(layout.offsets)
    treated = {cell.cohort for cell in cells}
    finite = [start for start, _ in world.codes if start != NEVER]
    seen = {(cell.cohort, cell.period) for cell in cells}
    holds = {
        "no_never_treated_group": len(finite) == len(world.codes),
        "periods_without_comparison": any(
            p >= layout.starts[c] and (c, i) not in seen for c in treated for i, p in enumerate(layout.periods)
        ),
        "units_without_untreated_period": world.arranged.without_base > 0,
        "single_unit_cohort": any(sizes[c] == 1 for c in treated),
    }
    return tuple(name for name, true in holds.items() if true)


def _series(world: Sorted) -> tuple[SeriesPoint, ...]:
    """Weighted mean outcome by start of the eligible, and of everybody compared with, by period."""
    layout = world.arranged.layout
    labels = dict(zip(layout.periods, world.arranged.labels, strict=True))
    start = np.repeat(layout.starts, np.diff(layout.offsets))
    points = []
    for g in distinct(start):
        rows = start == g
        w = layout.weights[rows]
        arm = "comparison" if g == NEVER else labels.get(int(g), str(int(g)))
        means = (w @ layout.outcome[rows]) / float(np.sum(w))
        points += [
            SeriesPoint(arm=arm, period=p, label=labels[p], mean=float(m), units=int(np.sum(rows)))
            for p, m in zip(layout.periods, means, strict=True)
        ]
    return tuple(points)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline again, from two-period regressions and pandas. Raises RunError."""
    options = options_of(request)
    world = by_eligibility(request, options)
    layout = world.arranged.layout
    starts = {code: start for (start, _), code in world.codes.items()}
    weights = {}
    for groups, at in planned_cells(world, options):
        if at.period != at.base and len(groups.compared) > 1:
            found = smallest_variance_weights(triples(layout, groups, at, options.method).influence)
            compared = [starts[code] for code, _ in groups.compared]
            weights[starts[groups.treated], layout.periods[at.period]] = dict(
                zip(compared, found.tolist(), strict=True)
            )
    return triple_again(
        request,
        Choices(options.control_group, options.base_period, options.anticipation, options.method),
        options.covariates,
        TripleAgain(options.eligible, weights),
    )


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        title="Triple differences (eligible and ineligible, with and without)",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated", "covariate"),
        designs=("groups.eligibility",),
        standard_error="sometimes",
        covariates=True,
        weights=True,
        clusters=True,
        path=True,
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "dynamic", "group", "calendar"),
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=TripleOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
