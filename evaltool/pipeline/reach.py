"""Whether a permutation test of donors could be significant at all: 1 / (ways + 1) must not exceed α.

A test that cannot reject whatever happened is no test, so that a design which cannot reach its level is refused before
anything is computed. α is one minus the plan's level, or what the contract states for the gate ``placebo_in_space``.
Plans whose stated inference is another test (conformal, prediction intervals) are judged by that one instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.assignments import ways
from evaltool.records.base import Record
from evaltool.records.design import Design
from evaltool.records.plan.evaluation_plan import EvaluationPlan

DESIGN = "donors.pool"
GATE = "placebo_in_space"


def reach_of_named(plan: EvaluationPlan, options: Record, design_options: Record) -> tuple[Fault, ...]:
    """The refusal where the plan names its donors, so that no data are needed."""
    named = getattr(design_options, "donors", ())
    if not named or getattr(design_options, "several", False) or not _permutes(plan.design.method, options):
        return ()
    return _faults(plan, len(named), (1,))


def refuse_out_of_reach(plan: EvaluationPlan, options: Record, design: Design) -> None:
    """Raises RunError (RUN_LEVEL_OUT_OF_REACH) where the donors of a finished design are too few for the level."""
    if design.roster is None or not _permutes(design.summary.method, options):
        return
    start = design.roster["first_treated"].to_numpy(dtype=np.float64)
    sizes = np.unique(start[np.isfinite(start)], return_counts=True)[1].tolist()
    faults = _faults(plan, int(np.sum(~np.isfinite(start))), sizes)
    if faults:
        raise RunError(faults)


def _permutes(design: str, options: Record) -> bool:
    """Whether the method's own test is the permutation of treated unit and donors."""
    return design == DESIGN and getattr(options, "inference", None) == "placebo"


def _faults(plan: EvaluationPlan, donors: int, sizes: Sequence[int]) -> tuple[Fault, ...]:
    """The refusal, if any, for groups of treated units of these ``sizes``."""
    units, alpha = ways(donors, sizes) + 1, _alpha(plan)
    if units == 1 or Fraction(1, units) <= Fraction(alpha):
        return ()
    cause = f"With {donors} donors p cannot be less than 1/{units}, so {alpha} is out of reach whatever happened."
    needed = math.ceil(1 / Fraction(alpha)) - 1
    fix = (
        f"Include {needed} donors, state a level of at most {1.0 - 1.0 / units:.4g}, agree on a larger alpha for the "
        f'gate {GATE}, or state inference = "conformal" or "prediction".'
    )
    return (Fault("RUN_LEVEL_OUT_OF_REACH", cause, fix, Place(key="inference.level")),)


def _alpha(plan: EvaluationPlan) -> Decimal:
    """What the contract states for the gate, else one minus the level."""
    stated = [
        gate.options["alpha"] for gate in getattr(plan, "gate", ()) if gate.name == GATE and "alpha" in gate.options
    ]
    return Decimal(str(stated[0])) if stated else Decimal(1) - plan.inference.level
