"""A long panel as one row per unit, for designs by matching and weighting: ``evaltool.matching.wide(frame, …)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from evaltool.direct.call import Frame, attempt, column_names, frame_of, listed
from evaltool.errors import Fault, Place, UsageError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.records.ledger import Ledger
from evaltool.records.options import parse_options
from evaltool.records.plan.analysis import Option
from evaltool.records.plan.data import Period, Wide

NAME = "matching.wide"
TREATED = "treated"


@dataclass(frozen=True, slots=True, eq=False)
class WideFrame:
    """One row per unit, sorted by unit, and who is not among them.

    ``frame``: the unit, ``treated`` (true or false), covariates of the baseline, the outcome's mean after the start,
    and its values before, in the columns named by ``before``.
    """

    frame: pd.DataFrame
    before: tuple[str, ...]
    ledger: Ledger


def wide(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    unit: str,
    time: str,
    first_treated: str,
    outcome: str,
    baseline: Period,
    after: Sequence[Period],
    before: Sequence[Period] = (),
    covariates: Sequence[str] = (),
    never: str | None = None,
    missing: Literal["refuse", "drop_unit"] = "refuse",
) -> WideFrame:
    """A long panel as the one row per unit that matching and weighting need (``[data.wide]`` of a plan).

    Covariates are those of the period ``baseline``. The outcome ``y`` is its mean over the periods ``after``; its
    values in the periods ``before`` become columns called ``y.<period>``, for
    ``evaltool.weighted.difference(before=…)``. Who has started by the first period of ``after`` is treated; who starts
    after the last, or never, is not. A unit that lacks a cell is refused, or with ``missing="drop_unit"`` left out and
    counted in the ledger. Raises UsageError, DataError (DATA_NO_SUCH_PERIOD, DATA_START_IN_WINDOW, DATA_MISSING_VALUE
    and those of every panel).
    """
    given = frame_of(frame, NAME)
    named = {"unit": unit, "time": time, "first_treated": first_treated, "outcome": outcome}
    faults = [*column_names(named, NAME), *column_names({"never": never}, NAME, optional=("never",))]
    columns = listed("covariates", covariates, NAME, faults)
    if TREATED in {unit, outcome, *columns}:
        cause = f"'{TREATED}' is the column that will say who has started, and is named as another."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Rename the column.", Place(key=f"{NAME}.frame")))
    stated: dict[str, Option] = {"baseline": baseline, "before": tuple(before), "after": tuple(after)}
    periods = attempt(lambda: parse_options(Wide, stated, NAME), faults)
    if faults or periods is None:
        raise UsageError([replace(fault, code="USAGE_BAD_ARGUMENT", fix="Correct the argument.") for fault in faults])
    roles = FrameRoles(
        unit=unit,
        outcome=outcome,
        time=time,
        first_treated=first_treated,
        covariates=columns,
        never=never,
        missing=missing,
        wide=periods,
    )
    panel = panel_from_frame(given, roles)
    earlier = tuple(f"{outcome}.{period}" for period in periods.before)
    inside = {f"x.{name}": name for name in (*columns, *earlier)} | {f"y.{outcome}": outcome}
    names = ["unit", TREATED, *inside]
    return WideFrame(panel.frame[names].rename(columns={"unit": unit, **inside}), earlier, panel.ledger)
