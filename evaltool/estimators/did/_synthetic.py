"""Cohorts, fits, placebos and the jackknife of synthetic difference-in-differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.did._layout import Arranged
from evaltool.numerics.assignments import Draws, assignments, ways
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.simplex_control import Windows, mean_of
from evaltool.numerics.synthetic_did import Penalties, Rules, SyntheticDid, penalties_of, synthetic_did

FEWEST_BEFORE = 2
FEWEST_DONORS = 2
ENUMERATED = 1000
"""Placebos are enumerated when there are at most this many of them, else drawn."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Units that start together: rows of the outcomes, how many, and the windows."""

    start: int
    rows: slice[int, int, None]
    size: int
    windows: Windows

    @property
    def weight(self) -> int:
        """Treated unit-periods."""
        return self.size * int(np.sum(self.windows.after))


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Everything a fit reads. ``donors`` (J, T) in order of content, at ``places`` among the rows of the layout."""

    arranged: Arranged
    cohorts: tuple[Cohort, ...]
    donors: Floats
    places: Ints
    rules: Rules


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Effect, the fit of every cohort, and the mean gap by event time."""

    effect: float
    fits: tuple[SyntheticDid, ...]
    path: dict[int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Replicas:
    """The same estimate on other units: effects (R,) and paths (R, events), and how they came about."""

    effects: Floats
    paths: Floats
    enumerated: bool
    possible: int

    def spread(self, values: Floats) -> float:
        """Standard deviation with divisor N."""
        middle = mean_of(values)
        return math.sqrt(math.fsum(((values - middle) ** 2).tolist()) / values.shape[0])


def setting_of(arranged: Arranged, anticipation: int, rules: Rules) -> Setting:
    """Cohorts and donors. Raises RunError (RUN_SHORT_HISTORY, RUN_TOO_FEW_DONORS) with every fault found."""
    layout = arranged.layout
    periods = np.array(layout.periods)
    finite = [c for c, start in enumerate(layout.starts) if math.isfinite(start)]
    cohorts = tuple(
        Cohort(
            start=int(layout.starts[c]),
            rows=layout.slice_of(c),
            size=layout.offsets[c + 1] - layout.offsets[c],
            windows=Windows(before=periods < layout.starts[c] - anticipation, after=periods >= layout.starts[c]),
        )
        for c in finite
    )
    never = np.arange(layout.offsets[len(finite)], layout.units, dtype=np.int64)
    faults = []
    labels = dict(zip(layout.periods, arranged.labels, strict=True))
    short = [labels.get(c.start, str(c.start)) for c in cohorts if int(np.sum(c.windows.before)) < FEWEST_BEFORE]
    if short:
        cause = f"Those who start in {', '.join(short)} have fewer than two periods to fit on."
        fix = "Include earlier periods, or exclude those units in [data]."
        faults.append(Fault("RUN_SHORT_HISTORY", cause, fix, Place(key="data.column")))
    if never.shape[0] < FEWEST_DONORS:
        cause = f"{never.shape[0]} units are never treated; at least {FEWEST_DONORS} are needed as donors."
        fix = "Include more units that were never treated, or use did.group_time."
        faults.append(Fault("RUN_TOO_FEW_DONORS", cause, fix, Place(key="data.column")))
    if faults:
        raise RunError(faults)
    order = never[np.lexsort(layout.outcome[never].T[::-1])]
    return Setting(arranged, cohorts, layout.outcome[order], order, rules)


def fitted(setting: Setting) -> tuple[Found, tuple[Penalties, ...]]:
    """The estimate, and the penalties that placebos keep. Raises RunError."""
    penalties = tuple(penalties_of(setting.donors, cohort.windows, cohort.size) for cohort in setting.cohorts)
    means = [_mean(setting.arranged.layout.outcome[cohort.rows]) for cohort in setting.cohorts]
    return _fit(setting, setting.donors, means, penalties), penalties


def _mean(rows: Floats) -> Floats:
    """(T,) mean of each column from exactly rounded sums."""
    return np.array([mean_of(column) for column in rows.T])


def _fit(setting: Setting, donors: Floats, means: list[Floats], penalties: tuple[Penalties, ...]) -> Found:
    """Every cohort's own fit, and their mean by treated unit-periods."""
    fits = tuple(
        synthetic_did(donors, mean, cohort.windows, own, setting.rules)
        for cohort, mean, own in zip(setting.cohorts, means, penalties, strict=True)
    )
    return _averaged(setting.cohorts, fits, [cohort.size for cohort in setting.cohorts], setting.arranged)


def _averaged(
    cohorts: tuple[Cohort, ...], fits: tuple[SyntheticDid, ...], sizes: list[int], arranged: Arranged
) -> Found:
    """Means over cohorts: the effect by treated unit-periods, each event time by treated units."""
    spans = [size * int(np.sum(cohort.windows.after)) for size, cohort in zip(sizes, cohorts, strict=True)]
    effect = math.fsum(w * fit.effect for w, fit in zip(spans, fits, strict=True)) / sum(spans)
    by_time: dict[int, list[tuple[int, float]]] = {}
    for cohort, fit, size in zip(cohorts, fits, sizes, strict=True):
        first = int(np.argmax(cohort.windows.after))
        for place in range(len(arranged.layout.periods)):
            by_time.setdefault(place - first, []).append((size, float(fit.gap[place])))
    path = {e: math.fsum(n * g for n, g in of) / sum(n for n, _ in of) for e, of in sorted(by_time.items())}
    return Found(effect=effect, fits=fits, path=path)


def placebos(setting: Setting, penalties: tuple[Penalties, ...], draws: int, seed: int) -> Replicas:
    """Donors take the place of the treated, every way there is or ``draws`` of them. Raises RunError.

    RUN_TOO_FEW_DONORS when fewer than two donors would be left.
    """
    count, sizes = setting.donors.shape[0], [cohort.size for cohort in setting.cohorts]
    if count - sum(sizes) < FEWEST_DONORS:
        cause = f"{count} donors cannot stand in for {sum(sizes)} treated units and leave two donors."
        fix = 'Include more units that were never treated, or state se = "jackknife".'
        raise RunError(Fault("RUN_TOO_FEW_DONORS", cause, fix, Place(key="estimator.options.se")))
    possible = ways(count, sizes)
    effects, paths = [], []
    for groups in assignments(count, sizes, Draws(ENUMERATED, draws, seed)):
        taken = np.concatenate(groups)
        rest = np.setdiff1d(np.arange(count), taken)
        means = [_mean(setting.donors[group]) for group in groups]
        found = _fit(setting, setting.donors[rest], means, penalties)
        effects.append(found.effect)
        paths.append(list(found.path.values()))
    return Replicas(np.array(effects), np.array(paths), possible <= ENUMERATED, possible)


def jackknife(setting: Setting, found: Found) -> tuple[float, Floats]:
    """Standard error of the effect and of every event time, weights held. Raises RunError (RUN_TOO_FEW_CLUSTERS).

    Each unit in turn is left out; donors' weights are scaled back to one (Arkhangelsky et al. 2021, algorithm 3).
    """
    if any(cohort.size < FEWEST_BEFORE for cohort in setting.cohorts) or any(
        float(np.max(fit.units)) >= 1.0 for fit in found.fits
    ):
        cause = "The jackknife leaves out one unit at a time, and a cohort or its synthetic control would be empty."
        place = Place(key="estimator.options.se")
        raise RunError(Fault("RUN_NO_JACKKNIFE", cause, 'State se = "placebo".', place))
    outcome, cohorts = setting.arranged.layout.outcome, setting.cohorts
    effects, paths = [], []
    for out in range(setting.donors.shape[0]):
        fits = []
        for cohort, fit in zip(cohorts, found.fits, strict=True):
            left = np.where(np.arange(fit.units.shape[0]) == out, 0.0, fit.units)
            fits.append(_held(setting.donors, _mean(outcome[cohort.rows]), cohort, (left / float(left.sum()), fit)))
        one = _averaged(cohorts, tuple(fits), [cohort.size for cohort in cohorts], setting.arranged)
        effects.append(one.effect)
        paths.append(list(one.path.values()))
    for which, cohort in enumerate(cohorts):
        sizes = [other.size - (k == which) for k, other in enumerate(cohorts)]
        for out in range(cohort.size):
            rows = np.delete(outcome[cohort.rows], out, axis=0)
            own = _held(setting.donors, _mean(rows), cohort, (found.fits[which].units, found.fits[which]))
            fits = [own if k == which else fit for k, fit in enumerate(found.fits)]
            one = _averaged(cohorts, tuple(fits), sizes, setting.arranged)
            effects.append(one.effect)
            paths.append(list(one.path.values()))
    table = np.column_stack([np.array(effects), np.array(paths)])
    n = table.shape[0]
    spread: Floats = np.sqrt((n - 1) / n * np.sum((table - table.mean(axis=0)) ** 2, axis=0))
    return float(spread[0]), spread[1:]


def _held(donors: Floats, mean: Floats, cohort: Cohort, weights: tuple[Floats, SyntheticDid]) -> SyntheticDid:
    """The fit with weights of donors given and weights of periods held."""
    units, fit = weights
    apart = mean - units @ donors
    gap = apart - float(fit.periods @ apart[cohort.windows.before])
    return SyntheticDid(units, fit.periods, gap, mean_of(gap[cohort.windows.after]), fit.relative_gaps)
