"""Values of a column, each once; codes, mean ranks and orders made from them, by counting where counting is enough.

The same answers as numpy.unique and numpy.lexsort, which hash or sort always: on a column of a million ids that is up
to twenty times as slow.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Number = TypeVar("Number", np.float64, np.int64, np.bool_)
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

SPREAD = 4
"""Integers are counted when they lie within this many times their number; else they are sorted."""
WIDEST = 2**62
"""Keys are joined into one as long as it stays below this."""


def distinct(values: np.ndarray[tuple[int, ...], np.dtype[Number]]) -> np.ndarray[tuple[int], np.dtype[Number]]:
    """The values of an array, each once, ascending, NaN last and once."""
    seen = _seen(values)
    if seen is not None:
        counted: np.ndarray[tuple[int], np.dtype[Number]] = (np.flatnonzero(seen) + int(values.min())).astype(
            values.dtype
        )
        return counted
    flat = np.sort(values, axis=None)
    kept: np.ndarray[tuple[int], np.dtype[Number]] = flat[_first(flat)]
    return kept


def coded(
    values: np.ndarray[tuple[int, ...], np.dtype[Number]],
) -> tuple[np.ndarray[tuple[int], np.dtype[Number]], Ints]:
    """The distinct values ascending, and (n,) each element's place among them."""
    seen = _seen(values)
    if seen is not None:
        low = int(values.min())
        places = np.cumsum(seen) - 1
        levels: np.ndarray[tuple[int], np.dtype[Number]] = (np.flatnonzero(seen) + low).astype(values.dtype)
        return levels, places[values.reshape(-1) - low].astype(np.int64)
    levels, codes = np.unique(values, return_inverse=True)
    return levels, codes.reshape(-1).astype(np.int64)


def row_codes(table: Ints | Floats) -> Ints:
    """(n,) places of the rows of ``table`` (n, k) among its distinct rows, in order of the first column first."""
    joined: Ints = np.zeros(table.shape[0], dtype=np.int64)
    for column in table.T:
        levels, codes = coded(column)
        joined = coded(joined * levels.shape[0] + codes)[1]
    return joined


def ascending(*keys: Ints) -> Ints:
    """(n,) rows in order of the first key, then of the second, …; rows equal in all of them stay in their order."""
    joined = _joined(keys)
    if joined is None:
        return np.lexsort(tuple(reversed(keys))).astype(np.int64)
    if bool(np.all(joined[1:] >= joined[:-1])):
        return np.arange(joined.shape[0], dtype=np.int64)
    return np.argsort(joined, kind="stable").astype(np.int64)


def row_order(x: Floats, last: Flags) -> Ints:
    """(n,) rows of ``x`` (n, k) in order of the first column, then of the second, …, then of ``last`` (n,)."""
    order = np.argsort(x[:, 0], kind="stable")
    first = x[order, 0]
    if bool(np.all(first[1:] > first[:-1])):
        return order.astype(np.int64)
    return np.lexsort((last, *x.T[::-1])).astype(np.int64)


def two_values(x: Floats) -> bool:
    """Whether a column takes at most two values."""
    low, high = float(np.min(x)), float(np.max(x))
    return bool(np.all((x == low) | (x == high)))


def mean_ranks(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) ranks 1, 2, …; equal values share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    first = _first(values[order])
    begin = np.flatnonzero(first)
    end = np.append(begin[1:], values.shape[0])
    ranks = np.empty(values.shape[0])
    ranks[order] = ((begin + 1 + end) / 2.0)[np.cumsum(first) - 1]
    return ranks


def _seen(values: np.ndarray[tuple[int, ...], np.dtype[Number]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Which integers from the smallest to the largest occur; None when that is no shorter than sorting."""
    if values.dtype.kind != "i" or not values.shape[0]:
        return None
    low, high = int(values.min()), int(values.max())
    if high - low >= SPREAD * values.size:
        return None
    seen = np.zeros(high - low + 1, dtype=np.bool_)
    seen[values.reshape(-1) - low] = True
    return seen


def _first(flat: np.ndarray[tuple[int], np.dtype[Number]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a sorted array begins a new value; NaN equals NaN."""
    new = np.ones(flat.shape[0], dtype=np.bool_)
    new[1:] = flat[1:] != flat[:-1]
    if flat.dtype.kind == "f":
        new[1:] &= ~(np.isnan(flat[1:]) & np.isnan(flat[:-1]))
    return new


def _joined(keys: tuple[Ints, ...]) -> Ints | None:
    """The keys as one, or None when that would not fit."""
    if not keys or not keys[0].shape[0]:
        return None
    width, joined = 1, np.zeros(keys[0].shape[0], dtype=np.int64)
    for key in keys:
        low = int(key.min())
        span = int(key.max()) - low + 1
        width *= span
        if width > WIDEST:
            return None
        joined = joined * span + (key - low)
    return joined
