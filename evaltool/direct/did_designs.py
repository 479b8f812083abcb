"""Difference-in-differences with a design of its own: triple differences, and treatment that can switch off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evaltool.direct.call import Frame, listed, only
from evaltool.direct.did_averages import Averaged
from evaltool.direct.did_call import GAPS, Balance, Gaps, Shape, answered
from evaltool.estimators.did._result import Distribution
from evaltool.records.plan.analysis import Option


def triple(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    eligible: str,
    covariates: Sequence[str] = (),
    method: Literal["reg", "ipw", "dr"] = "dr",
    control_group: Literal["never_treated", "not_yet_treated"] = "never_treated",
    base_period: Literal["universal", "varying"] = "universal",
    anticipation: int = 0,
    distribution: Distribution = "t",
    panel: bool = True,
    gaps: Gaps = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Triple differences, two periods or staggered (``did.triple``; Ortiz-Villavicencio & Sant'Anna 2025).

    ``first_treated`` is when a unit's group may first receive the intervention, ``eligible`` a column of 1 (this unit
    may) and 0. ``panel`` and ``gaps`` as in ``did.group_time``. Raises UsageError, DataError, RunError.
    """
    name = "did.triple"
    faults = only("panel", panel, (True, False), name) + only("gaps", gaps, tuple(GAPS), name)
    stated: dict[str, Option] = {
        "eligible": eligible,
        "covariates": listed("covariates", covariates, name, faults),
        "method": method,
        "control_group": control_group,
        "base_period": base_period,
        "anticipation": anticipation,
        "distribution": distribution,
        "sampling": "panel" if panel else "repeated_cross_sections",
        "gaps": "refuse" if gaps == "drop_unit" else gaps,
    }
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated, "eligible": eligible}
    names = {**columns, "cluster": cluster, "weights": weights}
    balance: Balance = "keep" if not panel else GAPS.get(gaps, "refuse")
    shape = Shape(balance=balance, design="groups.eligibility", besides=(eligible,))
    return Averaged.of(answered(name, frame, names, stated, faults, shape))


def switching(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treatment: str,
    effect: Literal["first_switch", "every_switch"] = "first_switch",
    normalised: bool = False,
    covariates: Sequence[str] = (),
    distribution: Distribution = "t",
    gaps: Literal["refuse", "drop_unit", "pairs"] = "refuse",
    cluster: str | None = None,
    weights: str | None = None,
) -> Averaged:
    """Treatment that can switch on and off (``did.switching``; de Chaisemartin & D'Haultfœuille 2020, 2024).

    ``treatment`` is 1 in rows where the unit is treated and 0 elsewhere. Effects by periods since the first switch with
    placebos before it, or the effect of every switch in its own period. ``covariates``: what goes with their changes is
    taken off (first switch). ``gaps``: refuse, leave the unit out, or difference the units seen in both periods.
    Raises UsageError, DataError, RunError.
    """
    name = "did.switching"
    faults = only("gaps", gaps, ("refuse", "drop_unit", "pairs"), name)
    stated: dict[str, Option] = {
        "effect": effect,
        "normalised": normalised,
        "distribution": distribution,
        "covariates": listed("covariates", covariates, name, faults),
        "gaps": "refuse" if gaps == "drop_unit" else gaps,
    }
    names = {"outcome": outcome, "unit": unit, "time": time, "treatment": treatment}
    columns = {**names, "cluster": cluster, "weights": weights}
    shape = Shape(balance=GAPS.get(gaps, "refuse"), design="groups.switching")
    return Averaged.of(answered(name, frame, columns, stated, faults, shape))
