"""Strata: how columns are cut, how a score is cut into subclasses, and what units in strata weigh."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import row_codes
from evaltool.numerics.inference import Floats, Ints

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Target = Literal["ATT", "ATC", "ATE"]


def stratum_weights(sets: Ints, treated: Bools, target: Target) -> Floats:
    """(n,) weights of units in strata 1, 2, … (0: in none); a stratum that lacks either group weighs nothing.

    ATT: treated 1, comparison units (treated / comparison units of the stratum), averaging 1; ATC: the other way round;
    ATE: all units of the stratum over those of the own group, averaging 1 in each group. As R MatchIt's.
    """
    size = int(np.max(sets, initial=0)) + 1
    own = [np.bincount(sets[arm], minlength=size).astype(np.float64) for arm in (treated, ~treated)]
    inside = (sets > 0) & (own[0][sets] > 0.0) & (own[1][sets] > 0.0)
    weights = np.zeros(sets.shape[0])
    goal = {"ATT": own[0], "ATC": own[1]}.get(target, own[0] + own[1])
    for arm, count in ((inside & treated, own[0]), (inside & ~treated, own[1])):
        share = goal[sets[arm]] / count[sets[arm]]
        weights[arm] = share * (share.shape[0] / math.fsum(share.tolist())) if share.shape[0] else share
    return weights


def cut(x: Floats, rule: int | tuple[float, ...] | None) -> Ints:
    """(n,) bins of a column: a number of equal bins, cut points (a value on one goes up), or Sturges' number."""
    if isinstance(rule, tuple):
        return np.searchsorted(np.array(sorted(set(rule))), x, side="right").astype(np.int64)
    bins = math.ceil(math.log2(x.shape[0]) + 1) if rule is None else rule
    edges = np.linspace(float(np.min(x)), float(np.max(x)), bins + 1)[1:-1]
    return np.searchsorted(edges, x, side="right").astype(np.int64)


def numbered(codes: Ints | Floats) -> Ints:
    """(n,) strata from 1 in order of their first unit, for any (n, k) codes."""
    inverse = row_codes(codes)
    first = np.zeros(int(np.max(inverse, initial=-1)) + 1, dtype=np.int64)
    first[inverse[::-1]] = np.arange(inverse.shape[0])[::-1]
    place = np.argsort(np.argsort(first))
    return (place[inverse] + 1).astype(np.int64)


def subclasses(score: Floats, treated: Bools, target: Target, choice: tuple[int, int, Ints]) -> Ints:
    """(n,) subclasses from 1: ``choice`` is how many, the fewest units of each group in one, and tie ranks.

    Cut at quantiles of the target group's scores (linear interpolation). A subclass with too few of a group takes the
    nearest of that group from a neighbour, as R MatchIt does; among equal scores the last in tie order. Raises
    ValueError when there are fewer units than places.
    """
    count, fewest, rank = choice
    for arm in (treated, ~treated):
        if int(np.sum(arm)) < count * fewest:
            message = f"{int(np.sum(arm))} units cannot fill {count} subclasses with {fewest} each"
            raise ValueError(message)
    whom = {"ATT": treated, "ATC": ~treated}.get(target, np.ones_like(treated))
    edges = np.quantile(score[whom], np.linspace(0.0, 1.0, count + 1))
    raw = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, count - 1)
    codes = np.unique(raw, return_inverse=True)[1].reshape(-1).astype(np.int64)
    for arm in (treated, ~treated):
        members = np.flatnonzero(arm)
        _fill(codes, score, members[np.argsort(rank[members])], fewest)
    return codes + 1


def _fill(codes: Ints, score: Floats, members: Ints, fewest: int) -> None:
    """Move members of one group between neighbouring subclasses until each holds ``fewest``; ``codes`` change."""
    counts = np.bincount(codes[members], minlength=int(np.max(codes)) + 1).astype(np.float64)
    for _ in range(fewest):
        while float(np.min(counts)) <= 0.0:
            s = int(np.flatnonzero(counts <= 0.0)[0])
            others = [k for k in range(counts.shape[0]) if k != s and counts[k] > 1]
            pull = sum((float(counts[k]) - 1.0) / (k - s) for k in others)
            down = s == counts.shape[0] - 1 or (s != 0 and pull <= 0.0)
            near = [k for k in (range(s - 1, -1, -1) if down else range(s + 1, counts.shape[0])) if counts[k] > 0]
            taken = members[codes[members] == near[0]]
            value = score[taken]
            best = taken[np.flatnonzero(value == (np.max(value) if down else np.min(value)))[-1]]
            codes[best] = s
            counts[s] += 1.0
            counts[near[0]] -= 1.0
        counts -= 1.0
