"""The standard errors of Abadie & Imbens for matching with replacement on a score."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from evaltool.estimators.weighted._units import MatchedUnits
from evaltool.numerics.abadie_imbens import (
    Line,
    Matched,
    ScoreModel,
    imputed_by_covariates,
    matched,
    saved_2016,
    saved_2016_treated,
    variance_2006,
)
from evaltool.numerics.distances import coordinates
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
    found = matched(line)
    variance = variance_2006(line, found, effect, units.facts.estimand)
    if kind == "abadie_imbens_2016":
        variance -= _saved(units, line, found, effect)
    return math.sqrt(max(variance, 0.0))


def _saved(units: MatchedUnits, line: Line, found: Matched, effect: float) -> float:
    """What estimating the score takes off the variance."""
    x = units.regressors
    standard = np.column_stack([np.ones(x.shape[0]), (x - x.mean(axis=0)) / x.std(axis=0)])
    if units.facts.estimand == "ATE":
        return saved_2016(line, ScoreModel(standard, units.score))
    near = imputed_by_covariates(line, coordinates(x, line.treated, "mahalanobis"))
    if units.facts.estimand == "ATT":
        return saved_2016_treated(line, found, ScoreModel(standard, units.score), near, effect)
    turned = replace(line, treated=~line.treated)
    return saved_2016_treated(turned, found, ScoreModel(standard, 1.0 - units.score), near, -effect)
