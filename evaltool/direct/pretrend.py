"""The coefficients before the start, what a test of them can see, and bands that hold for all coefficients at once."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.direct.sensitivity import event_study_of, level_of
from evaltool.errors import Fault, Place, UsageError
from evaltool.numerics.inference import InferenceRule, infer
from evaltool.numerics.multiplier_bootstrap import Drawing, sup_t_critical
from evaltool.numerics.pretrend import AfterPassing, JointTest, Power, after_passing, joint_test, pretrend_power
from evaltool.records.estimate import Estimate
from evaltool.records.panel import FloatArray
from evaltool.records.showing import Summary

CALL = "did.pretrend"
BANDS = Drawing(draws=100_000, seed=20191)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PreTrend:
    """The joint test, its power against a straight trend, and what studies that pass would report.

    ``slope`` is per period in the outcome's unit: the one asked about, else the one that "no single coefficient is
    significant" finds half of the time. Nothing here is a pass: a test that finds nothing may see nothing.
    """

    test: JointTest | None
    slope: float
    power: Power
    wanted: float
    passing: AfterPassing | None
    event_times: tuple[int, ...]
    level: float

    def to_frame(self) -> pd.DataFrame:
        """One row per coefficient: event time, the trend there, and the mean estimate among samples that pass."""
        if self.passing is None:
            return pd.DataFrame(columns=["event_time", "trend", "after_passing"])
        rows = zip(self.event_times, self.passing.trend.tolist(), self.passing.passed.tolist(), strict=True)
        return pd.DataFrame(list(rows), columns=["event_time", "trend", "after_passing"])

    @property
    def summary(self) -> Summary:
        """Test, power and detectable slopes as text."""
        test = self.test
        shown = "cannot be made: the covariance is singular" if test is None else f"p = {test.p_value:.4f} ({test.df})"
        chance = 0.0 if self.passing is None else self.passing.chance
        lines = [
            f"Joint test that all coefficients before the start are zero: {shown}",
            f"Against a slope of {self.slope:.6g} per period, power at level {self.level:g}:",
            f"    {self.power.joint:.3f} (joint), {self.power.any_significant:.3f} (any coefficient significant)",
            f"Slope found with power {self.wanted:g}:",
            f"    {self.power.joint_slope:.6g} (joint), {self.power.any_slope:.6g} (any coefficient significant)",
            f"Chance that such a trend passes unnoticed (no coefficient significant): {chance:.3f}",
        ]
        return Summary("\n".join(lines))

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.summary.text)}</pre>"


def pretrend_of(estimate: Estimate, *, slope: float | None, power: float, level: float | None) -> PreTrend:
    """The pre-trend of an estimate. Raises UsageError with every fault found."""
    faults: list[Fault] = []
    stated = level_of(estimate, level, CALL, faults)
    if slope is not None and (isinstance(slope, bool) or not math.isfinite(slope)):
        faults.append(_bad("slope", f"slope = {slope!r} is no number.", "Give a change per period."))
    if isinstance(power, bool) or not 1.0 - stated < power < 1.0:
        faults.append(_bad("power", f"power = {power!r} is no power above the size of the test.", "Write power=0.8."))
    shown = event_study_of(estimate, CALL, faults)
    if faults:
        raise UsageError(faults)
    base = next(i for i, e in enumerate(shown) if e.reference)
    others = [e for e in shown if not e.reference]
    distances = np.array([float(e.element - shown[base].element) for e in others])
    covariance = np.array(estimate.event_covariance, dtype=np.float64)
    early = covariance[:base, :base]
    asked = slope
    if asked is None:
        asked = pretrend_power(early, distances[:base], 0.0, level=stated, power=0.5).any_slope
    try:
        passing = after_passing(covariance, distances, base, asked, level=stated)
    except ValueError:
        passing = None
    return PreTrend(
        test=joint_test(np.array([e.att for e in others[:base]]), early),
        slope=asked,
        power=pretrend_power(early, distances[:base], asked, level=stated, power=power),
        wanted=power,
        passing=passing,
        event_times=tuple(e.element for e in others),
        level=stated,
    )


def bands_of(estimate: Estimate, level: float | None) -> pd.DataFrame:
    """Pointwise intervals and the simultaneous band of an event study, by event time. Raises UsageError."""
    faults: list[Fault] = []
    stated = level_of(estimate, level, "did.bands", faults)
    path = [e for e in estimate.path if e.kind == "event" and not e.reference]
    covariance = np.array(estimate.event_covariance, dtype=np.float64)
    variance: FloatArray = np.diag(covariance) if covariance.ndim > 1 else np.zeros(0)
    if not path or variance.shape[0] != len(path) or not bool(np.all(variance > 0.0)):
        cause = f"{estimate.method} gives no event study with a covariance."
        fix = "Use a method with an event study and a standard error at every event time."
        faults.append(Fault("USAGE_NO_EVENT_STUDY", cause, fix, Place(key="did.bands.estimate")))
    if faults:
        raise UsageError(faults)
    critical = sup_t_critical(covariance, level=stated, drawing=BANDS)
    rows = []
    for element, se in zip(path, np.sqrt(variance).tolist(), strict=True):
        found = infer(element.att, se, InferenceRule(level=stated, df=estimate.df))
        ends = (element.att - critical * se, element.att + critical * se)
        rows.append((element.element, element.att, se, found.lower, found.upper, *ends))
    names = ["event_time", "att", "se", "lower", "upper", "band_lower", "band_upper"]
    frame = pd.DataFrame(rows, columns=names)
    frame.attrs = {"level": stated, "critical": critical, "draws": BANDS.draws, "seed": BANDS.seed}
    return frame


def _bad(name: str, cause: str, fix: str) -> Fault:
    """An argument that cannot be meant."""
    return Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{CALL}.{name}"))
