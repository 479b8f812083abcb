"""Who may be matched with whom by ``matching.nearest``, who is outside the support, and how many each is to have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaltool.designs.matching._ledger import ALL_TAKEN, NOBODY_EQUAL, NOBODY_NEAR, UNUSED
from evaltool.designs.matching._nearest_options import NearestOptions
from evaltool.designs.matching._sets import Matches
from evaltool.designs.matching._units import Bools, Units
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distances import coordinates
from evaltool.numerics.matching import GRID, Arm, MatchRule, nearest
from evaltool.numerics.matching_cloud import Cloud, CloudRule, nearest_in_cloud
from evaltool.records.panel import FloatArray, IntArray


def outside_support(score: FloatArray, treated: Bools, rule: str) -> Bools:
    """(n,) units whose score lies outside the range asked for. Raises RunError when that empties a group."""
    outside = np.zeros(score.shape[0], dtype=np.bool_)
    for arm, own in (("treated", treated), ("comparison", ~treated)):
        if rule in {"both", arm}:
            other = score[~own]
            outside |= own & ((score < float(np.min(other))) | (score > float(np.max(other))))
    if not bool(np.any(treated & ~outside)) or not bool(np.any(~treated & ~outside)):
        raise RunError(
            Fault(
                code="RUN_NO_MATCH",
                cause="No score of one group lies within the range of the other's: there is no common support.",
                fix="Compare groups that are alike, or leave covariates out that tell them apart.",
                place=Place(key="design.options.support"),
            )
        )
    return outside


def wanted_of(options: NearestOptions, score: FloatArray, focal: Bools) -> IntArray:
    """(n,) matches each focal unit is to have; 0 for the others.

    With ``max_ratio`` the total is ratio · focal units: low scores get the most (Ming & Rosenbaum 2000).
    """
    wanted = np.where(focal, options.ratio, 0).astype(np.int64)
    if options.max_ratio is None:
        return wanted
    mine, least, most = np.flatnonzero(focal), options.min_ratio or 1, options.max_ratio
    size = mine.shape[0]
    total = options.ratio * size
    many = (total - least * (size - 1)) // (most - least)
    few = size - many - 1
    row = [least] * few + [total - least * few - most * many] + [most] * many
    higher = float(np.mean(score[mine])) > float(np.mean(score[~focal]))
    order = np.argsort(-score[mine] if higher else score[mine], kind="stable")
    wanted[mine[order]] = np.array(row[:size], dtype=np.int64)
    return wanted


def points_of(units: Units, score: FloatArray, options: NearestOptions) -> FloatArray:
    """(n, p) coordinates distances are measured on: the (n,) score as it is on the grid, or several columns.

    Raises RunError (RUN_COLLINEAR) for a column that does not vary.
    """
    if options.distance == "logit" or options.distance == "probit":  # noqa: PLR1714 - the type checker reads these
        return score[:, None]
    names = options.match_on or options.covariates
    x = np.column_stack([units.more[name] for name in names])
    for j, name in enumerate(names):
        if float(np.ptp(x[:, j])) == 0.0:
            raise RunError(
                Fault(
                    code="RUN_COLLINEAR",
                    cause=f"Covariate '{name}' does not vary: nobody is nearer or farther by it.",
                    fix="Leave it out.",
                    place=Place(key="design.options.match_on", column=name),
                )
            )
    return coordinates(x, units.treated, options.distance)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Everything that decides who may be matched with whom, over all (n,) units.

    ``focal``: who is to be matched; ``kept``: who lies in the support; ``grid``: scores on the grid; ``points``: (n, p)
    coordinates of the distance; ``limited`` (n, q) and ``apart`` (n, a): columns with a caliper of their own, and those
    that must differ; ``rule.wanted`` is (n,).
    """

    units: Units
    focal: Bools
    kept: Bools
    grid: IntArray
    points: FloatArray
    limited: FloatArray
    apart: FloatArray
    rule: CloudRule

    def arm(self, *, focal: bool) -> IntArray:
        """Positions of one side."""
        return np.flatnonzero((self.focal == focal) & self.kept)


def matched(ground: Ground) -> Matches:
    """Match the focal units among those kept: along one line of scores where nothing else matters."""
    mine, theirs = ground.arm(focal=True), ground.arm(focal=False)
    units, rule = ground.units, ground.rule
    wanted = rule.wanted[mine]
    line = ground.points.shape[1] == 1 and np.array_equal(ground.points[:, 0], ground.grid / GRID)
    if line and not ground.limited.shape[1] + ground.apart.shape[1] and int(np.ptp(wanted)) == 0:
        arms = [Arm(score=ground.grid[own], stratum=units.stratum[own], rank=units.rank[own]) for own in (mine, theirs)]
        found = nearest(arms[0], arms[1], MatchRule(int(wanted[0]), rule.replace, rule.caliper, rule.order))
    else:
        place = np.empty(units.rank.shape[0], dtype=np.int64)
        place[np.lexsort((units.rank, ground.points[:, 0]))] = np.arange(place.shape[0])
        first, second = _cloud(ground, place, mine), _cloud(ground, place, theirs)
        found = nearest_in_cloud(first, second, replace(rule, wanted=wanted))
    return Matches(
        focal=ground.focal,
        first=mine[found.treated],
        second=theirs[found.comparison],
        distance=found.distance,
        wanted=rule.wanted,
        replace=rule.replace,
        equidistant=found.equidistant,
    )


def _cloud(ground: Ground, place: IntArray, own: IntArray) -> Cloud:
    """The rows of one arm."""
    return Cloud(
        points=ground.points[own],
        score=ground.grid[own],
        stratum=ground.units.stratum[own],
        rank=ground.units.rank[own],
        place=place[own],
        limited=ground.limited[own],
        apart=ground.apart[own],
    )


def reasons(ground: Ground, made: Matches) -> dict[str, IntArray]:
    """Positions of the focal units that were not matched, by reason, and of the others nobody took."""
    used = np.zeros(ground.focal.shape[0], dtype=np.bool_)
    used[made.first] = used[made.second] = True
    theirs, stratum, rule = ground.arm(focal=False), ground.units.stratum, ground.rule
    found: dict[str, list[int]] = {NOBODY_EQUAL: [], NOBODY_NEAR: [], ALL_TAKEN: []}
    for i in np.flatnonzero(ground.focal & ground.kept & ~used).tolist():
        equal = theirs[stratum[theirs] == stratum[i]]
        may = np.all(ground.apart[equal] != ground.apart[i], axis=1)
        if rule.caliper is not None:
            may &= np.abs(ground.grid[equal] - ground.grid[i]) <= rule.caliper
        for q, width in enumerate(rule.widths):
            may &= np.abs(ground.limited[equal, q] - ground.limited[i, q]) <= width
        found[NOBODY_EQUAL if not equal.shape[0] else ALL_TAKEN if bool(np.any(may)) else NOBODY_NEAR].append(i)
    unused = np.flatnonzero(~ground.focal & ground.kept & ~used)
    return {**{detail: np.array(those, dtype=np.int64) for detail, those in found.items()}, UNUSED: unused}
