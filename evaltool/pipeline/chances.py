"""How probable each payment is before anything is measured: by true effect, and averaged over what was believed.

Given a true effect θ the estimate falls N(θ, se²); given a normal prior N(m, s²) it falls N(m, s² + se²), the prior
predictive law. Each law is read at equally probable quantiles, and each of them is paid on by the contract's own rules.

Source: Spiegelhalter, Abrams & Myles 2004 (Bayesian Approaches to Clinical Trials), section 6.5, for the law.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

from evaltool import registry
from evaltool.errors import Fault, Place, PlanError
from evaltool.numerics.posterior import exceedance
from evaltool.payment.arithmetic import round_places
from evaltool.payment.trace import ABSENT
from evaltool.pipeline.chance_tables import Draw, Tiers, scenario
from evaltool.pipeline.expectations import Believed, Name, missing_expectations
from evaltool.pipeline.made_up import DRAWS, QUANTILES, Contract
from evaltool.pipeline.money import investor_return
from evaltool.records.estimate import decimal_of
from evaltool.records.gains import Chances, InvestorReturn, Scenario
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def chances_of(plan: EvaluationPlan) -> Chances | None:
    """The chances of a plan that states a prior; None where none is stated or they cannot be computed."""
    return None if not plan.prior or expectation_faults(plan) else chances(plan)


def expectation_faults(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """Why the chances of this plan cannot be computed, if so."""
    faults: list[Fault] = []
    for number, rule in enumerate(plan.payment.rule):
        if registry.mechanism(rule.mechanism).per_cohort:
            cause = f"Rule '{rule.id}' tests cohort by cohort; the chances of such a rule are not computed."
            fix = "Compute them for one cohort, with a rule that pays on all together."
            faults.append(Fault("PLAN_NOT_SIMULATED", cause, fix, Place(key=f"payment.rule[{number}].mechanism")))
    agreed = plan.payment.haircut
    if agreed is not None and agreed.apart is None:
        cause = "Part of the amount is withheld when baselines disagree, and nothing says how far apart they may be."
        fix = "State payment.haircut.apart, the standard deviation believed of the difference to the farthest."
        faults.append(Fault("PLAN_NOT_SIMULATED", cause, fix, Place(key="payment.haircut.apart")))
    faults += missing_expectations(plan)
    if faults:
        return tuple(faults)
    paid = Contract.of(plan)
    absent = paid.absent({one.outcome: 0.0 for one in paid.believed})
    if absent is None:
        return ()
    cause = f"The rules cannot be paid on a made-up estimate: {ABSENT.get(absent, absent)}."
    fix = "Nothing: the chances of such a rule are not computed."
    return (Fault("PLAN_NOT_SIMULATED", cause, fix, Place(key="payment")),)


def chances(plan: EvaluationPlan) -> Chances:
    """The chances of every scenario. Raises PlanError with the reasons why they cannot be computed."""
    if faults := expectation_faults(plan):
        raise PlanError(faults)
    contract = Contract.of(plan)
    asked = _scenarios(contract)
    errors = {one.outcome: one.se for one in contract.believed}
    drawn = [contract.draws(centres, errors) for _, centres in asked]
    predicted = _predictive(contract)
    tiers = Tiers.of(draw for draws in (*drawn, predicted) for draw in draws)
    returns = _returns(plan, {draw.amount for draws in (*drawn, predicted) for draw in draws})
    prior = scenario(_named("prior", None), predicted, tiers, returns) if predicted else None
    return Chances(
        currency=plan.programme.currency,
        draws=DRAWS,
        assumptions=tuple(one.assumption for one in contract.believed),
        maximum=contract.maximum,
        scenarios=tuple(scenario(named, draws, tiers, returns) for (named, _), draws in zip(asked, drawn, strict=True)),
        prior=prior,
        paid_without_effect=_paid_without_effect(contract, predicted),
        cut=contract.cut_probability,
        cut_share=None if plan.payment.haircut is None else plan.payment.haircut.share,
    )


def _headline(contract: Contract) -> Believed:
    """The outcome whose true effect names a scenario: the plan's own, or the first that is paid on."""
    wanted = contract.plan.estimand.outcome
    return next((one for one in contract.believed if one.outcome == wanted), contract.believed[0])


def _scenarios(contract: Contract) -> list[tuple[Scenario, dict[str, float]]]:
    """No effect, half the first threshold, every threshold, and what was believed; with every outcome's true effect."""
    first = _headline(contract)
    asked: list[tuple[Name, int]] = [("zero", 0)]
    if first.thresholds:
        asked += [("half_threshold", 0), *(("threshold", k) for k in range(len(first.thresholds)))]
    if first.prior is not None:
        asked.append(("effect", 0))
    found = []
    for name, step in asked:
        centres = {one.outcome: one.true_effect(name, step) for one in contract.believed}
        found.append((_named(name, decimal_of(centres[first.outcome])), centres))
    return [pair for place, pair in enumerate(found) if pair[1] not in [centres for _, centres in found[:place]]]


def _named(name: Literal["prior", "zero", "half_threshold", "threshold", "effect"], effect: Decimal | None) -> Scenario:
    """A scenario without its figures."""
    zero = Decimal(0)
    return Scenario(name=name, effect=effect, chances=(), nothing=zero, full=zero, expected=zero, sd=zero)


def _predictive(contract: Contract) -> tuple[Draw, ...]:
    """What is paid over the prior predictive law; empty where an outcome that is paid on has no normal prior."""
    priors = {one.outcome: one.prior for one in contract.believed if one.prior is not None}
    if len(priors) < len(contract.believed):
        return ()
    spreads = {one.outcome: math.hypot(priors[one.outcome].sd, one.se) for one in contract.believed}
    return contract.draws({name: prior.mean for name, prior in priors.items()}, spreads)


def _paid_without_effect(contract: Contract, predicted: Sequence[Draw]) -> Decimal | None:
    """Probability, over what was believed, that something is triggered while the headline's effect is zero or worse."""
    first = _headline(contract)
    if not predicted or first.prior is None:
        return None
    spread = math.hypot(first.prior.sd, first.se)
    total = math.fsum(
        float(draw.weight) * (1.0 - exceedance(first.prior.mean + spread * z, first.se, None, first.prior, 0.0))
        for z, draw in zip(itertools.cycle(QUANTILES), predicted, strict=False)
        if draw.triggered > 0
    )
    return round_places(decimal_of(total / DRAWS), 4, "half_even")


def _returns(plan: EvaluationPlan, amounts: Iterable[Decimal]) -> dict[Decimal, InvestorReturn]:
    """The investors' side of every amount; empty without ``[investment]``."""
    if plan.investment is None:
        return {}
    return {amount: investor_return(plan.investment, amount, plan.programme.currency) for amount in sorted(amounts)}
