"""One effect under every cluster method: what the choice of inference would make of the same number.

No single method is right with few treated clusters, so they stand side by side, each with its own reason where it
cannot be used. The effect is that of one common start: the mean from the start on less the last period before it, of
the treated less that of the others, by unit weights. Conley-Taber and Ferman-Pinto compare means of clusters, each
counted once, so theirs is another average of the same changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.cluster_covariance import (
    ClusterCovariance,
    LeastSquares,
    SmallSample,
    cr1,
    cr2,
    cr2_df,
    cr3,
    least_squares,
)
from evaltool.numerics.few_clusters import Clusters, cluster_sizes
from evaltool.numerics.few_treated import FEWEST, Placebos, few_treated_test
from evaltool.numerics.inference import SMALLEST_LEVEL, Floats, InferenceRule, Ints, infer, influence_sums
from evaltool.numerics.randomisation import Assignments, ClusterSums, randomisation_test
from evaltool.numerics.regression import Regressors
from evaltool.numerics.wild_bootstrap import WildDraws, wild_cluster_test
from evaltool.records.panel import Panel

WEBB_BELOW = 12
"""Below this many clusters ±1 leaves too few different samples (MacKinnon & Webb 2018)."""
FEWEST_CLUSTERS = 2
NOISE = 1e-13
"""A standard error below this share of the largest change is rounding, not variation."""
COLUMNS = ("method", "effect", "se", "df", "p_value", "lower", "upper", "note")
Row = tuple[str, float | None, float | None, float | None, float | None, float | None, float | None, str]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Units' changes (n,), weights (n,), cluster codes (n,) and whether treated (n,), 1.0 or 0.0."""

    change: Floats
    weight: Floats
    codes: Ints
    treated: Floats
    left_out: int
    """Units treated in every period: nothing is read of them."""

    def design(self) -> Clusters:
        """How many clusters the effect rests on."""
        return cluster_sizes(self.codes, self.weight, self.treated == 1.0)


def changes_of(panel: Panel, outcome: str) -> Changes:
    """Changes of a balanced panel; units treated throughout are left out. Raises RunError (RUN_SEVERAL_STARTS)."""
    frame = panel.frame
    periods = np.unique(frame["period"].to_numpy(dtype=np.float64))
    size = periods.shape[0]
    start = frame["first_treated"].to_numpy(dtype=np.float64)[::size]
    keep = start > periods[0]
    values = frame[f"y.{outcome}"].to_numpy(dtype=np.float64).reshape(-1, size)[keep]
    starts = np.unique(start[keep & (start <= periods[-1])])
    if starts.shape[0] != 1:
        raise _several(tuple(panel.label(int(g)) for g in starts))
    after = int(np.searchsorted(periods, starts[0]))
    name = "cluster" if "cluster" in frame else "unit"
    codes = pd.factorize(frame[name], sort=True)[0].astype(np.int64)[::size][keep]
    return Changes(
        change=values[:, after:].mean(axis=1) - values[:, after - 1],
        weight=frame["weight"].to_numpy(dtype=np.float64)[::size][keep],
        codes=np.unique(codes, return_inverse=True)[1].astype(np.int64),
        treated=(start[keep] == starts[0]).astype(np.float64),
        left_out=int(np.sum(~keep)),
    )


def drawing_faults(seed: object, level: object, call: str) -> list[Fault]:
    """A seed that is no whole number from 0 on, or a level that is no confidence level."""
    faults = []
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        cause, fix = f"seed = {seed!r} is no whole number from 0 on.", "Write seed=1."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{call}.seed")))
    if isinstance(level, bool) or not isinstance(level, float) or not SMALLEST_LEVEL <= level < 1.0:
        cause, fix = f"level = {level!r} is no confidence level.", "Write level=0.95 for 95 %."
        faults.append(Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{call}.level")))
    return faults


def cluster_tests_of(data: Changes, *, seed: int, level: float) -> pd.DataFrame:
    """One row per method. ``attrs`` has the numbers the choice between them should rest on. Raises RunError."""
    matrix = np.column_stack([np.ones_like(data.treated), data.treated])
    x = Regressors(matrix, ("constant", "treated"), "the panel")
    fit = least_squares(x, data.change, data.weight)
    rows = [*_analytic(fit, data, level), _wild(data, seed, level), *_by_cluster(data, seed, level)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    found = data.design()
    frame.attrs = {
        "level": level,
        "seed": seed,
        "clusters": int(data.codes.max()) + 1,
        "treated_clusters": found.treated,
        "comparison_clusters": found.comparison,
        "largest_share": found.largest_share,
        "effective_clusters": found.effective,
        "units_always_treated_left_out": data.left_out,
    }
    return frame


def _analytic(fit: LeastSquares, data: Changes, level: float) -> list[Row]:
    """CR1, CR2 with either degrees of freedom, CR3."""
    effect, codes, contrast = float(fit.coefficients[1]), data.codes, np.array([0.0, 1.0])
    usual, adjusted = cr1(fit, codes, SmallSample(parameters=2, groups="own")), cr2(fit, codes)
    if not math.sqrt(float(usual.covariance[1, 1])) > NOISE * float(np.max(np.abs(data.change))):
        names = ("CR1", "CR2, Bell-McCaffrey df", "CR2, Imbens-Kolesar df", "CR3 (jackknife)")
        return [_absent(name, effect, "the outcome does not vary between clusters") for name in names]
    alone = "a cluster alone holds a direction of the design" if adjusted.saturated else ""
    rows = [_t("CR1, (n-1)/(n-K) G/(G-1), t(G-1)", effect, usual, usual.df, level)]
    for name, correlation in (("Bell-McCaffrey", "none"), ("Imbens-Kolesar", "within_clusters")):
        df = cr2_df(fit, codes, contrast, correlation)  # type: ignore[arg-type]  # the two names it knows
        label = f"CR2, {name} df"
        rows.append(_absent(label, effect, alone) if alone else _t(label, effect, adjusted, df, level))
    label = "CR3 (jackknife), t(G-1)"
    try:
        jackknife = cr3(fit, codes)
    except RunError:
        return [*rows, _absent(label, effect, "without one of the clusters there is no effect")]
    return [*rows, _t(label, effect, jackknife, jackknife.df, level)]


def _t(name: str, effect: float, found: ClusterCovariance, df: float | None, level: float) -> Row:
    """A t test."""
    se = math.sqrt(float(found.covariance[1, 1]))
    test = infer(effect, se, InferenceRule(level=level, df=df))
    return (name, effect, se, df, test.p_value, test.lower, test.upper, "")


def _wild(data: Changes, seed: int, level: float) -> Row:
    """The restricted wild cluster bootstrap."""
    clusters = int(data.codes.max()) + 1
    drawing = WildDraws(weights="webb" if clusters < WEBB_BELOW else "rademacher", seed=seed)
    root = np.sqrt(data.weight)
    x = Regressors(np.column_stack([root, root * data.treated]), ("constant", "treated"), "the panel")
    name = f"wild cluster bootstrap, {drawing.weights}"
    try:
        found = wild_cluster_test(x, root * data.change, data.codes, column=1, drawing=drawing, level=level)
    except ValueError as error:
        return _absent(name, None, str(error))
    how = _how(found.draws, enumerated=found.enumerated)
    return (name, found.effect, found.se, None, found.p_value, found.lower, found.upper, how)


def _by_cluster(data: Changes, seed: int, level: float) -> list[Row]:
    """Randomisation, Conley-Taber and Ferman-Pinto: need clusters that are treated as a whole."""
    weight = influence_sums(data.weight, data.codes)
    share = influence_sums(data.weight * data.treated, data.codes) / weight
    names = ("randomisation of clusters", "Conley-Taber", "Ferman-Pinto")
    if bool(np.any((share > 0.0) & (share < 1.0))):
        return [_absent(name, None, "some clusters are treated in part") for name in names]
    outcome, arm = influence_sums(data.weight * data.change, data.codes), share == 1.0
    several = min(int(np.sum(arm)), int(np.sum(~arm))) >= FEWEST_CLUSTERS
    plan = Assignments(statistic="t" if several else "difference", seed=seed)
    test = randomisation_test(ClusterSums(outcome, weight, arm), plan, level=level)
    how = f"{plan.statistic} statistic, {_how(test.assignments, enumerated=test.enumerated)}"
    rows: list[Row] = [(names[0], test.effect, None, None, test.p_value, test.lower, test.upper, how)]
    for name, sizes in ((names[1], None), (names[2], weight)):
        if int(np.sum(~arm)) < FEWEST:
            rows.append(_absent(name, None, f"fewer than {FEWEST} comparison clusters"))
            continue
        try:
            found = few_treated_test(outcome / weight, arm, sizes, Placebos(seed=seed), level=level)
        except ValueError as error:
            rows.append(_absent(name, None, str(error)))
            continue
        how = f"clusters counted once, {_how(found.placebos, enumerated=found.enumerated)}"
        rows.append((name, found.effect, None, None, found.p_value, found.lower, found.upper, how))
    return rows


def _how(draws: int, *, enumerated: bool) -> str:
    """How many draws, and whether they are all there are."""
    return f"all {draws} enumerated" if enumerated else f"{draws} drawn"


def _absent(name: str, effect: float | None, why: str) -> Row:
    """A method that cannot be used here."""
    return (name, effect, None, None, None, None, None, why)


def _several(starts: tuple[str, ...]) -> RunError:
    """Cluster tests of one number need one start."""
    return RunError(
        Fault(
            code="RUN_SEVERAL_STARTS",
            cause=f"Units start in {len(starts)} different periods ({', '.join(starts)}).",
            fix="Give the units of one cohort and those that never start.",
            place=Place(key="did.cluster_tests.first_treated"),
        )
    )
