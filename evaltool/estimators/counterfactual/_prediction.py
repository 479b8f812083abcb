"""Prediction intervals of a synthetic control: one for the mean effect, one for every treated period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.estimators.counterfactual._layout import Layout
from evaltool.numerics.fits import Fit
from evaltool.numerics.inference import Floats
from evaltool.numerics.prediction_interval import Prediction, Rule, predict
from evaltool.numerics.segmented import automatic_lags
from evaltool.numerics.simplex_control import mean_of
from evaltool.records.base import Json
from evaltool.records.plan.analysis import Inference
from evaltool.records.plugins import EstimationRequest

SHOCKS = {
    "subgaussian": "sub-Gaussian bound from the residuals' mean and standard deviation",
    "gaussian": "normal with the residuals' mean and standard deviation",
    "location_scale": "order statistics of the residuals",
}


@dataclass(frozen=True, slots=True, eq=False)
class PredictionRows:
    """The rule, the bounds, and the gaps they stand around: every treated period, then the mean."""

    rule: Rule
    found: Prediction
    gaps: Floats
    periods: tuple[int, ...]

    def around(self, place: int) -> tuple[float, float]:
        """The interval of the effect at a place: the gap less what may be missing from its prediction."""
        gap = float(self.gaps[place])
        return gap - float(self.found.upper[place]), gap - float(self.found.lower[place])


def rule_of(inference: Inference, layout: Layout, shocks: str, draws: int, lags: int | None) -> Rule:
    """The plan's level and seed, the options, and the lags that follow from the length of the history."""
    own = automatic_lags(int(np.sum(layout.windows.before))) if lags is None else lags
    return Rule(float(inference.level), draws, inference.seed, own, shocks)  # type: ignore[arg-type]


def prediction_of(request: EstimationRequest, layout: Layout, fit: Fit, rule: Rule) -> PredictionRows | None:
    """The intervals; None for a fit without weights. Raises RunError (RUN_PERFECT_FIT, RUN_LEVEL_OUT_OF_REACH)."""
    if fit.weights is None or request.panel is None:
        return None
    before, after = layout.windows.before, layout.windows.after
    later = layout.donors[after]
    middle = np.array([mean_of(later[:, j]) for j in range(later.shape[1])])
    found = predict(layout.donors[before], fit.gap[before], fit.weights, np.vstack([later, middle]), rule)
    gaps = np.append(fit.gap[after], fit.effect)
    return PredictionRows(rule, found, gaps, tuple(np.asarray(layout.periods)[after].tolist()))


def prediction_said(rows: PredictionRows | None) -> dict[str, bool | int | float | str | None]:
    """The interval of the mean effect and how it was made, as conventions; empty when not asked for."""
    if rows is None:
        return {}
    lower, upper = rows.around(len(rows.periods))
    return {
        "prediction_interval": "weights by simulation in a local copy of the simplex, shocks by a bound; Bonferroni",
        "prediction_lower": lower,
        "prediction_upper": upper,
        "prediction_level": rows.rule.level,
        "prediction_shocks": SHOCKS[rows.rule.shock],
        "prediction_draws": rows.rule.draws,
        "prediction_seed": rows.rule.seed,
        "prediction_lags": rows.rule.lags,
        "prediction_threshold": rows.found.rho,
        "prediction_mean": "shocks of the treated periods taken to move together",
    }


def prediction_evidence(rows: PredictionRows | None) -> dict[str, Json]:
    """The interval of every treated period, and what of it comes from the weights."""
    if rows is None:
        return {}
    listed: list[Json] = []
    for place, period in enumerate(rows.periods):
        lower, upper = rows.around(place)
        listed.append(
            {
                "period": period,
                "lower": lower,
                "upper": upper,
                "from_weights_lower": float(rows.gaps[place] - rows.found.weights_upper[place]),
                "from_weights_upper": float(rows.gaps[place] - rows.found.weights_lower[place]),
            }
        )
    return {"prediction_periods": listed}
