"""An event study that somebody else published: its coefficients and their covariance become an estimate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from evaltool.errors import Fault, Place, UsageError
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.estimate import Counts, Element, Estimate, Interval
from evaltool.records.evidence import EstimateKey
from evaltool.records.panel import FloatArray

CALL = "did.published"
LEAST = 0.5
"""The lowest level any plan may state."""
SAME = 1e-8
"""Two halves of a covariance may differ by so much of its largest entry: they were printed."""


def published(
    effects: Mapping[int, float],
    covariance: FloatArray | Sequence[Sequence[float]],
    *,
    base: int = -1,
    level: float = 0.95,
    unit: str = "as published",
    source: str | None = None,
) -> Estimate:
    """An event study by time since the start, ready for ``honest``, ``pretrend`` and ``bands``.

    ``effects`` maps each event time but ``base`` to its coefficient; ``covariance`` (k, k) stands in order of time. The
    effect is the plain mean from the start on, its standard error by the covariance, its interval normal. Raises
    UsageError with every fault.
    """
    times = sorted(effects)
    matrix = np.array(covariance, dtype=np.float64)
    if faults := _faults(effects, times, matrix, base, level):
        raise UsageError(faults)
    after = np.array([time >= 0 for time in times], dtype=np.float64)
    weights = after / np.sum(after)
    att = float(weights @ [effects[time] for time in times])
    se = math.sqrt(float(weights @ matrix @ weights))
    rule = InferenceRule(level=level, sides="two", df=None)
    found = infer(att, se, rule)
    return Estimate(
        key=EstimateKey(outcome="published"),
        method="published.estimate",
        kind="effect",
        estimand="ATT (dynamic)",
        unit=unit,
        att=att,
        se=se,
        interval=Interval(lower=found.lower, upper=found.upper, level=level),
        p_value=found.p_value,
        statistic=found.statistic,
        counts=Counts(treated=None, comparison=None, observations=None),
        path=tuple(_element(time, effects, matrix, times, rule) for time in sorted([*times, base])),
        event_covariance=tuple(tuple(float(value) for value in row) for row in (matrix + matrix.T) / 2.0),
        conventions={"base_period": "universal", "distribution": "normal", "weights": "equal"},
        source=source,
    )


def _element(
    time: int, effects: Mapping[int, float], matrix: FloatArray, times: Sequence[int], rule: InferenceRule
) -> Element:
    """One event time; the base is zero by construction."""
    if time not in effects:
        return Element(kind="event", element=time, label=f"{time:+d}", att=0.0, reference=True)
    place = times.index(time)
    att, se = float(effects[time]), math.sqrt(float(matrix[place, place]))
    found = infer(att, se, rule)
    ends = Interval(lower=found.lower, upper=found.upper, level=rule.level)
    return Element(kind="event", element=time, label=f"{time:+d}", att=att, se=se, interval=ends, p_value=found.p_value)


def _faults(effects: Mapping[int, float], times: list[int], matrix: FloatArray, base: int, level: float) -> list[Fault]:
    """Everything that is wrong with the arguments."""
    checks = (
        (base in effects or base >= 0, "base", f"base = {base} has a coefficient or lies after the start.",
         "Name the omitted event time."),
        (not any(time >= 0 for time in times), "effects", "There is no event time from the start on.",
         "Give the coefficients after the start too."),
        (not all(math.isfinite(value) for value in effects.values()), "effects", "A coefficient is not a number.",
         "Give every coefficient, and leave out what was not estimated."),
        (not LEAST <= level < 1.0, "level", f"level = {level!r}.", "Give a level from 0.5 up to below 1."),
    )  # fmt: skip
    found = [_bad(name, cause, fix) for holds, name, cause, fix in checks if holds]
    return found + _covariance_faults(matrix, len(times))


def _covariance_faults(matrix: FloatArray, k: int) -> list[Fault]:
    """What is wrong with the covariance of k coefficients."""
    if matrix.shape != (k, k):
        cause = f"It has the shape {matrix.shape}, not ({k}, {k})."
        return [_bad("covariance", cause, "Give one row per event time but the base.")]
    if not bool(np.all(np.isfinite(matrix))):
        return [_bad("covariance", "An entry is not a number.", "Give the whole matrix.")]
    size = float(np.max(np.abs(matrix), initial=0.0))
    if float(np.max(np.abs(matrix - matrix.T), initial=0.0)) > SAME * size:
        return [_bad("covariance", "It is not symmetric.", "Give the covariance as printed, in order of time.")]
    smallest = float(np.min(np.linalg.eigvalsh(matrix), initial=0.0))
    if bool(np.any(np.diag(matrix) <= 0.0)) or smallest < -SAME * size:
        return [_bad("covariance", "It is the covariance of nothing: a variance is not positive.", "Look at its rows.")]
    return []


def _bad(name: str, cause: str, fix: str) -> Fault:
    """An argument that cannot be meant."""
    return Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{CALL}.{name}"))
