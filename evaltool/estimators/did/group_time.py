"""Difference-in-differences for staggered starts: one effect per cohort and period, then a stated average of them.

Estimand
    ATT(g, t) = E[Y_t(g) − Y_t(never) | G = g] for every start g and period t ≥ g, and its aggregates: ``simple`` (all
    treated cells, weighted by cohort size), ``dynamic`` (mean over event times e ≥ 0 of the cohort-weighted effect
    at e), ``group`` (cohort-weighted mean of each cohort's mean effect), ``calendar`` (mean over treated periods of the
    cohort-weighted effect in the period). Cohort size is the sum of unit weights.

Equation as implemented
    Without covariates ATT(g, t) = mean[Y_t − Y_b | G = g] − mean[Y_t − Y_b | C], weighted; b is the last period with
    b + anticipation < g. With a varying base the periods before the start use the period before instead. C is the
    never-treated, or everybody with G > max(t, b) + anticipation other than cohort g. With covariates (their value in
    the earlier of the two periods, as R did takes it): outcome regression, normalised inverse probability weighting
    or the doubly robust combination with a maximum likelihood logit and least squares. Comparison units with a score
    of 0.995 or more weigh nothing (counted in the conventions); a score of 0.999 or more is refused. Repeated
    cross-sections (``sampling``): the four means of cohort by period, or their adjusted forms, each row with its own
    covariates. Units that lack periods (``gaps``): ``pairs`` differences those seen in both periods of a cell, ``rows``
    takes the rows of both periods as cross-sections; influence values are summed within units either way.

Uncertainty
    Influence functions, the estimation of regression, score and cohort weights included; se = sqrt(Σ psi²) / n; with
    clusters psi is summed within clusters first. No G/(G − 1) factor, as in R did. Intervals and tests on t(G − 1), G
    the number of clusters (units, where none are named); ``distribution = "normal"`` is R did's, whose intervals hold
    in 92 per cent with 12 clusters. The relative effect uses the delta method with the influence values of its
    denominator.

Assumptions
    Parallel trends with respect to C (conditional on covariates where given), no anticipation beyond the stated
    periods, no spill-over, overlap where a score is fitted, treatment is never switched off.

Refuses when
    A unit lacks a period and no rule for gaps is stated; nobody starts within the data; nobody can be compared with;
    covariates are unknown, collinear or separate the groups; the cluster changes within a unit or is not in the data;
    ``balance`` goes with another aggregation than ``dynamic``; a relative effect has a denominator that is not
    positive.

Source
    Callaway & Sant'Anna 2021 (Journal of Econometrics 225), theorem 1 and equations 2.4–2.6 (cells), table 1 and
    section 3 (aggregates), theorem 2 and corollary 1 (influence functions). Sant'Anna & Zhao 2020 (Journal of
    Econometrics 219), equations 2.2, 2.6, 3.1 and 4.1; 2.9 for repeated cross-sections.

Reference implementation and agreed tolerance
    R did 2.5.1 with DRDID 1.2.3: effects and standard errors of every cell and aggregate to 1e-10 without covariates
    and for ``reg``, 1e-9 where a score is fitted. Differs by intent: units that start within the anticipation
    window after the last period are not used as never-treated; collinear covariates are refused, not set to missing;
    where all treated (or all comparison) units of an element lie in one cluster, no standard error is printed, though R
    prints one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._aggregate import Aggregates, aggregate, treated_events
from evaltool.estimators.did._layout import Arranged, Rule, arrange
from evaltool.estimators.did._result import Body, Distribution, Headline, finish
from evaltool.estimators.did._second_opinion import Again, group_time_again
from evaltool.estimators.did._window import check_window
from evaltool.numerics.group_time import NEVER, Cell, Choices, Layout, all_cells, missing_cells
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class GroupTimeOptions(Record):
    """``[estimator.options]`` of ``did.group_time``."""

    control_group: Literal["never_treated", "not_yet_treated"] = "not_yet_treated"
    base_period: Literal["universal", "varying"] = "universal"
    anticipation: int = Field(default=0, ge=0)
    method: Literal["reg", "ipw", "dr"] = "dr"
    covariates: tuple[str, ...] = ()
    sampling: Literal["panel", "repeated_cross_sections"] = "panel"
    """Whether units are followed, or drawn anew in every period."""
    gaps: Literal["refuse", "pairs", "rows"] = "refuse"
    """What to do where a unit of a panel lacks a period: refuse; difference the units seen in both periods of a cell;
    or take all rows of both periods, as R did does under allow_unbalanced_panel."""
    balance: int | None = Field(default=None, ge=0)
    """With aggregation ``dynamic``: only cohorts observed so many periods after their start, and event times that all
    of them have."""
    distribution: Distribution = "t"
    """``t`` with one degree of freedom less than there are clusters (units, where none are named), or ``normal``."""


def options_of(request: EstimationRequest) -> GroupTimeOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, GroupTimeOptions):
        message = f"did.group_time was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """Every ATT(g, t), all four aggregates, and the plan's aggregate as the headline. Raises RunError."""
    return estimate_balanced(request, options_of(request).balance)


def estimate_balanced(request: EstimationRequest, balance: int | None) -> Estimate:
    """The same with event times balanced: cohorts observed ``balance`` periods after their start, no later ones.

    Raises RunError, also (RUN_NO_LONG_COHORT) when no cohort is observed so long.
    """
    options = options_of(request)
    if balance is not None and request.estimand.aggregation != "dynamic":
        cause = f'balance = {balance} with aggregation = "{request.estimand.aggregation}".'
        fix = 'Use aggregation = "dynamic", or leave balance out.'
        raise RunError(Fault("RUN_NOT_OFFERED", cause, fix, Place(key="estimator.options.balance")))
    arranged = arrange(request, options.anticipation, options.covariates, _rule(options))
    choices = Choices(
        control=options.control_group,
        base=options.base_period,
        anticipation=options.anticipation,
        method=options.method,
    )
    cells = all_cells(arranged.layout, choices, arranged.labels)
    if not any(arranged.layout.periods[cell.period] >= arranged.layout.starts[cell.cohort] for cell in cells):
        raise _no_comparison(options)
    starts = [arranged.layout.starts[cell.cohort] for cell in cells]
    if balance is not None and arranged.layout.periods[-1] - min(starts) < balance:
        raise _no_long_cohort(balance)
    known = treated_events(arranged.layout, cells)
    within = check_window(request, known if balance is None else known[known <= balance])
    aggregates = aggregate(arranged.layout, cells, balance, within)
    aggregation = "simple" if request.estimand.aggregation == "none" else request.estimand.aggregation
    headline = Headline(combination=aggregates.headline(aggregation), estimand=f"ATT ({aggregation})")
    body = Body(
        arranged=arranged,
        cells=cells,
        aggregates=aggregates,
        conventions={
            **_conventions(arranged, cells, choices, options),
            **({} if balance is None else {"balance": balance}),
        },
        notes=_notes(arranged, choices, aggregates, options),
        distribution=options.distribution,
    )
    return finish(request, "did.group_time", headline, body)


def _rule(options: GroupTimeOptions) -> Rule:
    """What to do where a unit lacks a period."""
    if options.sampling == "repeated_cross_sections":
        return "cross_sections"
    return "balanced" if options.gaps == "refuse" else options.gaps


def _no_comparison(options: GroupTimeOptions) -> RunError:
    """The refusal when no cohort has anybody to be compared with."""
    fix = (
        'Use control_group = "not_yet_treated", or include units that never start.'
        if options.control_group == "never_treated"
        else "Include units that never start, or that start later than the others."
    )
    return RunError(
        Fault(
            code="RUN_NO_COMPARISON",
            cause=f"No treated cohort has a {options.control_group.replace('_', '-')} unit to be compared with.",
            fix=fix,
            place=Place(key="estimator.options.control_group"),
        )
    )


def _no_long_cohort(balance: int) -> RunError:
    """The refusal when nobody is observed as long as asked."""
    return RunError(
        Fault(
            code="RUN_NO_LONG_COHORT",
            cause=f"No treated cohort is observed {balance} periods after its start.",
            fix="Balance on fewer periods.",
            place=Place(key="balance"),
        )
    )


def _conventions(
    arranged: Arranged, cells: tuple[Cell, ...], choices: Choices, options: GroupTimeOptions
) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit."""
    layout = arranged.layout
    missing = missing_cells(layout, choices)
    estimated = {cell.cohort for cell in cells}
    left = [f"{g:g}" for c, g in enumerate(layout.starts) if g != NEVER and c not in estimated]
    return {
        "control_group": choices.control,
        "base_period": choices.base,
        "anticipation": choices.anticipation,
        "method": options.method if options.covariates else "difference in means",
        "covariates": ", ".join(options.covariates) or None,
        "covariate_period": _covariate_period(layout) if options.covariates else None,
        "sampling": options.sampling,
        "gaps": "none" if layout.sampling == "balanced" else layout.sampling,
        "trimmed_comparison_units": sum(cell.trimmed for cell in cells),
        "cells_without_comparison": len(missing),
        "cells_without_data": _unseen(layout, cells, missing),
        "cohorts_used_for_comparison_only": ", ".join(left) or None,
        "units_without_untreated_period": arranged.without_base,
    }


def _covariate_period(layout: Layout) -> str:
    """From which period a unit's covariates are taken."""
    return "each row's own" if layout.sampling == "rows" else "the earlier of the two periods"


def _unseen(layout: Layout, cells: tuple[Cell, ...], missing: tuple[tuple[int, int], ...]) -> int:
    """Number of treated cells that have a comparison by their starts but nobody seen as the rule for gaps asks."""
    treated = {(c, i) for c, g in enumerate(layout.starts) for i, p in enumerate(layout.periods) if p >= g}
    return len(treated - set(missing) - {(cell.cohort, cell.period) for cell in cells})


def _notes(arranged: Arranged, choices: Choices, aggregates: Aggregates, options: GroupTimeOptions) -> tuple[str, ...]:
    """Stable keys of what a reader must be told about the design of this comparison."""
    layout = arranged.layout
    notes = []
    if missing_cells(layout, choices):
        notes.append("periods_without_comparison")
    if NEVER not in layout.starts:
        notes.append("no_never_treated_group")
    if layout.sampling == "rows":
        notes.append("rows_as_cross_sections")
    if layout.sampling != "balanced" and options.sampling == "panel":
        notes.append("unbalanced_panel")
    if arranged.without_base:
        notes.append("units_without_untreated_period")
    if any(layout.offsets[c + 1] - layout.offsets[c] == 1 for c in aggregates.cohorts):
        notes.append("single_unit_cohort")
    return tuple(notes)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline again, cell by cell with linearmodels or statsmodels and averaged with pandas. Raises RunError."""
    options = options_of(request)
    return group_time_again(
        request,
        Choices(
            control=options.control_group,
            base=options.base_period,
            anticipation=options.anticipation,
            method=options.method,
        ),
        options.covariates,
        Again(rule=_rule(options), balance=options.balance),
    )


PLUGIN = EstimatorPlugin(
    name="did.group_time",
    capabilities=Capabilities(
        family="did",
        title="Difference-in-differences with staggered starts (group-time effects)",
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
        aggregations=("simple", "dynamic", "group", "calendar"),
        event_times=True,
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=GroupTimeOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
