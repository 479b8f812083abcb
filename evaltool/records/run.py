"""All of it, in order: what was agreed, what was seen, what was found, what is paid."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from evaltool.records.base import Finite, Record, Text
from evaltool.records.decision import Decision
from evaltool.records.design import DesignSummary
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import ALL, PRIMARY, EstimateKey
from evaltool.records.examination import Examination
from evaltool.records.gains import BudgetGains, Chances, InvestorReturn
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


class Deviation(Record):
    """Something the evaluation did otherwise than its sealed plan says."""

    key: Text
    """Key path in the plan, ``governance.as_of``."""
    agreed: Text
    used: Text


class Covariance(Record):
    """Sampling covariance of two estimates of one run, on the absolute scale, for agreed blends."""

    first: EstimateKey
    second: EstimateKey
    value: Finite


class Run(Record):
    """One evaluation. ``estimates`` are keyed by (outcome, cohort, specification), sorted by key.

    There is always a headline: a plan states one outcome and method, and an evaluation that cannot estimate it raises
    and leaves no run (the payment that cannot be decided is a decision of a run, made by its gates).
    """

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
    infeasible: dict[str, Text] = Field(default_factory=dict)
    """Other methods that could not be applied to these data, with the reason."""
    covariances: tuple[Covariance, ...] = ()
    second_opinion: SecondOpinion | None
    gates: tuple[GateResult, ...]
    decision: Decision
    seed: int
    versions: dict[str, str]
    profile: NumericProfile
    gains: BudgetGains | None = None
    """What every level of government gains by the effects; None where the plan prices none."""
    investor: InvestorReturn | None = None
    """What investors get of a decided payment; None without ``[investment]`` and before a decision."""
    chances: Chances | None = None
    """How probable each payment was beforehand; None where the plan states neither belief nor expectation."""
    examination: Examination | None = None
    """What a headline by difference-in-differences was put through besides; None for other methods."""
    sign_offs: tuple[SignOff, ...] = ()
    """Recorded judgements on checks that asked for one, in the order of the acts; the decision takes them in."""

    @model_validator(mode="after")
    def has_one_headline(self) -> Self:
        """Refuse two estimates under one key, and a run without the headline of its plan."""
        if len({e.key for e in self.estimates}) < len(self.estimates):
            message = "two estimates of a run have the same key"
            raise ValueError(message)
        if not self._headlines():
            message = (
                f"a run needs a primary estimate of '{self.plan.estimand.outcome}', the outcome its plan decides on, "
                "for all cohorts or for one of the plan's"
            )
            raise ValueError(message)
        return self

    def _headlines(self) -> list[Estimate]:
        """Primary estimates of the plan's outcome: the one for all cohorts, else one per cohort in the plan's order."""
        primary = {
            e.key.cohort: e
            for e in self.estimates
            if e.key.specification == PRIMARY and e.key.outcome == self.plan.estimand.outcome
        }
        order = [ALL] if ALL in primary else [cohort.id for cohort in self.plan.population.cohort]
        return [primary[cohort] for cohort in order if cohort in primary]

    @property
    def estimate(self) -> Estimate:
        """The headline estimate: the plan's outcome, all cohorts, primary specification.

        With cohorts only, the last cohort's primary estimate (cohorts are tested in the plan's order).
        """
        return self._headlines()[-1]

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """Where the run departs from its plan without the plan allowing it: another date than the one stated."""
        agreed = self.plan.governance.as_of
        if agreed is None or not self.plan.governance.is_departed_from(self.as_of):
            return ()
        return (Deviation(key="governance.as_of", agreed=agreed.isoformat(), used=self.as_of.isoformat()),)

    def estimate_named(self, key: EstimateKey) -> Estimate:
        """The estimate with this key. Raises KeyError."""
        for estimate in self.estimates:
            if estimate.key == key:
                return estimate
        raise KeyError(str(key))
