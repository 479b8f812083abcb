"""The weighted regression behind the effect, its covariance, and the reason when there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.estimators.weighted._units import MatchedUnits
from evaltool.numerics.matching_effect import WeightedFit, clustered, hc1, hc3, weighted_fit
from evaltool.numerics.regression import Regressors
from evaltool.records.estimate import AbsentReason
from evaltool.records.panel import FloatArray

NOISE = 1e-13
"""A standard error below this share of the outcome's size is rounding, not variation."""
TREATMENT = 1
"""Column of treatment, after the constant."""
FORMULAS = {
    "cluster_set": ("HC1, scores summed within matched sets", "(n - 1)/(n - k) * G/(G - 1)"),
    "hc3": ("HC3 by unit", "scores divided by 1 - leverage"),
    "hc1": ("HC1 by unit", "n/(n - k)"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """The treatment coefficient with what is needed for inference on it and on functions of the coefficients."""

    att: float
    se: float | None
    absent: AbsentReason | None
    df: float | None
    observed: float
    formula: str
    factor: str
    clusters: int | None
    coefficients: FloatArray
    covariance: FloatArray | None
    means: FloatArray
    """(k,) mean of the regressors over the matched treated, 0 for treatment: the counterfactual is means · b."""


def fit_effect(units: MatchedUnits, se: str) -> Effect:
    """Fit and choose the covariance. Raises RunError (RUN_COLLINEAR)."""
    inside = units.inside
    matrix = np.column_stack([np.ones(inside.sum()), units.treated[inside], units.covariates[inside]])
    names = ("constant", "treatment", *units.names)
    outcome, treated = units.outcome[inside], units.treated[inside] == 1.0
    fit = weighted_fit(Regressors(matrix=matrix, names=names, where="the matched sets"), outcome, units.weights[inside])
    kind = ("cluster_set" if units.facts.sets else "hc3") if se == "auto" else se
    covariance = _covariance(fit, kind, units.sets[inside])
    att = float(fit.coefficients[TREATMENT])
    value = None if covariance is None else math.sqrt(max(float(covariance[TREATMENT, TREATMENT]), 0.0))
    floor = NOISE * float(np.max(np.abs(outcome)))
    few = int(np.sum(treated)) == 1 or int(np.sum(~treated)) == 1
    absent: AbsentReason | None = None
    if few or value is None:
        absent = "ONE_UNIT_PER_ARM" if len(outcome) == 2 else "TOO_FEW_CLUSTERS"  # noqa: PLR2004 - one of each arm
    elif value <= floor:
        absent = "NO_VARIATION"
    by_set = kind == "cluster_set"
    own = units.weights[inside][treated]
    means = (own[:, None] * matrix[treated]).sum(axis=0) / own.sum()
    means[TREATMENT] = 0.0
    return Effect(
        att=att,
        se=None if absent else value,
        absent=absent,
        df=None if absent else float(units.facts.sets - 1 if by_set else fit.spare),
        observed=math.fsum((own * outcome[treated]).tolist()) / math.fsum(own.tolist()),
        formula=FORMULAS[kind][0],
        factor=FORMULAS[kind][1],
        clusters=units.facts.sets if by_set else None,
        coefficients=fit.coefficients,
        covariance=None if absent else covariance,
        means=means,
    )


def _covariance(
    fit: WeightedFit, kind: str, sets: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> FloatArray | None:
    """The covariance asked for."""
    if kind == "cluster_set":
        return clustered(fit, sets - 1)
    return hc3(fit) if kind == "hc3" else hc1(fit)
