"""A difference-in-differences call becomes roles of columns and options of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaltool.direct.call import Answer, Call, Frame, column_names, compute, only
from evaltool.errors import Fault, UsageError
from evaltool.reading.frames import FrameRoles
from evaltool.records.plan.analysis import Option

Balance = Literal["refuse", "drop_unit", "keep"]
Gaps = Literal["refuse", "drop_unit", "pairs", "rows"]
GAPS: dict[str, Balance] = {"refuse": "refuse", "drop_unit": "drop_unit", "pairs": "keep", "rows": "keep"}
"""What the data's rule for units that lack a period is, by the method's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The rule for units that lack a period, the design, and columns that the method reads as covariates besides."""

    balance: Balance = "refuse"
    design: str = "groups.adoption"
    besides: tuple[str, ...] = ()


def answered(
    name: str,
    frame: Frame,
    columns: dict[str, str | None],
    options: dict[str, Option],
    faults: list[Fault],
    shape: Shape | Balance = "refuse",
) -> Answer:
    """Compute, once the arguments are known to be column names. Raises UsageError, DataError, RunError."""
    form = shape if isinstance(shape, Shape) else Shape(balance=shape)
    faults += column_names(columns, name, optional=("cluster", "weights"))
    faults += only("balance", form.balance, ("refuse", "drop_unit", "keep"), name)
    if faults:
        raise UsageError(faults)
    covariates = options.get("covariates", ())
    named = tuple(str(column) for column in covariates) if isinstance(covariates, tuple) else ()
    roles = FrameRoles(
        unit=columns["unit"] or "",
        time=columns["time"],
        outcome=columns["outcome"],
        first_treated=columns.get("first_treated"),
        treated=columns.get("treatment"),
        covariates=(*named, *form.besides),
        cluster=columns["cluster"],
        weight=columns["weights"],
        balance=form.balance,
    )
    return compute(Call(name=name, roles=roles, estimator=name, options=options, design=form.design), frame, faults)
