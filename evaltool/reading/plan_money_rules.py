"""Rules about money beside the payment: gains, investment, priors, and the bases that need a figure of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from decimal import Decimal

from evaltool.errors import Fault, Place
from evaltool.reading.plan_faults import known_outcome, repeated
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Rule

FIGURE_OF = {"probability": "probability", "equivalence": "margin"}
"""Basis → the key of a rule that belongs to it and to no other."""


def _gains(plan: EvaluationPlan) -> Iterable[Fault]:
    """Every entry has its own id; all are in the prices of one year, since they are added."""
    yield from repeated([entry.id for entry in plan.budget_gain], "budget_gain", "id")
    for number, entry in enumerate(plan.budget_gain):
        first = plan.budget_gain[0].price_year
        if entry.price_year != first:
            yield Fault(
                code="PLAN_PRICE_YEARS_DIFFER",
                cause=f"'{entry.id}' is in prices of {entry.price_year}, the first entry in prices of {first}.",
                fix=f"Convert unit_price to the price level of {first} and write price_year = {first}.",
                place=Place(key=f"budget_gain[{number}].price_year"),
            )


def _outcomes(plan: EvaluationPlan) -> Iterable[Fault]:
    """What is priced, believed or expected is about an outcome that exists."""
    named = {
        "budget_gain": [entry.outcome for entry in plan.budget_gain],
        "prior": [prior.outcome for prior in plan.prior],
        "expectation": [one.outcome for one in plan.expectation],
    }
    for table, outcomes in named.items():
        for number, outcome in enumerate(outcomes):
            yield from known_outcome(plan, outcome, f"{table}[{number}].outcome")


def _priors(plan: EvaluationPlan) -> Iterable[Fault]:
    """One belief and one expectation for each outcome."""
    yield from repeated([prior.outcome for prior in plan.prior], "prior", "outcome")
    yield from repeated([one.outcome for one in plan.expectation], "expectation", "outcome")


def _drawdowns(plan: EvaluationPlan) -> Iterable[Fault]:
    """Money is paid in before it is paid back."""
    investment = plan.investment
    for number, drawdown in enumerate(investment.drawdown if investment is not None else ()):
        if investment is not None and drawdown.on > investment.paid_on:
            yield Fault(
                code="PLAN_DRAWDOWN_AFTER_PAYMENT",
                cause=f"The drawdown of {drawdown.on} lies after the day of the payment ({investment.paid_on}).",
                fix="Correct the day, or paid_on; a later round of money belongs to a later payment's plan.",
                place=Place(key=f"investment.drawdown[{number}].on"),
            )


def _tranches(plan: EvaluationPlan) -> Iterable[Fault]:
    """Tranches have different names and divide the whole principal; what is over a cap cannot be a return."""
    investment = plan.investment
    if investment is None or not investment.tranche:
        return
    yield from repeated([tranche.name for tranche in investment.tranche], "investment.tranche", "name")
    total = sum((tranche.principal for tranche in investment.tranche), Decimal(0))
    if total != investment.principal:
        yield Fault(
            code="PLAN_TRANCHES_NOT_PRINCIPAL",
            cause=f"The tranches' principals sum to {total}, the drawdowns to {investment.principal}.",
            fix="Let the tranches divide exactly what is drawn.",
            place=Place(key="investment.tranche"),
        )


def _bases(plan: EvaluationPlan) -> Iterable[Fault]:
    """The basis has the figure it needs, and no other has one."""
    for number, rule in enumerate(plan.payment.rule):
        for basis, key in FIGURE_OF.items():
            stated = getattr(rule, key) is not None
            if rule.basis == basis and not stated:
                yield Fault(
                    code="PLAN_BASIS_INCOMPLETE",
                    cause=f"Rule '{rule.id}' pays on the basis '{basis}' and does not state its {key}.",
                    fix=f"Add {key} = ….",
                    place=Place(key=f"payment.rule[{number}].basis"),
                )
            if rule.basis != basis and stated:
                yield Fault(
                    code="PLAN_BASIS_NEEDLESS",
                    cause=f"Rule '{rule.id}' states a {key}, which only the basis '{basis}' uses.",
                    fix=f'Remove {key}, or write basis = "{basis}".',
                    place=Place(key=f"payment.rule[{number}].{key}"),
                )


def _basis_priors(plan: EvaluationPlan) -> Iterable[Fault]:
    """A probability of an effect needs what was believed of it before, and be it openly nothing."""
    believed = {prior.outcome for prior in plan.prior}
    for number, rule in enumerate(plan.payment.rule):
        if rule.basis == "probability":
            yield from _missing_priors(number, rule, believed)


def _missing_priors(number: int, rule: Rule, believed: AbstractSet[str]) -> Iterable[Fault]:
    """A fault for every outcome the rule pays on that has no ``[[prior]]``."""
    for name in rule.outcomes:
        if name not in believed:
            yield Fault(
                code="PLAN_BASIS_NEEDS_PRIOR",
                cause=f"Rule '{rule.id}' pays on the probability of an effect on '{name}', which has no [[prior]].",
                fix=f'Add [[prior]] with outcome = "{name}": kind = "normal" with mean and sd, or kind = "flat".',
                place=Place(key=f"payment.rule[{number}].basis"),
            )


MONEY_RULES: tuple[tuple[AbstractSet[str], Callable[[EvaluationPlan], Iterable[Fault]]], ...] = (
    ({"budget_gain"}, _gains),
    ({"budget_gain", "prior", "expectation", "outcome"}, _outcomes),
    ({"prior", "expectation"}, _priors),
    ({"investment"}, _drawdowns),
    ({"investment"}, _tranches),
    ({"payment"}, _bases),
    ({"payment", "prior"}, _basis_priors),
)
