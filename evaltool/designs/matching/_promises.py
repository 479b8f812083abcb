"""What a matching promised, checked on the finished sets with the raw values."""

from __future__ import annotations

import numpy as np

from evaltool.designs.matching._units import Units
from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.matching import GRID, MatchRule, Pairs
from evaltool.records.panel import FloatArray

ROUNDING = 2.0 / GRID
"""Two scores, each rounded to the grid."""


def check_promises(units: Units, score: FloatArray, pairs: Pairs, rule: MatchRule, caliper: float | None) -> None:
    """Raise RunError (RUN_PROMISE_BROKEN), one fault per promise that does not hold."""
    treated = np.flatnonzero(units.treated)[pairs.treated]
    comparison = np.flatnonzero(~units.treated)[pairs.comparison]
    broken = []
    distance = np.abs(score[treated] - score[comparison])
    if float(np.max(np.abs(distance - pairs.distance / GRID))) > ROUNDING:
        broken.append("the distances recorded are not the distances of the scores")
    if caliper is not None and float(np.max(distance)) > caliper + ROUNDING:
        broken.append(f"a pair is {float(np.max(distance)):.6g} apart, beyond the caliper of {caliper:.6g}")
    if units.exact.shape[1] and bool(np.any(units.exact[treated] != units.exact[comparison])):
        broken.append(f"a pair differs in {', '.join(units.exact_names)}, which must be equal")
    sizes = np.bincount(pairs.treated)
    sizes = sizes[sizes > 0]
    if not rule.replace and int(np.max(sizes)) > rule.ratio:
        broken.append(f"a treated unit has {int(np.max(sizes))} matches, more than {rule.ratio}")
    if not rule.replace and int(np.max(np.bincount(pairs.comparison))) > 1:
        broken.append("a comparison unit was used twice without replacement")
    if len({*zip(treated.tolist(), comparison.tolist(), strict=True)}) != treated.shape[0]:
        broken.append("a pair stands twice among the matches")
    if broken:
        raise RunError(
            Fault(
                code="RUN_PROMISE_BROKEN",
                cause=f"The matching broke a promise: {what}.",
                fix="This is a fault of evaltool, not of the plan or the data: report it with the plan.",
                place=Place(key="design"),
            )
            for what in broken
        )
