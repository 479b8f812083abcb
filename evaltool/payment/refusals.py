"""What cannot be paid on: the faults of a plan's payment rules against what its estimator can give.

Every rule is tried out on made-up figures of the kind the estimator gives, so that what is refused before any
data is exactly what a decision could not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaltool.errors import Fault, Place, PlanError
from evaltool.payment.arithmetic import stated_context
from evaltool.payment.request import DecisionRequest
from evaltool.payment.rules import Selection, apply_rules, basis_of
from evaltool.records.base import Record
from evaltool.records.evidence import ALL, PRIMARY, EstimateKey, Evidence, Exceeded
from evaltool.records.lock import LockStatus
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.options import parse_options
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule

Kind = Literal["effect", "verified_count", "change"]

TRIABLE = frozenset(
    {"PLAN_RULE_BASIS", "PLAN_RULE_INCLUSIVE", "PLAN_BELOW_QUANTUM", "PLAN_MECHANISM_KIND"}
    | {"PLAN_NO_RELATIVE_EFFECT", "PLAN_NO_COHORT_ESTIMATES"}
)
"""Faults beside which the rules can still be tried out."""
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
    "no_unit_counts": (
        "PLAN_NEEDS_PER_UNIT",
        "pays per person, and {method} is not asked to keep what each person reached",
        "Use measured.verified_count with per_unit = true in [estimator.options].",
    ),
    "unknown_payer": (
        "PLAN_UNKNOWN_PAYER",
        "names a payer that is no authority of the contract",
        "Use a name of [[parties.authorities]], as it is written there.",
    ),
    "part_missing": (
        "PLAN_UNKNOWN_PART",
        "names a rule that the plan does not have",
        "Write the id of another [[payment.rule]] under 'of'.",
    ),
    "specification_missing": (
        "PLAN_UNKNOWN_SPECIFICATION",
        "names a specification that the plan does not have",
        "Use 'primary' or the id of a [[sensitivity]].",
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
    per_unit: bool = False
    """Whether the plan asks for what each person or unit reached."""
    any_kind: bool = False
    """Whether its figures can be of every kind, as published ones are."""


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
            *_outcome(subject),
        ]
    if not faults or {fault.code for fault in faults} <= TRIABLE:
        try:
            faults += _trial(plan, method, mechanisms)
        except PlanError as error:
            faults += error.faults
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


def _outcome(subject: _Subject) -> list[Fault]:
    """A rule that looks at a figure names its outcome; one that only combines others has none."""
    combines = subject.plugin.uses == "parts"
    if combines and subject.rule.outcome is not None:
        fix = "Remove the outcome: the rules it combines name theirs."
        return [
            subject.fault("PLAN_RULE_OUTCOME", "only combines other rules, yet names an outcome", fix, at="outcome")
        ]
    if not combines and not subject.rule.outcomes:
        fix = 'Write outcome = "…", the id of an [[outcome]].'
        return [subject.fault("PLAN_RULE_OUTCOME", "does not say on which outcome it pays", fix)]
    return []


def _kind(subject: _Subject, method: Method) -> list[Fault]:
    """Tariffs pay verified units, effect mechanisms pay effects; cohort tests need an estimate per cohort."""
    faults: list[Fault] = []
    uses, name = subject.plugin.uses, subject.plugin.name
    if method.any_kind:
        pass
    elif (uses == "count" and method.kind != "verified_count") or (uses == "effect" and method.kind != "effect"):
        wanted = "verified units" if uses == "count" else "an effect"
        cause = f"uses {name}, which pays on {wanted}; {method.name} gives a figure of kind '{method.kind}'"
        fix = "Choose a mechanism for what is measured, or an estimator for what is paid."
        faults.append(subject.fault("PLAN_MECHANISM_KIND", cause, fix, at="mechanism"))
    if subject.plugin.per_cohort and not method.per_cohort:
        cause = f"uses {name}, which needs one estimate per cohort; {method.name} gives none"
        fix = "Choose an estimator that gives one estimate per cohort."
        faults.append(subject.fault("PLAN_NO_COHORT_ESTIMATES", cause, fix, at="mechanism"))
    return faults


def _trial(plan: EvaluationPlan, method: Method, mechanisms: Callable[[str], MechanismPlugin]) -> list[Fault]:
    """All rules tried on made-up figures: whatever they find absent then would be absent in every decision."""
    rules = tuple(_settled_rule(rule, mechanisms) for rule in plan.payment.rule)
    stated = plan.model_copy(update={"payment": plan.payment.model_copy(update={"rule": rules})})
    with stated_context():
        tried = apply_rules(_made_up_request(stated, method, mechanisms), Selection())
    numbers = {rule.id: number for number, rule in enumerate(plan.payment.rule)}
    absent = {outcome.rule.id for outcome in tried if outcome.result.absent is not None}
    faults = []
    for outcome in tried:
        found = ABSENT_FAULTS.get(outcome.result.absent or "")
        if found is None or absent & set(outcome.rule.parts):
            continue
        code, cause, fix = found
        told = f"Rule '{outcome.rule.id}' {cause.format(method=method.name)}."
        faults.append(Fault(code, told, fix, Place(key=f"payment.rule[{numbers[outcome.rule.id]}]")))
    return faults


def _settled_rule(rule: Rule, mechanisms: Callable[[str], MechanismPlugin]) -> Rule:
    """The rule with what it leaves open filled in, so that the trial finds what else is missing."""
    basis = basis_of(rule, mechanisms(rule.mechanism)) or "point_estimate"
    inclusive = True if rule.inclusive is None else rule.inclusive
    return rule.model_copy(update={"basis": basis, "inclusive": inclusive})


def _made_up_request(
    plan: EvaluationPlan, method: Method, mechanisms: Callable[[str], MechanismPlugin]
) -> DecisionRequest:
    """A request whose estimates are all zero: every outcome, cohort and specification the plan names."""
    weights = {cohort.id: cohort.weight for cohort in plan.population.cohort}
    specifications = (PRIMARY, *(one.id for one in plan.sensitivity))
    levels = {rule.probability for rule in plan.payment.rule if rule.probability is not None}
    evidence = tuple(
        _made_up(EstimateKey(outcome=outcome, cohort=cohort, specification=name), weights.get(cohort), method, levels)
        for outcome in plan.payment.outcomes
        for cohort in (ALL, *weights)
        for name in specifications
    )
    lock = LockStatus(state="never_locked", seal=plan.seal)
    return DecisionRequest(
        plan=plan, lock=lock, as_of=plan.programme.end, gates=(), evidence=evidence, mechanisms=mechanisms
    )


def _made_up(key: EstimateKey, weight: Decimal | None, method: Method, levels: Iterable[Decimal]) -> Evidence:
    """A figure of zero, with bounds unless the estimator never has them."""
    bounded = method.standard_error != "never"
    return Evidence(
        key=key,
        kind=method.kind,
        point=Decimal(0),
        lower=Decimal(-2) if bounded else None,
        upper=Decimal(2) if bounded else None,
        standard_error=Decimal(1) if bounded else None,
        units=1,
        posterior=tuple(Exceeded(probability=one, value=Decimal(0)) for one in levels) if bounded else (),
        counts=(Decimal(0),) if method.per_unit else (),
        weight=weight,
        absent=None if bounded else "NEVER",
    )
