"""Designs sealed without outcomes: build and seal one, and use the sealed one when outcomes are there.

Which designs must be sealed: those that choose from data who is compared with whom (matching, weighting, donors). For
``groups.*`` the rule in the sealed plan leaves nothing to choose: everybody takes part by the period they start in,
so the rule is the design. Such a design may be sealed too; the seal then covers the roster so far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaltool.errors import Fault, Place, RunError, SealError
from evaltool.pipeline.blind_marks import Since, locked_units, since_lock
from evaltool.pipeline.dropped import without
from evaltool.pipeline.estimates import build_design
from evaltool.pipeline.locked_tables import packed, unpacked
from evaltool.pipeline.prepare import Method, primary_method
from evaltool.reading.design_lock import read_design_lock
from evaltool.records.design import Design
from evaltool.records.design_lock import DesignLock
from evaltool.records.ledger import LedgerEntry
from evaltool.records.lock import LockStatus
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan

RULES = "groups."
"""Designs of this folder are rules."""
MEMBERS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """The design in use and whether it was sealed."""

    design: Design
    lock: LockStatus


def is_rule(method: Method) -> bool:
    """Whether the plan's rule alone is the design, so that sealing the plan seals it."""
    return method.design.name.startswith(RULES)


def lock_design(plan: EvaluationPlan, panel: Panel | None) -> DesignLock:
    """Build the design from the panel without its later outcomes, and seal it with what the units were.

    Raises what the design's builder raises, and PlanError for a plan that cannot be carried out.
    """
    method = primary_method(plan)
    design = build_design(plan, panel, method)
    anticipation = _anticipation(method)
    blinded = None if panel is None else panel.blinded(anticipation)
    content = DesignLock(
        plan=plan.programme.id,
        version=plan.programme.version,
        plan_seal=plan.seal,
        design=packed(design),
        units=None if blinded is None else locked_units(blinded, anticipation),
        outcomes_hidden=0 if panel is None or blinded is None else _hidden(panel, blinded),
        seal="0" * 64,
    )
    return content.model_copy(update={"seal": content.own_seal})


def settle(plan: EvaluationPlan, panel: Panel | None, method: Method, lock: LockStatus) -> Settled:
    """The sealed design where there is one beside the plan, else one built now; and which of the two it is.

    Raises SealError when the sealed design was changed, belongs to another plan, or was built on other data.
    """
    sealed = read_design_lock(plan) if plan.path is not None else None
    if sealed is None:
        built = build_design(plan, panel, method)
        told = lock.design == "locked" and plan.path is None
        state = "not_needed" if is_rule(method) else "locked" if told else "never_locked"
        return Settled(built, lock.model_copy(update={"design": state}))
    status = lock.model_copy(update={"design": "locked", "design_seal": sealed.seal})
    if sealed.units is None or panel is None:
        return Settled(build_design(plan, panel, method), status)
    since = since_lock(sealed.units, panel, rule=is_rule(method))
    if since.faults:
        raise SealError(since.faults)
    if is_rule(method):
        return Settled(_ruled(build_design(plan, panel, method), since), status)
    design = unpacked(sealed.design)
    _refuse_other_type(design, panel)
    return Settled(without(design, panel, since), status)


def _anticipation(method: Method) -> int:
    """Periods before the start from which outcomes are hidden too."""
    found: object = getattr(method.options, "anticipation", 0)
    return found if isinstance(found, int) else 0


def _hidden(panel: Panel, blinded: Panel) -> int:
    """Outcome values that are in the data and were hidden."""
    names = [f"y.{name}" for name in panel.outcomes]
    before, after = (p.frame[names].to_numpy(dtype=np.float64) for p in (panel, blinded))
    return int(np.sum(np.isfinite(before) & ~np.isfinite(after)))


def _ruled(design: Design, since: Since) -> Design:
    """A design by rule, with the units that are gone counted as submitted and lost."""
    entries = tuple(
        LedgerEntry(
            stage="design",
            reason="dropped_since_lock",
            what="unit",
            arm="treated" if gone is since.gone_treated else "comparison",
            count=len(gone),
            detail="in the data when the design was locked, not in the data now",
            members=tuple(str(unit) for unit in gone)[:MEMBERS],
        )
        for gone in (since.gone_treated, since.gone_comparison)
        if gone
    )
    lost = len(since.gone_treated) + len(since.gone_comparison)
    summary = design.summary.model_copy(update={"submitted_units": design.summary.submitted_units + lost})
    return replace(design, summary=summary, ledger=design.ledger.plus(*entries))


def _refuse_other_type(design: Design, panel: Panel) -> None:
    """Ids that were numbers must still be numbers. Raises RunError; the plan's seal makes it all but impossible."""
    if design.roster is None or design.roster["unit"].dtype.kind == panel.frame["unit"].dtype.kind:
        return
    cause = "Unit ids are of another type than in the locked design."
    raise RunError(Fault("RUN_OTHER_UNITS", cause, "Lock the design again.", Place(key="design")))
