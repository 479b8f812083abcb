"""Full matching: everybody in sets of one unit of either group with one or more of the other, at the least distance.

Estimand
    ``ATT``, ``ATC`` or ``ATE``, as stated; renamed when somebody of the target has nobody it may be matched with.

Equation as implemented
    Distances as in ``matching.nearest``, in whole multiples of 10⁻⁹. Within every stratum of the exact columns, all
    units with somebody of the other group within the calipers are divided into sets of one treated and one or more
    comparison units, or the other way round; Σ distance to the one is least, and among all ways to reach it the number
    of sets is greatest. Among several optima units choose in tie order (``tie_order``, else id; the treated first): the
    smallest set they may be in, the earliest of those. Weights by set as in ``matching.exact``. Every design holds
    integer potentials y ≥ 0, one a unit: y_i + y_j ≤ 10⁹ d·B + 1 for all pairs allowed, with equal sums over units and
    pairs, B the number of units plus one. They prove both objectives (``numerics.edge_cover``) and are checked after
    every build. With ``min_controls``, ``max_controls`` or ``max_treated`` the sets keep these sizes; then y may be
    negative, Σ (least·max(y, 0) − most·max(−y, 0)) over units equals the sum over pairs (``numerics.limited_cover``),
    and among optima the one is taken that has the earliest pair in tie order, then the next.

Uncertainty
    None here; see the estimator.

Assumptions
    As ``matching.nearest``. Unless limited, sets may be large: see the effective sample size.

Refuses when
    As ``matching.nearest``; when there are more than 2·10⁹ pairs, or 3·10⁷ that could be part of an optimum, or with
    limits 10⁷ pairs of copies or 5,000 pairs between optima (RUN_TOO_LARGE); and when no sets of the sizes stated hold
    everybody (RUN_SET_SIZE).

Source
    Rosenbaum 1991 (JRSS B 53), section 2; Hansen 2004 (JASA 99), section 2; Hansen & Klopfer 2006 (Journal of
    Computational and Graphical Statistics 15).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 with optmatch 0.10.8 on LaLonde, which stops at a tolerance: a total distance no larger. Every set
    of pairs of small problems: the same sets. With limits: every set of pairs of small problems; no other program.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._arcs import FINE, costs, distance
from evaltool.designs.matching._ledger import NOBODY_EQUAL, NOBODY_NEAR, ledger_of
from evaltool.designs.matching._nearest_options import SCORES, NearestOptions
from evaltool.designs.matching._nearest_rules import Ground
from evaltool.designs.matching._promises import kept, of_pairs
from evaltool.designs.matching._score import CaliperSd, Link, caliper_sd, fit_score
from evaltool.designs.matching._sets import Matches, ties_of
from evaltool.designs.matching._units import Units, units_of
from evaltool.designs.matching.nearest import DISTANCES, check_matched, columns_of, ground_of, promised_by
from evaltool.designs.weighting._weigh import Covariates
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import distinct
from evaltool.numerics.edge_cover import Arcs, Cover, cover
from evaltool.numerics.limited_cover import Limits, NoCoverError, limited_cover
from evaltool.numerics.matching import GRID
from evaltool.numerics.strata import numbered, stratum_weights
from evaltool.records.base import Exact
from evaltool.records.design import Design
from evaltool.records.panel import IntArray
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.full"
CHUNK = 4 * 10**6
"""Pairs looked at together."""
PAIRS = 2 * 10**9
ARCS = 3 * 10**7
"""Largest numbers of pairs of a problem, and of pairs that could be part of an optimum."""
SIZES = ("min_controls", "max_controls", "max_treated")


class FullOptions(Covariates):
    """``[design.options]`` of ``matching.full``."""

    estimand: Literal["ATT", "ATC", "ATE"] = "ATT"
    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit"
    match_on: tuple[str, ...] = ()
    """Columns a distance on several columns is made of; the covariates when absent."""
    scale: Literal["probability", "linear"] = "probability"
    caliper: Exact | None = Field(default=None, gt=0)
    """Largest distance, in standard deviations of the score."""
    caliper_sd: CaliperSd = "overall"
    calipers: dict[str, Exact] = Field(default_factory=dict)
    """Largest difference in single columns, each in the column's own unit."""
    exact: tuple[str, ...] = ()
    """Columns that must be equal within a matched set."""
    min_controls: int = Field(default=1, ge=1, le=100)
    """Fewest comparison units with one treated unit; above 1 no set has several treated units."""
    max_controls: int | None = Field(default=None, ge=1, le=100)
    """Most comparison units with one treated unit; any number when absent."""
    max_treated: int | None = Field(default=None, ge=1, le=100)
    """Most treated units with one comparison unit; any number when absent."""
    tie_order: str | None = None
    """Column that decides between optima (smaller first), every value once; the id when absent."""
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""

    @model_validator(mode="after")
    def as_for_the_nearest(self) -> Self:
        """Refuse what ``matching.nearest`` refuses, and limits that contradict each other."""
        self.as_nearest()
        if self.max_controls is not None and self.max_controls < self.min_controls:
            message = "max_controls is below min_controls"
            raise ValueError(message)
        if self.min_controls > 1 and (self.max_treated or 1) > 1:
            message = "with min_controls above 1 no set has several treated units: leave max_treated out"
            raise ValueError(message)
        return self

    def as_nearest(self) -> NearestOptions:
        """The same choices as options of ``matching.nearest``, treated units first whatever the estimand."""
        return NearestOptions(**{name: getattr(self, name) for name in self.model_fields_set - {"estimand", *SIZES}})

    def limits(self, n: int) -> Limits | None:
        """Fewest and most pairs of a treated and of a comparison unit among ``n`` units; None where all may be any."""
        if self.min_controls == 1 and self.max_controls is None and self.max_treated is None:
            return None
        several = 1 if self.min_controls > 1 else self.max_treated or n
        return Limits((self.min_controls, self.max_controls or n), (1, several))


def build(request: DesignRequest) -> Design:
    """The sets, weights, potentials, balance and ledger. Raises RunError with every fault found."""
    given = request.options
    if not isinstance(given, FullOptions):
        message = f"{NAME} was given {type(given).__name__}"
        raise TypeError(message)
    options = given.as_nearest()
    units = units_of(request.panel, options.covariates, options.exact, options.tie_order, columns_of(options))
    link: Link = "probit" if options.distance == "probit" else "logit"
    fitted = fit_score(units.x, options.covariates, units.treated, link)
    score = fitted.probability if options.scale == "probability" else fitted.linear
    sd = caliper_sd(score, units.treated, options.caliper_sd)
    width = None if options.caliper is None else float(options.caliper) * sd
    ground = ground_of(units, score, options, width)
    limits = given.limits(len(units.ids))
    made, sets, potential, words = _full(ground, limits)
    check_matched(units, made, options)
    kept([*of_pairs(units, made, promised_by(ground, score, options, width)), *_of_sets(units, made, sets, limits)])
    comparison = Comparison(
        units=units,
        score=score,
        scale=options.scale,
        target=given.estimand,
        weight=stratum_weights(sets, units.treated, given.estimand),
        sets=sets,
        tie=ties_of(units, (ground.grid, *ground.points.T, *ground.limited.T)),
        conventions={
            "distance": DISTANCES[options.distance],
            "score": None if options.distance in SCORES else "logit",
            "scale": options.scale,
            "target": given.estimand,
            "covariates": ", ".join(options.covariates),
            "match_on": ", ".join(options.match_on) or None,
            "tie_order": options.tie_order or "id",
            "caliper_multiple": None if options.caliper is None else float(options.caliper),
            "caliper_sd": None if options.caliper is None else options.caliper_sd,
            "calipers": ", ".join(f"{name} {one}" for name, one in options.calipers.items()) or None,
            "exact": ", ".join(options.exact) or None,
            **({} if limits is None else {name: getattr(given, name) for name in SIZES}),
            "cost_rounding": 1.0 / FINE,
            "score_steps": fitted.steps,
            "weights": "by set, average 1",
            **words,
        },
        pairs=_pairs(units, made, sets),
        caliper=width,
        caliper_sd=None if width is None else sd,
        largest_distance=float(np.max(made.distance)) / GRID,
        potential=potential,
    )
    return finish(NAME, given, comparison, ledger_of(units, _alone(ground, sets)))


def _full(ground: Ground, limits: Limits | None) -> tuple[Matches, IntArray, IntArray, Conventions]:
    """Pairs, (n,) sets and potentials, what is told of the optimum. Raises RunError (RUN_TOO_LARGE, RUN_SET_SIZE)."""
    rank, n = ground.units.rank, ground.focal.shape[0]
    mine, theirs = (own[np.argsort(rank[own])] for own in (ground.arm(focal=True), ground.arm(focal=False)))
    arcs = _arcs(ground, mine, theirs, every=limits is not None)
    try:
        found = cover(arcs) if limits is None else limited_cover(arcs, limits)
    except NoCoverError:
        raise _no_such_sets(mine.shape[0], theirs.shape[0]) from None
    except ValueError as error:
        raise _too_large(str(error)) from None
    one, two = mine[arcs.row[found.chosen]], theirs[arcs.column[found.chosen]]
    potential = np.zeros(n, dtype=np.int64)
    potential[mine], potential[theirs] = found.rows, found.columns
    rounded = np.rint(distance(ground, one, two) * GRID).astype(np.int64)
    wanted = np.zeros(n, dtype=np.int64)
    made = Matches(ground.focal, one, two, rounded, wanted, replace=False)
    return made, _sets(one, two, n), potential, _words(arcs, found)


def _words(arcs: Arcs, found: Cover) -> Conventions:
    """What is told of the optimum."""
    by_row, by_column = (np.bincount(own[found.chosen]) for own in (arcs.row, arcs.column))
    return {
        "total_distance": found.total / FINE,
        "potential_base": arcs.base,
        "optima": "several" if found.optima else "one",
        "most_comparison_units_in_a_set": int(np.max(by_row, initial=0)),
        "most_treated_units_in_a_set": int(np.max(by_column, initial=0)),
    }


def _arcs(ground: Ground, mine: IntArray, theirs: IntArray, *, every: bool) -> Arcs:
    """Pairs allowed that could be part of an optimum: no farther apart than both are from their nearest together.

    ``every``: all that are allowed, since the nearest may be taken.
    """
    stratum = ground.units.stratum
    parts: list[tuple[IntArray, IntArray, IntArray]] = []
    groups = [
        (rows, columns)
        for code in distinct(stratum[mine]).tolist()
        if (rows := np.flatnonzero(stratum[mine] == code)).shape[0]
        and (columns := np.flatnonzero(stratum[theirs] == code)).shape[0]
    ]
    if sum(rows.shape[0] * columns.shape[0] for rows, columns in groups) > PAIRS:
        message = f"there are more than {PAIRS} pairs"
        raise _too_large(message)
    for rows, columns in groups:
        parts += _near(ground, (mine, theirs), (rows, columns), every=every)
        if sum(part[0].shape[0] for part in parts) > ARCS:
            message = f"more than {ARCS} pairs could be part of an optimum"
            raise _too_large(message)
    none = np.zeros(0, dtype=np.int64)
    row, column, cost = (np.concatenate([none, *those]) for those in zip(*(parts or [(none, none, none)]), strict=True))
    order = np.lexsort((column, row))
    return Arcs(row[order], column[order], cost[order], (mine.shape[0], theirs.shape[0]))


def _near(
    ground: Ground, arms: tuple[IntArray, IntArray], members: tuple[IntArray, IntArray], *, every: bool
) -> list[tuple[IntArray, IntArray, IntArray]]:
    """Arcs of one stratum, in parts: rows, columns and costs. Two passes, so that no table of all pairs is held."""
    rows, columns = members
    far = np.iinfo(np.int64).max // 4
    step = max(1, CHUNK // columns.shape[0])
    chunks = [rows[k : k + step] for k in range(0, rows.shape[0], step)]
    of_row, of_column = [], np.full(columns.shape[0], far)
    for chunk in chunks:
        cost = _barred(ground, arms[0][chunk], arms[1][columns], far)
        of_row.append(np.min(cost, axis=1))
        of_column = np.minimum(of_column, np.min(cost, axis=0))
    parts = []
    for chunk, least in zip(chunks, of_row, strict=True):
        cost = _barred(ground, arms[0][chunk], arms[1][columns], far)
        i, j = np.nonzero((cost < far) & (every | (cost <= least[:, None] + of_column)))
        parts.append((chunk[i], columns[j], cost[i, j]))
    return parts


def _barred(ground: Ground, mine: IntArray, theirs: IntArray, far: int) -> IntArray:
    """(m, n) costs, ``far`` where a caliper bars the pair."""
    cost, allowed = costs(ground, mine, theirs)
    return np.where(allowed, cost, far)


def _sets(one: IntArray, two: IntArray, n: int) -> IntArray:
    """(n,) sets from 1, in order of their first unit; 0 for units in no pair."""
    middle = np.where(np.bincount(one, minlength=n)[one] > 1, one, two)
    code = np.zeros(n, dtype=np.int64)
    code[one] = code[two] = middle + 1
    inside = np.flatnonzero(code)
    code[inside] = numbered(code[inside][:, None])
    return code


def _of_sets(units: Units, made: Matches, sets: IntArray, limits: Limits | None) -> list[str]:
    """What is broken of: sets have one unit of either group and the size agreed, every pair is in its set."""
    broken = []
    size = int(np.max(sets, initial=0)) + 1
    mine, theirs = (np.bincount(sets[own], minlength=size)[1:] for own in (units.treated, ~units.treated))
    if bool(np.any(np.minimum(mine, theirs) != 1)):
        broken.append("a set has several units of both groups, or lacks one of them")
    if limits is not None and bool(np.any((mine > limits.columns[1]) | (theirs > limits.rows[1]))):
        broken.append("a set is larger than agreed")
    if limits is not None and bool(np.any(theirs < limits.rows[0])):
        broken.append("a set is smaller than agreed")
    if bool(np.any(sets[made.first] != sets[made.second])):
        broken.append("a pair lies in two sets")
    if made.first.shape[0] + size - 1 != int(np.sum(sets > 0)):
        broken.append("a unit is in several sets")
    return broken


def _alone(ground: Ground, sets: IntArray) -> dict[str, IntArray]:
    """Positions of units in no set, by reason."""
    found: dict[str, list[int]] = {NOBODY_EQUAL: [], NOBODY_NEAR: []}
    stratum, treated = ground.units.stratum, ground.units.treated
    both = set(stratum[treated].tolist()) & set(stratum[~treated].tolist())
    for i in np.flatnonzero(sets == 0).tolist():
        found[NOBODY_NEAR if int(stratum[i]) in both else NOBODY_EQUAL].append(i)
    return {detail: np.array(those, dtype=np.int64) for detail, those in found.items()}


def _pairs(units: Units, made: Matches, sets: IntArray) -> pd.DataFrame:
    """Every pair by id, with its distance and the number of its set."""
    ids = pd.Series(list(units.ids))
    return pd.DataFrame(
        {
            "treated": ids.iloc[made.first].to_numpy(),
            "comparison": ids.iloc[made.second].to_numpy(),
            "distance": made.distance / GRID,
            "set": sets[made.first],
        }
    ).sort_values(["set", "treated", "comparison"], ignore_index=True)


def _no_such_sets(treated: int, comparison: int) -> RunError:
    """The refusal of sizes in which not everybody finds a place."""
    return RunError(
        Fault(
            code="RUN_SET_SIZE",
            cause=f"The {treated} treated and {comparison} comparison units cannot all be in sets of the sizes stated.",
            fix="Raise max_controls or max_treated, lower min_controls, widen calipers, or use matching.nearest.",
            place=Place(key="design.options.max_controls"),
        )
    )


def _too_large(why: str) -> RunError:
    """The refusal of a problem beyond what is solved."""
    return RunError(
        Fault(
            code="RUN_TOO_LARGE",
            cause=f"The full matching cannot be solved exactly: {why}.",
            fix='Match within strata with "exact", set a caliper, or use matching.nearest.',
            place=Place(key="design.method"),
        )
    )


PLUGIN = DesignPlugin(name=NAME, title="Full matching", options=FullOptions, build=build)
