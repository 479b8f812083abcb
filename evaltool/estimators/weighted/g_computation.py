"""G-computation on a matched or weighted comparison: outcome models by group, averaged over the target population.

Estimand
    The design's own: mean outcome with treatment less mean outcome without, over the target group of those who take
    part.

Equation as implemented
    In each group a generalised linear model of the outcome on a constant and the covariates (the design's when none are
    named), fitted with the design's weights: identity link, logit for ``kind = "binary"``, log for ``kind = "count"``.
    τ = Σ q (m₁ − m₀) / Σ q, q the target group (ATT: treated; ATC: comparison units; ATE: all; ATO, ATM: the weights).
    With ``before``: of the change since the mean of those columns, identity link (Heckman, Ichimura & Todd 1997).
    For shares and counts the risk or rate ratio and the odds ratio of the two means stand beside it.

Uncertainty
    Influence values of the stacked equations of models, means and, where the weights have equations, weights; summed
    within matched sets where every unit is in one. Normal distribution. Ratios: on the log scale. The range over tie
    orders is enumerated up to 256 orders, else searched as for the adjusted difference: the true range may be wider.

Assumptions
    Those of the design; the outcome models are right, or the groups are balanced in what they leave out.

Refuses when
    As ``weighted.difference``; the outcome does not fit its kind; a model has no finite coefficients.

Source
    Robins 1986 (Mathematical Modelling 7); Snowden, Rose & Mortimer 2011 (American Journal of Epidemiology 173);
    Stefanski & Boos 2002 (American Statistician 56), equation 10.

Reference implementation and agreed tolerance
    statsmodels 0.15.0's treatment module on cattaneo2 (regression adjustment): effect 1e-9, standard error 1e-7
    relative.
"""

from __future__ import annotations

from evaltool.estimators.weighted._modelled import as_estimate, modelled, since
from evaltool.estimators.weighted._models_again import means_again
from evaltool.estimators.weighted._units import DESIGNS
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "weighted.g_computation"


class GComputationOptions(Record):
    """``[estimator.options]`` of ``weighted.g_computation``."""

    covariates: tuple[str, ...] = ()
    """Columns of the outcome models; the design's own when absent."""
    before: tuple[str, ...] = ()
    """Columns with the outcome before the start: the models are then linear, of the change since their mean."""


def options_of(request: EstimationRequest) -> GComputationOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, GComputationOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect. Raises RunError with every fault found."""
    options = options_of(request)
    found = modelled(request, options.covariates, augmented=False, before=options.before)
    return as_estimate(
        request, NAME, found, "outcome models by group, fitted with the design's weights", since(options.before)
    )


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect from statsmodels' models. Raises RunError."""
    return means_again(request, options_of(request).covariates, augmented=False, before=options_of(request).before)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="weighted",
        title="G-computation on matched or weighted units",
        kind="effect",
        needs=("unit", "outcome", "treated", "covariate"),
        designs=DESIGNS,
        standard_error="sometimes",
        covariates=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=60,
        minimum_comparison=30,
    ),
    options=GComputationOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
