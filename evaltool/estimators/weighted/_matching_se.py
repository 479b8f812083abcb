"""The standard errors of Abadie & Imbens for matching with replacement on a score."""

from __future__ import annotations

import math

import numpy as np

from evaltool.estimators.weighted._units import MatchedUnits
from evaltool.numerics.abadie_imbens import Line, matched, saved_2016, variance_2006
from evaltool.numerics.matching import to_grid


def matching_se(units: MatchedUnits, kind: str, effect: float) -> float:
    """The standard error of the (unadjusted) effect; with ``abadie_imbens_2016`` the score counts as estimated."""
    ratio = units.facts.conventions.get("ratio")
    line = Line(
        score=to_grid(units.score),
        outcome=units.outcome - math.fsum(units.outcome.tolist()) / units.outcome.shape[0],
        treated=units.treated == 1.0,
        matches=ratio if isinstance(ratio, int) else 1,
    )
    variance = variance_2006(line, matched(line), effect, units.facts.estimand)
    if kind == "abadie_imbens_2016":
        x = units.regressors
        standard = (x - x.mean(axis=0)) / x.std(axis=0)
        variance -= saved_2016(line, np.column_stack([np.ones(x.shape[0]), standard]), units.score)
    return math.sqrt(max(variance, 0.0))
