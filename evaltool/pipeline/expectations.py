"""What is assumed of every outcome that is paid on: how exactly its effect will be known, and what was believed of it.

The standard error is the plan's ``[[expectation]]``; without one, that of a binary outcome in two groups of
``target_n`` people at the rate ½, the largest it can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaltool import registry
from evaltool.errors import Fault, Place, PlanError
from evaltool.numerics.posterior import NormalPrior
from evaltool.numerics.power import rates_se
from evaltool.records.estimate import decimal_of
from evaltool.records.gains import Assumption
from evaltool.records.options import parse_options
from evaltool.records.plan.evaluation_plan import EvaluationPlan

TARGET_N = "target_n"
"""Source of a standard error that follows from the agreed number of people."""
Name = Literal["zero", "half_threshold", "threshold", "effect"]
"""What a scenario takes for true: no effect, half the first threshold, a threshold, what was believed."""


@dataclass(frozen=True, slots=True)
class Believed:
    """What is assumed of one outcome: how exactly it will be known, and what is believed of the effect."""

    outcome: str
    se: float
    source: str
    prior: NormalPrior | None
    stated: Literal["normal", "flat", "none"]
    thresholds: tuple[float, ...]
    """Payment thresholds on this outcome, ascending."""

    @property
    def assumption(self) -> Assumption:
        """As a record."""
        return Assumption(
            outcome=self.outcome,
            prior=self.stated,
            mean=None if self.prior is None else decimal_of(self.prior.mean),
            sd=None if self.prior is None else decimal_of(self.prior.sd),
            standard_error=decimal_of(self.se),
            source=self.source,
        )

    def true_effect(self, name: Name, step: int) -> float:
        """The true effect of a scenario; what has no threshold stays at what was believed, or at zero."""
        if name == "zero":
            return 0.0
        if not self.thresholds or name == "effect":
            return 0.0 if self.prior is None else self.prior.mean
        positive = [t for t in self.thresholds if t > 0] or list(self.thresholds)
        return positive[0] / 2 if name == "half_threshold" else self.thresholds[min(step, len(self.thresholds) - 1)]


def expected_error(plan: EvaluationPlan, outcome: str) -> tuple[float, str] | None:
    """The standard error that is expected of an outcome's effect, and where it is from; None when nobody says."""
    for stated in plan.expectation:
        if stated.outcome == outcome:
            return float(stated.standard_error), stated.source
    n = plan.population.target_n
    binary = plan.outcome_named(outcome).kind == "binary"
    kind = registry.estimator(plan.estimator.method).capabilities.kind
    if n is None or not binary or plan.estimand.scale != "absolute" or kind != "effect":
        return None
    return rates_se(n, n), TARGET_N


def missing_expectations(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """A fault for every outcome paid on of which nobody says how exactly its effect will be known."""
    return tuple(
        Fault(
            code="PLAN_NO_EXPECTATION",
            cause=f"Nobody says how exactly the effect on '{name}' will be known.",
            fix=f'Add [[expectation]] with outcome = "{name}", standard_error = … and source = "…".',
            place=Place(key="payment"),
        )
        for name in plan.payment.outcomes
        if expected_error(plan, name) is None
    )


def believed(plan: EvaluationPlan) -> tuple[Believed, ...]:
    """What is assumed of every outcome that is paid on. Raises PlanError where a standard error is missing."""
    found = []
    for name in plan.payment.outcomes:
        expected = expected_error(plan, name)
        if expected is None:
            raise PlanError(missing_expectations(plan))
        prior = plan.prior_of(name)
        normal = None
        if prior is not None and prior.mean is not None and prior.sd is not None:
            normal = NormalPrior(float(prior.mean), float(prior.sd))
        found.append(
            Believed(
                outcome=name,
                se=expected[0],
                source=expected[1],
                prior=normal,
                stated="none" if prior is None else prior.kind,
                thresholds=thresholds(plan, name),
            )
        )
    return tuple(found)


def thresholds(plan: EvaluationPlan, outcome: str) -> tuple[float, ...]:
    """Payment thresholds of the rules that pay on this outcome, ascending, without repetition."""
    found: set[float] = set()
    for number, rule in enumerate(plan.payment.rule):
        if rule.outcome == outcome:
            plugin = registry.mechanism(rule.mechanism)
            terms = parse_options(plugin.terms, rule.terms, f"payment.rule[{number}].terms")
            found.update(float(threshold) for threshold in plugin.thresholds(terms))
    return tuple(sorted(found))
