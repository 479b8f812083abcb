"""The headline under every method of inference, and which of them the plan named before outcomes were known.

What each method needs is looked at, not assumed: changes of one common start reproduce the estimate or its regression
methods are not offered; sums by cohort reproduce it or starts are not permuted. A status says how far a method is known
to hold, from the simulations in docs/METHODS.md.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from evaltool.errors import EvaltoolError
from evaltool.numerics.cluster_methods import ClusterTest, cluster_tests, hc1_test
from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats, InferenceRule, infer, influence_se, influence_sums
from evaltool.numerics.multiplier_bootstrap import Drawing, simultaneous_band
from evaltool.numerics.relabelled import effects, randomisation, without_each
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Estimate
from evaltool.records.examination import ClusterFacts, InferenceRow, LeftOut, Status
from evaltool.records.plan.analysis import InferenceMethod

ORDER: tuple[InferenceMethod, ...] = get_args(InferenceMethod)
RESAMPLED = frozenset({"wild_bootstrap", "multiplier_bootstrap", "randomisation", "conley_taber", "ferman_pinto"})
"""Their tests are two-sided and come without a standard error of their own."""
SCALED = frozenset({"own", "cr1", "cr3", "randomisation"})
"""Methods that can test a relative effect."""
FEW, ENOUGH = 5, 10
"""Clusters of the smaller arm below which CR1 does not hold, and from which it does (docs/METHODS.md, simulations)."""
FEW_GROUPS = 5
"""Treated clusters from which Conley-Taber and Ferman-Pinto are no longer for few."""
MOST_CLUSTERS = 400
"""Methods that compare or draw every cluster are for few of them."""
SMALLEST = 3
"""Units without which a regression of changes has no residual."""
DRAWS = 999
REFITS, ROWS = 40, 2_000_000
"""Most clusters that are left out by estimating again, and most rows that takes."""


def chosen(studied: Studied) -> tuple[InferenceMethod, str]:
    """The primary method and how it was named: the first rule that holds, else ``primary``."""
    stated, facts = studied.plan.inference, studied.facts
    for number, rule in enumerate(stated.rule, start=1):
        if facts is not None and rule.holds(facts.treated, facts.comparison):
            return rule.use, f"rule {number}"
    return stated.primary, "stated"


def all_rows(studied: Studied, left_out: LeftOut | None) -> tuple[InferenceRow, ...]:
    """The estimate under every method, in one order."""
    primary = chosen(studied)[0]
    found = {row.method: row for row in _rows(studied, left_out)}
    return tuple(found[name].model_copy(update={"primary": name == primary}) for name in ORDER)


def leave_out_clusters(studied: Studied) -> LeftOut | None:
    """The estimate without each cluster: from sums, estimated again, or first-order; None where nothing serves."""
    if studied.count < 2:  # noqa: PLR2004 - without one cluster nothing is left
        return None
    if studied.pieces is not None:
        found = effects(*studied.pieces, without_each(studied.pieces[0]))[0]
        kept = found[np.isfinite(found)]
        return _known(tuple(kept.tolist()), "exact", studied)
    if studied.count <= REFITS and studied.count * len(studied.frame) <= ROWS:
        again = [_without(studied, code) for code in range(studied.count)]
        known = tuple(one.att for one in again if one is not None)
        return _known(known, "refitted", studied)
    if studied.influence is not None:
        n = len(studied.influence)
        sizes = np.bincount(studied.clusters)
        moved = studied.estimate.att - influence_sums(studied.influence, studied.clusters) / (n - sizes)
        return LeftOut(effects=tuple(moved.tolist()), how="influence")
    return None


def _known(effects: tuple[float, ...], how: Literal["exact", "refitted"], studied: Studied) -> LeftOut | None:
    """The effects that could be found, and how many clusters the estimate cannot do without; None where it is all."""
    return LeftOut(effects=effects, impossible=studied.count - len(effects), how=how) if effects else None


def _without(studied: Studied, code: int) -> Estimate | None:
    """The estimate on the panel without one cluster; None where there is none."""
    out = studied.units["unit"].to_numpy()[studied.clusters == code]
    frame = studied.panel.frame
    try:
        return studied.refit(studied.panel.with_frame(frame.loc[~frame["unit"].isin(out)]))
    except EvaltoolError:
        return None


def _rows(studied: Studied, left_out: LeftOut | None) -> list[InferenceRow]:
    """The rows in the order they are made."""
    facts = studied.facts
    rows = [_own(studied)]
    tests = {} if facts is None or studied.changes is None else _regression_tests(studied)
    for name in ORDER[1:]:
        if facts is None:
            rows.append(_not(name, "no_arms"))
        elif name in tests:
            rows.append(_from_test(studied, tests[name], facts))
        elif name in {"cr1", "cr3", "multiplier_bootstrap", "randomisation"}:
            rows.append(_general(studied, name, facts, left_out))
        else:
            rows.append(_not(name, _why_no_changes(studied)))
    return rows


def _why_no_changes(studied: Studied) -> str:
    """Why the regression methods are not offered."""
    if studied.outcomes is None:
        return "unbalanced"
    if studied.changes is not None:
        return "many_clusters" if studied.count > MOST_CLUSTERS else "too_few_units"
    several = distinct(studied.starts[np.isfinite(studied.starts)]).shape[0] != 1
    return "several_starts" if several else "not_a_difference"


def rule_of(studied: Studied, df: float | None) -> InferenceRule:
    """The plan's level and sides."""
    stated = studied.plan.inference
    good = studied.plan.outcome_named(studied.estimate.key.outcome).direction
    return InferenceRule(level=float(stated.level), sides=stated.sides, good=good, df=df)


def _t(studied: Studied, name: InferenceMethod, effect: float, se: float, df: float | None) -> InferenceRow:
    """A t test at the plan's level and sides, its status still open."""
    test = infer(effect, se, rule_of(studied, df))
    return InferenceRow(
        method=name, effect=effect, se=se, df=df, p_value=test.p_value, lower=test.lower, upper=test.upper,
        status="usable",
    )  # fmt: skip


def _own(studied: Studied) -> InferenceRow:
    """What the method itself says."""
    found = studied.estimate
    if found.se is None:
        return _not("own", "no_standard_error")
    row = _t(studied, "own", found.att, found.se, found.df)
    return row if studied.facts is None else _judged(row, *_cr1_status(studied.facts))


def _regression_tests(studied: Studied) -> dict[InferenceMethod, ClusterTest]:
    """Every method for the difference of mean changes."""
    data = studied.changes
    if data is None:  # pragma: no cover - asked for only with changes
        return {}
    level, seed = float(studied.plan.inference.level), studied.plan.inference.seed
    if data.change.shape[0] < SMALLEST:
        return {}
    found: dict[InferenceMethod, ClusterTest] = {"hc1": hc1_test(data, level)}
    if studied.count <= MOST_CLUSTERS:
        found |= {test.name: test for test in cluster_tests(data, seed=seed, level=level)}
    return found


def _from_test(studied: Studied, test: ClusterTest, facts: ClusterFacts) -> InferenceRow:
    """A regression method's answer as a row."""
    name: InferenceMethod = test.name
    if test.why is not None or test.effect is None:
        return _not(name, test.why or "no_variation")
    if test.se is not None and name not in RESAMPLED:
        return _judged(_t(studied, name, test.effect, test.se, test.df), *_status(name, facts, studied))
    if studied.plan.inference.sides == "one":
        return _not(name, "two_sided_only")
    row = InferenceRow(
        method=name,
        effect=test.effect,
        se=test.se,
        p_value=test.p_value,
        lower=_finite(test.lower),
        upper=_finite(test.upper),
        draws=test.draws,
        enumerated=test.enumerated,
        status="usable",
    )
    return _judged(row, *_status(name, facts, studied))


def _general(studied: Studied, name: InferenceMethod, facts: ClusterFacts, left_out: LeftOut | None) -> InferenceRow:
    """Methods that need influence values, effects without each cluster, or sums by cohort."""
    if name == "cr3":
        return _left_out(studied, facts, left_out)
    if name == "randomisation":
        return _permuted(studied, facts)
    return _by_influence(studied, name, facts)


def _left_out(studied: Studied, facts: ClusterFacts, left_out: LeftOut | None) -> InferenceRow:
    """The jackknife from the effects without each cluster."""
    name: InferenceMethod = "cr3"
    many = studied.count > REFITS
    if left_out is None or left_out.how == "influence":
        return _not(name, "many_clusters" if many else "one_cluster_decides")
    if len(left_out.effects) < studied.count:
        return _not(name, "one_cluster_decides")
    se = jackknife_se(np.array(left_out.effects), studied.estimate.att)
    if not se > 0.0:
        return _not(name, "no_variation")
    row = _t(studied, name, studied.estimate.att, se, studied.count - 1.0)
    return _judged(row, *_status(name, facts, studied))


def _by_influence(studied: Studied, name: InferenceMethod, facts: ClusterFacts) -> InferenceRow:
    """CR1 and the multiplier bootstrap from influence values."""
    att, count = studied.estimate.att, studied.count
    if studied.influence is None:
        return _not(name, "no_influence")
    se = influence_se(studied.influence, studied.clusters)
    if studied.estimate.se is None or not se > 0.0 or count < 2:  # noqa: PLR2004 - one cluster has no spread
        return _not(name, "no_standard_error")
    if name == "cr1":
        row = _t(studied, name, att, se * math.sqrt(count / (count - 1.0)), count - 1.0)
        return _judged(row, *_status(name, facts, studied))
    return _multiplied(studied, facts)


def jackknife_se(values: Floats, att: float) -> float:
    """Root of (G − 1)/G times the squared distances of the effects without each cluster from the effect."""
    count = values.shape[0]
    return math.sqrt((count - 1.0) / count * float(np.sum((values - att) ** 2)))


def _permuted(studied: Studied, facts: ClusterFacts) -> InferenceRow:
    """Starts permuted over clusters."""
    name: InferenceMethod = "randomisation"
    if studied.pieces is None:
        return _not(name, "unbalanced" if studied.outcomes is None else "not_a_difference")
    pieces, recipe = studied.pieces
    if not pieces.whole or studied.count > MOST_CLUSTERS or studied.plan.inference.sides == "one":
        many = "many_clusters" if pieces.whole else "treated_in_part"
        return _not(name, many if studied.plan.inference.sides == "two" else "two_sided_only")
    stated = studied.plan.inference
    test = randomisation(pieces, recipe, draws=DRAWS, seed=stated.seed, level=float(stated.level))
    row = InferenceRow(
        method=name,
        effect=studied.estimate.att,
        p_value=test.p_value,
        lower=_finite(test.lower),
        upper=_finite(test.upper),
        draws=test.draws,
        status="usable",
    )
    return _judged(row, *_status(name, facts, studied))


def _multiplied(studied: Studied, facts: ClusterFacts) -> InferenceRow:
    """The multiplier bootstrap of the influence values."""
    name: InferenceMethod = "multiplier_bootstrap"
    if studied.plan.inference.sides == "one" or studied.influence is None:
        return _not(name, "two_sided_only")
    drawing = Drawing(draws=DRAWS, seed=studied.plan.inference.seed)
    band = simultaneous_band(
        np.array([studied.estimate.att]),
        studied.influence[:, None],
        studied.clusters,
        drawing=drawing,
        level=float(studied.plan.inference.level),
    )
    row = InferenceRow(
        method=name,
        effect=studied.estimate.att,
        se=float(band.se[0]),
        p_value=band.p_value,
        lower=float(band.lower[0]),
        upper=float(band.upper[0]),
        draws=drawing.draws,
        status="usable",
    )
    return _judged(row, *_status(name, facts, studied))


def _status(name: InferenceMethod, facts: ClusterFacts, studied: Studied) -> tuple[Status, str | None]:
    """How far a method is known to hold with so many clusters: the first line that is true."""
    smaller, few = min(facts.treated, facts.comparison), name in {"conley_taber", "ferman_pinto"}
    told: tuple[tuple[bool, Status, str], ...] = (
        (name == "hc1" and facts.clusters < len(studied.units), "unusable", "ignores_clusters"),
        (few and facts.treated >= FEW_GROUPS, "doubtful", "many_treated"),
        (few, "doubtful", "equal_spread"),
        (name == "wild_bootstrap" and smaller == 1, "unusable", "never_rejects"),
        (name == "wild_bootstrap" and facts.clusters < ENOUGH, "doubtful", "few_clusters"),
        (name == "cr3" and smaller < ENOUGH, "doubtful", "few_clusters"),
        (name == "randomisation" and smaller < ENOUGH, "doubtful", "clusters_alike"),
    )
    if name in {"hc1", "cr1", "multiplier_bootstrap"} and not told[0][0]:
        return _cr1_status(facts)
    return next(((status, why) for true, status, why in told if true), ("usable", None))


def _cr1_status(facts: ClusterFacts) -> tuple[Status, str | None]:
    """The plain cluster-robust test."""
    smaller = min(facts.treated, facts.comparison)
    if smaller < FEW:
        return "unusable", "too_few_clusters"
    if smaller < ENOUGH or facts.effective < ENOUGH:
        return "doubtful", "few_clusters"
    return "usable", None


def _judged(row: InferenceRow, status: Status, reason: str | None) -> InferenceRow:
    """The row with its status; one that can reject nothing is not usable."""
    if row.p_value is not None and (row.lower is None or row.upper is None):
        status, reason = "unusable", "cannot_reject"
    return row.model_copy(update={"status": status, "reason": reason})


def _not(name: InferenceMethod, why: str) -> InferenceRow:
    """A method that cannot be used here."""
    return InferenceRow(method=name, status="not_offered", reason=why)


def _finite(value: float | None) -> float | None:
    """The value, or None for infinity."""
    return value if value is not None and math.isfinite(value) else None
