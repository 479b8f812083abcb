"""All of it, in order: what was agreed, what was seen, what was found, what is paid."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from evaltool.records.base import Record, Text
from evaltool.records.decision import Decision
from evaltool.records.design import DesignSummary
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import ALL, PRIMARY, EstimateKey
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger
from evaltool.records.lock import LockStatus
from evaltool.records.panel import DataIdentity
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.sign_off import SignOff


class NumericProfile(Record):
    """The numeric surroundings that decide the last bits."""

    pinned: bool
    """True when computed in the child process with fixed BLAS threads, BLAS kernel and SIMD level."""
    settings: dict[str, str] = Field(default_factory=dict)


class Run(Record):
    """One evaluation. ``estimates`` are keyed by (outcome, cohort, specification), sorted by key."""

    plan: EvaluationPlan
    plan_seal: str
    lock: LockStatus
    as_of: date
    data: DataIdentity | None
    ledger: Ledger
    design: DesignSummary
    estimates: tuple[Estimate, ...]
    failed_specifications: dict[str, Text] = Field(default_factory=dict)
    """Pre-registered sensitivities that could not be estimated, with the reason."""
    second_opinion: SecondOpinion | None
    gates: tuple[GateResult, ...]
    decision: Decision
    seed: int
    versions: dict[str, str]
    profile: NumericProfile
    sign_offs: tuple[SignOff, ...] = ()
    """Recorded judgements on checks that asked for one, in the order of the acts; the decision takes them in."""

    @property
    def estimate(self) -> Estimate:
        """The headline estimate: the plan's outcome, all cohorts, primary specification.

        With cohorts only, the last cohort's primary estimate (cohorts are tested in the plan's order).
        """
        primary = [
            e for e in self.estimates if e.key.specification == PRIMARY and e.key.outcome == self.plan.estimand.outcome
        ]
        whole = [e for e in primary if e.key.cohort == ALL]
        if whole:
            return whole[0]
        order = [c.id for c in self.plan.population.cohort]
        return max(primary, key=lambda e: order.index(e.key.cohort))

    def estimate_named(self, key: EstimateKey) -> Estimate:
        """The estimate with this key. Raises KeyError."""
        for estimate in self.estimates:
            if estimate.key == key:
                return estimate
        raise KeyError(str(key))
