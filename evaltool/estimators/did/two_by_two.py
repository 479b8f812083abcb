"""Difference-in-differences with one common start: before and after, treated and comparison.

Estimand
    ATT: the mean effect on those who start, over the periods from the start on.

Equation as implemented
    mean[Ȳ_after − B | treated] − mean[Ȳ_after − B | never treated], weighted by unit weights; Ȳ_after is the mean of
    all periods from the start on, B the outcome in the last period p with p + anticipation < start (``base =
    "last_pre"``) or the mean over all such periods (``"mean_pre"``). With covariates (their value in the last such
    period) the change is adjusted by outcome regression, normalised inverse probability weighting, or both. The path
    shows every period against the last one before the start, whatever ``base`` is. Repeated cross-sections
    (``sampling``): the mean over the periods from the start on of the two-period effect against the base, each row with
    its own covariates.

Uncertainty
    Influence functions, se = sqrt(Σ psi²) / n, summed within clusters first; no G/(G − 1); t(G − 1) with G clusters
    (units, where none are named), or ``distribution = "normal"`` as R did has it. With one unit (or cluster) in an arm
    the variance of that arm is not identified: the effect is given without a standard error.

Assumptions
    Parallel trends (conditional on covariates where given), no anticipation beyond the stated periods, no spill-over,
    overlap where a score is fitted. ``overlapping_windows`` says that successive outcome windows share observations,
    so that periods are not separate measurements; the note is printed with the number.

Refuses when
    Units start in different periods; the panel is not balanced; nobody starts, or everybody does; covariates are
    unknown, collinear or separate the groups; ``mean_pre`` is asked for with repeated cross-sections; a relative
    effect has a denominator that is not positive.

Source
    Sant'Anna & Zhao 2020 (Journal of Econometrics 219), equations 2.2 (regression), 4.1 (normalised weighting), 2.6
    (doubly robust), 3.1 (influence function), panel case; 2.9 (doubly robust), repeated cross-sections.

Reference implementation and agreed tolerance
    R DRDID 1.2.3 through R did 2.5.1 (one cohort, two periods): 1e-10 without covariates and for ``reg``, 1e-9 where
    a score is fitted. R DRDID's own standard errors divide by n − 1: multiply ours by sqrt(n / (n − 1)). Repeated
    cross-sections: R DRDID's effects (1e-8 relative); its doubly robust standard error adds one influence term with the
    wrong sign, and differs by less than one per cent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._aggregate import aggregate
from evaltool.estimators.did._layout import Arranged, Rule, arrange
from evaltool.estimators.did._result import Body, Distribution, Headline, finish
from evaltool.estimators.did._second_opinion import two_by_two_again, two_by_two_of_rows
from evaltool.numerics.group_time import NEVER, Choices, all_cells, base_period, equally
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin


class TwoByTwoOptions(Record):
    """``[estimator.options]`` of ``did.two_by_two``."""

    method: Literal["reg", "ipw", "dr"] = "dr"
    covariates: tuple[str, ...] = ()
    base: Literal["last_pre", "mean_pre"] = "last_pre"
    anticipation: int = Field(default=0, ge=0)
    sampling: Literal["panel", "repeated_cross_sections"] = "panel"
    """Whether units are followed, or drawn anew in every period."""
    overlapping_windows: bool = False
    """True when the outcome windows of successive periods overlap; printed as a note."""
    distribution: Distribution = "t"
    """``t`` with one degree of freedom less than there are clusters (units, where none are named), or ``normal``."""


def options_of(request: EstimationRequest) -> TwoByTwoOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, TwoByTwoOptions):
        message = f"did.two_by_two was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect of one common start, with a path when there are more than two periods. Raises RunError."""
    options = options_of(request)
    choices = Choices(
        control="never_treated", base="universal", anticipation=options.anticipation, method=options.method
    )
    if options.sampling != "panel" and options.base == "mean_pre":
        cause = 'base = "mean_pre" is the mean of a unit\'s own periods, and cross-sections follow nobody.'
        fix = 'Use base = "last_pre".'
        raise RunError(Fault("RUN_NOT_OFFERED", cause, fix, Place(key="estimator.options.base")))
    rule: Rule = "balanced" if options.sampling == "panel" else "cross_sections"
    arranged = _at_base(arrange(request, options.anticipation, options.covariates, rule), options)
    body = _body(arranged, choices, options)
    main = body if options.base == "last_pre" else _body(_against_mean(arranged, options), choices, options)
    start = next(g for g in main.arranged.layout.starts if g != NEVER)
    after = [k for k, cell in enumerate(main.cells) if arranged.layout.periods[cell.period] >= start]
    headline = Headline(
        combination=equally(main.cells, after, len(arranged.layout.starts)),
        estimand="ATT (mean of the periods from the start on)",
        basis=None if main is body else main,
    )
    return finish(request, "did.two_by_two", headline, body)


def _nobody_seen() -> RunError:
    """The refusal where a side has no rows in the base or from the start on."""
    return RunError(
        Fault(
            code="RUN_NO_COMPARISON",
            cause="No period from the start on has rows of both groups in it and in the base period.",
            fix="Include rows of both groups in the last period before the start and from the start on.",
            place=Place(key="data.column"),
        )
    )


def _before(arranged: Arranged, options: TwoByTwoOptions) -> list[int]:
    """Indices of the periods before the start could be felt. Raises RunError unless one start and a comparison."""
    layout = arranged.layout
    starts = [g for g in layout.starts if g != NEVER]
    if len(starts) > 1:
        raise RunError(
            Fault(
                code="RUN_SEVERAL_STARTS",
                cause=f"Units start in {len(starts)} different periods; this method knows one common start.",
                fix='Use method = "did.group_time".',
                place=Place(key="estimator.method"),
            )
        )
    if NEVER not in layout.starts:
        raise RunError(
            Fault(
                code="RUN_NO_COMPARISON",
                cause="Everybody starts in the same period: there is nobody to compare with.",
                fix="Include units that never start.",
                place=Place(key="data.column"),
            )
        )
    last = base_period(layout.periods, starts[0], options.anticipation)
    return list(range((last or 0) + 1))


def _at_base(arranged: Arranged, options: TwoByTwoOptions) -> Arranged:
    """Covariates fixed at their value in the last period before the start."""
    last = _before(arranged, options)[-1]
    values = arranged.layout.covariates
    if values is None or arranged.layout.sampling == "rows":
        return arranged
    fixed = np.repeat(values[:, last : last + 1, :], values.shape[1], axis=1)
    return replace(arranged, layout=replace(arranged.layout, covariates=fixed))


def _against_mean(arranged: Arranged, options: TwoByTwoOptions) -> Arranged:
    """The last period before the start replaced by the mean of all of them."""
    before = _before(arranged, options)
    outcome = arranged.layout.outcome.copy()
    outcome[:, before[-1]] = np.mean(outcome[:, before], axis=1)
    return replace(arranged, layout=replace(arranged.layout, outcome=outcome))


def _body(arranged: Arranged, choices: Choices, options: TwoByTwoOptions) -> Body:
    """Cells of every period, with conventions and notes."""
    layout = arranged.layout
    cells = all_cells(layout, choices, arranged.labels)
    if not any(layout.periods[cell.period] >= layout.starts[cell.cohort] for cell in cells):
        raise _nobody_seen()
    before = _before(arranged, options)
    return Body(
        arranged=arranged,
        cells=cells,
        aggregates=aggregate(layout, cells),
        conventions={
            "control_group": choices.control,
            "base": options.base,
            "base_periods": ", ".join(
                arranged.labels[i] for i in (before if options.base == "mean_pre" else before[-1:])
            ),
            "anticipation": options.anticipation,
            "method": options.method if options.covariates else "difference in means",
            "covariates": ", ".join(options.covariates) or None,
            "covariate_period": _covariate_period(arranged, before[-1]) if options.covariates else None,
            "sampling": options.sampling,
            "trimmed_comparison_units": sum(cell.trimmed for cell in cells),
            "units_without_untreated_period": arranged.without_base,
        },
        notes=tuple(
            note
            for note, holds in (
                ("overlapping_windows", options.overlapping_windows),
                ("units_without_untreated_period", arranged.without_base > 0),
                ("rows_as_cross_sections", arranged.layout.sampling == "rows"),
            )
            if holds
        ),
        distribution=options.distribution,
    )


def _covariate_period(arranged: Arranged, last: int) -> str:
    """From which period a unit's covariates are taken."""
    return "each row's own" if arranged.layout.sampling == "rows" else arranged.labels[last]


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from one collapsed before/after regression with linearmodels or statsmodels. Raises RunError."""
    options = options_of(request)
    if options.sampling != "panel":
        return two_by_two_of_rows(request, options.anticipation, options.method, options.covariates)
    return two_by_two_again(request, options.anticipation, options.method, options.covariates, base=options.base)


PLUGIN = EstimatorPlugin(
    name="did.two_by_two",
    capabilities=Capabilities(
        family="did",
        title="Difference-in-differences with one common start",
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
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=1,
    ),
    options=TwoByTwoOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
