"""Who could have been in the places of the treated: every way to take groups of given sizes, or seeded draws."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evaltool.numerics.inference import Ints


@dataclass(frozen=True, slots=True)
class Draws:
    """``most`` ways are enumerated; beyond that ``draws`` are drawn with ``seed``."""

    most: int
    draws: int
    seed: int


def ways(count: int, sizes: Sequence[int]) -> int:
    """How many ways there are to take groups of these sizes out of ``count``."""
    found = 1
    for size in sizes:
        found *= math.comb(count, size)
        count -= size
    return found


def assignments(count: int, sizes: Sequence[int], rule: Draws) -> Iterator[list[Ints]]:
    """Groups of these sizes, as sorted places among ``count``: all ways in order, or draws."""
    if ways(count, sizes) <= rule.most:
        yield from _every(list(range(count)), list(sizes))
        return
    generator = np.random.Generator(np.random.PCG64(rule.seed))
    ends = np.cumsum(sizes)
    for _ in range(rule.draws):
        order = generator.permutation(count)
        yield [np.sort(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _every(pool: list[int], sizes: list[int]) -> Iterator[list[Ints]]:
    """Every way, in order."""
    if not sizes:
        yield []
        return
    for group in combinations(pool, sizes[0]):
        rest = [k for k in pool if k not in group]
        for others in _every(rest, sizes[1:]):
            yield [np.array(group, dtype=np.int64), *others]
