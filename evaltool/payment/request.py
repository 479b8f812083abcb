"""What a decision is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from evaltool.records.evidence import ALL, EstimateKey, Evidence
from evaltool.records.gate import GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.plan.evaluation_plan import EvaluationPlan


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """Everything a decision may look at.

    ``evidence`` holds one entry per (outcome, cohort, specification); ``mechanisms`` gives the plug-in of a name
    and raises PlanError for an unknown one; ``signed_off`` names the gates whose REVIEW a person has judged in a
    recorded act; ``covariances`` hold what is known of pairs of estimates, in the direction of good.
    """

    plan: EvaluationPlan
    lock: LockStatus
    as_of: date
    gates: tuple[GateResult, ...]
    evidence: tuple[Evidence, ...]
    mechanisms: Callable[[str], MechanismPlugin]
    signed_off: frozenset[str] = frozenset()
    covariances: Mapping[tuple[EstimateKey, EstimateKey], Decimal] = field(default_factory=dict)
    pooled_only: bool = False
    """Whether the contract's fallback leaves only the pooled test of the cohorts."""
    replaced: bool = False
    """Whether a fallback's figures stand as the primary ones; the agreed estimates are then kept as REPLACED."""

    def covariances_of(self, outcome: str) -> dict[tuple[str, str], Decimal]:
        """Covariances of two specifications of one outcome, by their names."""
        return {
            (first.specification, second.specification): value
            for (first, second), value in self.covariances.items()
            if first.outcome == second.outcome == outcome and first.cohort == second.cohort == ALL
        }
