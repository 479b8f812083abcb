"""Optimal matching: as many treated units as can be matched, at the least total distance; unique and certified.

Estimand
    The average effect on the treated (ATT), or ``ATT among the matched treated`` as soon as one finds no match.

Equation as implemented
    Distances as in ``matching.nearest``, in whole multiples of 10⁻⁹. Within every stratum of the exact columns: each
    treated unit has ``ratio`` places; as many places as possible are filled with different comparison units within the
    calipers, and among all ways to do so Σ distance is least. Among several optima the first treated unit in tie order
    (``tie_order``, else id) gets its earliest partner, then the second, and so on. Weights as in ``matching.nearest``.
    Every design holds integer potentials u, v: d ≥ u + v for all pairs allowed, equal for those matched, v ≤ 0, and
    v = 0 for comparison units left over. They prove optimality and are checked after every build.

Uncertainty
    None here; see the estimator.

Assumptions
    As ``matching.nearest``.

Refuses when
    As ``matching.nearest``; and (RUN_TOO_LARGE) when treated times comparison units exceed 10⁸ on several columns, or
    when 3·10⁷ pairs of neighbours on a score may be part of an optimum.

Source
    Rosenbaum 1989 (JASA 84), section 2; Crouse 2016 (IEEE Transactions on Aerospace and Electronic Systems 52).

Reference implementation and agreed tolerance
    R MatchIt 4.7.1 with optmatch 0.10.8 on LaLonde: a total distance no larger than its own, which stops at a tolerance
    (39.692799 for pairs). Enumeration of every matching of small problems: the same pairs.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from evaltool.designs._comparison import Comparison, Conventions, finish
from evaltool.designs.matching._arcs import FINE, costs
from evaltool.designs.matching._arcs import distance as distance_of
from evaltool.designs.matching._ledger import ledger_of
from evaltool.designs.matching._nearest_options import SCORES, NearestOptions
from evaltool.designs.matching._nearest_rules import Ground, reasons
from evaltool.designs.matching._promises import check_promises
from evaltool.designs.matching._score import CaliperSd, Link, caliper_sd, fit_score
from evaltool.designs.matching._sets import Matches, pairs_of, sets_of, ties_of, weights_of
from evaltool.designs.matching._units import units_of
from evaltool.designs.matching.nearest import DISTANCES, check_matched, columns_of, ground_of, promised_by
from evaltool.designs.weighting._weigh import Covariates
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.assignment import CELLS, Assignment, assign
from evaltool.numerics.distinct import distinct
from evaltool.numerics.line_assignment import Line, assign_on_line
from evaltool.numerics.matching import GRID
from evaltool.records.base import Exact
from evaltool.records.design import Design
from evaltool.records.panel import IntArray
from evaltool.records.plugins import DesignPlugin, DesignRequest

NAME = "matching.optimal"


class OptimalOptions(Covariates):
    """``[design.options]`` of ``matching.optimal``."""

    distance: Literal["logit", "probit", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit"
    match_on: tuple[str, ...] = ()
    """Columns a distance on several columns is made of; the covariates when absent."""
    scale: Literal["probability", "linear"] = "probability"
    ratio: int = Field(default=1, ge=1, le=100)
    caliper: Exact | None = Field(default=None, gt=0)
    """Largest distance, in standard deviations of the score."""
    caliper_sd: CaliperSd = "overall"
    calipers: dict[str, Exact] = Field(default_factory=dict)
    """Largest difference in single columns, each in the column's own unit."""
    exact: tuple[str, ...] = ()
    """Columns that must be equal within a matched set."""
    tie_order: str | None = None
    """Column that decides between optima (smaller first), every value once; the id when absent."""
    unmatched_treated: Literal["rename", "refuse"] = "rename"
    """Whether treated units without a match rename the estimand or stop the run."""

    @model_validator(mode="after")
    def as_for_the_nearest(self) -> Self:
        """Refuse what ``matching.nearest`` refuses."""
        self.as_nearest()
        return self

    def as_nearest(self) -> NearestOptions:
        """The same choices as options of ``matching.nearest``."""
        return NearestOptions(**{name: getattr(self, name) for name in self.model_fields_set})


def build(request: DesignRequest) -> Design:
    """The optimal sets, weights, potentials, balance and ledger. Raises RunError with every fault found."""
    given = request.options
    if not isinstance(given, OptimalOptions):
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
    made, potential, words = optimal_matches(ground, options.ratio)
    check_matched(units, made, options)
    check_promises(units, made, promised_by(ground, score, options, width))
    comparison = Comparison(
        units=units,
        score=score,
        scale=options.scale,
        target="ATT",
        weight=weights_of(made),
        sets=sets_of(made),
        tie=ties_of(units, (ground.grid, *ground.points.T, *ground.limited.T)),
        conventions={
            "distance": DISTANCES[options.distance],
            "score": None if options.distance in SCORES else "logit",
            "scale": options.scale,
            "covariates": ", ".join(options.covariates),
            "match_on": ", ".join(options.match_on) or None,
            "ratio": options.ratio,
            "tie_order": options.tie_order or "id",
            "caliper_multiple": None if options.caliper is None else float(options.caliper),
            "caliper_sd": None if options.caliper is None else options.caliper_sd,
            "exact": ", ".join(options.exact) or None,
            "cost_rounding": 1.0 / FINE,
            "score_steps": fitted.steps,
            "incomplete_sets": made.incomplete,
            **words,
        },
        pairs=pairs_of(units, made),
        caliper=width,
        caliper_sd=None if width is None else sd,
        largest_distance=float(np.max(made.distance)) / GRID,
        potential=potential,
    )
    return finish(NAME, given, comparison, ledger_of(units, reasons(ground, made)))


def optimal_matches(ground: Ground, ratio: int) -> tuple[Matches, IntArray, Conventions]:
    """Matches, (n,) potentials, and what is told of the optimum. Raises RunError (RUN_TOO_LARGE)."""
    stratum, rank = ground.units.stratum, ground.units.rank
    potential = np.zeros(stratum.shape[0], dtype=np.int64)
    first, second, total, several = [], [], 0, False
    for code in distinct(stratum[ground.focal]).tolist():
        mine, theirs = (own[stratum[own] == code] for own in (ground.arm(focal=True), ground.arm(focal=False)))
        mine, theirs = mine[np.argsort(rank[mine])], theirs[np.argsort(rank[theirs])]
        if not theirs.shape[0]:
            continue
        try:
            found = _assigned(ground, np.repeat(mine, ratio), theirs)
        except ValueError as error:
            raise _too_large(str(error)) from None
        rows = np.flatnonzero(found.partner >= 0)
        first.append(np.repeat(mine, ratio)[rows])
        second.append(theirs[found.partner[rows]])
        potential[mine] = found.rows[::ratio]
        potential[theirs] = found.columns[: theirs.shape[0]]
        total, several = total + found.total, several or found.optima
    one, two = (np.concatenate([*parts, np.zeros(0, dtype=np.int64)]).astype(np.int64) for parts in (first, second))
    distance = np.rint(distance_of(ground, one, two) * GRID).astype(np.int64)
    order = np.lexsort((rank[two], distance, one))
    wanted = np.where(ground.focal, ratio, 0).astype(np.int64)
    made = Matches(ground.focal, one[order], two[order], distance[order], wanted, replace=False)
    return made, potential, {"total_distance": total / FINE, "optima": "several" if several else "one"}


def _assigned(ground: Ground, mine: IntArray, theirs: IntArray) -> Assignment:
    """The optimum of one stratum; on the line of the score, or on the table of all pairs where that is denser."""
    if _on_a_line(ground, np.concatenate([mine, theirs])):
        points, marks, reach = ground.points[:, 0], ground.grid, ground.rule.caliper
        try:
            return assign_on_line(Line(points[mine], points[theirs], marks[mine], marks[theirs], reach, FINE))
        except ValueError:  # too many arcs for the line: the table of all pairs proves its own optimum
            if mine.shape[0] * (mine.shape[0] + theirs.shape[0]) > CELLS:
                raise
    return assign(*costs(ground, mine, theirs))


def _on_a_line(ground: Ground, units: IntArray) -> bool:
    """Whether distance and calipers are read off one and the same score."""
    if ground.points.shape[1] != 1 or ground.rule.widths:
        return False
    order = units[np.argsort(ground.points[units, 0], kind="stable")]
    return bool(np.all(np.diff(ground.grid[order]) >= 0))


def _too_large(why: str) -> RunError:
    """The refusal of a problem beyond what can be solved exactly."""
    return RunError(
        Fault(
            code="RUN_TOO_LARGE",
            cause=f"The optimal matching cannot be solved exactly: {why}.",
            fix='Match within strata with "exact", or use matching.nearest.',
            place=Place(key="design.method"),
        )
    )


PLUGIN = DesignPlugin(name=NAME, title="Optimal matching", options=OptimalOptions, build=build)
