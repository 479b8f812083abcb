"""How far trends may differ before a conclusion does, for any estimate with an event study and its covariance."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from evaltool.direct.call import only
from evaltool.errors import Fault, Place, UsageError
from evaltool.numerics.honest import Breakdown, HonestInterval, Kind, Method, Sensitivity
from evaltool.numerics.honest_conditional import DRAWS, FIRST_STAGE, SEED
from evaltool.numerics.honest_sets import EventStudy
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.records.estimate import Element, Estimate
from evaltool.records.showing import Summary

CALL = "did.honest"
Weights = Sequence[float] | Literal["average", "first"]
KINDS: tuple[Kind, ...] = ("relative_magnitudes", "smoothness")
MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Bounds shown for relative magnitudes unless others are asked for."""
LEVEL = 0.95
METHOD: dict[Kind, Method] = {"relative_magnitudes": "conditional", "smoothness": "fixed_length"}
NAMES: dict[Method, str] = {
    "conditional": f"conditional test with a least-favourable first stage (kappa = {FIRST_STAGE:g} alpha, "
    f"{DRAWS} draws, seed {SEED})",
    "fixed_length": "shortest fixed-length interval",
}
UNITS: dict[Kind, str] = {
    "relative_magnitudes": "times the largest change between two periods before the start",
    "smoothness": "change of slope from one period to the next, in units of the outcome",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants: kind and method of the interval, bounds, target, level."""

    kind: Kind
    method: Method | None = None
    grid: Sequence[float] | None = None
    weights: Weights = "average"
    level: float | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Honest:
    """Robust intervals by bound. ``breakdown`` finds the bound at which a threshold can no longer be excluded."""

    sensitivity: Sensitivity
    intervals: tuple[HonestInterval, ...]
    event_times: tuple[int, ...]
    """Periods since the start that the coefficients are of, the base left out."""
    unit: str

    def to_frame(self) -> pd.DataFrame:
        """One row per bound: ``bound, lower, upper``."""
        return pd.DataFrame([(i.bound, i.lower, i.upper) for i in self.intervals], columns=["bound", "lower", "upper"])

    def breakdown(self, threshold: float = 0.0) -> float | None:
        """The smallest bound whose interval holds ``threshold`` (an effect, in the outcome's own sign and unit).

        0.0 when the threshold is inside without any deviation; None when it stays outside up to the largest bound
        searched (thousands of times the largest change, or of the standard error).
        """
        return self.found(threshold).value

    def found(self, threshold: float) -> Breakdown:
        """The breakdown value with how far was searched. Raises UsageError for a threshold that is no number."""
        if isinstance(threshold, bool) or not math.isfinite(threshold):
            raise UsageError(_bad("threshold", f"threshold = {threshold!r} is no number.", "Give a number."))
        return self.sensitivity.breakdown(float(threshold))

    @property
    def original(self) -> tuple[float, float]:
        """The interval when trends are taken to be exactly parallel (normal distribution)."""
        study = self.sensitivity.study
        plain = infer(study.estimate, study.se, InferenceRule(level=self.sensitivity.level))
        return plain.lower, plain.upper

    @property
    def summary(self) -> Summary:
        """The target, its interval under parallel trends, and the robust intervals."""
        asked, study = self.sensitivity, self.sensitivity.study
        after = self.event_times[study.before :]
        target = ", ".join(f"{w:.4g} at {t}" for w, t in zip(study.weights, after, strict=True) if w != 0.0)
        lines = [
            f"Robust intervals at {100 * asked.level:g}%, {asked.kind.replace('_', ' ')} ({self.unit})",
            f"Target: {target} periods since the start; estimate {study.estimate:.6g}",
            f"Exactly parallel trends: [{self.original[0]:.6g}, {self.original[1]:.6g}]",
            "",
            self.to_frame().to_string(index=False, float_format="{:.6g}".format),
            "",
            f"bound: {UNITS[asked.kind]}",
            f"method: {NAMES[asked.method]}",
        ]
        return Summary("\n".join(lines))

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.summary.text)}</pre>"


def sensitivity_of(estimate: Estimate, asked: Asked) -> Honest:
    """The robust intervals of an estimate. Raises UsageError with every fault found."""
    faults = only("kind", asked.kind, KINDS, CALL)
    method = asked.method or METHOD.get(asked.kind, "conditional")
    faults += only("method", method, ("conditional",) if asked.kind == "relative_magnitudes" else tuple(NAMES), CALL)
    grid = _grid(asked, faults)
    level = level_of(estimate, asked.level, CALL, faults)
    shown = event_study_of(estimate, CALL, faults)
    weights = _weights([e for e in shown if e.element >= 0], asked.weights, faults)
    if faults:
        raise UsageError(faults)
    base = next(i for i, e in enumerate(shown) if e.reference)
    others = [e for e in shown if not e.reference]
    leads = [e for e in others[base:] if e.element < 0]  # between the base and the start: no part of the target
    study = EventStudy(
        coefficients=np.array([e.att for e in others]),
        covariance=np.array(estimate.event_covariance, dtype=np.float64),
        before=base,
        weights=np.concatenate([np.zeros(len(leads)), weights]),
    )
    found = Sensitivity(study, asked.kind, method, level)
    times = tuple(e.element for e in others)
    return Honest(found, tuple(found.interval(bound) for bound in grid), times, estimate.unit)


def _grid(asked: Asked, faults: list[Fault]) -> tuple[float, ...]:
    """The bounds to show; smoothness has no default, since its unit is the outcome's."""
    if asked.grid is None:
        if asked.kind == "smoothness":
            cause = "Smoothness bounds are in the unit of the outcome, and none is given."
            faults.append(_bad("grid", cause, "Write grid=[0, …] with changes of slope per period."))
        return MULTIPLES
    stated: list[object] = list(asked.grid)
    numbers = [g for g in stated if isinstance(g, int | float) and not isinstance(g, bool) and 0 <= g < math.inf]
    if not numbers or len(numbers) != len(stated):
        faults.append(_bad("grid", f"grid = {asked.grid!r} is no list of bounds.", "Give numbers from 0 on."))
    return tuple(float(g) for g in numbers)


def level_of(estimate: Estimate, asked: float | None, call: str, faults: list[Fault]) -> float:
    """The level asked for, else that of the estimate's own interval, else 0.95."""
    own = LEVEL if estimate.interval is None else estimate.interval.level
    level = own if asked is None else asked
    if isinstance(level, bool) or not 0.5 <= level < 1.0:  # noqa: PLR2004 - as numerics.inference.SMALLEST_LEVEL
        cause = f"level = {level!r} is no confidence level."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, "Write level=0.95 for 95 %.", Place(key=f"{call}.level")))
    return float(level)


def event_study_of(estimate: Estimate, call: str, faults: list[Fault]) -> list[Element]:
    """The path in order of time, once it is known to be an event study with one base, equal steps and a covariance."""
    shown = [e for e in estimate.path if e.kind == "event"]
    times = [e.element for e in shown]
    steps = [later - earlier for earlier, later in pairwise(times)]
    bases = [e.element for e in shown if e.reference]
    if len(shown) < 2 or len(estimate.event_covariance) != len(shown) - len(bases):  # noqa: PLR2004 - one on a side
        cause = f"{estimate.method} gives no event study with a covariance."
    elif len(bases) != 1 or estimate.conventions.get("base_period") == "varying":
        cause = "The coefficients before the start do not have one common base period."
    elif min(steps) < 1 or min(steps) != max(steps):
        cause = f"The event study is not in equal steps: its periods are {', '.join(map(str, times))}."
    elif bases[0] == times[0] or times[-1] < 0 or bases[0] >= 0:
        cause = "There must be a coefficient before the base period and one from the start on."
    else:
        return shown
    fix = 'Use a method with an event study, base_period="universal", and at least two periods before the start.'
    faults.append(Fault("USAGE_NO_EVENT_STUDY", cause, fix, Place(key=f"{call}.estimate")))
    return []


def _weights(after: list[Element], asked: Weights, faults: list[Fault]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Target weights on the periods from the start on."""
    count = len(after)
    if isinstance(asked, str):
        faults += only("weights", asked, ("average", "first"), CALL)
        return np.full(count, 1.0 / max(count, 1)) if asked == "average" else np.eye(max(count, 1))[0]
    values = np.array(asked, dtype=np.float64)
    if count and (values.shape != (count,) or not bool(np.all(np.isfinite(values))) or not bool(np.any(values))):
        cause = f"weights = {asked!r}, but there are {count} periods from the start on."
        faults.append(_bad("weights", cause, 'Give one number for each, or "average" or "first".'))
    return values


def _bad(name: str, cause: str, fix: str) -> Fault:
    """An argument that cannot be meant."""
    return Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{CALL}.{name}"))
