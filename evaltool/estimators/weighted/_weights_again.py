"""The weights behind an effect once more: their equations for the standard error, and another road to the weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.weighting import Target, Weighting, tilted
from evaltool.numerics.weighting_fit import How, Kind, fitted, powers
from evaltool.records.design import MatchSummary
from evaltool.records.panel import FloatArray, Panel

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
KINDS: tuple[Kind, ...] = (
    "inverse_propensity",
    "entropy_balancing",
    "covariate_balancing",
    "over_identified",
    "stable",
)
TARGETS: tuple[Target, ...] = ("ATT", "ATC", "ATE", "ATO", "ATM")
WEIGHT_TOLERANCE = 1e-6
"""Largest difference between two computations of a weight, relative to the largest weight."""
EQUATIONS = ("inverse_propensity", "entropy_balancing", "covariate_balancing")
"""Methods whose weights solve estimating equations, so that standard errors can count them as estimated."""


def how_of(facts: MatchSummary) -> How | None:
    """How the design's weights were made; None for matched sets."""
    said = facts.conventions
    kind = next((one for one in KINDS if one == said.get("weighting")), None)
    target = next((one for one in TARGETS if one == said.get("target")), None)
    if kind is None or target is None:
        return None
    moments, trim, tolerance = (said.get(name) for name in ("moments", "trim", "tolerance"))
    return How(
        kind=kind,
        target=target,
        moments=moments if isinstance(moments, int) else 1,
        stabilised=said.get("stabilised") is True,
        trim=float(trim) if isinstance(trim, float | int) else None,
        tolerance=float(tolerance) if isinstance(tolerance, float | int) else 0.0,
    )


def equations_of(panel: Panel, facts: MatchSummary) -> Weighting | None:
    """The weights with their estimating equations; None where there are none. Raises RunError as the design did."""
    how = how_of(facts)
    if how is None or how.kind not in EQUATIONS:
        return None
    x = panel.frame[[f"x.{name}" for name in facts.covariates]].to_numpy(dtype=np.float64)
    return fitted(x, facts.covariates, panel.frame["treated"].to_numpy(dtype=bool), how)


def weights_again(panel: Panel, weights: pd.DataFrame, facts: MatchSummary, probability: FloatArray) -> str | None:
    """How another computation finds the same weights; None for matched sets. ``probability``: statsmodels' scores.

    Trimmed and over-identified weights are fitted again as they were. Raises RunError (RUN_SCORES_DISAGREE).
    """
    how = how_of(facts)
    if how is None:
        return None
    treated = panel.frame["treated"].to_numpy(dtype=bool)
    own = weights["weight"].to_numpy(dtype=np.float64)
    x = panel.frame[[f"x.{name}" for name in facts.covariates]].to_numpy(dtype=np.float64)
    if how.trim is not None or how.kind == "over_identified":
        found, by = fitted(x, facts.covariates, treated, how).weights, "the same weights fitted again"
    elif how.kind == "inverse_propensity" or how.target == "ATO":
        found, by = tilted(probability, treated, how.target), "weights from statsmodels' scores"
    elif how.kind == "stable":
        found, by = _projected(x, own, treated, how), "weights from their optimality conditions"
    else:
        found, by = _by_trust_region(x, facts, treated, how), "weights by scipy's trust region"
    gap = max(_apart(found[arm], own[arm]) for arm in (treated, ~treated))
    if gap > WEIGHT_TOLERANCE:
        raise RunError(
            Fault(
                code="RUN_SCORES_DISAGREE",
                cause=f"The weights cannot be relied on: two computations differ by up to {gap:.3g} of the largest.",
                fix="Check the covariates for extreme values; report this with the plan and the versions.",
                place=Place(key="design.options.covariates"),
            )
        )
    return f"{by} (largest difference {gap:.1e})"


def strata_again(weights: pd.DataFrame, facts: MatchSummary) -> str:
    """Weights by stratum again, counted with pandas. Raises RunError (RUN_SCORES_DISAGREE)."""
    inside = weights.loc[weights["set"] > 0]
    counts = inside.groupby("set")["treated"].agg(["sum", "size"])
    mine, every = inside["set"].map(counts["sum"]), inside["set"].map(counts["size"])
    goal = {"ATT": mine, "ATC": every - mine}.get(str(facts.conventions.get("target")), every)
    share = goal / mine.where(inside["treated"], every - mine)
    own = inside["weight"]
    gap = max(
        _apart(share[arm].to_numpy(dtype=np.float64), own[arm].to_numpy(dtype=np.float64))
        for arm in (inside["treated"], ~inside["treated"])
    )
    if gap > WEIGHT_TOLERANCE:
        raise RunError(
            Fault(
                code="RUN_SCORES_DISAGREE",
                cause=f"The weights cannot be relied on: counted again they differ by {gap:.3g} of the largest.",
                fix="Report this with the plan and the versions.",
                place=Place(key="design"),
            )
        )
    return f"strata counted with pandas (largest difference {gap:.1e})"


def _apart(found: FloatArray, own: FloatArray) -> float:
    """Largest difference of two sets of weights of average one, relative to the largest weight."""
    one, other = found / np.mean(found), own / np.mean(own)
    return float(np.max(np.abs(one - other)) / np.max(other))


def _by_trust_region(x: FloatArray, facts: MatchSummary, treated: Bools, how: How) -> FloatArray:
    """Balancing weights as the minimum of a convex function of the coefficients, on standardised columns."""
    columns, _ = powers(x, facts.covariates, how.moments)
    z = np.column_stack([np.ones(x.shape[0]), (columns - columns.mean(axis=0)) / columns.std(axis=0)])
    up, down = treated.astype(np.float64), (~treated).astype(np.float64)
    if how.kind == "covariate_balancing" and how.target == "ATE":
        e = 1.0 / (1.0 + np.exp(-(z @ _minimum(z, (up, down, down - up)))))
        return tilted(e, treated, "ATE")
    weights = np.ones(x.shape[0])
    goal = {"ATT": up, "ATC": down}.get(how.target, up + down)
    for arm in (up, down):
        if how.target == "ATE" or bool(np.any(arm != goal)):
            grown = np.exp(z @ _minimum(z, (np.zeros_like(arm), arm, -goal)))
            weights = np.where(arm == 1.0, grown, weights)
    return weights


def _minimum(z: FloatArray, parts: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """(k,) where Σ falling·exp(−η) + rising·exp(η) + line·η is least, η = z b."""
    falling, rising, line = parts

    def value(b: FloatArray) -> float:
        eta = z @ b
        return float(np.mean(falling * np.exp(-eta) + rising * np.exp(eta) + line * eta))

    def slope(b: FloatArray) -> FloatArray:
        eta = z @ b
        return z.T @ (rising * np.exp(eta) - falling * np.exp(-eta) + line) / z.shape[0]

    def bend(b: FloatArray) -> FloatArray:
        eta = z @ b
        return (z * (rising * np.exp(eta) + falling * np.exp(-eta))[:, None]).T @ z / z.shape[0]

    start = np.zeros(z.shape[1])
    found = optimize.minimize(
        value, start, jac=slope, hess=bend, method="trust-exact", options={"gtol": 1e-12, "maxiter": 500}
    )
    return np.asarray(found.x, dtype=np.float64)


def _projected(x: FloatArray, own: FloatArray, treated: Bools, how: How) -> FloatArray:
    """Stable weights as max(0, a + z λ), λ by least squares on the units with weight: optimal exactly when it fits."""
    found = own.copy()
    goal = {"ATT": treated, "ATC": ~treated}.get(how.target, np.ones_like(treated))
    z = np.column_stack([np.ones(x.shape[0]), (x - x[goal].mean(axis=0)) / x[goal].std(axis=0)])
    for arm in (treated, ~treated):
        if how.target == "ATE" or not bool(np.all(goal == arm)):
            active = arm & (own > 0.0)
            theta = np.linalg.lstsq(z[active], own[active], rcond=None)[0]
            found[arm] = np.maximum(z[arm] @ theta, 0.0)
    return found
