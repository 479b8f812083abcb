"""From a design that matches with replacement to the ground of a bias correction, and its effect by another road."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._second_opinion import weights_checked
from evaltool.estimators.weighted._units import MatchedUnits, data_of
from evaltool.numerics.bias_correction import Ground
from evaltool.numerics.distances import Metric, coordinates
from evaltool.numerics.distinct import row_codes
from evaltool.numerics.matching import GRID, to_grid
from evaltool.records.estimate import SecondOpinion
from evaltool.records.panel import FloatArray, IntArray, Panel
from evaltool.records.plugins import EstimationRequest

METRICS: dict[str, Metric] = {
    "Mahalanobis, covariance": "mahalanobis",
    "Mahalanobis on ranks": "robust_mahalanobis",
    "Euclidean": "scaled_euclidean",
}
"""How the words of a design's distance begin."""


def ground_of(request: EstimationRequest, units: MatchedUnits) -> Ground:
    """Outcomes, coordinates and matches. Raises RunError (RUN_NOT_BIAS_CORRECTED)."""
    panel, weights, facts = data_of(request)
    pairs, said = request.design.pairs, facts.conventions
    everybody = facts.estimand.startswith("ATE")
    if pairs is None or said.get("replace") is not True:
        raise RunError(_fault("its design does not match with replacement"))
    if everybody and len(weights) != facts.treated_submitted + facts.comparison_submitted:
        raise RunError(_fault("units are gone since a design for the ATE was locked"))
    place = pd.Index(weights["unit"])
    one, two = (place.get_indexer(pairs[arm]).astype(np.int64) for arm in ("treated", "comparison"))
    swapped = np.full(one.shape[0], facts.estimand.startswith("ATC"))
    if everybody:
        swapped = one != pairs["set"].to_numpy(dtype=np.int64) - 1
    return Ground(
        outcome=units.outcome,
        treated=units.treated == 1.0,
        points=_points(panel, units),
        stratum=_strata(panel, said.get("exact")),
        first=np.where(swapped, two, one),
        second=np.where(swapped, one, two),
    )


def bias_again(request: EstimationRequest, units: MatchedUnits) -> SecondOpinion:
    """Means under the design's weights, less the difference of covariates times statsmodels' coefficients."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    checked = weights_checked(request)
    ground = ground_of(request, units)
    used, total, count = ground.used, 0.0, float(np.sum(ground.matched))
    for arm, sign in ((ground.treated, -1.0), (~ground.treated, 1.0)):
        focal, donors = ~arm & ground.matched, arm & (used > 0.0)
        if not bool(np.any(donors)):
            continue
        rows = sm.add_constant(units.covariates[donors], has_constant="add")
        fit = sm.WLS(units.outcome[donors], rows, weights=used[donors]).fit()
        predicted = fit.predict(sm.add_constant(units.covariates[focal], has_constant="add"))
        total += sign * float(np.sum(units.outcome[focal] - predicted))
    return SecondOpinion(value=total / count, by=f"{checked}, statsmodels.WLS on the units used as matches")


def _points(panel: Panel, units: MatchedUnits) -> FloatArray:
    """(n, p) coordinates the design measured distances on. Raises RunError where its columns are not there."""
    said = units.facts.conventions
    distance = str(said.get("distance", ""))
    metric = next((one for words, one in METRICS.items() if distance.startswith(words)), None)
    if metric is None:
        return to_grid(units.score)[:, None] / GRID
    names = _names(panel, said.get("match_on")) or units.facts.covariates
    x = panel.frame[[f"x.{name}" for name in names]].to_numpy(dtype=np.float64)
    return coordinates(x, units.treated == 1.0, metric)


def _strata(panel: Panel, exact: object) -> IntArray:
    """(n,) codes of the distinct rows of the columns that had to be equal."""
    names = _names(panel, exact)
    if not names:
        return np.zeros(len(panel.frame), dtype=np.int64)
    values = panel.frame[[f"x.{name}" for name in names]].to_numpy(dtype=np.float64) + 0.0
    return row_codes(values)


def _names(panel: Panel, said: object) -> tuple[str, ...]:
    """Columns as the design wrote them down."""
    names = tuple(said.split(", ")) if isinstance(said, str) else ()
    if any(name not in panel.covariates for name in names):
        raise RunError(_fault(f"the data lack a column of the design ({said})"))
    return names


def _fault(why: str) -> Fault:
    """Why the bias of this design is not corrected."""
    return Fault(
        code="RUN_NOT_BIAS_CORRECTED",
        cause=f"The bias of this matching is not corrected here: {why}.",
        fix='Match with replacement (replace = true), or use "weighted.difference" with covariates.',
        place=Place(key="estimator.method"),
    )
