"""Matching with replacement, its bias corrected by regression (Abadie & Imbens 2011).

Estimand
    The design's own: ATT, ATC or ATE.

Equation as implemented
    Ŷ(i) = Σ_{j ∈ J(i)} [Y(j) + μ̂(x_i) − μ̂(x_j)] / #J(i), J(i) whom the design matched with unit i, all tied included.
    τ = mean of Y − Ŷ over the treated (ATT), of Ŷ − Y over the comparison units (ATC), of both over all (ATE). μ̂ is a
    least squares fit of the outcome on a constant and the covariates (the design's when none are named) among the units
    of the other group that are used as matches, weighted by how much they are used. For the ATT and ATC that is
    ``weighted.g_computation`` with a linear model; the standard error is another.

Uncertainty
    Abadie & Imbens 2006 with Ŷ: the matching counts as what it is, not as weights that are known; the score, where
    there is one, as known. The variance at a place is that among the own group's ``neighbours`` nearest and the unit
    itself, ties included, by the design's own distance and within its exact columns. Normal distribution. No bootstrap:
    it fails for matching with replacement (Abadie & Imbens 2008). For a unit that nobody resembles it is too small.

Assumptions
    Treatment is as good as random given what is matched on and the covariates; the conditional mean is smooth.

Refuses when
    As ``weighted.difference``; the design does not match with replacement, or has lost units and is for the ATE; the
    covariates are collinear among the units used as matches.

Source
    Abadie & Imbens 2011 (Journal of Business & Economic Statistics 29), equations 4-6 (estimator); Abadie & Imbens 2006
    (Econometrica 74), theorems 6 and 7 (variance); Abadie, Drukker, Herr & Imbens 2004 (Stata Journal 4), weights of
    the regression.

Reference implementation and agreed tolerance
    Stata's teffects nnmatch (biasadj, ematch) on cattaneo2, its printed figures: ATE -210.0558 (29.32803), ATT
    -238.5204 (30.41661), effects and standard errors to every digit printed.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from evaltool.estimators._inference import inference_rule, interval_and_p, sides_convention, statistic_of
from evaltool.estimators.weighted._bias import bias_again, ground_of
from evaltool.estimators.weighted._fit import NOISE
from evaltool.estimators.weighted._modelled import since
from evaltool.estimators.weighted._units import MatchedUnits, matched_units
from evaltool.numerics.bias_correction import gaps, imputed, variance
from evaltool.records.base import Record
from evaltool.records.estimate import AbsentReason, Counts, Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "weighted.bias_corrected"


class BiasCorrectedOptions(Record):
    """``[estimator.options]`` of ``weighted.bias_corrected``."""

    covariates: tuple[str, ...] = ()
    """Columns the bias is corrected by; the design's own when absent."""
    before: tuple[str, ...] = ()
    """Columns with the outcome before the start: the effect is then on the change since their mean."""
    neighbours: int = Field(default=2, ge=1, le=50)
    """Units of the own group, besides itself, whose outcomes stand for the variance at a place."""


def options_of(request: EstimationRequest) -> BiasCorrectedOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, BiasCorrectedOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def units_of(request: EstimationRequest) -> MatchedUnits:
    """The units with the covariates of the correction. Raises RunError."""
    facts = request.design.summary.matching
    named = options_of(request).covariates or (() if facts is None else facts.covariates)
    return matched_units(request, named, "hc0", options_of(request).before)


def estimate(request: EstimationRequest) -> Estimate:
    """The effect. Raises RunError with every fault found."""
    units, options = units_of(request), options_of(request)
    ground = ground_of(request, units)
    gap = gaps(ground, imputed(ground, units.covariates, units.names))
    effect = math.fsum(gap.tolist()) / gap.shape[0]
    se = math.sqrt(max(variance(ground, gap, effect, options.neighbours + 1), 0.0))
    facts = units.facts
    absent: AbsentReason | None = (
        "TOO_FEW_CLUSTERS" if min(facts.treated_matched, facts.comparison_matched) == 1 else None
    )
    if absent is None and se <= NOISE * float(np.max(np.abs(units.outcome))):
        absent = "NO_VARIATION"
    value = None if absent else se
    interval, p_value = interval_and_p(effect, value, inference_rule(request))
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand=facts.estimand,
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=effect,
        se=value,
        absent=absent,
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(effect, value),
        counts=Counts(
            treated=facts.treated_matched,
            comparison=facts.comparison_matched,
            observations=facts.treated_matched + facts.comparison_matched,
        ),
        conventions={
            "model": "matching, its bias corrected by least squares weighted by use",
            "covariates": ", ".join(units.names) or None,
            "se": "Abadie & Imbens 2006 and 2011, matching with replacement",
            **since(options.before),
            "neighbours": options.neighbours,
            "small_sample_factor": "none",
            "distribution": "normal",
            "interval": sides_convention(request),
            "scores": "taken as known",
            "tie_range": "no_ties",
        },
        notes=("estimand_changed",) if facts.treated_matched < facts.treated_submitted else (),
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect from statsmodels' regressions and the design's weights. Raises RunError."""
    return bias_again(request, units_of(request))


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="weighted",
        title="Matching with replacement, bias corrected by regression",
        kind="effect",
        needs=("unit", "outcome", "treated", "covariate"),
        designs=("matching.nearest",),
        standard_error="sometimes",
        covariates=True,
        aggregations=("simple", "none"),
        minimum_treated=60,
        minimum_comparison=30,
    ),
    options=BiasCorrectedOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
