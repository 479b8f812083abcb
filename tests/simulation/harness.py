"""Coverage by simulation: samples with a known effect, and how often a nominal 95 % interval holds it.

Every method's interval is the inversion of its test, so an interval holds the true effect exactly where the test of the
true effect does not reject; that is what is counted. Samples come from a seed for each design and number; nothing
depends on the order in which designs are run.

One start: units in clusters, six periods, treatment from the fourth on. Errors are an AR(1) of the cluster (0.6) and
an AR(1) of the unit (0.5), so that both clusters and time correlate. The effect is the two-way fixed-effects
coefficient, which on a balanced panel with one start is the regression of a unit's change (mean after less mean before)
on treatment.

Staggered: eight periods, starts in 3, 5 and 7 and never, effects that differ by cohort and grow with time since the
start; the truth is the average effect over treated cells by group size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.cluster_covariance import SmallSample, cr1, cr2, cr2_df, cr3, hc1, least_squares
from evaltool.numerics.few_treated import Placebos, few_treated_test
from evaltool.numerics.group_time import (
    NEVER,
    Choices,
    Layout,
    all_cells,
    by_share,
    influence_of,
    value_of,
)
from evaltool.numerics.inference import InferenceRule, infer, influence_se, influence_sums
from evaltool.numerics.multiplier_bootstrap import Drawing, simultaneous_band
from evaltool.numerics.randomisation import Assignments, ClusterSums, randomisation_p_value
from evaltool.numerics.regression import Regressors
from evaltool.numerics.wild_bootstrap import WildDraws, wild_cluster_p_value

ALPHA = 0.05
PERIODS, START = 6, 3
CLUSTER_AR, UNIT_AR, CLUSTER_SD = 0.6, 0.5, 0.5
WILD = WildDraws(most=999, seed=7)
WEBB = WildDraws(weights="webb", most=999, seed=7)
ASSIGNED = Assignments(most=999, seed=7)
FEW_FOR_WEBB = 8
"""Below this many clusters ±1 leaves too few different samples."""


@dataclass(frozen=True)
class Design:
    """One start. ``ratio``: variance of the treated clusters' shocks over that of the others."""

    name: str
    clusters: int
    treated: int
    unequal: bool
    ratio: float = 1.0


@dataclass(frozen=True)
class Sample:
    """Unit changes, who is treated, cluster codes, and the rows (units, periods) they come from."""

    change: np.ndarray
    treated: np.ndarray
    codes: np.ndarray
    rows: np.ndarray
    arm: np.ndarray


@dataclass(frozen=True)
class Staggered:
    """Starts that differ. Cluster sizes are drawn from 3 to 46."""

    name: str
    clusters: int


DESIGNS = (
    Design("50 clusters of 20, 25 treated", 50, 25, unequal=False),
    Design("50 clusters of 3 to 46, 25 treated", 50, 25, unequal=True),
    Design("10 clusters of 20, 5 treated", 10, 5, unequal=False),
    Design("10 clusters of 3 to 46, 5 treated", 10, 5, unequal=True),
    Design("5 clusters of 20, 2 treated", 5, 2, unequal=False),
    Design("5 clusters of 3 to 46, 2 treated", 5, 2, unequal=True),
    Design("50 clusters of 3 to 46, 5 treated", 50, 5, unequal=True),
    Design("50 clusters of 3 to 46, 1 treated", 50, 1, unequal=True),
    Design("the same, 5 treated with three times the variance", 50, 5, unequal=True, ratio=3.0),
)
STAGGERED = (Staggered("staggered, 48 clusters of 3 to 46", 48), Staggered("staggered, 12 clusters of 3 to 46", 12))
Holds = bool | None
"""Whether the interval holds the truth; None where the method cannot be used."""


def autoregressive(r: np.random.Generator, rows: int, periods: int, rho: float) -> np.ndarray:
    """(rows, periods) stationary AR(1) with variance 1."""
    found = r.normal(size=(rows, periods))
    for t in range(1, periods):
        found[:, t] = rho * found[:, t - 1] + math.sqrt(1 - rho * rho) * found[:, t]
    return found


def sizes_of(r: np.random.Generator, clusters: int, *, unequal: bool) -> np.ndarray:
    """Equal sizes of 20, or 3 to 46 evenly spread, in random order."""
    if not unequal:
        return np.full(clusters, 20)
    return r.permutation(np.round(np.linspace(3, 46, clusters)).astype(int))


def draw(design: Design, number: int) -> Sample:
    """Sample ``number`` of a design; the true effect is 0."""
    r = np.random.default_rng([DESIGNS.index(design), number])
    sizes = sizes_of(r, design.clusters, unequal=design.unequal)
    arm = np.arange(design.clusters) < design.treated
    codes = np.repeat(np.arange(design.clusters), sizes)
    shocks = CLUSTER_SD * autoregressive(r, design.clusters, PERIODS, CLUSTER_AR)
    shocks[arm] *= math.sqrt(design.ratio)
    rows = shocks[codes] + autoregressive(r, codes.shape[0], PERIODS, UNIT_AR)
    change = rows[:, START:].mean(axis=1) - rows[:, :START].mean(axis=1)
    return Sample(change, arm[codes].astype(float), codes, rows, arm)


def rejects(effect: float, se: float, df: float | None) -> bool:
    """The two-sided t test at 5 %."""
    return infer(effect, se, InferenceRule(level=1 - ALPHA, df=df)).p_value <= ALPHA


def one_start(sample: Sample) -> Mapping[str, Holds]:
    """Every method on one sample."""
    x = Regressors(np.column_stack([np.ones_like(sample.treated), sample.treated]), ("constant", "treated"), "a sample")
    fit = least_squares(x, sample.change)
    effect, codes, few = float(fit.coefficients[1]), sample.codes, int(sample.arm.sum())
    clusters, contrast = sample.arm.shape[0], np.array([0.0, 1.0])
    plain = cr1(fit, codes, SmallSample()).covariance
    usual = cr1(fit, codes, SmallSample(parameters=2, groups="own")).covariance
    adjusted = cr2(fit, codes).covariance
    means = influence_sums(sample.change, codes) / np.bincount(codes)
    sizes = np.bincount(codes).astype(float)
    sums = ClusterSums(sizes * means, sizes, sample.arm)

    def holds(covariance: np.ndarray, df: float | None) -> bool:
        return not rejects(effect, math.sqrt(covariance[1, 1]), df)

    found: dict[str, Holds] = {
        "HC1, rows as independent": not rejects(*rows_as_independent(sample), None),
        "CR1, no factors, normal": holds(plain, None),
        "CR1, no factors, t(G-1)": holds(plain, clusters - 1.0),
        "CR1 with factors, t(G-1)": holds(usual, clusters - 1.0),
        "CR2, Bell-McCaffrey df": holds(adjusted, cr2_df(fit, codes, contrast)),
        "CR2, Imbens-Kolesar df": holds(adjusted, cr2_df(fit, codes, contrast, "within_clusters")),
        "CR3, t(G-1)": holds(cr3(fit, codes).covariance, clusters - 1.0) if few > 1 else None,
        "wild cluster bootstrap": wild_cluster_p_value(
            x, sample.change, codes, column=1, drawing=WEBB if clusters < FEW_FOR_WEBB else WILD
        )
        > ALPHA,
        "randomisation, t": randomisation_p_value(sums, ASSIGNED) > ALPHA if few > 1 else None,
        "Conley-Taber": None,
        "Ferman-Pinto": None,
    }
    if few < clusters // 4:
        for name, given in (("Conley-Taber", None), ("Ferman-Pinto", sizes)):
            plan = Placebos(most=4_999, seed=7)
            found[name] = few_treated_test(means, sample.arm, given, plan, level=1 - ALPHA).p_value > ALPHA
    return found


def rows_as_independent(sample: Sample) -> tuple[float, float]:
    """The coefficient and HC1 error from unit-period rows, unit and period effects taken out."""
    after = (np.arange(PERIODS) >= START).astype(float)
    treatment = sample.treated[:, None] * after[None, :]
    fit = least_squares(
        Regressors(within(treatment).reshape(-1, 1), ("treated",), "rows"), within(sample.rows).reshape(-1)
    )
    parameters = sample.rows.shape[0] + PERIODS
    return float(fit.coefficients[0]), math.sqrt(float(hc1(fit, parameters)[0, 0]))


def within(values: np.ndarray) -> np.ndarray:
    """(units, periods) less unit and period means."""
    return values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()


STARTS = np.array([3.0, 5.0, 7.0, NEVER])
SCALE = {3.0: 1.0, 5.0: 0.5, 7.0: 2.0}
TIMES = np.arange(1, 9)


def effect_of(start: float, time: int) -> float:
    """Effect of a cohort in a period: its own scale, growing by half of it each period."""
    return SCALE[start] * (1.0 + 0.5 * (time - start)) if time >= start else 0.0


TRUTH = float(np.mean([effect_of(g, int(t)) for g in SCALE for t in TIMES if t >= g]))
"""Cohorts are equally large in expectation, so treated cells weigh alike."""


def staggered(design: Staggered, number: int) -> Mapping[str, Holds]:
    """One staggered sample: group-time averages, and the two-way coefficient against the same truth."""
    r = np.random.default_rng([100 + STAGGERED.index(design), number])
    sizes = r.integers(3, 47, size=design.clusters)
    cohort = np.sort(np.repeat(STARTS, design.clusters // 4))
    codes = np.repeat(np.arange(design.clusters), sizes)
    starts = cohort[codes]
    outcome = CLUSTER_SD * autoregressive(r, design.clusters, 8, CLUSTER_AR)[codes]
    outcome += autoregressive(r, codes.shape[0], 8, UNIT_AR)
    for g in SCALE:
        outcome[starts == g] += [effect_of(g, int(t)) for t in TIMES]
    offsets = (0, *np.cumsum([int(np.sum(starts == g)) for g in STARTS]).tolist())
    layout = Layout(outcome, np.ones(codes.shape[0]), tuple(STARTS.tolist()), offsets, tuple(TIMES.tolist()), None, ())
    choices = Choices(control="never_treated", base="universal", anticipation=0, method="reg")
    cells = all_cells(layout, choices, tuple(str(t) for t in TIMES))
    when = [int(TIMES[c.period]) - layout.starts[c.cohort] for c in cells]
    simple = by_share(cells, [k for k, e in enumerate(when) if e >= 0], layout.mass())
    influence = influence_of(layout, cells, simple)
    error, se = value_of(cells, simple) - TRUTH, influence_se(influence, codes)
    factor = math.sqrt(design.clusters / (design.clusters - 1.0))
    treatment = (TIMES[None, :] >= starts[:, None]).astype(float)
    fit = least_squares(Regressors(within(treatment).reshape(-1, 1), ("d",), "rows"), within(outcome).reshape(-1))
    usual = cr1(fit, np.repeat(codes, 8), SmallSample(parameters=9, groups="own"))
    return {
        "group-time, influence, normal": not rejects(error, se, None),
        "group-time, influence, t(G-1)": not rejects(error, se, design.clusters - 1.0),
        "group-time, G/(G-1), t(G-1)": not rejects(error, se * factor, design.clusters - 1.0),
        "group-time, sup-t band, all event times": band_holds(layout, cells, when, codes),
        "two-way fixed effects, CR1, t(G-1)": not rejects(
            float(fit.coefficients[0]) - TRUTH, math.sqrt(float(usual.covariance[0, 0])), usual.df
        ),
    }


def band_holds(layout: Layout, cells: tuple, when: list[float], codes: np.ndarray) -> bool:  # type: ignore[type-arg]
    """Whether the sup-t band holds the true effect at every event time but the base."""
    events = sorted({e for e in when if e != -1})
    parts = [by_share(cells, [k for k, e in enumerate(when) if e == event], layout.mass()) for event in events]
    truth = [
        float(np.mean([effect_of(g, int(g + e)) for g in SCALE if TIMES[0] <= g + e <= TIMES[-1]])) for e in events
    ]
    errors = np.array([value_of(cells, p) for p in parts]) - np.array(truth)
    influence = np.column_stack([influence_of(layout, cells, p) for p in parts])
    band = simultaneous_band(errors, influence, codes, drawing=Drawing(draws=499, seed=7), level=1 - ALPHA)
    return bool(np.all((band.lower <= 0) & (band.upper >= 0)))


def coverage(run: Callable[[int], Mapping[str, Holds]], samples: int) -> dict[str, float | None]:
    """Share of samples whose interval holds the truth, by method."""
    found = [run(number) for number in range(samples)]
    table: dict[str, float | None] = {}
    for name in found[0]:
        held = [one[name] for one in found]
        table[name] = None if any(h is None for h in held) else sum(map(bool, held)) / samples
    return table


def of_design(design: Design | Staggered, samples: int) -> dict[str, float | None]:
    """Coverage in one design."""
    if isinstance(design, Staggered):
        return coverage(lambda number: staggered(design, number), samples)
    return coverage(lambda number: one_start(draw(design, number)), samples)
