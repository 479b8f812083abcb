"""Synthetic difference-in-differences without a plan; ``evaltool.did`` offers it."""

from __future__ import annotations

from typing import Literal

from evaltool.direct.call import Call, Frame, column_names, compute
from evaltool.direct.result import DirectEstimate
from evaltool.errors import UsageError
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option


def synthetic(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    solver: Literal["exact", "frank_wolfe"] = "exact",
    se: Literal["placebo", "jackknife"] = "placebo",
    unit_weights: Literal["fitted", "equal"] = "fitted",
    time_weights: Literal["fitted", "equal"] = "fitted",
    anticipation: int = 0,
    draws: int = 200,
    seed: int = 1,
) -> DirectEstimate:
    """Synthetic difference-in-differences (``did.synthetic``; Arkhangelsky et al. 2021), one or several starts.

    Every placebo is fitted where there are at most 1,000, else ``draws`` of them. Weights of donors and of periods by
    cohort are in ``.certificate["cohorts"]``. Raises UsageError, DataError, RunError.
    """
    name = "did.synthetic"
    stated: dict[str, Option] = {
        "solver": solver,
        "se": se,
        "unit_weights": unit_weights,
        "time_weights": time_weights,
        "anticipation": anticipation,
        "draws": draws,
        "seed": seed,
    }
    faults = column_names({"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}, name)
    if faults:
        raise UsageError(faults)
    roles = FrameRoles(unit=unit, time=time, outcome=outcome, first_treated=first_treated)
    return DirectEstimate.of(compute(Call(name=name, roles=roles, estimator=name, options=stated), frame, faults))
