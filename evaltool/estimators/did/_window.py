"""The event times a plan's headline averages over."""

from __future__ import annotations

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import distinct
from evaltool.records.panel import IntArray
from evaltool.records.plugins import EstimationRequest

Window = tuple[int, int]


def check_window(request: EstimationRequest, known: IntArray) -> Window | None:
    """The plan's first and last event time, or None. ``known`` (k,) event times that can be estimated.

    Raises RunError (RUN_NO_EVENT_TIME) when none of them lies within, or the last one asked for is not observed: a
    mean over fewer periods than agreed would be another number.
    """
    within = request.estimand.event_times
    if within is None:
        return None
    asked = np.arange(within[0], within[1] + 1)
    absent = asked[~np.isin(asked, known)]
    if absent.size:
        seen = distinct(known[known >= 0])
        span = f"from {seen[0]} to {seen[-1]}" if seen.size else "none at all"
        missing = ", ".join(map(str, absent))
        raise RunError(
            Fault(
                code="RUN_NO_EVENT_TIME",
                cause=f"No effect {missing} periods after the start can be estimated; known: {span}.",
                fix="Wait for the periods agreed on, or agree on event times that the data reach.",
                place=Place(key="estimand.event_times"),
            )
        )
    return within


def window_convention(request: EstimationRequest) -> dict[str, str]:
    """The window as it is printed with a number; nothing where all event times count."""
    within = request.estimand.event_times
    return {} if within is None else {"event_times": f"{within[0]} to {within[1]}"}
