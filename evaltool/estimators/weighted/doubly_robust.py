"""The doubly robust estimator (AIPW): outcome models by group, corrected by inverse propensity weighted residuals.

Estimand
    The design's own, ATT, ATC or ATE; right when the score or the outcome models are.

Equation as implemented
    m_t: a generalised linear model of the outcome on a constant and the covariates (the design's when none are named)
    in group t, unweighted; links as in ``weighted.g_computation``. With the design's weights w and q the target group:
    μ_t = [Σ q m_t + Σ_{D = t} w (y − m_t)] / Σ q, τ = μ₁ − μ₀. ATE: w = 1/e and 1/(1 − e); ATT: 1 and e/(1 − e).
    With ``folds`` the models are cross-fitted: units are divided by the sha256 of seed and id within each group, and
    nobody's outcome goes into their own prediction; ``learner`` then names one of scikit-learn's instead. The score is
    the design's, which was locked. With ``before``: of the change since the mean of those columns, identity link.

Uncertainty
    Influence values of the stacked equations of score, models and means; cross-fitted, those of score and means, since
    the models' errors do not count at first order. Normal distribution. Ratios: on the log scale.

Assumptions
    Treatment is as good as random given the covariates; both groups have comparable units; score or outcome models
    right.

Refuses when
    As ``weighted.g_computation``; the design is not ``weighting.inverse_propensity`` for the ATT, ATC or ATE, or its
    weights are stabilised or trimmed; a group has fewer than two units for each part; scikit-learn is not installed; a
    learner of classes is to learn an outcome that is not binary.

Source
    Robins, Rotnitzky & Zhao 1994 (JASA 89); Lunceford & Davidian 2004 (Statistics in Medicine 23), equation 9; Moodie,
    Saarela & Stephens 2018 (Stat 7) (ATT); Chernozhukov et al. 2018 (Econometrics Journal 21), section 5.1
    (cross-fitting).

Reference implementation and agreed tolerance
    statsmodels 0.15.0's treatment module on cattaneo2 (aipw, ATE): effect 1e-9, standard error 1e-6 relative.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from pydantic import Field, model_validator

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._cross_fit import CrossFit, crossed
from evaltool.estimators.weighted._learners import Learner, LearnerName, Taught, named
from evaltool.estimators.weighted._modelled import as_estimate, modelled, since
from evaltool.estimators.weighted._models_again import means_again
from evaltool.estimators.weighted._second_opinion import weights_checked
from evaltool.estimators.weighted._units import data_of
from evaltool.records.base import Record
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "weighted.doubly_robust"
FEWEST = 2
"""Parts of a cross-fit."""


class DoublyRobustOptions(Record):
    """``[estimator.options]`` of ``weighted.doubly_robust``."""

    covariates: tuple[str, ...] = ()
    """Columns of the outcome models; the design's own when absent."""
    before: tuple[str, ...] = ()
    """Columns with the outcome before the start: the models are then linear, of the change since their mean."""
    folds: int | None = Field(default=None, ge=FEWEST, le=50)
    """Parts of a cross-fit; none when absent."""
    learner: LearnerName | None = None
    """What is cross-fitted instead of a generalised linear model."""

    @model_validator(mode="after")
    def learners_are_cross_fitted(self) -> Self:
        """Refuse a learner without parts: its own errors would count and are not known."""
        if self.learner is not None and self.folds is None:
            message = "a learner is only cross-fitted: state folds, for instance 5"
            raise ValueError(message)
        return self


def options_of(request: EstimationRequest) -> DoublyRobustOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, DoublyRobustOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect. Raises RunError with every fault found."""
    return _estimated(request, _cross(request))


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect from statsmodels' score and models, learners fitted again. Raises RunError."""
    return _again(request, _cross(request))


def with_learner(plugin: EstimatorPlugin, learner: Learner) -> EstimatorPlugin:
    """The same estimator with a learner of the caller's own, for the direct road; ``folds`` must be stated."""
    taught = Taught(learner, f"{type(learner).__module__}.{type(learner).__qualname__}")

    def crossing(request: EstimationRequest) -> CrossFit:
        return crossed(request, options_of(request).folds or FEWEST, taught)

    return replace(
        plugin,
        estimate=lambda request: _estimated(request, crossing(request)),
        second_opinion=lambda request: _again(request, crossing(request)),
    )


def _cross(request: EstimationRequest) -> CrossFit | None:
    """How the models are cross-fitted; None when they are not. Raises RunError (RUN_NO_LEARNER)."""
    options = options_of(request)
    if options.folds is None:
        return None
    return crossed(request, options.folds, None if options.learner is None else named(options.learner))


def _estimated(request: EstimationRequest, cross: CrossFit | None) -> Estimate:
    """The effect, cross-fitted or not."""
    _check_design(request)
    covariates, before = options_of(request).covariates, options_of(request).before
    if cross is None:
        found = modelled(request, covariates, augmented=True, before=before)
        return as_estimate(request, NAME, found, "augmented inverse propensity weighting", since(before))
    found = modelled(request, covariates, augmented=True, before=before, means=cross.means)
    model = "augmented inverse propensity weighting, cross-fitted"
    return as_estimate(request, NAME, found, model, {**cross.conventions(), **since(before)})


def _again(request: EstimationRequest, cross: CrossFit | None) -> SecondOpinion:
    """The effect by another road."""
    covariates, before = options_of(request).covariates, options_of(request).before
    if cross is None:
        return means_again(request, covariates, augmented=True, before=before)
    checked = weights_checked(request)
    value, how = cross.again(modelled(request, covariates, augmented=True, before=before, means=cross.means).problem)
    return SecondOpinion(value=value, by=f"{checked}, {how}")


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
