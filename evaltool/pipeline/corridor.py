"""Design, estimates, gates, decision, run: five calls in order."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from evaltool import registry
from evaltool.errors import Fault, Place, PlanError, UsageError
from evaltool.payment.decision import DecisionRequest, decide
from evaltool.pipeline.chances import chances_of
from evaltool.pipeline.checks import Evaluation, Surroundings, all_gates, headline_thresholds
from evaltool.pipeline.design_lock import settle
from evaltool.pipeline.estimates import all_estimates, headline_key, second_opinion, studied
from evaltool.pipeline.examine import examine
from evaltool.pipeline.feasible import other_methods
from evaltool.pipeline.money import gains_of, investor_of
from evaltool.pipeline.prepare import Method, plan_refusals, primary_method
from evaltool.pipeline.uncertainty import covariances, evidence_of, exact_covariances
from evaltool.reading.lock_file import lock_status
from evaltool.reading.previous_runs import check_previous
from evaltool.records.decision import Decision
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import EstimateKey
from evaltool.records.examination import Examination
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger
from evaltool.records.lock import LockStatus
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import Covariance, NumericProfile, Run

Progress = Callable[[str], None]
"""Told the key of each stage as it starts."""
STAGES = ("design", "estimates", "gates", "decision")
LIBRARIES = ("evaltool", "numpy", "scipy", "pandas", "pyarrow", "statsmodels", "linearmodels", "pydantic")


def evaluate(
    plan: EvaluationPlan,
    panel: Panel | None,
    *,
    as_of: date | None = None,
    lock: LockStatus | None = None,
    profile: NumericProfile | None = None,
    progress: Progress | None = None,
) -> Run:
    """Evaluate a plan on its panel.

    ``panel`` is None only when the plan reads no data. ``as_of`` overrides the plan's own. ``lock`` is read from
    beside the plan's file unless given, and earlier runs are held against the plan; who gives it has looked there. A
    design sealed beside the plan's file is used instead of building one.

    Raises PlanError, SealError, UsageError (no date to decide on), RunError; never returns a partial run.
    """
    if faults := plan_refusals(plan):
        raise PlanError(faults)
    method = primary_method(plan)
    decided_on, sealed = stated_date(plan, as_of), lock or lock_status(plan)
    if lock is None:
        check_previous(plan)
    tell = progress or (lambda _stage: None)
    tell("design")
    settled = settle(plan, panel, method, sealed)
    design = settled.design
    around = Surroundings(as_of=decided_on, lock=settled.lock, profile=profile or NumericProfile(pinned=False))
    tell("estimates")
    estimates, failed = all_estimates(plan, panel, method, design)
    opinion = second_opinion(plan, panel, method, design)
    tell("gates")
    looked_at = examined(plan, panel, method, design, estimates)
    gates = all_gates(Evaluation(plan, panel, method, design, estimates, opinion, around, looked_at))
    tell("decision")
    beside, infeasible = other_methods(plan, panel, method, design)
    known = covariances(plan, panel, estimates)
    decision = decide_on(plan, around, gates, {**estimates, **beside}, known=known)
    found = Findings({**estimates, **beside}, failed, infeasible, known, opinion, gates, decision, looked_at)
    return assemble(plan, panel, design, found, around)


def examined(
    plan: EvaluationPlan,
    panel: Panel | None,
    method: Method,
    design: Design,
    estimates: Mapping[EstimateKey, Estimate],
) -> Examination | None:
    """What a headline by difference-in-differences is put through; None for other methods."""
    if panel is None or method.estimator.capabilities.family != "did" or "first_treated" not in panel.frame:
        return None
    headline = estimates[headline_key(plan, method)]
    paid, scale = headline_thresholds(plan), 1.0
    if plan.estimand.scale == "relative" and headline.relative is not None:
        scale = headline.relative.denominator_value or 1.0
    good = 1.0 if plan.outcome_named(headline.key.outcome).direction == "increase" else -1.0
    threshold = good * paid[0] * scale if paid else None
    return examine(studied(plan, panel, method, design, headline), threshold)


def stated_date(plan: EvaluationPlan, as_of: date | None) -> date:
    """The date that decides what is due. Raises UsageError (USAGE_NO_DATE) when neither plan nor caller states one."""
    found = as_of or plan.governance.as_of
    if found is None:
        raise UsageError(
            Fault(
                code="USAGE_NO_DATE",
                cause="Neither the plan nor the call says on which date the payment is decided; no clock is read.",
                fix="Give --as-of YYYY-MM-DD, or state as_of under [governance].",
                place=Place(key="governance.as_of"),
            )
        )
    return found


def decide_on(
    plan: EvaluationPlan,
    around: Surroundings,
    gates: tuple[GateResult, ...],
    estimates: Mapping[EstimateKey, Estimate],
    *,
    signed_off: frozenset[str] = frozenset(),
    known: tuple[Covariance, ...] = (),
) -> Decision:
    """The decision, by payment alone: exact decimals in, exact decimals out."""
    return decide(
        DecisionRequest(
            plan=plan,
            lock=around.lock,
            as_of=around.as_of,
            gates=gates,
            evidence=evidence_of(plan, estimates),
            mechanisms=registry.mechanism,
            signed_off=signed_off,
            covariances=exact_covariances(known),
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything an evaluation found."""

    estimates: Mapping[EstimateKey, Estimate]
    failed: dict[str, str]
    infeasible: dict[str, str]
    known: tuple[Covariance, ...]
    opinion: SecondOpinion | None
    gates: tuple[GateResult, ...]
    decision: Decision
    examination: Examination | None = None


def assemble(
    plan: EvaluationPlan, panel: Panel | None, design: Design, findings: Findings, around: Surroundings
) -> Run:
    """All records of the evaluation in one."""
    ledger = Ledger() if panel is None else panel.ledger
    return Run(
        plan=plan,
        plan_seal=plan.seal,
        lock=around.lock,
        as_of=around.as_of,
        data=None if panel is None else panel.identity,
        ledger=ledger.plus(*design.ledger.entries),
        design=design.summary,
        estimates=tuple(sorted(findings.estimates.values(), key=lambda e: str(e.key))),
        failed_specifications=findings.failed,
        infeasible=findings.infeasible,
        covariances=findings.known,
        second_opinion=findings.opinion,
        gates=findings.gates,
        decision=findings.decision,
        gains=gains_of(plan, findings.estimates, findings.decision),
        investor=investor_of(plan, findings.decision),
        chances=chances_of(plan),
        seed=plan.inference.seed,
        versions={name: importlib.metadata.version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        profile=around.profile,
        examination=findings.examination,
    )
