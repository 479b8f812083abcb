"""What a decision is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from evaltool.records.evidence import Evidence
from evaltool.records.gate import GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.plan.evaluation_plan import EvaluationPlan


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """Everything a decision may look at.

    ``evidence`` holds one entry per (outcome, cohort, specification); ``mechanisms`` gives the plug-in of a name
    and raises PlanError for an unknown one; ``signed_off`` names the gates whose REVIEW a person has judged in a
    recorded act.
    """

    plan: EvaluationPlan
    lock: LockStatus
    as_of: date
    gates: tuple[GateResult, ...]
    evidence: tuple[Evidence, ...]
    mechanisms: Callable[[str], MechanismPlugin]
    signed_off: frozenset[str] = frozenset()
