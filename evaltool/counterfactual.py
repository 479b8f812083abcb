"""One treated unit without a plan: ``evaltool.counterfactual.synthetic_control(frame, outcome="…", treated="…", …)``.

Any frame with the Arrow interface (pandas, polars, pyarrow), one row per unit and time. Errors come from
``evaltool.errors`` and name every fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from evaltool.direct.call import Call, Frame, column_names, compute, frame_of, only
from evaltool.direct.result import DirectEstimate
from evaltool.errors import Fault, Place, UsageError, did_you_mean
from evaltool.reading.frames import FrameRoles
from evaltool.records.base import Json
from evaltool.records.estimate import Estimate
from evaltool.records.readable import Readable, period_names

NAME = "counterfactual.synthetic_control"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SyntheticControl(Readable):
    """An estimate with its donors and its path. ``estimate`` is the record itself; no standard error is invented."""

    estimate: DirectEstimate

    def _read(self) -> Estimate:
        """The estimate."""
        return self.estimate

    @property
    def att(self) -> float:
        """Mean effect over the treated periods."""
        return self.estimate.att

    @property
    def se(self) -> float | None:
        """None: a synthetic control is judged by placebos."""
        return self.estimate.se

    @property
    def weights(self) -> pd.Series[float]:
        """Weight by donor, sorted by name; they sum to one."""
        found = _table(self.estimate.certificate["donor_weights"])
        names = [str(row["unit"]) for row in _rows(self.estimate.certificate["placebos"])]
        return pd.Series([_float(found.get(name, 0.0)) for name in names], index=names, name="weight", dtype="float64")

    @property
    def path(self) -> pd.DataFrame:
        """One row per time: ``time, observed, counterfactual, effect, lower, upper`` (no interval: NaN)."""
        names = period_names(self.estimate)
        control = {point.period: point.mean for point in self.estimate.series if point.arm == "comparison"}
        seen = {point.period: point.mean for point in self.estimate.series if point.arm != "comparison"}
        gaps = [element.att for element in self.estimate.path]
        rows = [
            {
                "time": names[period],
                "observed": seen[period],
                "counterfactual": control[period],
                "effect": gap,
                "lower": float("nan"),
                "upper": float("nan"),
            }
            for period, gap in zip(sorted(seen), gaps, strict=True)
        ]
        return pd.DataFrame(rows)

    @property
    def placebos(self) -> pd.DataFrame:
        """Every donor in turn as if treated: ``unit, effect, rmspe_before, rmspe_after, ratio``."""
        return pd.DataFrame(_rows(self.estimate.certificate["placebos"]))

    @property
    def placebo_p(self) -> float:
        """Share of units, the treated one included, whose RMSPE ratio is at least the treated unit's."""
        return _float(_table(self.estimate.certificate["permutation"])["p_value"])

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text


def synthetic_control(  # noqa: PLR0913 - the direct road: column names and options as keywords
    frame: Frame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: object,
    start: object,
    predictors: None = None,
    solver: Literal["exact"] = "exact",
    inference: Literal["placebo"] = "placebo",
) -> SyntheticControl:
    """Synthetic control of one treated unit (``counterfactual.synthetic_control``), fitted on all earlier outcomes.

    ``treated`` is the id of the treated unit and ``start`` its first treated time, both as the frame holds them; all
    others are donors. Predictors other than the outcomes, inexact solvers and conformal inference are refused. Raises
    UsageError, DataError, RunError.
    """
    faults = [
        *only("predictors", predictors, (None,), NAME),
        *only("solver", solver, ("exact",), NAME),
        *only("inference", inference, ("placebo",), NAME),
        *column_names({"outcome": outcome, "unit": unit, "time": time}, NAME),
    ]
    if faults:
        raise UsageError(faults)
    marked, column = _marked(frame_of(frame, NAME), unit, treated, start)
    roles = FrameRoles(unit=unit, time=time, outcome=outcome, first_treated=column)
    answer = compute(Call(name=NAME, roles=roles, estimator=NAME, design="donors.pool"), marked, faults)
    return SyntheticControl(estimate=DirectEstimate.of(answer))


def _marked(frame: Frame, unit: str, treated: object, start: object) -> tuple[Frame, str]:
    """The frame with a column that holds ``start`` for the treated unit, and its name.

    Raises UsageError (USAGE_BAD_ARGUMENT) when the unit or the start is not there.
    """
    column = "first treated"
    if isinstance(frame, pd.DataFrame):
        while column in frame.columns:
            column += " "
        ids: list[object] = list(frame[unit]) if unit in frame.columns else []
        starts = pd.Series(_starts(ids, unit, treated, start), index=frame.index, dtype="object")
        return frame.assign(**{column: starts}), column
    table = pa.table(frame)
    while column in table.column_names:
        column += " "
    ids = list(table.column(unit).to_pylist()) if unit in table.column_names else []
    return table.append_column(column, pa.array(_starts(ids, unit, treated, start))), column


def _starts(ids: list[object], unit: str, treated: object, start: object) -> list[object]:
    """``start`` in the rows of the treated unit, None elsewhere. Raises UsageError (USAGE_BAD_ARGUMENT)."""
    faults = []
    if treated not in ids:
        near = did_you_mean(str(treated), sorted({str(name) for name in ids}))
        cause = f"No row of the frame has {treated!r} in the column '{unit}'."
        fix = "Write the id of the treated unit as the frame holds it."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.treated"), near))
    if start is None:
        cause, fix = "start is None.", "Write the first treated time as the frame holds it."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.start")))
    if faults:
        raise UsageError(faults)
    return [start if name == treated else None for name in ids]


def _table(value: Json) -> dict[str, Json]:
    """A table of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, dict):
        message = f"the certificate holds {type(value).__name__} where a table was expected"
        raise TypeError(message)
    return value


def _rows(value: Json) -> list[dict[str, Json]]:
    """A list of tables of the certificate. Raises TypeError when it is none."""
    if not isinstance(value, list):
        message = f"the certificate holds {type(value).__name__} where a list was expected"
        raise TypeError(message)
    return [_table(row) for row in value]


def _float(value: Json) -> float:
    """A number of the certificate. Raises TypeError when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"the certificate holds {type(value).__name__} where a number was expected"
        raise TypeError(message)
    return float(value)
