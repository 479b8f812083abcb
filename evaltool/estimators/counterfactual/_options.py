"""Options that all methods with donors share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.records.base import Exact, Record


class DonorOptions(Record):
    """``[estimator.options]`` of every method that builds the counterfactual from a pool of donors."""

    anticipation: int = Field(default=0, ge=0)
    """Periods before the start in which an effect is allowed for; they are not fitted on."""
    breaks: tuple[int | str, ...] = ()
    """Periods, as the data name them, from which outcomes are known to be other ones; refused before the start."""
    placebo_periods: int | None = Field(default=None, ge=1)
    """Also pretend a start this many fitted periods earlier, on earlier data only."""
    inference: Literal["placebo", "conformal"] = "placebo"
    """``conformal`` adds a moving-block test over time and the interval that inverts it."""


class SimplexOptions(DonorOptions):
    """The same, for weights that are never negative and sum to one."""

    bound_delta: Annotated[Exact, Field(ge=0, le=10)] | None = None
    """Also give the range of effects over all weights whose error before is at most (1 + this) times the least."""


def as_float(value: Decimal | None) -> float | None:
    """A stated number as a float; None stays None."""
    return None if value is None else float(value)
