"""Whether the design can carry what the payment claims."""

from __future__ import annotations

from collections.abc import Iterable

from evaltool import registry
from evaltool.numerics.power import detectable, rates_se
from evaltool.planning.lint.finding import Finding, Reading, note, warning
from evaltool.records.decision import Reason

POWER = 0.8
"""Power of the minimum detectable effect."""
GATE_REASONS: dict[str, Reason] = {
    "minimum_sample": "N_MIN",
    "matched_share": "OVERLAP_FAIL",
    "overlap": "OVERLAP_FAIL",
    "balance": "BALANCE_FAIL",
    "effective_sample_size": "OVERLAP_FAIL",
    "largest_weight_share": "OVERLAP_FAIL",
    "estimand_changed": "ESTIMAND_CHANGED",
    "attrition": "ATTRITION_HIGH",
    "linkage": "LINKAGE_LOW",
    "prefit": "PREFIT_POOR",
    "break_before": "STRUCTURAL_BREAK",
    "dress_rehearsal": "PLACEBO_FAIL",
    "placebo_in_space": "PLACEBO_FAIL",
    "leave_one_out": "ONE_DONOR_DECIDES",
    "tie_range": "TIES_DECIDE",
    "hidden_bias": "HIDDEN_BIAS",
    "negative_controls": "NEGATIVE_CONTROL",
    "placebo_in_time": "PLACEBO_FAIL",
    "few_clusters": "FEW_CLUSTERS",
    "disclosure": "DISCLOSURE_BLOCK",
    "pre_trend": "PRETREND_REVIEW",
    "shocks": "STRUCTURAL_BREAK",
    "contamination": "CONTAMINATION",
    "regression_to_mean": "REGRESSION_TO_MEAN",
}
"""Reason code of each gate that a fallback may answer; lock and maturity have steps of their own."""


def effect_without_counterfactual(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_COUNTERFACTUAL: an effect is claimed where only the treated are measured."""
    plan, can = reading.plan, reading.can
    if can is None or can.kind == "effect":
        return
    if plan.estimand.target != "NONE" or plan.estimand.scale == "relative":
        sentence = (
            f"{plan.estimator.method} measures the treated only, yet the plan speaks of an effect "
            f"(target {plan.estimand.target}, {plan.estimand.scale}): what would have happened anyway is not known."
        )
        fix = 'Choose a design with a comparison, or write target = "NONE" and pay on an absolute target.'
        yield warning("LINT_NO_COUNTERFACTUAL", "estimand", sentence, fix)


def regression_to_the_mean(reading: Reading) -> Iterable[Finding]:
    """LINT_REGRESSION_TO_MEAN: people chosen at their worst get better by themselves (Linden 2013)."""
    can = reading.can
    if reading.plan.population.selected_as_extreme and can is not None and can.kind == "change":
        sentence = (
            "People enter because of an extreme earlier value and are measured before and after, without comparison: "
            "part of any improvement is regression to the mean."
        )
        fix = "Compare with people selected in the same way who did not take part."
        yield warning("LINT_REGRESSION_TO_MEAN", "population.selected_as_extreme", sentence, fix)


def below_detectable(reading: Reading) -> Iterable[Finding]:
    """LINT_BELOW_DETECTABLE: a threshold smaller than the effect that the design can show.

    (z_{1−α/sides} + z_{0.8}) · se, with the standard error that ``[[expectation]]`` states for the outcome; without
    one, for a binary outcome, that of one comparison person per treated person and variance 0.25 in both arms,
    sqrt(0.25/n + 0.25/n). A relative threshold is no easier there: it stands for an absolute effect at most as large.
    """
    plan, size = reading.plan, reading.plan.population.target_n
    if reading.can is None or reading.can.kind != "effect":
        return
    level, sides = float(plan.inference.level), {"two": 2, "one": 1}[plan.inference.sides]
    kinds = {outcome.id: outcome.kind for outcome in plan.outcome}
    expected = {one.outcome: float(one.standard_error) for one in plan.expectation}
    for item in reading.rules:
        name = item.rule.outcome or ""
        positive = [threshold for threshold in item.plugin.thresholds(item.terms) if threshold > 0]
        if name in expected:
            se, how = expected[name], f"standard error {expected[name]:g}"
        elif kinds.get(name) == "binary" and size is not None:
            se, how = rates_se(size, size), "as many in the comparison, 50 % outcome"
        else:
            continue
        smallest = detectable(se, level=level, sides=sides, power=POWER)
        if positive and float(min(positive)) < smallest:
            who = f"{size} people" if name not in expected else "the design"
            sentence = (
                f"Rule '{item.rule.id}' pays from {min(positive)}, but {who} can show an effect of about "
                f"{smallest:.2f} at the least ({POWER:.0%} power, {how})."
            )
            fix = "Include more people, ask for a larger effect, or agree that chance will often decide."
            yield warning("LINT_BELOW_DETECTABLE", f"{item.key}.terms", sentence, fix)


def no_sensitivity(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_SENSITIVITY: no other specification was agreed, so nobody will see how fragile the decision is."""
    if reading.decides and reading.can is not None and reading.can.kind == "effect" and not reading.plan.sensitivity:
        if reading.can.family == "published":
            return
        sentence = "No other specification is agreed, so step 7 cannot say whether the decision is fragile."
        fix = "Add [[sensitivity]]: one choice of the estimator made otherwise, agreed before outcomes are known."
        yield note("LINT_NO_SENSITIVITY", "sensitivity", sentence, fix)


def outcome_without_use(reading: Reading) -> Iterable[Finding]:
    """LINT_OUTCOME_UNUSED: an outcome is defined, and nothing is estimated or paid on it."""
    plan = reading.plan
    used = {plan.estimand.outcome, *plan.payment.outcomes, *(gain.outcome for gain in plan.budget_gain)}
    for number, outcome in enumerate(plan.outcome):
        if outcome.id not in used:
            sentence = f"Outcome '{outcome.id}' is defined, and nothing is estimated or paid on it."
            fix = "Remove it, or say in a rule or a budget gain what it is for."
            yield note("LINT_OUTCOME_UNUSED", f"outcome[{number}].id", sentence, fix)


def no_fallback(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_FALLBACK: a gate may block, and the contract does not say what happens then."""
    plan, can = reading.plan, reading.can
    if can is None or not reading.decides:
        return
    covered = {reason for fallback in plan.fallback for reason in fallback.on}
    stated = {gate.name: gate for gate in plan.gate}
    for plugin in registry.gates():
        reason = GATE_REASONS.get(plugin.name)
        if reason is None or reason in covered or plugin.applies(can, plan) is not None:
            continue
        own = stated.get(plugin.name)
        consequence = (own.consequence if own else None) or plugin.consequence
        if consequence == "block" and (plugin.stands_in(plan, can.family) or own is not None):
            sentence = f"The gate {plugin.name} may block ({reason}), and no fallback says what happens then."
            fix = f'Add a [[fallback]] with on = ["{reason}"] and an action; without one nothing is decided.'
            yield warning("LINT_NO_FALLBACK", "fallback", sentence, fix)
