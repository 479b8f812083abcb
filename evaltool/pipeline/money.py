"""The money beside the decision: every payer's gain, the investors' return. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from evaltool import registry
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.returns import internal_rate
from evaltool.payment.arithmetic import round_places, stated_context
from evaltool.payment.budget_gain import Effect, budget_gains
from evaltool.payment.waterfall import waterfall
from evaltool.records.decision import Decision
from evaltool.records.estimate import Estimate, decimal_of
from evaltool.records.evidence import ALL, PRIMARY, EstimateKey
from evaltool.records.gains import BudgetGains, CashFlow, FlowKind, InvestorReturn, Waterfall
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.money import Investment

DECIDED = frozenset({"PAY_FULL", "PAY_PARTIAL", "NO_PAYMENT"})
"""States in which the amount is what investors get; an undecided payment has no return yet."""
SHARE_ONLY = "absolute_effect_not_published"
"""Note of a published estimate that is only a share: nothing can be multiplied by it."""
ZERO = Decimal(0)
_Listed = tuple[date, int, FlowKind, Decimal, str | None]
"""Day, order within the day, kind, amount and party of a cash flow."""


def money_refusals(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """Budget gains of a method that measures no effect: what is gained is what would not have been there."""
    if not plan.budget_gain or plan.estimator.method not in registry.estimator_names():
        return ()
    can = registry.estimator(plan.estimator.method).capabilities
    if can.kind == "effect":
        return ()
    cause = f"{plan.estimator.method} measures no effect, so that nobody knows what was gained by the intervention."
    fix = "Choose an estimator that measures an effect, or remove [[budget_gain]]."
    return (Fault("PLAN_GAIN_NEEDS_EFFECT", cause, fix, Place(key="budget_gain")),)


def gains_of(plan: EvaluationPlan, estimates: Mapping[EstimateKey, Estimate], decision: Decision) -> BudgetGains | None:
    """Every payer's gain by the effects estimated; None where the plan prices nothing.

    Raises RunError (RUN_GAIN_NOT_POSSIBLE) when an effect that is priced was not estimated, is only a share, or has
    nobody to be multiplied by.
    """
    effects = {entry.outcome: _effect(plan, estimates, entry.outcome) for entry in plan.budget_gain}
    for number, entry in enumerate(plan.budget_gain):
        if entry.people is None and effects[entry.outcome].people is None:
            fix = "Write people = … in the entry."
            why = f"the estimate of '{entry.outcome}' counts nobody"
            raise RunError(_impossible(why, fix, f"budget_gain[{number}].people"))
    return budget_gains(plan, effects, decision.per_payer)


def gain_keys(plan: EvaluationPlan, keys: Iterable[EstimateKey]) -> tuple[EstimateKey, ...]:
    """The estimates behind the gains: of each outcome priced the one of all cohorts, else every cohort's."""
    priced = {entry.outcome for entry in plan.budget_gain}
    primary = [key for key in keys if key.specification == PRIMARY and key.outcome in priced]
    whole = {key.outcome for key in primary if key.cohort == ALL}
    return tuple(key for key in primary if key.cohort == ALL or key.outcome not in whole)


def _effect(plan: EvaluationPlan, estimates: Mapping[EstimateKey, Estimate], outcome: str) -> Effect:
    """The absolute effect of one outcome. Cohorts are averaged by their people, their ends by the same weights."""
    used = [estimates[key] for key in gain_keys(plan, estimates) if key.outcome == outcome]
    if not used:
        fix = "Price an outcome that the plan estimates."
        raise RunError(_impossible(f"'{outcome}' was not estimated", fix, "budget_gain"))
    if any(SHARE_ONLY in estimate.notes for estimate in used):
        fix = "State both published rates, or remove [[budget_gain]]: a share cannot be multiplied by people."
        raise RunError(_impossible(f"only a share was published of the effect on '{outcome}'", fix, "budget_gain"))
    direction = plan.outcome_named(outcome).direction
    seen = [estimate.evidence(direction=direction, scale="absolute") for estimate in used]
    people = [_people(estimate) for estimate in used]
    if len(used) == 1:
        (one,) = seen
        return Effect(one.point, people[0], one.lower, one.upper, one.level)
    counted = [count for count in people if count is not None]
    if len(counted) < len(used) or not sum(counted, ZERO):
        fix = "State the cohorts' sizes, or remove [[budget_gain]]."
        raise RunError(_impossible(f"the cohorts of '{outcome}' do not say how many they are", fix, "budget_gain"))
    with stated_context():
        total = sum(counted, ZERO)

        def mean(values: list[Decimal | None]) -> Decimal | None:
            known = [value for value in values if value is not None]
            if len(known) < len(counted):
                return None
            return sum((n * value for n, value in zip(counted, known, strict=True)), ZERO) / total

        point = mean([item.point for item in seen])
        levels = [item.level for item in seen if item.level is not None]
        return Effect(
            point=ZERO if point is None else point,
            people=total,
            lower=mean([item.lower for item in seen]),
            upper=mean([item.upper for item in seen]),
            level=min(levels, default=None),
        )


def _people(estimate: Estimate) -> Decimal | None:
    """People treated: the sum of unit weights where the plan has them, else the units."""
    counts = estimate.counts
    if counts.treated_weight is not None:
        return decimal_of(counts.treated_weight)
    return None if counts.treated is None else Decimal(counts.treated)


def _impossible(why: str, fix: str, key: str) -> Fault:
    """Gains were agreed and cannot be computed: nothing is written."""
    return Fault("RUN_GAIN_NOT_POSSIBLE", f"The budget gains cannot be computed: {why}.", fix, Place(key=key))


def investor_of(plan: EvaluationPlan, decision: Decision) -> InvestorReturn | None:
    """The investors' side of a decided payment; None without ``[investment]`` and before anything is decided."""
    if plan.investment is None or decision.state not in DECIDED:
        return None
    return investor_return(plan.investment, decision.amount, decision.currency)


def investor_return(investment: Investment, amount: Decimal, currency: str) -> InvestorReturn:
    """Cash flows, multiple and internal rate of return when ``amount`` is paid on the day agreed."""
    run = waterfall(investment, amount)
    flows = cash_flows(investment, run)
    rate = internal_rate([(flow.on, float(flow.amount)) for flow in flows])
    with stated_context():
        return InvestorReturn(
            currency=currency,
            waterfall=run,
            flows=flows,
            gain=run.received - run.principal,
            multiple=round_places(run.received / run.principal, 4, "half_even"),
            rate=None if rate.value is None else _six(rate.value),
            rates=() if rate.value is not None else tuple(_six(value) for value in rate.all),
            rate_absent=rate.absent,
            expected=any(receipt.expected for receipt in investment.receipt),
        )


def cash_flows(investment: Investment, run: Waterfall) -> tuple[CashFlow, ...]:
    """Every drawdown and receipt by day; floor, guarantee and payment on the day of the payment."""
    listed: list[_Listed] = [(d.on, 0, "drawdown", -d.amount, d.investor) for d in investment.drawdown]
    listed += [(r.on, 1, "expected_receipt" if r.expected else "receipt", r.amount, None) for r in investment.receipt]
    by = None if investment.guarantee is None else investment.guarantee.by
    last: tuple[tuple[FlowKind, Decimal, str | None], ...] = (
        ("payment", run.payment - run.withheld, None),
        ("floor", run.floor, None),
        ("guarantee", run.guaranteed, by),
    )
    listed += [
        (investment.paid_on, 2, kind, amount, party) for kind, amount, party in last if amount or kind == "payment"
    ]
    flows, balance = [], ZERO
    for day, _, kind, amount, party in sorted(listed, key=lambda item: item[:2]):
        balance += amount
        flows.append(CashFlow(on=day, kind=kind, amount=amount, balance=balance, party=party))
    return tuple(flows)


def _six(value: float) -> Decimal:
    """A rate as an exact decimal of six places."""
    return round_places(decimal_of(value), 6, "half_even")
