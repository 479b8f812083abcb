"""What cannot be paid on: the faults of a plan's payment rules against what its estimator can give.

Every rule is tried out on made-up figures of the kind the estimator gives, so that what is refused before any
data is exactly what a decision could not compute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaltool.errors import Fault, Place, PlanError
from evaltool.payment.arithmetic import stated_context
from evaltool.payment.rules import basis_of
from evaltool.records.base import Record
from evaltool.records.evidence import ALL, EstimateKey, Evidence
from evaltool.records.mechanism import MechanismPlugin, RuleRequest
from evaltool.records.options import parse_options
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule

Kind = Literal["effect", "verified_count", "change"]

ABSENT_FAULTS: dict[str, tuple[str, str, str]] = {
    "no_lower_bound": (
        "PLAN_BASIS_NEEDS_SE",
        "pays on a figure that needs a standard error, and {method} never gives one",
        "Pay on the point estimate, or choose an estimator with a standard error.",
    ),
    "cohorts_not_planned": (
        "PLAN_NO_COHORTS",
        "tests cohort by cohort, and the plan names no cohorts",
        "Name each cohort in [[population.cohort]], in the order in which they are tested.",
    ),
    "cohort_amounts_mismatch": (
        "PLAN_COHORT_AMOUNTS",
        "does not state one amount per cohort",
        "Write as many cohort_amounts as there are cohorts, in the same order.",
    ),
    "weights_not_agreed": (
        "PLAN_COHORT_WEIGHTS",
        "pools cohorts without agreed weights",
        "Give every [[population.cohort]] a weight, or write equal_weights = true in the rule's terms.",
    ),
}
"""Reason of absence in the trial → fault code, cause (after "Rule 'x'") and fix."""


@dataclass(frozen=True, slots=True)
class Method:
    """What payment needs to know of the plan's estimator (from its table of capabilities)."""

    name: str
    kind: Kind
    standard_error: Literal["always", "sometimes", "never"]
    per_cohort: bool
    relative: bool


@dataclass(frozen=True, slots=True)
class _Subject:
    """One rule with its mechanism, terms and place in the plan."""

    rule: Rule
    plugin: MechanismPlugin
    terms: Record
    key: str

    def fault(self, code: str, cause: str, fix: str, *, at: str = "") -> Fault:
        """A fault of this rule; ``at`` is the key within it."""
        place = Place(key=f"{self.key}.{at}" if at else self.key)
        return Fault(code=code, cause=f"Rule '{self.rule.id}' {cause}.", fix=fix, place=place)


def refusals(plan: EvaluationPlan, method: Method, mechanisms: Callable[[str], MechanismPlugin]) -> tuple[Fault, ...]:
    """Every fault of every payment rule, in the plan's order; empty when all can be paid on."""
    faults: list[Fault] = []
    if plan.estimand.scale == "relative" and not method.relative:
        cause = f"The estimand is relative, and {method.name} gives no relative effect."
        fix = 'Write scale = "absolute", or choose an estimator that gives relative effects.'
        faults.append(Fault("PLAN_NO_RELATIVE_EFFECT", cause, fix, Place(key="estimand.scale")))
    for number, rule in enumerate(plan.payment.rule):
        key = f"payment.rule[{number}]"
        try:
            plugin = mechanisms(rule.mechanism)
            subject = _Subject(rule, plugin, parse_options(plugin.terms, rule.terms, f"{key}.terms"), key)
        except PlanError as error:
            faults += error.faults
            continue
        faults += [
            *_below_quantum(plan.payment.quantum, subject),
            *_unstated(subject),
            *_kind(subject, method),
            *_trial(plan, subject, method),
        ]
    return tuple(faults)


def _below_quantum(quantum: Decimal, subject: _Subject) -> list[Fault]:
    """Terms that can pay nothing, because their top lies below the smallest unit that is paid."""
    top = subject.plugin.maximum(subject.terms)
    if top is None or top >= quantum:
        return []
    fix = "Raise the amounts, or state a smaller payment.quantum."
    cause = f"can pay {top} at the most, less than the smallest unit that is paid ({quantum})"
    return [subject.fault("PLAN_BELOW_QUANTUM", cause, fix, at="terms")]


def _unstated(subject: _Subject) -> list[Fault]:
    """A rule says on which figure it pays, and whether reaching a threshold exactly counts."""
    faults: list[Fault] = []
    if basis_of(subject.rule, subject.plugin) is None:
        fix = 'Write basis = "point_estimate", "lower_bound" or "significant_and_point", as the contract says.'
        faults.append(subject.fault("PLAN_RULE_BASIS", "does not say on which figure it pays", fix, at="basis"))
    if subject.rule.inclusive is None and subject.plugin.thresholds(subject.terms):
        fix = "Write inclusive = true (at least the threshold) or inclusive = false (more than the threshold)."
        cause = "does not say whether reaching a threshold exactly counts"
        faults.append(subject.fault("PLAN_RULE_INCLUSIVE", cause, fix, at="inclusive"))
    return faults


def _kind(subject: _Subject, method: Method) -> list[Fault]:
    """Tariffs pay verified units, effect mechanisms pay effects; cohort tests need an estimate per cohort."""
    faults: list[Fault] = []
    uses, name = subject.plugin.uses, subject.plugin.name
    if (uses == "count" and method.kind != "verified_count") or (uses == "effect" and method.kind != "effect"):
        wanted = "verified units" if uses == "count" else "an effect"
        cause = f"uses {name}, which pays on {wanted}; {method.name} gives a figure of kind '{method.kind}'"
        fix = "Choose a mechanism for what is measured, or an estimator for what is paid."
        faults.append(subject.fault("PLAN_MECHANISM_KIND", cause, fix, at="mechanism"))
    if subject.plugin.per_cohort and not method.per_cohort:
        cause = f"uses {name}, which needs one estimate per cohort; {method.name} gives none"
        fix = "Choose an estimator that gives one estimate per cohort."
        faults.append(subject.fault("PLAN_NO_COHORT_ESTIMATES", cause, fix, at="mechanism"))
    return faults


def _trial(plan: EvaluationPlan, subject: _Subject, method: Method) -> list[Fault]:
    """The rule tried on made-up figures: whatever it finds absent then would be absent in every decision."""
    basis = basis_of(subject.rule, subject.plugin) or "point_estimate"
    rule = subject.rule.model_copy(update={"basis": basis, "inclusive": True})
    names = tuple(cohort.id for cohort in plan.population.cohort)
    weights = {cohort.id: cohort.weight for cohort in plan.population.cohort}
    tested = names if subject.plugin.per_cohort else (ALL,)
    evidence = tuple(_made_up(rule.subject, name, weights.get(name), method) for name in tested)
    with stated_context():
        result = subject.plugin.pay(
            RuleRequest(rule=rule, terms=subject.terms, basis=basis, evidence=evidence, cohorts=names)
        )
    if result.absent is None or result.absent not in ABSENT_FAULTS:
        return []
    code, cause, fix = ABSENT_FAULTS[result.absent]
    return [subject.fault(code, cause.format(method=method.name), fix)]


def _made_up(outcome: str, cohort: str, weight: Decimal | None, method: Method) -> Evidence:
    """A figure of zero, with bounds unless the estimator never has them."""
    bounded = method.standard_error != "never"
    return Evidence(
        key=EstimateKey(outcome=outcome, cohort=cohort),
        kind=method.kind,
        point=Decimal(0),
        lower=Decimal(-2) if bounded else None,
        upper=Decimal(2) if bounded else None,
        standard_error=Decimal(1) if bounded else None,
        weight=weight,
        absent=None if bounded else "NEVER",
    )
