"""Triple differences again by another road: three two-period regressions on long frames, averaged with pandas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.estimators.did._second_opinion import TwoByTwo, average_of_cells, long_frame
from evaltool.numerics.group_time import Choices
from evaltool.records.estimate import SecondOpinion
from evaltool.records.plugins import EstimationRequest


@dataclass(frozen=True, slots=True)
class TripleAgain:
    """The column of eligibility, and by start and period the weight of each comparison group where there are several.

    The weights are those of the first computation: they decide which average is meant, not what is averaged.
    """

    eligible: str
    weights: Mapping[tuple[float, int], Mapping[float, float]]


def triple_again(
    request: EstimationRequest, choices: Choices, covariates: tuple[str, ...], how: TripleAgain
) -> SecondOpinion:
    """The headline from two-period regressions of the treated against each of the other groups."""
    frame = long_frame(request)
    first, last = frame["period"].min(), frame["period"].max()
    frame.loc[frame["start"] > last + choices.anticipation, "start"] = np.inf
    frame = frame[frame["start"] > first + choices.anticipation]
    frame = frame.assign(able=frame[f"x.{how.eligible}"] == 1.0)
    both = frame.groupby("start")["able"].nunique()
    starts = sorted(both[both > 1].index)
    people = frame[frame["able"]].drop_duplicates("unit").groupby("start")["w"].sum()
    cells = []
    for g in (start for start in starts if np.isfinite(start)):
        base = max(p for p in frame["period"].unique() if p + choices.anticipation < g)
        for period in sorted(p for p in frame["period"].unique() if p >= g):
            never = choices.control == "never_treated"
            others = [c for c in starts if c != g and (np.isinf(c) if never else c > period + choices.anticipation)]
            if not others:
                continue
            pair = frame[frame["period"].isin([base, period])]
            found = {c: _triple(pair, (g, c), period, covariates, choices.method) for c in others}
            weights = how.weights.get((g, int(period)), {others[0]: 1.0})
            cells.append((g, period, float(people[g]), sum(weights[c] * found[c] for c in others)))
    table = pd.DataFrame(cells, columns=["start", "period", "share", "att"])
    route = "statsmodels" if covariates else "linearmodels"
    return SecondOpinion(
        value=average_of_cells(table, request.estimand.aggregation),
        by=f"{route} on the three pairs of groups in each pair of periods, averaged with pandas",
    )


def _triple(
    pair: pd.DataFrame, starts: tuple[float, float], period: int, covariates: tuple[str, ...], method: str
) -> float:
    """Own ineligible plus the other eligible less the other ineligible."""
    own = (pair["start"] == starts[0]) & pair["able"]
    others = (
        ((pair["start"] == starts[0]) & ~pair["able"], 1.0),
        ((pair["start"] == starts[1]) & pair["able"], 1.0),
        ((pair["start"] == starts[1]) & ~pair["able"], -1.0),
    )
    total = 0.0
    for other, sign in others:
        rows = pair[own | other]
        treated = rows["able"] & (rows["start"] == starts[0])
        total += sign * TwoByTwo(rows, treated, rows["period"] == period, covariates).effect(method)
    return total
