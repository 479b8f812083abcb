"""Forecasts of a linear Gaussian state space model with their joint covariance, and the covariance of their mean.

State a_{t+1} = T a_t + c + R η_t, outcome y_t = Z_t a_t + d + ε_t. From the predicted state a and its covariance P
after the last observation, errors of the forecasts h < k share Z_h P_h (T^{k − h})ᵀ Z_kᵀ; parameters are taken as
known.

Source: Durbin & Koopman 2012 (Time Series Analysis by State Space Methods), sections 4.3 and 4.11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats


@dataclass(frozen=True, slots=True, eq=False)
class StateSpace:
    """System matrices (k, k), (k, r), (r, r), scalars, and the predicted state (k,) with its covariance (k, k)."""

    transition: Floats
    selection: Floats
    state_cov: Floats
    obs_var: float
    intercept: Floats
    constant: float
    state: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """(H,) means and (H, H) covariance of the forecast errors."""

    mean: Floats
    covariance: Floats

    @property
    def mean_se(self) -> float:
        """Standard error of the mean over all H periods."""
        n = self.mean.shape[0]
        return math.sqrt(max(float(np.sum(self.covariance)), 0.0)) / n


def forecast(model: StateSpace, designs: Floats) -> Forecast:
    """Forecasts for the rows of ``designs`` (H, k), one period after another."""
    steps, size = designs.shape
    noise = model.selection @ model.state_cov @ model.selection.T
    state, spread = model.state, model.covariance
    mean, spreads = np.zeros(steps), []
    for h in range(steps):
        mean[h] = float(designs[h] @ state) + model.constant
        spreads.append(spread)
        state = model.transition @ state + model.intercept
        spread = model.transition @ spread @ model.transition.T + noise
    covariance = np.zeros((steps, steps))
    for h in range(steps):
        carried = spreads[h].T @ designs[h] if size else np.zeros(size)
        for k in range(h, steps):
            shared = float(designs[k] @ carried)
            covariance[h, k] = covariance[k, h] = shared + (model.obs_var if h == k else 0.0)
            carried = model.transition @ carried
    return Forecast(mean=mean, covariance=covariance)


def ljung_box_lags(size: int, season: int | None) -> int:
    """Lags of the test: a fifth of the series, at most ten, or twice the season where there is one."""
    return max(1, min(10 if season is None else 2 * season, size // 5))
