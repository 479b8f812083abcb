"""What every other basis and every pre-registered specification would have decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from evaltool.payment.combination import Settlement, combine, settle
from evaltool.payment.haircut import haircut_of
from evaltool.payment.request import DecisionRequest
from evaltool.payment.rules import RuleOutcome, Selection, apply_rules
from evaltool.records.decision import Alternative
from evaltool.records.evidence import FEASIBLE
from evaltool.records.plan.payment import BASES, UNSTATED, Basis, Rule

NO_HAIRCUT = "no_haircut"
NEARLY = Decimal("0.1")
"""Amounts along a line agree within this share of the decided one (our own proposal)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the pre-registered specifications decide the same state and amount.

    One that could not be estimated counts among ``registered`` and not among ``agreeing``.
    """

    agreeing: int
    registered: int
    absent: int

    def below(self, share: Decimal) -> bool:
        """Whether fewer than ``share`` of the registered specifications agree."""
        return self.agreeing < share * self.registered


def absent_in(outcomes: Sequence[RuleOutcome]) -> str | None:
    """The first reason why a rule could not be computed, or None."""
    return next((outcome.result.absent for outcome in outcomes if outcome.result.absent is not None), None)


def leading_point(outcomes: Sequence[RuleOutcome]) -> Decimal | None:
    """The figure that leads: the last comparison of the first rule that compares, else the first estimate."""
    compared = [outcome.result.comparisons[-1].value for outcome in outcomes if outcome.result.comparisons]
    given = [item.point for outcome in outcomes for item in outcome.evidence]
    return next(iter((*compared, *given)), None)


def other_bases(request: DecisionRequest, outcomes: Sequence[RuleOutcome], specification: str) -> list[Alternative]:
    """Every basis but the one all rules with a threshold already stand on."""
    compared = [outcome for outcome in outcomes if outcome.compares]
    found: list[Alternative] = []
    for basis in BASES:
        stated = basis in UNSTATED or all(_can_stand_on(outcome.rule, basis) for outcome in compared)
        if stated and any(outcome.basis != basis for outcome in compared):
            selection = Selection(basis=basis, specification=specification)
            found.append(_what_if(request, selection, name=basis))
    return found


def _can_stand_on(rule: Rule, basis: Basis) -> bool:
    """Whether the rule states what a basis with a figure of its own needs."""
    return rule.probability is not None if basis == "probability" else rule.margin is not None


def without_haircut(request: DecisionRequest, specification: str) -> list[Alternative]:
    """What would have been paid had baselines not disagreed; empty where nothing was withheld."""
    cut = haircut_of(request, specification)
    if cut is None or cut.share == 0:
        return []
    agreed = request.plan.payment.model_copy(update={"haircut": None})
    plan = request.plan.model_copy(update={"payment": agreed})
    return [
        _what_if(replace(request, plan=plan), Selection(specification=specification), name=NO_HAIRCUT, kind="basis")
    ]


def other_specifications(request: DecisionRequest, specification: str) -> list[Alternative]:
    """Every pre-registered specification but the one decided on, in the plan's order."""
    return [
        _what_if(request, Selection(specification=sensitivity.id), name=sensitivity.id)
        for sensitivity in request.plan.sensitivity
        if sensitivity.id != specification
    ]


def other_estimators(request: DecisionRequest) -> list[Alternative]:
    """Every other method that could be applied to the same data, in the order in which they were."""
    found = dict.fromkeys(
        item.key.specification for item in request.evidence if item.key.specification.startswith(FEASIBLE)
    )
    return [
        _what_if(request, Selection(specification=name), name=name.removeprefix(FEASIBLE)).model_copy(
            update={"kind": "estimator"}
        )
        for name in found
    ]


def agreement(decided: Settlement, alternatives: Sequence[Alternative], *, continuous: bool) -> Agreement:
    """How many specifications decide as ``decided``: same state, same amount.

    Where every rule pays along a line (``continuous``) no two estimates pay alike to the øre; an amount within
    ``NEARLY`` of the decided one then counts as the same.
    """
    room = decided.amount * NEARLY if continuous else Decimal(0)
    specifications = [a for a in alternatives if a.kind == "specification"]
    same = [
        a
        for a in specifications
        if a.state == decided.state and a.amount is not None and abs(a.amount - decided.amount) <= room
    ]
    absent = [a for a in specifications if a.absent is not None]
    return Agreement(agreeing=len(same), registered=len(specifications), absent=len(absent))


def _what_if(request: DecisionRequest, selection: Selection, *, name: str, kind: str = "") -> Alternative:
    """The settlement under another selection, or the reason it cannot be computed."""
    outcomes = apply_rules(request, selection)
    kinds = {"name": name, "kind": kind or ("basis" if selection.basis is not None else "specification")}
    absent = absent_in(outcomes)
    if absent is not None:
        return Alternative.model_validate({**kinds, "state": None, "amount": None, "absent": absent})
    cut = haircut_of(request, selection.specification)
    settled = settle(request.plan, combine(outcomes, request.plan.payment.combine), cut)
    figures = {"state": settled.state, "amount": settled.amount, "point": leading_point(outcomes)}
    return Alternative.model_validate({**kinds, **figures})
