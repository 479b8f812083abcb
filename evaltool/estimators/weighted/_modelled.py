"""What g-computation and the doubly robust estimator share: from outcome models to an ``Estimate``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.weighted._fit import NOISE
from evaltool.estimators.weighted._ties import notes_of, tie_conventions
from evaltool.estimators.weighted._units import MatchedUnits, matched_units
from evaltool.numerics.inference import InferenceRule, influence_covariance, influence_se
from evaltool.numerics.matching_ties import TieRange, ranged, uneven
from evaltool.numerics.model_ties import ModelTies, moving_of
from evaltool.numerics.outcome_model import Family, Means, Problem, mean_outcomes
from evaltool.numerics.regression import Regressors
from evaltool.records.base import Json
from evaltool.records.estimate import AbsentReason, Counts, Estimate, Relative
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import EstimationRequest

Conventions = Mapping[str, bool | int | float | str | None]
FAMILIES: dict[str, Family] = {"binary": "logit", "count": "log"}
"""Canonical links by kind of outcome; identity for the others."""
TRIED, SWAPPED = 256, 50
"""Largest numbers of tie orders that are all tried, and of pairs swapped one by one: each is two models."""


@dataclass(frozen=True, slots=True, eq=False)
class Modelled:
    """The units that take part, both means with influence values, clusters and the words for conventions."""

    units: MatchedUnits
    problem: Problem
    means: Means
    clusters: IntArray | None


def modelled(
    request: EstimationRequest,
    covariates: tuple[str, ...],
    *,
    augmented: bool,
    before: tuple[str, ...] = (),
    means: Callable[[Problem], Means] = mean_outcomes,
) -> Modelled:
    """Both means. ``covariates``: of the outcome models, the design's own when empty. Raises RunError.

    With columns ``before`` the means are of the change since theirs, and the models linear.
    """
    facts = request.design.summary.matching
    named = covariates or (() if facts is None else facts.covariates)
    units = matched_units(request, named, "auto", before)
    inside = units.inside
    treated = units.treated[inside] == 1.0
    family: Family = "identity" if before else FAMILIES.get(request.outcome.kind, "identity")
    outcome = units.outcome[inside]
    _check_kind(outcome, family)
    centred, names = units.covariates[inside], units.names
    problem = Problem(
        x=Regressors(
            matrix=np.column_stack([np.ones(outcome.shape[0]), centred]),
            names=("constant", *names),
            where="the outcome model",
        ),
        y=outcome,
        treated=treated,
        weights=units.weights[inside],
        population=population_of(units)[inside],
        family=family,
        augmented=augmented,
        equations=units.equations,
    )
    sets = units.sets[inside]
    clustered = bool(np.all(sets > 0)) and "strata" not in units.facts.conventions
    return Modelled(units, problem, means(problem), sets - 1 if clustered else None)


def population_of(units: MatchedUnits) -> FloatArray:
    """(n,) whom the effect is averaged over: the target group of those with weight; for ATO and ATM the weights."""
    target = units.facts.estimand.split(" ", maxsplit=1)[0]
    inside = units.inside.astype(np.float64)
    whom = {"ATT": inside * units.treated, "ATC": inside * (1.0 - units.treated), "ATE": inside}
    return whom.get(target, units.weights)


def _check_kind(outcome: FloatArray, family: Family) -> None:
    """Refuse an outcome its model cannot have. Raises RunError."""
    if family == "logit" and not bool(np.all((outcome == 0.0) | (outcome == 1.0))):
        what = "is called binary and takes other values than 0 and 1"
    elif family == "log" and float(np.min(outcome)) < 0.0:
        what = "is called a count and falls below zero"
    else:
        return
    cause, fix = f"The outcome {what}.", 'Correct the column, or call the outcome kind = "mean".'
    raise RunError(Fault("RUN_OUTCOME_MODEL", cause, fix, Place(key="outcome.kind")))


def as_estimate(
    request: EstimationRequest, name: str, found: Modelled, model: str, more: Conventions | None = None
) -> Estimate:
    """The difference of both means as an estimate, with ratios beside it where the outcome has them."""
    means, facts = found.means, found.units.facts
    effect = means.with_treatment - means.without
    se = influence_se(means.influence[:, 0] - means.influence[:, 1], found.clusters)
    counts = int(np.sum(found.problem.treated)), int(np.sum(~found.problem.treated))
    absent: AbsentReason | None = "TOO_FEW_CLUSTERS" if min(counts) == 1 else None
    if absent is None and se <= NOISE * float(np.max(np.abs(found.problem.y))):
        absent = "NO_VARIATION"
    value = None if absent else se
    rule = inference_rule(request)
    interval, p_value = interval_and_p(effect, value, rule)
    ties = tie_range(found)
    sets = None if found.clusters is None else int(np.max(found.clusters)) + 1
    level = _level(found)
    return Estimate(
        key=request.key,
        method=name,
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
            treated=counts[0], comparison=counts[1], observations=sum(counts), clusters=sets, treated_clusters=sets
        ),
        observed=means.with_treatment + level,
        counterfactual=means.without + level,
        relative=_relative(request, found, rule, known=absent is None),
        conventions={
            "model": model,
            "link": found.problem.family,
            "covariates": ", ".join(found.units.names) or None,
            "se": "influence values of the stacked equations, by "
            + ("unit" if sets is None else "matched set, summed"),
            "clusters": sets,
            "small_sample_factor": "none",
            "distribution": "normal",
            "interval": sides_convention(request),
            "scores": "taken as known" if found.units.equations is None else "estimated",
            **tie_conventions(ties),
            **(more or {}),
        },
        certificate=_ratios(found, rule) if absent is None else {},
        notes=notes_of(facts, ties),
    )


def tie_range(found: Modelled) -> TieRange | None:
    """The effect's range over tie orders; None where a model does not fit in one of those tried."""
    units, problem = found.units, found.problem
    if problem.augmented or not bool(np.any(uneven(units.ties, units.weights))):
        effect = found.means.with_treatment - found.means.without
        return TieRange(lower=effect, upper=effect, how="no_ties", orders=1)
    everybody = np.column_stack([np.ones(units.outcome.shape[0]), units.covariates])
    whole = replace(
        problem,
        x=replace(problem.x, matrix=everybody),
        y=units.outcome,
        treated=units.treated == 1.0,
        weights=units.weights,
        equations=None,
    )
    whom = {"ATT": whole.treated, "ATC": ~whole.treated}.get(units.facts.estimand[:3], np.ones_like(whole.treated))
    tied, moving = moving_of(whole, units.ties)
    try:
        return ranged(tied, ModelTies(whole, whom, moving), TRIED, SWAPPED)
    except RunError:
        return None


def since(before: tuple[str, ...]) -> Conventions:
    """The convention that an effect is on a change; nothing where it is not."""
    return {"before": ", ".join(before)} if before else {}


def _level(found: Modelled) -> float:
    """What the population had before, where the means are of changes."""
    units, q = found.units, found.problem.population
    if units.after is None:
        return 0.0
    return float(q @ (units.after - units.outcome)[units.inside]) / float(np.sum(q))


def _relative(request: EstimationRequest, found: Modelled, rule: InferenceRule, *, known: bool) -> Relative | None:
    """The effect over the mean without treatment; RunError when that is not positive and a relative one was agreed."""
    if found.units.after is not None:
        return None
    up, below = found.means.with_treatment, found.means.without
    if below <= NOISE * float(np.max(np.abs(found.problem.y))):
        if request.estimand.scale == "absolute":
            return None
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"A relative effect was agreed, but its denominator (counterfactual) is {below:.6g}.",
                fix="Agree on an absolute effect.",
                place=Place(key="estimand.scale"),
            )
        )
    influence = found.means.influence[:, 0] / below - found.means.influence[:, 1] * up / below**2
    se = influence_se(influence, found.clusters) if known else 0.0
    value = (up - below) / below
    return relative_effect(value, se or None, rule=rule, denominator="counterfactual", denominator_value=below)


def _ratios(found: Modelled, rule: InferenceRule) -> dict[str, Json]:
    """Ratio of the means, and for shares the odds ratio, with intervals made on the log scale."""
    one, two = found.means.with_treatment, found.means.without
    covariance = influence_covariance(found.means.influence, found.clusters)
    told: dict[str, Json] = {}
    if found.problem.family != "identity" and min(one, two) > 0.0:
        told["rate_ratio" if found.problem.family == "log" else "risk_ratio"] = _ratio(
            (one / two, np.array([1.0 / one, -1.0 / two])), covariance, rule
        )
    if found.problem.family == "logit" and min(one, two) > 0.0 and max(one, two) < 1.0:
        slopes = np.array([1.0 / (one * (1.0 - one)), -1.0 / (two * (1.0 - two))])
        told["odds_ratio"] = _ratio((one / (1.0 - one) / (two / (1.0 - two)), slopes), covariance, rule)
    return told


def _ratio(value: tuple[float, FloatArray], covariance: FloatArray, rule: InferenceRule) -> Json:
    """One ratio: value, standard error of its logarithm, interval."""
    ratio, slopes = value
    se = math.sqrt(max(float(slopes @ covariance @ slopes), 0.0))
    interval, p_value = interval_and_p(math.log(ratio), se or None, rule)
    ends = [None, None] if interval is None else [math.exp(interval.lower), math.exp(interval.upper)]
    return {"value": ratio, "se_log": se, "lower": ends[0], "upper": ends[1], "p_value": p_value}
