"""A synthetic control again: donors pivoted with pandas, weights by Wolfe's algorithm, gaps averaged with pandas."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from evaltool.estimators.counterfactual._layout import outcomes_of
from evaltool.estimators.counterfactual._predictors import OUTCOME, PredictorOptions
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest


@dataclass(frozen=True, slots=True, eq=False)
class Pivoted:
    """Outcomes period by unit, the treated unit's id, and which periods are fitted on and which are treated."""

    wide: pd.DataFrame
    treated: Hashable
    history: pd.DataFrame
    later: pd.DataFrame

    @property
    def donors(self) -> list[Hashable]:
        """Ids of the donors, in the order of their columns."""
        return [unit for unit in self.wide.columns if unit != self.treated]


def pivoted(request: EstimationRequest, anticipation: int) -> Pivoted:
    """The outcomes by pandas' own road. Raises RunError (RUN_NEEDS_DATA)."""
    _, rows = outcomes_of(request)
    wide = rows.set_index(["period", "unit"])[f"y.{request.outcome.id}"].unstack("unit")  # noqa: PD010 - not pivot: the first computation's road
    starts = rows.groupby("unit")["first_treated"].first()
    start = float(starts.min())
    return Pivoted(
        wide=wide,
        treated=starts.idxmin(),
        history=wide.loc[wide.index < start - anticipation],
        later=wide.loc[wide.index >= start],
    )


def mean_gap(found: Pivoted, weights: pd.Series[float]) -> float:
    """The treated unit less the weighted donors, on average over the treated periods."""
    gap = found.later[found.treated] - (found.later[found.donors] * weights).sum(axis=1)
    return float(gap.mean())


def control_again(request: EstimationRequest, anticipation: int) -> SecondOpinion:
    """The mean gap after the start. Raises RunError (RUN_NEEDS_DATA)."""
    found = pivoted(request, anticipation)
    distances = found.history[found.donors].sub(found.history[found.treated], axis=0)
    weights = pd.Series(nearest_point_weights(distances.to_numpy(dtype=float)), index=found.donors)
    return SecondOpinion(
        value=mean_gap(found, weights),
        by="Wolfe's nearest-point algorithm on the pivoted outcomes, averaged with pandas",
    )


def controls_again(
    request: EstimationRequest, anticipation: int, given: Mapping[str, Mapping[str, float]] | None
) -> SecondOpinion:
    """The mean gap over treated unit-periods, unit by unit; weights are ``given`` by unit, or found by Wolfe.

    Raises RunError (RUN_NEEDS_DATA).
    """
    _, rows = outcomes_of(request)
    wide = rows.set_index(["period", "unit"])[f"y.{request.outcome.id}"].unstack("unit")  # noqa: PD010 - as above
    starts = rows.groupby("unit")["first_treated"].first()
    treated = starts[starts <= wide.index.max()]
    donors = [unit for unit in wide.columns if unit not in treated.index]
    gaps = []
    for unit, start in treated.items():
        history, later = wide.loc[wide.index < start - anticipation], wide.loc[wide.index >= start]
        if given is None:
            distances = history[donors].sub(history[unit], axis=0).to_numpy(dtype=float)
            weights = pd.Series(nearest_point_weights(distances), index=donors)
        else:
            weights = pd.Series([given[str(unit)][str(donor)] for donor in donors], index=donors)
        gaps.append(later[unit] - (later[donors] * weights).sum(axis=1))
    road = "weights by Wolfe's nearest-point algorithm" if given is None else "the weights of the replaying solver"
    return SecondOpinion(value=float(pd.concat(gaps).mean()), by=f"{road}, each unit's gap averaged with pandas")


def on_predictors_again(request: EstimationRequest, options: PredictorOptions, v: Mapping[str, float]) -> SecondOpinion:
    """The mean gap for given predictor weights ``v``, in the order of the options. Raises RunError (RUN_NEEDS_DATA)."""
    found = pivoted(request, options.anticipation)
    panel, rows = outcomes_of(request)
    table = {}
    for index, predictor in enumerate(options.predictors):
        column = f"y.{request.outcome.id}" if predictor.column == OUTCOME else f"x.{predictor.column}"
        listed = {str(period) for period in predictor.periods}
        chosen = rows[[panel.label(int(period)) in listed for period in rows["period"]]]
        table[index] = chosen.groupby("unit")[column].mean()
    means = pd.DataFrame(table).T
    spread = means.std(axis=1, ddof=1)
    roots = pd.Series([share**0.5 for share in v.values()])
    distances = means[found.donors].sub(means[found.treated], axis=0).div(spread, axis=0).mul(roots, axis=0)
    weights = pd.Series(nearest_point_weights(distances.to_numpy(dtype=float)), index=found.donors)
    return SecondOpinion(
        value=mean_gap(found, weights),
        by="predictors averaged with pandas, Wolfe's nearest-point algorithm for the predictor weights found",
    )
