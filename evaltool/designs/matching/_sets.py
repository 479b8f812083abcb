"""From matches to weights, matched sets, tie groups and the table of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.designs.matching._units import Bools, Units
from evaltool.numerics.matching import GRID
from evaltool.records.panel import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """(m,) positions of the units that were matched and of those they were matched with; distances on the grid.

    The first are the treated, for the ATC the comparison units. ``wanted`` (n,) is how many each was to have.
    """

    focal: Bools
    first: IntArray
    second: IntArray
    distance: IntArray
    wanted: IntArray
    replace: bool
    equidistant: int = 0

    @property
    def incomplete(self) -> int:
        """Sets with fewer units than wanted."""
        sizes = np.bincount(self.first, minlength=self.focal.shape[0])
        return int(np.sum((sizes > 0) & (sizes < self.wanted)))


def weights_of(made: Matches) -> FloatArray:
    """(n,) weights: the matched 1, whom they are matched with the sum of their shares of sets, averaging 1.

    Where everybody is matched with the other group (ATE), 1 plus those shares.
    """
    n = made.focal.shape[0]
    sizes = np.bincount(made.first, minlength=n)
    share = np.bincount(made.second, weights=1.0 / sizes[made.first], minlength=n)
    if bool(np.all(made.focal)):
        return np.asarray(1.0 + share, dtype=np.float64)
    used = share > 0.0
    return np.where(
        made.focal, (sizes > 0).astype(np.float64), share * (float(np.sum(used)) / float(np.sum(sizes > 0)))
    )


def sets_of(made: Matches) -> IntArray:
    """(n,) number of the matched set, from 1 in canonical order of the matched; 0 outside sets or in several."""
    n = made.focal.shape[0]
    sets = np.zeros(n, dtype=np.int64)
    if made.replace:
        return sets
    sizes = np.bincount(made.first, minlength=n)
    number = np.cumsum(sizes > 0)
    sets[sizes > 0] = number[sizes > 0]
    sets[made.second] = number[made.first]
    return sets


def ties_of(units: Units, keys: tuple[FloatArray | IntArray, ...]) -> IntArray:
    """(n,) codes of units that could stand in for each other: same arm, stratum and keys."""
    every = (*keys, units.stratum, units.treated)
    order = np.lexsort(every)
    new = np.zeros(order.shape[0], dtype=np.int64)
    for key in every:
        new[1:] |= key[order][1:] != key[order][:-1]
    codes = np.empty_like(new)
    codes[order] = np.cumsum(new)
    return codes


def pairs_of(units: Units, made: Matches) -> pd.DataFrame:
    """Every pair by id, with its distance and the number of its set."""
    ids = pd.Series(list(units.ids))
    swapped = ~units.treated[made.first]
    treated, other = np.where(swapped, made.second, made.first), np.where(swapped, made.first, made.second)
    return pd.DataFrame(
        {
            "treated": ids.iloc[treated].to_numpy(),
            "comparison": ids.iloc[other].to_numpy(),
            "distance": made.distance / GRID,
            "set": np.unique(made.first, return_inverse=True)[1].reshape(-1) + 1,
        }
    )
