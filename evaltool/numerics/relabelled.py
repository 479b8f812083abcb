"""Averages of group-time effects without covariates, for many assignments of starts at once.

A cluster of one cohort is summed up as its weight and its weighted outcome by period; an assignment gives each such
piece a start (or leaves it out). With S and P the sums of outcome and weight over the pieces of a cohort, cell (g, t)
with base b and comparison cohorts C is

    (S_g,t − S_g,b) / P_g − Σ_C (S_c,t − S_c,b) / Σ_C P_c           (Callaway & Sant'Anna 2021, without covariates)

so that leaving out clusters, permuting starts over clusters (randomisation inference) and pretending starts among those
that never start are the same few sums. The average is ``simple``, ``group``, ``calendar`` or ``dynamic`` as in the
estimator, its weights taken anew under each assignment.

Randomisation: the hypothesis is that treatment moved every treated outcome by τ. The effect under assignment d of the
outcomes less τ is A_d − τ B_d, with B_d the effect of the treatment indicator itself; the statistic is its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct
from evaltool.numerics.group_time import ControlGroup
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.inversion import farthest_kept

Aggregation = Literal["simple", "group", "calendar", "dynamic"]
LEFT_OUT = -1
TIED = 1e-9
CHUNK = 20_000_000
"""Most numbers held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """(pieces,) weights, (pieces, periods) weighted sums of the outcome, cohort codes and cluster codes of the pieces.

    ``starts`` (cohorts,) ascending, inf last for those that never start; ``periods`` ascending.
    """

    weight: Floats
    total: Floats
    cohort: Ints
    cluster: Ints
    starts: tuple[float, ...]
    periods: tuple[float, ...]

    @property
    def whole(self) -> bool:
        """Whether every cluster starts together."""
        return int(distinct(self.cluster).shape[0]) == int(self.cluster.shape[0])


@dataclass(frozen=True, slots=True)
class Recipe:
    """Who is compared with, how long before a start an effect is allowed for, and which average."""

    control: ControlGroup
    anticipation: int
    aggregation: Aggregation


@dataclass(frozen=True, slots=True)
class Relabelled:
    """p-value of no effect, the interval its test inverts (ends may be infinite), and draws beside the real one."""

    p_value: float
    lower: float
    upper: float
    draws: int


def pieces_of(outcome: Floats, weights: Floats, cohort: Ints, cluster: Ints) -> tuple[Floats, Floats, Ints, Ints]:
    """(weight, total, cohort, cluster) by distinct pair of cohort and cluster, in order of the pair."""
    pair = cluster * (int(cohort.max()) + 1) + cohort
    values, inverse = np.unique(pair, return_inverse=True)
    size = values.shape[0]
    total = np.zeros((size, outcome.shape[1]))
    np.add.at(total, inverse, outcome * weights[:, None])
    weight: Floats = np.bincount(inverse, weights=weights, minlength=size).astype(np.float64)
    width = int(cohort.max()) + 1
    cohorts: Ints = (values % width).astype(np.int64)
    clusters: Ints = (values // width).astype(np.int64)
    return weight, total, cohorts, clusters


def effects(pieces: Pieces, recipe: Recipe, labels: Ints, total: Floats | None = None) -> tuple[Floats, Floats]:
    """(draws,) effects and means of the treated under ``labels`` (draws, pieces); −1 leaves a piece out.

    NaN where an assignment leaves no cell. ``total`` replaces the outcome's sums.
    """
    sums = pieces.total if total is None else total
    rows = max(1, CHUNK // max(1, sums.shape[0] * sums.shape[1]))
    parts = [_some(pieces, recipe, labels[at : at + rows], sums) for at in range(0, labels.shape[0], rows)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _some(pieces: Pieces, recipe: Recipe, labels: Ints, total: Floats) -> tuple[Floats, Floats]:
    """The effects of some assignments."""
    draws, cohorts, size = labels.shape[0], len(pieces.starts), len(pieces.periods)
    p, s = np.zeros((draws, cohorts)), np.zeros((draws, cohorts, size))
    for k in range(cohorts):
        member = (labels == k).astype(np.float64)
        p[:, k], s[:, k] = member @ pieces.weight, member @ total
    cells = [_cell(pieces, recipe, p, s, at) for at in _cells(pieces, recipe)]
    return _average([c for c in cells if c is not None], recipe.aggregation)


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """One cell under every assignment: (draws,) effect, treated mean and cohort weight, 0 where it does not exist."""

    cohort: int
    period: float
    event: float
    effect: Floats
    seen: Floats
    mass: Floats


def _cells(pieces: Pieces, recipe: Recipe) -> list[tuple[int, int, int]]:
    """(cohort, period, base) of every treated cell with a base."""
    found = []
    for k, start in enumerate(pieces.starts):
        before = [i for i, p in enumerate(pieces.periods) if p + recipe.anticipation < start]
        if before:
            found += [(k, i, before[-1]) for i, p in enumerate(pieces.periods) if p >= start]
    return found


def _cell(pieces: Pieces, recipe: Recipe, p: Floats, s: Floats, at: tuple[int, int, int]) -> _Cell | None:
    """The cell, or None when no cohort can be compared with."""
    k, t, b = at
    bound = pieces.periods[t] + recipe.anticipation
    never = recipe.control == "never_treated"
    others = [c for c, g in enumerate(pieces.starts) if c != k and (np.isinf(g) if never else g > bound)]
    if not others:
        return None
    compared = p[:, others].sum(axis=1)
    there = (p[:, k] > 0.0) & (compared > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = (s[:, k, t] - s[:, k, b]) / p[:, k]
        rest = (s[:, others, t] - s[:, others, b]).sum(axis=1) / compared
        seen = s[:, k, t] / p[:, k]
    return _Cell(
        cohort=k,
        period=pieces.periods[t],
        event=pieces.periods[t] - pieces.starts[k],
        effect=np.where(there, own - rest, 0.0),
        seen=np.where(there, seen, 0.0),
        mass=np.where(there, p[:, k], 0.0),
    )


def _average(cells: list[_Cell], kind: Aggregation) -> tuple[Floats, Floats]:
    """The average of one kind over cells, of the effect and of the treated mean."""
    groups: dict[float, list[_Cell]] = {}
    for cell in cells:
        key = {"simple": 0.0, "group": float(cell.cohort), "calendar": cell.period, "dynamic": cell.event}[kind]
        groups.setdefault(key, []).append(cell)
    total, weight, means = np.zeros(2), np.zeros(1), []
    for key in sorted(groups):
        mass = np.stack([c.mass for c in groups[key]])
        sums = mass.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.stack(
                [
                    (mass * np.stack([getattr(c, name) for c in groups[key]])).sum(axis=0) / sums
                    for name in ("effect", "seen")
                ]
            )
        share = np.max(mass, axis=0) if kind == "group" else (sums > 0.0).astype(np.float64)
        means.append((np.where(sums > 0.0, mean, 0.0), share))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.sum([m * w for m, w in means], axis=0)
        weight = np.sum([w for _, w in means], axis=0)
        found = total / weight
    return found[0], found[1]


def real(pieces: Pieces) -> Ints:
    """(1, pieces) the starts as they are."""
    return pieces.cohort[None, :]


def without_each(pieces: Pieces) -> Ints:
    """(clusters, pieces) every cluster left out once, in order of its code."""
    codes = distinct(pieces.cluster)
    return np.where(pieces.cluster[None, :] == codes[:, None], LEFT_OUT, pieces.cohort[None, :])


def permuted(pieces: Pieces, draws: int, seed: int) -> Ints:
    """(draws, pieces) starts permuted over clusters, each start as often as it is; clusters must be whole."""
    generator = np.random.default_rng(seed)
    return generator.permuted(np.tile(pieces.cohort, (draws, 1)), axis=1)


def pretended(pieces: Pieces, draws: int, seed: int) -> Ints | None:
    """(draws, pieces) starts pretended among clusters that never start, in the proportions of the real ones.

    Everybody else is left out. None when fewer than two more clusters than cohorts never start.
    """
    last = len(pieces.starts) - 1
    if not np.isinf(pieces.starts[last]):
        return None
    never = np.flatnonzero(pieces.cohort == last)
    sizes = [int(np.sum(pieces.cohort == k)) for k in range(last)]
    if never.shape[0] < last + 2:
        return None
    share = never.shape[0] / pieces.cohort.shape[0]
    taken = [max(1, int(size * share)) for size in sizes]
    while sum(taken) > never.shape[0] - 2:
        taken[taken.index(max(taken))] -= 1
    own = np.full(never.shape[0], last, dtype=np.int64)
    own[: sum(taken)] = np.repeat(np.arange(last), taken)
    labels = np.full((draws, pieces.cohort.shape[0]), LEFT_OUT, dtype=np.int64)
    labels[:, never] = np.random.default_rng(seed).permuted(np.tile(own, (draws, 1)), axis=1)
    return labels


def randomisation(pieces: Pieces, recipe: Recipe, *, draws: int, seed: int, level: float) -> Relabelled:
    """The test of no effect by permuting starts over clusters, and its interval; the real assignment counts as one."""
    labels = np.vstack([real(pieces), permuted(pieces, draws, seed)])
    starts = np.array(pieces.starts)[pieces.cohort]
    on = (np.array(pieces.periods)[None, :] >= starts[:, None]) * pieces.weight[:, None]
    a, b = effects(pieces, recipe, labels)[0], effects(pieces, recipe, labels, on)[0]

    def p_value(tau: float) -> float:
        size = np.abs(b) if np.isinf(tau) else np.abs(a - tau * b)
        own = 1.0 if np.isinf(tau) else abs(float(a[0]) - tau)
        limit = own * (1.0 - TIED) if own > 0.0 else 0.0
        return float(np.mean(size >= limit))

    spread = float(np.std(a[1:])) or 1.0
    alpha = 1.0 - level
    ends = [farthest_kept(p_value, float(a[0]), sign * spread, alpha) for sign in (-1.0, 1.0)]
    return Relabelled(p_value(0.0), ends[0], ends[1], draws)
