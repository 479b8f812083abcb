"""The event study put to the test: before the start, bands for all event times, and how far trends may differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evaltool.numerics.honest import Kind, Method, Sensitivity
from evaltool.numerics.honest_sets import EventStudy, largest_change, magnitude_reach, reach, straight
from evaltool.numerics.inference import Floats
from evaltool.numerics.multiplier_bootstrap import Drawing, sup_t_critical
from evaltool.numerics.pretrend import joint_test, pretrend_power
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Element, Estimate
from evaltool.records.examination import BandPoint, HonestPoint, HonestResult, Trend

BANDS = Drawing(draws=100_000, seed=20191)
"""The draws of ``did.bands``."""
POWER = 0.8
PRECISION = 1e-3
"""Breakdown values of a run are found to this (for smoothness times the standard error)."""
DRAWS = 20_000
"""Draws of the first stage in a run; the direct road takes 100,000."""
DECIMALS = 5
SHOWN = 4
"""Bounds above zero that are shown, up to a little beyond the largest breakdown value."""
BEYOND = 1.25
MOST_PERIODS = 60
"""Most event times that are put through the conditional test."""
METHODS: dict[Kind, Method] = {"relative_magnitudes": "conditional", "smoothness": "fixed_length"}


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """An event study with one base and equal steps: elements without the base, how many stand before it."""

    moving: tuple[Element, ...]
    before: int
    base: int
    covariance: Floats

    @property
    def distances(self) -> Floats:
        """(before,) periods from the base."""
        return np.array([float(e.element - self.base) for e in self.moving[: self.before]])

    @property
    def leads(self) -> int:
        """Elements between the base and the start: they are no part of a target."""
        return sum(1 for e in self.moving[self.before :] if e.element < 0)


def path_of(estimate: Estimate) -> Path | str:
    """The event study, or a stable key of why there is none that trends can be judged by."""
    shown = [e for e in estimate.path if e.kind == "event"]
    moving = tuple(e for e in shown if not e.reference)
    bases = [i for i, e in enumerate(shown) if e.reference]
    covariance = np.array(estimate.event_covariance, dtype=np.float64)
    if not moving or covariance.shape != (len(moving), len(moving)) or not bool(np.all(np.diag(covariance) > 0.0)):
        return "no_event_study"
    if len(bases) != 1 or estimate.conventions.get("base_period") == "varying":
        return "no_common_base"
    steps = {later.element - earlier.element for earlier, later in pairwise(shown)}
    if steps != {1}:
        return "unequal_steps"
    if bases[0] == 0 or shown[-1].element < 0:
        return "no_period_before"
    return Path(moving, bases[0], shown[bases[0]].element, covariance)


def trend_of(path: Path, level: float) -> Trend:
    """The joint test, and the slopes it can see."""
    early = path.covariance[: path.before, : path.before]
    test = joint_test(np.array([e.att for e in path.moving[: path.before]]), early)
    found = pretrend_power(early, path.distances, 0.0, level=level, power=POWER)
    return Trend(
        periods=path.before,
        p_value=None if test is None else test.p_value,
        power=POWER,
        joint_slope=_to(found.joint_slope, found.joint_slope),
        any_slope=_to(found.any_slope, found.any_slope),
    )


def band_of(path: Path, level: float) -> tuple[tuple[BandPoint, ...], float]:
    """The sup-t band over all event times, and its critical value."""
    critical = sup_t_critical(path.covariance, level=level, drawing=BANDS)
    widths = (critical * np.sqrt(np.diag(path.covariance))).tolist()
    points = (
        BandPoint(element=e.element, lower=e.att - w, upper=e.att + w) for e, w in zip(path.moving, widths, strict=True)
    )
    return tuple(points), critical


def honest_of(studied: Studied, path: Path, level: float, threshold: float | None) -> tuple[HonestResult, ...]:
    """Both kinds of deviation, their bounds spread to a little beyond where the conclusions fail."""
    weights, is_headline = _target(studied, path)
    coefficients = np.array([e.att for e in path.moving])
    study = EventStudy(coefficients, path.covariance, path.before, np.concatenate([np.zeros(path.leads), weights]))
    kinds: tuple[Kind, ...] = ("relative_magnitudes", "smoothness")
    return tuple(
        _honest(Sensitivity(study, kind, METHODS[kind], level, DRAWS), threshold, is_headline=is_headline)
        for kind in kinds
    )


def _to(value: float, unit: float) -> float:
    """The value to five decimals of ``unit``, rounded up to a power of ten: a search finds it no finer."""
    if value == 0.0 or unit == 0.0:
        return value
    return round(value, DECIMALS - math.ceil(math.log10(abs(unit))))


def _target(studied: Studied, path: Path) -> tuple[Floats, bool]:
    """Weights on the periods from the start on that make the headline; else equal ones."""
    after = path.moving[path.before + path.leads :]
    effects = np.array([e.att for e in after])
    mass: dict[int, float] = {}
    for cell in studied.estimate.cells:
        if cell.group is not None and cell.weight:
            mass[cell.element - cell.group] = mass.get(cell.element - cell.group, 0.0) + cell.weight
    sizes = [float(e.n_treated or 0) for e in after]
    for candidate in ([mass.get(e.element, 0.0) for e in after], sizes, [1.0] * len(after)):
        weights = np.array(candidate)
        if float(np.sum(weights)) > 0.0:
            weights /= float(np.sum(weights))
            if studied.same(float(weights @ effects)):
                return weights, True
    return np.full(len(after), 1.0 / len(after)), False


def _honest(asked: Sensitivity, threshold: float | None, *, is_headline: bool) -> HonestResult:
    """Breakdown values first, then intervals at bounds spread over them."""
    zero = asked.breakdown(0.0, PRECISION)
    paid = None if threshold is None else asked.breakdown(threshold, PRECISION)
    known = [b.value for b in (zero, paid) if b is not None and b.value]
    default = 1.0 if asked.kind == "relative_magnitudes" else asked.study.se
    top = BEYOND * max(known, default=default / BEYOND)
    points = [asked.interval(float(bound)) for bound in np.linspace(0.0, top, SHOWN + 1)]
    return HonestResult(
        kind=asked.kind,
        estimate=asked.study.estimate,
        is_headline=is_headline,
        points=tuple(
            HonestPoint(bound=p.bound, lower=_to(p.lower, asked.study.se), upper=_to(p.upper, asked.study.se))
            for p in points
        ),
        threshold=threshold,
        zero_breakdown=zero.value,
        threshold_breakdown=None if paid is None else paid.value,
        point_breakdown=None if threshold is None else _point(asked, threshold),
        searched_to=max(zero.searched_to, 0.0 if paid is None else paid.searched_to),
    )


def _point(asked: Sensitivity, threshold: float) -> float | None:
    """The bound under which the point estimate may be the threshold: no sampling error, coefficients as they are."""
    study = asked.study
    if asked.kind == "smoothness":
        centre, width = straight(study), reach(study)
    else:
        centre, width = study.estimate, largest_change(study) * magnitude_reach(study)
    if (study.estimate - threshold) * (centre - threshold) <= 0.0:
        return 0.0
    return abs(centre - threshold) / width if width > 0.0 else None
