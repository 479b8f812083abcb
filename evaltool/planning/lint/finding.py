"""What a lint rule says, and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaltool import registry
from evaltool.errors import Fault, Place, PlanError
from evaltool.records.base import Record
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.options import parse_options
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule
from evaltool.records.plugins import Capabilities


@dataclass(frozen=True, slots=True)
class Finding(Fault):
    """A doubt about a plan that is valid: stable code, plan key (in ``place``), sentence (``cause``) and fix.

    ``warning`` asks for a change; ``note`` only tells what the parties should know.
    """

    severity: Literal["warning", "note"] = "warning"


@dataclass(frozen=True, slots=True)
class PaymentRule:
    """A payment rule whose terms its mechanism accepts."""

    rule: Rule
    plugin: MechanismPlugin
    terms: Record
    key: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The plan with its plug-ins looked up. What is unknown or malformed is left out: those are faults elsewhere."""

    plan: EvaluationPlan
    can: Capabilities | None
    rules: tuple[PaymentRule, ...]

    @property
    def decides(self) -> bool:
        """Whether the plan pays at all; a monitoring plan only reports."""
        return self.plan.governance.purpose == "decision"

    @property
    def leading(self) -> tuple[PaymentRule, ...]:
        """The rules whose amounts the contract joins: those that are no part of another."""
        own = {rule.id for rule in self.plan.payment.leading}
        return tuple(item for item in self.rules if item.rule.id in own)


def read(plan: EvaluationPlan) -> Reading:
    """The plan as the rules read it."""
    try:
        can = registry.estimator(plan.estimator.method).capabilities
    except PlanError:
        can = None
    rules: list[PaymentRule] = []
    for number, rule in enumerate(plan.payment.rule):
        key = f"payment.rule[{number}]"
        try:
            plugin = registry.mechanism(rule.mechanism)
            rules.append(PaymentRule(rule, plugin, parse_options(plugin.terms, rule.terms, f"{key}.terms"), key))
        except PlanError:
            continue
    return Reading(plan, can, tuple(rules))


def warning(code: str, key: str, sentence: str, fix: str) -> Finding:
    """A finding that asks for a change."""
    return Finding(code=code, cause=sentence, fix=fix, place=Place(key=key))


def note(code: str, key: str, sentence: str, fix: str) -> Finding:
    """A finding that only tells what the parties should know."""
    return Finding(code=code, cause=sentence, fix=fix, place=Place(key=key), severity="note")
