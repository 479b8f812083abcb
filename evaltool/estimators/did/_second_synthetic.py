"""Synthetic difference-in-differences again: Wolfe's weights on pandas' pivot, and a weighted two-way regression."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from evaltool.estimators.did._second_opinion import long_frame
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import Bools
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.numerics.synthetic_did import PERIODS, Rules
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest

Given = Mapping[int, tuple[Mapping[str, float], list[float]]]
"""By start: weights of donors by id, and of the periods fitted on; for solvers that stop above the optimum."""


def synthetic_again(
    request: EstimationRequest, anticipation: int, rules: Rules, given: Given | None = None
) -> SecondOpinion:
    """The mean over cohorts of regression coefficients. Raises RunError (RUN_NEEDS_DATA)."""
    frame = long_frame(request)
    wide = frame.set_index(["period", "unit"])["y"].unstack("unit")  # noqa: PD010 - not pivot: another road than arrays
    starts = frame.groupby("unit")["start"].first()
    starts = starts.where(starts <= frame["period"].max(), np.inf)
    donors = wide[starts.index[np.isinf(starts)]]
    found = []
    for start, members in starts[np.isfinite(starts)].groupby(starts):
        history, later = wide.index < float(str(start)) - anticipation, wide.index >= float(str(start))
        own = wide[members.index].mean(axis=1)
        if given is None:
            omega, lam = _weights(donors, own, (history, later), rules, len(members))
        else:
            by_name, stated = given[int(float(str(start)))]
            omega, lam = np.array([by_name[str(unit)] for unit in donors.columns]), np.array(stated)
        effect = _regression(donors, own, (history, later), (omega, lam))
        found.append((len(members) * int(later.sum()), effect))
    value = sum(size * effect for size, effect in found) / sum(size for size, _ in found)
    return SecondOpinion(
        value=value, by="weights by Wolfe's nearest-point algorithm, then a regression weighted by unit and period"
    )


def _weights(
    donors: pd.DataFrame, own: pd.Series[float], masks: tuple[Bools, Bools], rules: Rules, size: int
) -> tuple[Floats, Floats]:
    """(J,) and (T₀,) weights."""
    history, later = masks
    early, before = donors.loc[history], np.asarray(own, dtype=np.float64)[history]
    noise = float(early.diff().iloc[1:].to_numpy().std(ddof=1))
    zeta = (size * int(later.sum())) ** 0.25 * noise
    omega: Floats = np.full(donors.shape[1], 1.0 / donors.shape[1])
    lam: Floats = np.full(len(early), 1.0 / len(early))
    if not rules.equal_units:
        omega = _nearest(early.to_numpy(), before, zeta)
    if not rules.equal_periods:
        lam = _nearest(early.to_numpy().T, donors.loc[later].to_numpy(dtype=np.float64).mean(axis=0), PERIODS * noise)
    return omega, lam


def _nearest(columns: Floats, target: Floats, zeta: float) -> Floats:
    """Weights of ``columns`` (m, n) near to ``target`` (m,), both less their means, with the ridge as rows."""
    apart = columns - columns.mean(axis=0) - (target - target.mean())[:, None]
    return nearest_point_weights(np.vstack([apart, math.sqrt(len(target)) * zeta * np.eye(columns.shape[1])]))


def _regression(
    donors: pd.DataFrame, own: pd.Series[float], masks: tuple[Bools, Bools], weights: tuple[Floats, Floats]
) -> float:
    """The coefficient of being treated, with unit and period indicators, weighted by ω λ (their equation 1)."""
    history, later = masks
    omega, lam = weights
    by_period = np.zeros(len(donors))
    by_period[history] = lam
    by_period[later] = 1.0 / int(later.sum())
    kept, units = by_period > 0.0, np.append(omega > 0.0, True)
    y = np.column_stack([donors.to_numpy(), own.to_numpy()])[kept][:, units]
    root = np.sqrt(by_period[kept][:, None] * np.append(omega, 1.0)[units][None, :])
    periods, width = y.shape
    treated = np.zeros_like(y)
    treated[later[kept], -1] = 1.0
    x = np.column_stack(
        [np.kron(np.eye(periods), np.ones((width, 1))), np.kron(np.ones((periods, 1)), np.eye(width))[:, 1:]]
    )
    design = np.column_stack([x, treated.reshape(-1)]) * root.reshape(-1, 1)
    return float(np.linalg.lstsq(design, (y * root).reshape(-1), rcond=None)[0][-1])
