"""What payment may know of how sure an estimate is: quantiles of its error, posterior values, covariances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np

from evaltool.numerics.inference import error_quantiles, influence_sums
from evaltool.numerics.posterior import NormalPrior, exceeded_with
from evaltool.records.estimate import Estimate, decimal_of
from evaltool.records.evidence import ALL, FEASIBLE, EstimateKey, Evidence, Exceeded
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Covariance

DRAWS = 199
"""Equally probable quantiles of an estimate's error: enough for an interval at 99 per cent."""


def evidence_of(plan: EvaluationPlan, estimates: Mapping[EstimateKey, Estimate]) -> tuple[Evidence, ...]:
    """Every estimate as payment sees it, in the order estimated."""
    weights = {cohort.id: cohort.weight for cohort in plan.population.cohort}
    found = []
    for key, estimate in estimates.items():
        direction = plan.outcome_named(key.outcome).direction
        weight = weights.get(key.cohort)
        evidence = estimate.evidence(direction=direction, scale=plan.estimand.scale, weight=weight)
        found.append(evidence.model_copy(update=_sureness(plan, estimate, evidence)))
    return tuple(found)


def _sureness(plan: EvaluationPlan, estimate: Estimate, evidence: Evidence) -> dict[str, object]:
    """Spread and posterior values of one estimate, where it has a standard error; other methods' are not needed."""
    if evidence.standard_error is None or evidence.key.specification.startswith(FEASIBLE):
        return {}
    se = float(evidence.standard_error)
    spread = tuple(decimal_of(one) for one in error_quantiles(se, estimate.df, DRAWS))
    return {"spread": spread, "posterior": tuple(_posterior(plan, estimate.df, evidence, se))}


def _posterior(plan: EvaluationPlan, df: float | None, evidence: Evidence, se: float) -> Iterator[Exceeded]:
    """What the effect exceeds with each probability that a rule asks for."""
    stated = plan.prior_of(evidence.key.outcome)
    if stated is None:
        return
    prior = None
    if stated.mean is not None and stated.sd is not None:
        prior = NormalPrior(float(stated.mean), float(stated.sd))
    asked = dict.fromkeys(rule.probability for rule in plan.payment.rule if rule.probability is not None)
    for probability in asked:
        value = exceeded_with(float(evidence.point), se, df, prior, float(probability))
        yield Exceeded(probability=probability, value=decimal_of(value))


def blended_specifications(plan: EvaluationPlan) -> tuple[tuple[str, ...], ...]:
    """The groups of specifications that a rule or a fallback of the plan blends."""
    rules = [rule.specifications for rule in plan.payment.rule if rule.specifications]
    fallbacks = [tuple(part.specification for part in one.blend) for one in plan.fallback if one.blend]
    return (*rules, *fallbacks)


def covariances(
    plan: EvaluationPlan, panel: Panel | None, estimates: Mapping[EstimateKey, Estimate]
) -> tuple[Covariance, ...]:
    """Sampling covariances of every pair of estimates that is blended, from their influence values.

    cov = Σ_g (Σ_{i∈g} ψ_i)(Σ_{i∈g} φ_i) / n² over clusters g; only on the absolute scale, and where both methods give
    influence values for all the panel's units.
    """
    if panel is None or plan.estimand.scale == "relative":
        return ()
    units = panel.frame.drop_duplicates("unit")
    codes = None
    if plan.inference.cluster is not None and "cluster" in units:
        codes = np.unique(units["cluster"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    found: dict[tuple[EstimateKey, EstimateKey], Covariance] = {}
    for outcome in plan.payment.outcomes:
        for group in blended_specifications(plan):
            keys = [EstimateKey(outcome=outcome, cohort=ALL, specification=name) for name in sorted(set(group))]
            for place, first in enumerate(keys):
                for second in keys[place + 1 :]:
                    a, b = (estimates[key].influence if key in estimates else None for key in (first, second))
                    if a is None or b is None or not len(a) == len(b) == len(units):
                        continue
                    value = float(np.dot(influence_sums(a, codes), influence_sums(b, codes))) / len(units) ** 2
                    found[first, second] = Covariance(first=first, second=second, value=value)
    return tuple(found.values())


def exact_covariances(known: tuple[Covariance, ...]) -> dict[tuple[EstimateKey, EstimateKey], Decimal]:
    """Covariances as payment sees them."""
    return {(one.first, one.second): decimal_of(one.value) for one in known}
