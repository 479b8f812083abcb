"""The effect as a share of what would have been."""

from __future__ import annotations

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import relative_effect
from evaltool.estimators.weighted._fit import NOISE, TREATMENT, Effect
from evaltool.estimators.weighted._units import MatchedUnits
from evaltool.numerics.inference import InferenceRule
from evaltool.numerics.matching_effect import delta_se
from evaltool.records.estimate import Relative
from evaltool.records.plugins import EstimationRequest


def relative_of(
    request: EstimationRequest, units: MatchedUnits, effect: Effect, rule: InferenceRule
) -> Relative | None:
    """The effect over the counterfactual with its delta-method standard error; the covariates' means count as known.

    None for changes, and when an absolute effect was agreed and the counterfactual is not positive; RunError
    (RUN_ZERO_DENOMINATOR) when a relative one was.
    """
    if units.after is not None:
        return None
    below = effect.observed - effect.att
    if below <= NOISE * float(np.max(np.abs(units.outcome[units.inside]))):
        if request.estimand.scale == "absolute":
            return None
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"A relative effect was agreed, but its denominator (counterfactual) is {below:.6g}.",
                fix="Agree on an absolute effect.",
                place=Place(key="estimand.scale"),
            )
        )
    value = effect.att / below
    se = None
    if effect.covariance is not None:
        gradient = -value / below * effect.means
        gradient[TREATMENT] = 1.0 / below
        se = delta_se(gradient, effect.covariance) or None
    return relative_effect(value, se, rule=rule, denominator="counterfactual", denominator_value=below)
