"""All lint rules, in the order of the plan's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evaltool.planning.lint import measurement, terms, validity
from evaltool.planning.lint.finding import Finding, Reading, read
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Rule = Callable[[Reading], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    measurement.to_be_determined,
    measurement.minimum_above_target,
    measurement.no_vintage,
    measurement.no_definition,
    measurement.no_verifier,
    measurement.window_before_entry,
    measurement.no_maturity,
    measurement.decides_before_mature,
    measurement.vintage_after_as_of,
    validity.effect_without_counterfactual,
    validity.regression_to_the_mean,
    validity.below_detectable,
    validity.no_fallback,
    terms.no_basis,
    terms.no_inclusive,
    terms.cap_below_reach,
    terms.contract_cap_below_reach,
    terms.floor_above_cap,
    terms.count_and_share_disagree,
    terms.percent_for_share,
    terms.pays_for_harm,
    terms.point_estimate_basis,
)


def lint(plan: EvaluationPlan) -> tuple[Finding, ...]:
    """Every doubt about a valid plan, in the order of its tables. Reads no data; never raises for a plan."""
    reading = read(plan)
    return tuple(finding for rule in RULES for finding in rule(reading))
