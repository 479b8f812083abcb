"""People measured once each: outcome, arm, weight and marks, with everything that can be refused first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.records.evidence import ALL
from evaltool.records.panel import FloatArray, Panel
from evaltool.records.plugins import EstimationRequest

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """(n,) outcome, whether treated, weight; and the frame's covariates."""

    y: FloatArray
    treated: Bools
    weight: FloatArray
    frame: pd.DataFrame

    def column(self, name: str) -> FloatArray:
        """(n,) a covariate that was asked for in ``people_of``."""
        return self.frame[f"x.{name}"].to_numpy(dtype=np.float64)


def people_of(request: EstimationRequest, columns: tuple[tuple[str, str], ...]) -> People:
    """The people of the design; ``columns`` are (option, covariate) pairs that must be there.

    Raises RunError with every fault found: RUN_NEEDS_DATA, RUN_NOT_BY_HISTORY, RUN_UNKNOWN_COVARIATE.
    """
    panel, roster = request.panel, request.design.roster
    if panel is None or panel.masked or roster is None or "treated" not in panel.frame or "period" in panel.frame:
        cause = "This method needs one row for each person, with an outcome and who received the intervention."
        fix = 'State a [data] source with the roles "unit", "outcome" and "treated", and none with the role "time".'
        raise RunError(Fault("RUN_NEEDS_DATA", cause, fix, Place(key="data.source")))
    faults = [*_plan_faults(request), *_column_faults(panel, columns)]
    if faults:
        raise RunError(faults)
    frame = panel.frame.loc[panel.frame["unit"].isin(roster["unit"])]
    weight = frame["weight"].to_numpy(dtype=np.float64) if "weight" in frame else np.ones(len(frame))
    return People(
        y=frame[f"y.{request.outcome.id}"].to_numpy(dtype=np.float64),
        treated=frame["treated"].to_numpy(dtype=bool),
        weight=weight,
        frame=frame,
    )


def _plan_faults(request: EstimationRequest) -> list[Fault]:
    """What the plan asks for and these methods do not do."""
    wrong = []
    if request.estimand.target != "ATT":
        wrong.append((f"targets the {request.estimand.target}", 'Use target = "ATT".', "estimand.target"))
    if request.inference.cluster is not None:
        fix = "Leave inference.cluster out: people are taken as independent."
        wrong.append((f"clusters by '{request.inference.cluster}'", fix, "inference.cluster"))
    if request.key.cohort != ALL:
        wrong.append((f"asks for cohort '{request.key.cohort}' alone", "Pay on all together.", "population.cohort"))
    return [
        Fault("RUN_NOT_BY_HISTORY", f"The plan {what}; this method cannot.", fix, Place(key=key))
        for what, fix, key in wrong
    ]


def _column_faults(panel: Panel, columns: tuple[tuple[str, str], ...]) -> list[Fault]:
    """Covariates that are not there."""
    fix = "Give the column the role covariate, or correct the name."
    return [
        Fault(
            "RUN_UNKNOWN_COVARIATE",
            f"The data have no covariate '{name}'.",
            fix,
            Place(key=f"estimator.options.{option}"),
            did_you_mean(name, list(panel.covariates)),
        )
        for option, name in columns
        if name not in panel.covariates
    ]


def too_few(groups: dict[str, int]) -> list[Fault]:
    """Groups of fewer than two people."""
    fix = "Include more people, or correct the columns that tell groups apart."
    return [
        Fault("RUN_SMALL_GROUP", f"{count} people {name}; at least two are needed.", fix, Place(key="data.column"))
        for name, count in groups.items()
        if count < 2  # noqa: PLR2004 - two for a variance
    ]
