"""The doubly robust estimator (AIPW): outcome models by group, corrected by inverse propensity weighted residuals.

Estimand
    The design's own, ATT, ATC or ATE; right when the score or the outcome models are.

Equation as implemented
    m_t: a generalised linear model of the outcome on a constant and the covariates (the design's when none are named)
    in group t, unweighted; links as in ``weighted.g_computation``. With the design's weights w and q the target group:
    μ_t = [Σ q m_t + Σ_{D = t} w (y − m_t)] / Σ q, τ = μ₁ − μ₀. ATE: w = 1/e and 1/(1 − e); ATT: 1 and e/(1 − e).

Uncertainty
    Influence values of the stacked equations of score, models and means. Normal distribution. Ratios: on the log scale.

Assumptions
    Treatment is as good as random given the covariates; both groups have comparable units; score or outcome models
    right.

Refuses when
    As ``weighted.g_computation``; the design is not ``weighting.inverse_propensity`` for the ATT, ATC or ATE, or its
    weights are stabilised or trimmed.

Source
    Robins, Rotnitzky & Zhao 1994 (JASA 89); Lunceford & Davidian 2004 (Statistics in Medicine 23), equation 9; Moodie,
    Saarela & Stephens 2018 (Stat 7) (ATT).

Reference implementation and agreed tolerance
    statsmodels 0.15.0's treatment module on cattaneo2 (aipw, ATE): effect 1e-9, standard error 1e-6 relative.
"""

from __future__ import annotations

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._modelled import as_estimate, modelled
from evaltool.estimators.weighted._models_again import means_again
from evaltool.estimators.weighted._units import data_of
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "weighted.doubly_robust"


class DoublyRobustOptions(Record):
    """``[estimator.options]`` of ``weighted.doubly_robust``."""

    covariates: tuple[str, ...] = ()
    """Columns of the outcome models; the design's own when absent."""


def options_of(request: EstimationRequest) -> DoublyRobustOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, DoublyRobustOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect. Raises RunError with every fault found."""
    _check_design(request)
    found = modelled(request, options_of(request).covariates, augmented=True)
    return as_estimate(request, NAME, found, "augmented inverse propensity weighting")


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect from statsmodels' score and models. Raises RunError."""
    return means_again(request, options_of(request).covariates, augmented=True)


def _check_design(request: EstimationRequest) -> None:
    """Refuse weights that are not plain inverse propensity weights. Raises RunError (RUN_NOT_DOUBLY_ROBUST)."""
    said = data_of(request)[2].conventions
    plain = said.get("weighting") == "inverse_propensity" and said.get("target") in {"ATT", "ATC", "ATE"}
    if plain and said.get("trim") is None and said.get("stabilised") is not True:
        return
    raise RunError(
        Fault(
            code="RUN_NOT_DOUBLY_ROBUST",
            cause="The residuals are to be weighted by the inverse of the score, and the design's weights are others.",
            fix="Use weighting.inverse_propensity for the ATT, ATC or ATE, neither stabilised nor trimmed.",
            place=Place(key="design.options"),
        )
    )


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="weighted",
        title="Doubly robust: outcome models and inverse propensity weights",
        kind="effect",
        needs=("unit", "outcome", "treated", "covariate"),
        designs=("weighting.inverse_propensity",),
        standard_error="sometimes",
        covariates=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=60,
        minimum_comparison=30,
    ),
    options=DoublyRobustOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
