"""A contract paid on made-up estimates: evidence as an estimator would give it, the contract's own rules, no data.

Estimates are read at ``DRAWS`` equally probable quantiles, (k − ½)/K; no random numbers. Several outcomes move together
through the same quantile, which makes the spread as wide as it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import numpy as np

from evaltool import registry
from evaltool.numerics.distributions import beyond, quantiles
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.posterior import exceeded_with
from evaltool.payment.arithmetic import round_places, stated_context
from evaltool.payment.combination import combine, settle
from evaltool.payment.haircut import Cut, full_cut
from evaltool.payment.request import DecisionRequest
from evaltool.payment.rules import Selection, apply_rules
from evaltool.pipeline.chance_tables import BLOCK, Draw, paid_along
from evaltool.pipeline.expectations import Believed, believed
from evaltool.records.estimate import decimal_of
from evaltool.records.evidence import PRIMARY, EstimateKey, Evidence, Exceeded
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan

DRAWS = 1000
"""Equally probable quantiles: even, so that none lies exactly on a threshold that is the true effect."""
HALF = tuple(float(z) for z in quantiles((np.arange(DRAWS // 2) + 0.5) / DRAWS))
QUANTILES = (*HALF, *(-z for z in reversed(HALF)))
"""Of the standard normal law, ascending and exactly symmetric."""
SIMULATED = LockStatus(state="locked", seal="0" * 64)


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract's rules, ready to be paid on any estimates."""

    plan: EvaluationPlan
    believed: tuple[Believed, ...]
    critical: float
    """Half the width of an interval of the plan's level, in standard errors."""
    kind: Literal["effect", "verified_count", "change"]

    @classmethod
    def of(cls, plan: EvaluationPlan) -> Contract:
        """The plan's contract with what is assumed."""
        rule = InferenceRule(level=float(plan.inference.level), sides=plan.inference.sides)
        kind = registry.estimator(plan.estimator.method).capabilities.kind
        return cls(plan, believed(plan), infer(0.0, 1.0, rule).upper, kind)

    def _evidence(self, one: Believed, estimate: float) -> tuple[Evidence, ...]:
        """The estimate of one outcome as payment would see it, under every specification that a rule names."""
        asked = [r.probability for r in self.plan.payment.rule if one.outcome in r.outcomes and r.probability]
        posterior = tuple(
            Exceeded(
                probability=chance,
                value=decimal_of(exceeded_with(estimate, one.se, None, one.prior, float(chance))),
            )
            for chance in dict.fromkeys(asked)
        )
        named = dict.fromkeys(
            (PRIMARY, *(s for r in self.plan.payment.rule if r.subject == one.outcome for s in r.specifications))
        )
        first = Evidence(
            key=EstimateKey(outcome=one.outcome),
            kind=self.kind,
            point=decimal_of(estimate),
            lower=decimal_of(estimate - self.critical * one.se),
            upper=decimal_of(estimate + self.critical * one.se),
            standard_error=decimal_of(one.se),
            level=self.plan.inference.level,
            units=self.plan.population.target_n,
            posterior=posterior,
        )
        keys = (EstimateKey(outcome=one.outcome, specification=name) for name in named)
        return tuple(first.model_copy(update={"key": key}) for key in keys)

    def request(self, estimates: Mapping[str, float]) -> DecisionRequest:
        """A request to decide on these estimates, with no gate in the way."""
        evidence = (item for one in self.believed for item in self._evidence(one, estimates[one.outcome]))
        return DecisionRequest(
            plan=self.plan,
            lock=SIMULATED,
            as_of=self.plan.governance.as_of or self.plan.governance.decide_from,
            gates=(),
            evidence=tuple(evidence),
            mechanisms=registry.mechanism,
        )

    def absent(self, estimates: Mapping[str, float]) -> str | None:
        """Why some rule cannot be computed on made-up estimates; None when all can."""
        with stated_context():
            return next(
                (o.result.absent for o in apply_rules(self.request(estimates), Selection()) if o.result.absent), None
            )

    def pay(self, estimates: Mapping[str, float], cut: Cut | None = None) -> Draw:
        """What the contract pays on these estimates, less what is withheld because baselines disagree."""
        with stated_context():
            entitled = combine(apply_rules(self.request(estimates), Selection()), self.plan.payment.combine)
            settled = settle(self.plan, entitled, cut)
        return Draw(triggered=settled.triggered, amount=settled.amount, full=settled.state == "PAY_FULL")

    def draws(self, centres: Mapping[str, float], spreads: Mapping[str, float]) -> tuple[Draw, ...]:
        """What is paid at every quantile of estimates that fall N(centre, spread²), all moving together.

        With a haircut every quantile stands twice: uncut and cut, each as probable as the plan believes.
        """
        narrow = any(rule.basis == "equivalence" for rule in self.plan.payment.rule)

        def along(cut: Cut | None) -> tuple[Draw, ...]:
            def pay(place: int) -> Draw:
                found = {name: centre + spreads[name] * QUANTILES[place] for name, centre in centres.items()}
                return self.pay(found, cut)

            return paid_along(QUANTILES, pay, block=1 if narrow else BLOCK)

        agreed, chance = self.plan.payment.haircut, self.cut_probability
        if agreed is None or chance is None:
            return along(None)
        weighted = ((None, 1 - chance), (full_cut(agreed), chance))
        return tuple(replace(draw, weight=weight) for cut, weight in weighted if weight for draw in along(cut))

    @property
    def cut_probability(self) -> Decimal | None:
        """Probability that the farthest baseline is too far: |N(0, apart²)| > over; None without such a belief."""
        agreed = self.plan.payment.haircut
        if agreed is None or agreed.apart is None:
            return None
        return round_places(decimal_of(2.0 * beyond(float(agreed.over / agreed.apart))), 4, "half_even")

    @property
    def maximum(self) -> Decimal | None:
        """The most that can be triggered, or None where there is no top."""
        with stated_context():
            request = self.request({one.outcome: 0.0 for one in self.believed})
            return settle(self.plan, combine(apply_rules(request, Selection()), self.plan.payment.combine)).maximum
