"""All lint rules, in the order of the plan's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evaltool.planning.lint import measurement, money, parties, terms, validity, wording
from evaltool.planning.lint.finding import Finding, Reading, read
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Rule = Callable[[Reading], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    wording.to_be_determined,
    wording.count_and_share_in_words,
    wording.second_currency,
    parties.evaluator_not_named,
    parties.evaluator_not_independent,
    measurement.minimum_above_target,
    parties.cohorts_overlap,
    parties.cohort_outside_entry,
    measurement.no_vintage,
    measurement.no_definition,
    measurement.no_verifier,
    measurement.window_before_entry,
    measurement.no_maturity,
    measurement.decides_before_mature,
    measurement.vintage_after_as_of,
    validity.outcome_without_use,
    validity.effect_without_counterfactual,
    validity.regression_to_the_mean,
    validity.below_detectable,
    parties.override_unsigned,
    validity.no_fallback,
    parties.no_expert,
    terms.no_basis,
    terms.no_inclusive,
    terms.cap_below_reach,
    terms.contract_cap_below_reach,
    terms.floor_above_cap,
    terms.count_and_share_disagree,
    terms.percent_for_share,
    terms.pays_for_harm,
    terms.paid_twice,
    terms.rounded_estimate,
    terms.point_estimate_basis,
    money.prior_alone_pays,
    money.previous_without_path,
    money.clawback_unstated,
    money.interim_without_true_up,
    money.haircut_without_baseline,
    money.haircut_not_simulated,
    money.shock_without_clause,
    money.gain_source,
    money.gains_without_paying,
    money.pays_without_gaining,
    money.no_return_cap,
    money.principal_whatever,
    validity.no_sensitivity,
    parties.no_time_to_object,
)


def lint(plan: EvaluationPlan) -> tuple[Finding, ...]:
    """Every doubt about a valid plan, in the order of its tables. Reads no data; never raises for a plan."""
    reading = read(plan)
    return tuple(finding for rule in RULES for finding in rule(reading))
