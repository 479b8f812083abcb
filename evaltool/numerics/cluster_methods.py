"""One effect under every cluster method: what the choice of inference would make of the same number.

No single method is right with few treated clusters, so they stand side by side, each with the reason where it cannot
be used. The effect is a difference of mean changes, treated less others, by unit weights. Conley-Taber and
Ferman-Pinto compare means of clusters, each counted once, so theirs is another average of the same changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.errors import RunError
from evaltool.numerics.cluster_covariance import (
    ClusterCovariance,
    LeastSquares,
    SmallSample,
    cr1,
    cr2,
    cr2_df,
    cr3,
    hc1,
    least_squares,
)
from evaltool.numerics.few_clusters import Clusters, cluster_sizes
from evaltool.numerics.few_treated import FEWEST, Placebos, few_treated_test
from evaltool.numerics.inference import Floats, InferenceRule, Ints, infer, influence_sums
from evaltool.numerics.randomisation import Assignments, ClusterSums, randomisation_test
from evaltool.numerics.regression import Regressors
from evaltool.numerics.wild_bootstrap import WildDraws, wild_cluster_test

Name = Literal[
    "hc1", "cr1", "cr2", "cr2_ik", "cr3", "two_way", "wild_bootstrap", "randomisation", "conley_taber", "ferman_pinto"
]
Why = Literal[
    "no_variation",
    "saturated",
    "one_cluster_decides",
    "nothing_to_test",
    "treated_in_part",
    "few_compared",
    "alike",
    "covariates",
    "unbalanced",
]
WEBB_BELOW = 12
"""Below this many clusters ±1 leaves too few different samples (MacKinnon & Webb 2018)."""
FEWEST_CLUSTERS = 2
NOISE = 1e-13
"""A standard error below this share of the largest change is rounding, not variation."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Units' changes (n,), weights (n,), cluster codes 0 … G − 1 (n,) and whether treated (n,), 1.0 or 0.0."""

    change: Floats
    weight: Floats
    codes: Ints
    treated: Floats

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.codes.max()) + 1

    def design(self) -> Clusters:
        """How many clusters the effect rests on."""
        return cluster_sizes(self.codes, self.weight, self.treated == 1.0)

    def fit(self) -> LeastSquares:
        """The weighted regression of the change on being treated."""
        matrix = np.column_stack([np.ones_like(self.treated), self.treated])
        return least_squares(Regressors(matrix, ("constant", "treated"), "the panel"), self.change, self.weight)


@dataclass(frozen=True, slots=True)
class ClusterTest:
    """One method's answer. ``why`` says what stood in its way; then there is no p-value.

    ``lower`` and ``upper`` may be infinite: nothing on that side can be rejected. ``draws`` counts samples or
    assignments, ``enumerated`` says that they are all there are, ``variant`` which weights or statistic.
    """

    name: Name
    effect: float | None = None
    se: float | None = None
    df: float | None = None
    p_value: float | None = None
    lower: float | None = None
    upper: float | None = None
    draws: int | None = None
    enumerated: bool = False
    variant: str = ""
    why: Why | None = None


def cluster_tests(data: Changes, *, seed: int, level: float) -> tuple[ClusterTest, ...]:
    """Every method, in order. Raises RunError (RUN_COLLINEAR) without two arms."""
    fit = data.fit()
    return (*_analytic(fit, data, level), _wild(data, seed, level), *_by_cluster(data, seed, level))


def hc1_test(data: Changes, level: float) -> ClusterTest:
    """Units as independent, whatever their clusters: HC1 with n − 2 degrees of freedom."""
    fit = data.fit()
    effect, se = float(fit.coefficients[1]), math.sqrt(float(hc1(fit, 2)[1, 1]))
    if not se > NOISE * float(np.max(np.abs(data.change))):
        return ClusterTest("hc1", effect, why="no_variation")
    df = float(data.change.shape[0] - 2)
    test = infer(effect, se, InferenceRule(level=level, df=df))
    return ClusterTest("hc1", effect, se, df, test.p_value, test.lower, test.upper)


def _analytic(fit: LeastSquares, data: Changes, level: float) -> list[ClusterTest]:
    """CR1, CR2 with either degrees of freedom, CR3."""
    effect, codes, contrast = float(fit.coefficients[1]), data.codes, np.array([0.0, 1.0])
    usual, adjusted = cr1(fit, codes, SmallSample(parameters=2, groups="own")), cr2(fit, codes)
    if not math.sqrt(float(usual.covariance[1, 1])) > NOISE * float(np.max(np.abs(data.change))):
        names: tuple[Name, ...] = ("cr1", "cr2", "cr2_ik", "cr3")
        return [ClusterTest(name, effect, why="no_variation") for name in names]
    rows = [_t("cr1", effect, usual, usual.df, level)]
    kinds: tuple[tuple[Name, Literal["none", "within_clusters"]], ...]
    kinds = (("cr2", "none"), ("cr2_ik", "within_clusters"))
    for name, correlation in kinds:
        df = cr2_df(fit, codes, contrast, correlation)
        alone = ClusterTest(name, effect, why="saturated")
        rows.append(alone if adjusted.saturated else _t(name, effect, adjusted, df, level))
    try:
        jackknife = cr3(fit, codes)
    except RunError:
        return [*rows, ClusterTest("cr3", effect, why="one_cluster_decides")]
    return [*rows, _t("cr3", effect, jackknife, jackknife.df, level)]


def _t(name: Name, effect: float, found: ClusterCovariance, df: float | None, level: float) -> ClusterTest:
    """A t test of the second coefficient."""
    return t_test(name, effect, math.sqrt(float(found.covariance[1, 1])), df, level)


def t_test(name: Name, effect: float, se: float, df: float | None, level: float) -> ClusterTest:
    """A t test, or a normal one without degrees of freedom."""
    test = infer(effect, se, InferenceRule(level=level, df=df))
    return ClusterTest(name, effect, se, df, test.p_value, test.lower, test.upper)


def _wild(data: Changes, seed: int, level: float) -> ClusterTest:
    """The restricted wild cluster bootstrap."""
    root = np.sqrt(data.weight)
    x = Regressors(np.column_stack([root, root * data.treated]), ("constant", "treated"), "the panel")
    return wild_test(x, root * data.change, data.codes, 1, (seed, level))


def wild_test(x: Regressors, y: Floats, clusters: Ints, column: int, drawn: tuple[int, float]) -> ClusterTest:
    """The restricted wild cluster bootstrap of one coefficient; ``drawn``: seed and level. Webb's weights for few."""
    seed, level = drawn
    few = int(clusters.max()) + 1 < WEBB_BELOW
    drawing = WildDraws(weights="webb" if few else "rademacher", seed=seed)
    try:
        found = wild_cluster_test(x, y, clusters, column=column, drawing=drawing, level=level)
    except ValueError:
        return ClusterTest("wild_bootstrap", variant=drawing.weights, why="nothing_to_test")
    return ClusterTest(
        name="wild_bootstrap",
        effect=found.effect,
        se=found.se,
        p_value=found.p_value,
        lower=found.lower,
        upper=found.upper,
        draws=found.draws,
        enumerated=found.enumerated,
        variant=drawing.weights,
    )


def _by_cluster(data: Changes, seed: int, level: float) -> list[ClusterTest]:
    """Randomisation, Conley-Taber and Ferman-Pinto: need clusters that are treated as a whole."""
    weight = influence_sums(data.weight, data.codes)
    share = influence_sums(data.weight * data.treated, data.codes) / weight
    if bool(np.any((share > 0.0) & (share < 1.0))):
        names: tuple[Name, ...] = ("randomisation", "conley_taber", "ferman_pinto")
        return [ClusterTest(name, why="treated_in_part") for name in names]
    outcome, arm = influence_sums(data.weight * data.change, data.codes), share == 1.0
    several = min(int(np.sum(arm)), int(np.sum(~arm))) >= FEWEST_CLUSTERS
    plan = Assignments(statistic="t" if several else "difference", seed=seed)
    test = randomisation_test(ClusterSums(outcome, weight, arm), plan, level=level)
    first = ClusterTest(
        name="randomisation",
        effect=test.effect,
        p_value=test.p_value,
        lower=test.lower,
        upper=test.upper,
        draws=test.assignments,
        enumerated=test.enumerated,
        variant=plan.statistic,
    )
    means = outcome / weight
    return [
        first,
        _few("conley_taber", (means, arm, None), seed, level),
        _few("ferman_pinto", (means, arm, weight), seed, level),
    ]


def _few(
    name: Name,
    data: tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.bool_]], Floats | None],
    seed: int,
    level: float,
) -> ClusterTest:
    """Conley-Taber, or Ferman-Pinto with sizes: means of clusters, which are treated, sizes."""
    means, arm, sizes = data
    if int(np.sum(~arm)) < FEWEST:
        return ClusterTest(name, why="few_compared")
    try:
        found = few_treated_test(means, arm, sizes, Placebos(seed=seed), level=level)
    except ValueError:
        return ClusterTest(name, why="alike")
    return ClusterTest(
        name=name,
        effect=found.effect,
        p_value=found.p_value,
        lower=found.lower,
        upper=found.upper,
        draws=found.placebos,
        enumerated=found.enumerated,
    )
