"""Effects on a design that stands: ``evaltool.weighted.difference(design, frame, outcome="…")``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from evaltool.direct.call import Frame, attempt, column_names, estimated, listed, method_of, only, panel_of
from evaltool.direct.matched import MatchedDesign
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, Place, UsageError
from evaltool.estimators.weighted._learners import Learner
from evaltool.estimators.weighted.doubly_robust import with_learner
from evaltool.records.estimate import Estimate
from evaltool.records.plan.analysis import Option

NAME = "weighted.difference"
STANDARD_ERRORS = {
    "auto": "auto",
    "cluster_set": "cluster_set",
    "cluster_set_and_unit": "cluster_set_and_unit",
    "bootstrap": "bootstrap",
    "m_estimation": "m_estimation",
    "abadie_imbens": "abadie_imbens",
    "abadie_imbens_2016": "abadie_imbens_2016",
    "robust": "hc3",
    "hc3": "hc3",
    "hc1": "hc1",
    "hc0": "hc0",
}

StandardError = Literal[
    "auto",
    "cluster_set",
    "cluster_set_and_unit",
    "bootstrap",
    "m_estimation",
    "abadie_imbens",
    "abadie_imbens_2016",
    "robust",
    "hc3",
    "hc1",
    "hc0",
]

Kind = Literal["mean", "binary", "count", "money"]


def difference(
    design: MatchedDesign,
    frame: Frame,
    *,
    outcome: str,
    covariates: Sequence[str] = (),
    se: StandardError = "auto",
    before: Sequence[str] = (),
) -> Estimate:
    """The weighted difference in means of matched units (``weighted.difference``), adjusted for ``covariates`` if any.

    With ``before``, columns with the outcome before the start, what is compared is the change since their mean.

    ``frame`` holds the units the design was made on, with the outcome. ``se``: ``cluster_set`` (by matched set),
    ``cluster_set_and_unit`` (both, where units stand in several sets), ``bootstrap`` (999 draws of matched sets),
    ``abadie_imbens`` (matching with replacement on a score; ``abadie_imbens_2016``: a logit score, estimated),
    ``m_estimation`` (weights count as estimated), ``robust`` (HC3), ``hc1``, ``hc0``; ``auto`` takes matched sets where
    every unit is in one, else M-estimation where the weights have equations, else HC3. Others are refused. Raises
    UsageError, DataError, RunError (RUN_OTHER_UNITS when the frame holds other units).
    """
    faults = [*only("se", se, tuple(STANDARD_ERRORS), NAME), *column_names({"outcome": outcome}, NAME)]
    named = {"covariates": covariates, "before": before}
    adjusted, earlier = (listed(key, value, NAME, faults) for key, value in named.items())
    if faults:
        raise UsageError(faults)
    made = _design(design)
    matched = made.call.roles
    columns = tuple(dict.fromkeys((*matched.covariates, *adjusted, *earlier)))
    roles = replace(matched, outcome=outcome, covariates=columns)
    options: dict[str, Option] = {"covariates": adjusted, "se": STANDARD_ERRORS[se]}
    if earlier:
        options["before"] = earlier
    call = replace(made.call, name=NAME, roles=roles, options=options, target=made.target)
    method = method_of(call)
    panel = attempt(lambda: panel_of(frame, roles, NAME), faults)
    if faults or panel is None:
        raise UsageError(faults)
    return DirectEstimate.of(estimated(call, method, made.design, panel))


def g_computation(
    design: MatchedDesign,
    frame: Frame,
    *,
    outcome: str,
    covariates: Sequence[str] = (),
    kind: Kind = "mean",
    before: Sequence[str] = (),
) -> Estimate:
    """Outcome models by group on the design's weights, averaged over its target (``weighted.g_computation``).

    ``kind`` is what the outcome is: ``mean`` or ``money`` (difference of means), ``binary`` (also risk and odds ratio,
    under ``certificate``), ``count`` (also rate ratio). ``before`` as in ``difference``. Raises UsageError, DataError,
    RunError.
    """
    return _modelled(
        "weighted.g_computation", design, frame, (outcome, kind), {"covariates": covariates, "before": before}
    )


def bias_corrected(
    design: MatchedDesign,
    frame: Frame,
    *,
    outcome: str,
    covariates: Sequence[str] = (),
    neighbours: int = 2,
    before: Sequence[str] = (),
) -> Estimate:
    """Matching with replacement, its bias corrected by regression on ``covariates`` (``weighted.bias_corrected``).

    ``covariates`` are the design's own when empty; ``neighbours`` of the own group, besides the unit itself, stand for
    the variance; ``before`` as in ``difference``. Raises UsageError, DataError, RunError (RUN_NOT_BIAS_CORRECTED
    without replacement).
    """
    stated: dict[str, object] = {"covariates": covariates, "before": before, "neighbours": neighbours}
    return _modelled("weighted.bias_corrected", design, frame, (outcome, "mean"), stated)


def doubly_robust(  # noqa: PLR0913 - the direct road: column names and options as keywords
    design: MatchedDesign,
    frame: Frame,
    *,
    outcome: str,
    covariates: Sequence[str] = (),
    kind: Kind = "mean",
    before: Sequence[str] = (),
    folds: int | None = None,
    learner: Learner | str | None = None,
) -> Estimate:
    """Outcome models corrected by inverse propensity weighted residuals (``weighted.doubly_robust``).

    ``design`` is from ``evaltool.weighting.inverse_propensity`` for the ATT, ATC or ATE. ``kind`` and ``before`` as in
    ``g_computation``. ``folds`` cross-fits the models; ``learner`` then takes their place: any object with ``fit`` and
    ``predict`` (or ``predict_proba`` for a binary outcome), copied and seeded before each fit, or a name a plan may
    state, such as ``"sklearn.linear_model.LassoCV"``. Raises UsageError, DataError, RunError.
    """
    name = "weighted.doubly_robust"
    stated: dict[str, object] = {"covariates": covariates, "before": before}
    if folds is not None:
        stated["folds"] = folds
    if isinstance(learner, str):
        stated["learner"] = learner
    if learner is None or isinstance(learner, str):
        return _modelled(name, design, frame, (outcome, kind), stated)
    given: object = learner
    if not isinstance(given, Learner) or isinstance(given, type) or folds is None:
        cause = f"learner is {learner!r}" + ("" if folds is None else ", which cannot fit and predict") + "."
        fix = "Give an object with fit and predict, not its class, and state folds, for instance folds=5."
        raise UsageError(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{name}.learner")))
    return _modelled(name, design, frame, (outcome, kind), stated, given)


def _modelled(
    name: str,
    design: MatchedDesign,
    frame: Frame,
    outcome: tuple[str, Kind],
    stated: Mapping[str, object],
    learner: Learner | None = None,
) -> Estimate:
    """The estimate by an estimator with outcome models; ``outcome`` is the column and its kind, ``stated`` options."""
    column, kind = outcome
    faults = [*only("kind", kind, ("mean", "binary", "count", "money"), name), *column_names({"outcome": column}, name)]
    adjusted, earlier = (listed(key, stated[key], name, faults) for key in ("covariates", "before"))
    if faults:
        raise UsageError(faults)
    made = _design(design, name)
    matched = made.call.roles
    columns = tuple(dict.fromkeys((*matched.covariates, *adjusted, *earlier)))
    roles = replace(matched, outcome=column, covariates=columns)
    options = cast("dict[str, Option]", {**stated, "covariates": adjusted, "before": earlier})
    call = replace(
        made.call, name=name, roles=roles, estimator=name, options=options, target=made.target, outcome_kind=kind
    )
    method = method_of(call)
    if learner is not None:
        method = replace(method, estimator=with_learner(method.estimator, learner))
    panel = attempt(lambda: panel_of(frame, roles, name), faults)
    if faults or panel is None:
        raise UsageError(faults)
    return DirectEstimate.of(estimated(call, method, made.design, panel))


def _design(design: object, name: str = NAME) -> MatchedDesign:
    """What was given as design, once it is known to be one. Raises UsageError (USAGE_BAD_ARGUMENT)."""
    if isinstance(design, MatchedDesign):
        return design
    cause, fix = (
        f"The design is a {type(design).__name__}.",
        "Give what a function of evaltool.matching or evaltool.weighting returned.",
    )
    raise UsageError(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{name}.design")))
