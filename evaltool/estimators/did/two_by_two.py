"""Difference-in-differences with one common start: before and after, treated and comparison.

Estimand
    ATT: the mean effect on those who start, over the periods from the start on.

Equation as implemented
    mean[Ȳ_after − B | treated] − mean[Ȳ_after − B | never treated], weighted by unit weights; Ȳ_after is the mean of
    all periods from the start on, B the outcome in the last period p with p + anticipation < start (``base =
    "last_pre"``) or the mean over all such periods (``"mean_pre"``). With covariates (their value in the last such
    period) the change is adjusted by outcome regression, normalised inverse probability weighting, or both. The path
    shows every period against the last one before the start, whatever ``base`` is.

Uncertainty
    Influence functions, se = sqrt(Σ psi²) / n, summed within clusters first; no G/(G − 1); normal. With one unit (or
    cluster) in an arm the variance of that arm is not identified: the effect is given without a standard error.

Assumptions
    Parallel trends (conditional on covariates where given), no anticipation beyond the stated periods, no spill-over,
    overlap where a score is fitted. ``overlapping_windows`` says that successive outcome windows share observations,
    so that periods are not separate measurements; the note is printed with the number.

Refuses when
    Units start in different periods; the panel is not balanced; nobody starts, or everybody does; covariates are
    unknown, collinear or separate the groups; a relative effect has a denominator that is not positive.

Source
    Sant'Anna & Zhao 2020 (Journal of Econometrics 219), equations 2.2 (regression), 4.1 (normalised weighting), 2.6
    (doubly robust), 3.1 (influence function), panel case.

Reference implementation and agreed tolerance
    R DRDID 1.2.3 through R did 2.5.1 (one cohort, two periods): 1e-10 without covariates and for ``reg``, 1e-9 where
    a score is fitted. R DRDID's own standard errors divide by n − 1: multiply ours by sqrt(n / (n − 1)).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._aggregate import aggregate
from evaltool.estimators.did._layout import Arranged, arrange
from evaltool.estimators.did._result import Body, Headline, finish
from evaltool.estimators.did._second_opinion import two_by_two_again
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
    overlapping_windows: bool = False
    """True when the outcome windows of successive periods overlap; printed as a note."""


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
    arranged = _at_base(arrange(request, options.anticipation, options.covariates), options)
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
    if values is None:
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
    cells = all_cells(arranged.layout, choices, arranged.labels)
    before = _before(arranged, options)
    return Body(
        arranged=arranged,
        cells=cells,
        aggregates=aggregate(arranged.layout, cells),
        conventions={
            "control_group": choices.control,
            "base": options.base,
            "base_periods": ", ".join(
                arranged.labels[i] for i in (before if options.base == "mean_pre" else before[-1:])
            ),
            "anticipation": options.anticipation,
            "method": options.method if options.covariates else "difference in means",
            "covariates": ", ".join(options.covariates) or None,
            "covariate_period": arranged.labels[before[-1]] if options.covariates else None,
            "trimmed_comparison_units": sum(cell.trimmed for cell in cells),
            "units_without_untreated_period": arranged.without_base,
        },
        notes=tuple(
            note
            for note, holds in (
                ("overlapping_windows", options.overlapping_windows),
                ("units_without_untreated_period", arranged.without_base > 0),
            )
            if holds
        ),
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The headline from one collapsed before/after regression with linearmodels or statsmodels. Raises RunError."""
    options = options_of(request)
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
