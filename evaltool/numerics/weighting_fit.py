"""Weights by method and choices, the same to the last bit for every order of rows: designs and estimators ask here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evaltool.numerics.distinct import distinct, row_order
from evaltool.numerics.inference import Floats
from evaltool.numerics.regression import Regressors
from evaltool.numerics.stable_weights import stable_weights
from evaltool.numerics.weighting import Target, Weighting, by_balance, by_both, by_entropy, by_score

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Kind = Literal["inverse_propensity", "entropy_balancing", "covariate_balancing", "over_identified", "stable"]
TWO_VALUES = 2


@dataclass(frozen=True, slots=True)
class How:
    """Method, target, and choices: powers of the covariates, stabilised by group shares, trimmed at a quantile.

    ``tolerance`` is for stable weights, in standard deviations of the target group.
    """

    kind: Kind
    target: Target
    moments: int = 1
    stabilised: bool = False
    trim: float | None = None
    tolerance: float = 0.0


def fitted(x: Floats, names: tuple[str, ...], treated: Bools, how: How) -> Weighting:
    """Weights from the columns of ``x`` (n, k) and their powers. Raises RunError as the methods do."""
    order = row_order(x, treated)
    columns, labels = powers(x[order], names, how.moments)
    regressors = Regressors(
        matrix=np.column_stack([np.ones(x.shape[0]), columns]), names=("constant", *labels), where="the weights"
    )
    found = _finished(_by_kind(regressors, treated[order], how), treated[order], how)
    back = np.empty_like(order)
    back[order] = np.arange(order.shape[0])
    return replace(
        found,
        weights=found.weights[back],
        probability=found.probability[back],
        psi=found.psi[back],
        slope=found.slope[back],
    )


def _by_kind(x: Regressors, treated: Bools, how: How) -> Weighting:
    """The method asked for. Raises ValueError for a target the method does not serve."""
    target = how.target
    if how.kind == "inverse_propensity":
        return by_score(x, treated, target)
    if target == "ATM" or (target == "ATO" and how.kind != "covariate_balancing"):
        message = f"{how.kind} does not serve the {target}"
        raise ValueError(message)
    if how.kind == "covariate_balancing":
        return by_balance(x, treated, target)
    if target == "ATO":
        message = f"{how.kind} does not serve the ATO"
        raise ValueError(message)
    if how.kind == "entropy_balancing":
        return by_entropy(x, treated, target)
    if how.kind == "over_identified":
        return by_both(x, treated, target)
    return stable_weights(x, treated, target, how.tolerance)


def _finished(found: Weighting, treated: Bools, how: How) -> Weighting:
    """Stabilised by the shares of the groups, then trimmed at a quantile of the weights that vary."""
    weights, slope = found.weights, found.slope
    if how.stabilised:
        share = float(np.mean(treated))
        factor = np.where(treated, share, 1.0 - share)
        weights, slope = weights * factor, slope * factor[:, None]
    if how.trim is not None:
        varying = {"ATT": ~treated, "ATC": treated}.get(how.target, np.ones_like(treated))
        top = float(np.quantile(weights[varying], how.trim, method="closest_observation"))
        high = varying & (weights > top)
        weights, slope = np.where(high, top, weights), np.where(high[:, None], 0.0, slope)
    return replace(found, weights=weights, slope=slope)


def powers(x: Floats, names: tuple[str, ...], moments: int) -> tuple[Floats, tuple[str, ...]]:
    """The columns and, of those with more than two values, their standardised powers up to ``moments``."""
    columns, labels = [x], list(names)
    for power in range(2, moments + 1):
        for j, name in enumerate(names):
            if distinct(x[:, j]).shape[0] > TWO_VALUES:
                standard = (x[:, j] - np.mean(x[:, j])) / np.std(x[:, j])
                columns.append((standard**power)[:, None])
                labels.append(f"{name}^{power}")
    return np.hstack(columns), tuple(labels)
