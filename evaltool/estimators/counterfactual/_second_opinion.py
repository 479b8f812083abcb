"""A synthetic control again: donors pivoted with pandas, weights by Wolfe's algorithm, gaps averaged with pandas."""

from __future__ import annotations

import pandas as pd

from evaltool.estimators.counterfactual._layout import outcomes_of
from evaltool.numerics.simplex_wolfe import nearest_point_weights
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest


def control_again(request: EstimationRequest, anticipation: int) -> SecondOpinion:
    """The mean gap after the start. Raises RunError (RUN_NEEDS_DATA)."""
    _, rows = outcomes_of(request)
    wide = rows.set_index(["period", "unit"])[f"y.{request.outcome.id}"].unstack("unit")  # noqa: PD010 - not pivot: the first computation's road
    starts = rows.groupby("unit")["first_treated"].first()
    treated = starts.idxmin()
    start = float(starts.min())
    history = wide.loc[wide.index < start - anticipation]
    donors = wide.drop(columns=treated)
    distances = history[donors.columns].sub(history[treated], axis=0)
    weights = pd.Series(nearest_point_weights(distances.to_numpy(dtype=float)), index=donors.columns)
    later = wide.loc[wide.index >= start]
    gap = later[treated] - (later[donors.columns] * weights).sum(axis=1)
    return SecondOpinion(
        value=float(gap.mean()),
        by="Wolfe's nearest-point algorithm on the pivoted outcomes, averaged with pandas",
    )
