"""What a plan's numbers can show: the minimum detectable effect, and what it takes to be paid.

    minimum detectable effect     (critical value + z_power) · se                      Bloom (1995), eq. 1
    needed for a payment          the true effect with which the threshold is reached with probability ``power``:

        point_estimate            θ + z·se
        lower_bound               θ + c·se + z·se, for the interval's critical value c
        significant_and_point     max(θ, c·se) + z·se
        probability               x + z·se, for the estimate x at which the effect exceeds θ with the probability agreed

All in the direction of good and on the estimand's scale; the estimate falls N(effect, se²).
"""

from __future__ import annotations

from decimal import Decimal

from evaltool import registry
from evaltool.numerics.distributions import normal_quantile
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.posterior import exceeded_with
from evaltool.numerics.power import detectable
from evaltool.payment.rules import basis_of
from evaltool.pipeline.expectations import Believed, believed
from evaltool.records.base import Exact, Record
from evaltool.records.options import parse_options
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule

DIGITS = 6
"""Significant digits of what is said: a calculation before data deserves no more."""


class Detectable(Record):
    """How small an effect on one outcome can be and still be found."""

    outcome: str
    standard_error: Exact
    source: str
    """Where the standard error is from: the plan's source, or ``target_n``."""
    minimum: Exact
    """Minimum detectable effect."""


class Needed(Record):
    """What it takes to reach one threshold of one rule."""

    rule: str
    outcome: str
    basis: str
    threshold: Exact
    needed: Exact | None
    """True effect with which the threshold is reached with the power asked for; None for ``equivalence``."""
    below_minimum: bool
    """Whether an effect as large as the threshold would probably not be found significant."""


class Power(Record):
    """Every outcome and threshold of a plan."""

    power: Exact
    level: Exact
    sides: str
    outcomes: tuple[Detectable, ...]
    thresholds: tuple[Needed, ...]


def power_of(plan: EvaluationPlan, power: float = 0.8) -> Power:
    """What the plan's numbers can show. Raises PlanError when a standard error is missing (PLAN_NO_EXPECTATION).

    Raises ValueError unless 0.5 <= ``power`` < 1.
    """
    if not 0.5 <= power < 1:  # noqa: PLR2004 - less than half is no power
        message = f"power lies between 0.5 and 1, got {power!r}"
        raise ValueError(message)
    sides = 1 if plan.inference.sides == "one" else 2
    level = float(plan.inference.level)
    found = believed(plan)
    minima = {one.outcome: detectable(one.se, level=level, sides=sides, power=power) for one in found}
    outcomes = tuple(
        Detectable(
            outcome=one.outcome, standard_error=_said(one.se), source=one.source, minimum=_said(minima[one.outcome])
        )
        for one in found
    )
    listed = []
    for number, rule in enumerate(plan.payment.rule):
        one = next((each for each in found if each.outcome == rule.outcome), None)
        if one is not None:
            listed += _thresholds(plan, (number, rule), one, (power, minima[one.outcome]))
    return Power(
        power=_said(power),
        level=plan.inference.level,
        sides=plan.inference.sides,
        outcomes=outcomes,
        thresholds=tuple(listed),
    )


def _thresholds(
    plan: EvaluationPlan, placed: tuple[int, Rule], one: Believed, asked: tuple[float, float]
) -> list[Needed]:
    """Every threshold of one rule; ``asked`` are the power and the outcome's minimum detectable effect."""
    number, rule = placed
    plugin = registry.mechanism(rule.mechanism)
    terms = parse_options(plugin.terms, rule.terms, f"payment.rule[{number}].terms")
    basis = basis_of(rule, plugin) or "point_estimate"
    shift = normal_quantile(asked[0]) * one.se
    found = []
    for threshold in plugin.thresholds(terms):
        estimate = _estimate_needed(plan, rule, one, float(threshold))
        needed = None if basis == "equivalence" or estimate is None else _said(estimate + shift)
        found.append(
            Needed(
                rule=rule.id,
                outcome=one.outcome,
                basis=basis,
                threshold=threshold,
                needed=needed,
                below_minimum=0 < float(threshold) < asked[1],
            )
        )
    return found


def _estimate_needed(plan: EvaluationPlan, rule: Rule, one: Believed, threshold: float) -> float | None:
    """The smallest estimate with which the rule counts the threshold as reached."""
    inference = InferenceRule(level=float(plan.inference.level), sides=plan.inference.sides)
    margin = infer(0.0, 1.0, inference).upper * one.se
    if rule.basis == "lower_bound":
        return threshold + margin
    if rule.basis == "significant_and_point":
        return max(threshold, margin)
    if rule.basis != "probability":
        return threshold
    if rule.probability is None:
        return None
    chance = float(rule.probability)

    def short(estimate: float) -> float:
        return exceeded_with(estimate, one.se, None, one.prior, chance) - threshold

    # With normal laws the value exceeded rises with the estimate along a straight line: two points give it.
    return -short(0.0) * one.se / (short(one.se) - short(0.0))


def _said(value: float) -> Decimal:
    """A number to six significant digits."""
    return Decimal(f"{value:.{DIGITS}g}")
