"""The weighted regression behind the effect, its covariance, and the reason when there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.estimators.weighted._matching_faults import MATCHING_SE
from evaltool.estimators.weighted._matching_se import matching_se
from evaltool.estimators.weighted._units import MatchedUnits
from evaltool.numerics.distinct import distinct
from evaltool.numerics.matching_effect import (
    WeightedFit,
    clustered,
    clustered_two_ways,
    hc0,
    hc1,
    hc3,
    resampled,
    stacked,
    weighted_fit,
)
from evaltool.numerics.regression import Regressors
from evaltool.numerics.weighting_bootstrap import Redrawn, redrawn
from evaltool.records.estimate import AbsentReason
from evaltool.records.panel import FloatArray

NOISE = 1e-13
"""A standard error below this share of the outcome's size is rounding, not variation."""
TREATMENT = 1
"""Column of treatment, after the constant."""
FORMULAS = {
    "cluster_set": ("HC1, scores summed within matched sets", "(n - 1)/(n - k) * G/(G - 1)"),
    "cluster_set_and_unit": ("HC1, scores summed within matched sets and within units", "(r - 1)/(r - k) * G/(G - 1)"),
    "bootstrap": ("bootstrap of matched sets, 999 draws", "none"),
    "bootstrap_units": ("bootstrap of units, weights fitted again, 999 draws", "none"),
    "bootstrap_clusters": ("bootstrap of clusters, weights fitted again, 999 draws", "none"),
    "hc3": ("HC3 by unit", "scores divided by 1 - leverage"),
    "hc1": ("HC1 by unit", "n/(n - k)"),
    "hc0": ("HC0 by unit", "none"),
    "abadie_imbens": ("Abadie & Imbens 2006, matching with replacement", "none"),
    "abadie_imbens_2016": ("Abadie & Imbens 2016, the score estimated", "none"),
    "m_estimation": ("M-estimation, weights counted as estimated", "none"),
}
REDRAWN = ("bootstrap_units", "bootstrap_clusters")
NORMAL = ("hc0", "m_estimation", "bootstrap", *REDRAWN, *MATCHING_SE)
"""Standard errors without degrees of freedom."""


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
    failed: int | None = None
    """Draws of a bootstrap in which no weights existed."""


def fit_effect(units: MatchedUnits, se: str) -> Effect:
    """Fit and choose the covariance. Raises RunError (RUN_COLLINEAR)."""
    inside = units.inside
    matrix = np.column_stack([np.ones(inside.sum()), units.treated[inside], units.covariates[inside]])
    names = ("constant", "treatment", *units.names)
    outcome, treated = units.outcome[inside], units.treated[inside] == 1.0
    fit = weighted_fit(Regressors(matrix=matrix, names=names, where="the matched sets"), outcome, units.weights[inside])
    kind = se_kind(units, se)
    again = _again(units) if kind in REDRAWN else None
    covariance = _covariance(fit, kind, units, matrix) if again is None else again.covariance
    att = float(fit.coefficients[TREATMENT])
    value = None if covariance is None else math.sqrt(max(float(covariance[TREATMENT, TREATMENT]), 0.0))
    if kind in MATCHING_SE:
        value, covariance = matching_se(units, kind, att), None
    floor = NOISE * float(np.max(np.abs(outcome)))
    few = int(np.sum(treated)) == 1 or int(np.sum(~treated)) == 1
    absent: AbsentReason | None = None
    if few or value is None:
        absent = "ONE_UNIT_PER_ARM" if len(outcome) == 2 else "TOO_FEW_CLUSTERS"  # noqa: PLR2004 - one of each arm
    elif value <= floor:
        absent = "NO_VARIATION"
    groups = None if units.redraw is None or units.redraw.clusters is None else int(np.max(units.redraw.clusters)) + 1
    by_set = kind == "cluster_set"
    own = units.weights[inside][treated]
    seen = (units.outcome if units.after is None else units.after)[inside][treated]
    means = (own[:, None] * matrix[treated]).sum(axis=0) / own.sum()
    means[TREATMENT] = 0.0
    return Effect(
        att=att,
        se=None if absent else value,
        absent=absent,
        df=None if absent or kind in NORMAL else _df(units, kind, fit),
        observed=math.fsum((own * seen).tolist()) / math.fsum(own.tolist()),
        formula=FORMULAS[kind][0],
        factor=FORMULAS[kind][1],
        clusters=units.facts.sets if by_set else groups,
        coefficients=fit.coefficients,
        covariance=None if absent else covariance,
        means=means,
        failed=None if again is None else again.failed,
    )


def _again(units: MatchedUnits) -> Redrawn | None:
    """The spread over draws in which the weights are fitted again."""
    if units.redraw is None:
        return None
    matrix = np.column_stack([np.ones(units.outcome.shape[0]), units.treated, units.covariates])
    return redrawn(units.redraw, units.treated == 1.0, units.outcome, matrix)


def _df(units: MatchedUnits, kind: str, fit: WeightedFit) -> float:
    """Clusters less one, the smaller number where there are two kinds; spare rows without clusters."""
    if kind == "cluster_set_and_unit" and units.rows is not None:
        return float(min(distinct(units.rows.set).shape[0], distinct(units.rows.unit).shape[0]) - 1)
    return float(units.facts.sets - 1 if kind == "cluster_set" else fit.spare)


def se_kind(units: MatchedUnits, se: str) -> str:
    """What ``auto`` stands for: by matched set; HC3 for strata; by the weights' own equations; else HC3."""
    if units.redraw is not None:
        return "bootstrap_units" if units.redraw.clusters is None else "bootstrap_clusters"
    if se != "auto":
        return se
    if "strata" in units.facts.conventions:
        return "hc3"
    if units.facts.sets:
        return "cluster_set"
    return "hc3" if units.equations is None else "m_estimation"


def _covariance(fit: WeightedFit, kind: str, units: MatchedUnits, matrix: FloatArray) -> FloatArray | None:
    """The covariance asked for."""
    inside = units.inside
    if kind == "cluster_set":
        return clustered(fit, units.sets[inside] - 1)
    if kind == "bootstrap":
        return resampled(matrix, units.outcome[inside], units.weights[inside], units.sets[inside] - 1, units.seed)
    if kind == "cluster_set_and_unit" and units.rows is not None:
        return clustered_two_ways(fit, units.weights[inside], units.rows)
    if kind == "m_estimation" and units.equations is not None:
        residual = units.outcome[inside] - matrix @ fit.coefficients
        equations = units.equations
        return stacked(
            fit, matrix * residual[:, None], equations.psi[inside], (equations.slope[inside], equations.bread)
        )
    return {"hc3": hc3, "hc0": hc0}.get(kind, hc1)(fit)
