"""Triple differences again by another road: three two-period regressions on long frames, averaged with pandas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.estimators.did._layout import Rule
from evaltool.estimators.did._second_opinion import average_of_cells, long_frame, pair_again
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
    rule: Rule = "balanced"


def triple_again(
    request: EstimationRequest, choices: Choices, covariates: tuple[str, ...], how: TripleAgain
) -> SecondOpinion:
    """The headline from two-period regressions of the treated against each of the other groups."""
    frame = long_frame(request)
    first, last = frame["period"].min(), frame["period"].max()
    frame.loc[frame["start"] > last + choices.anticipation, "start"] = np.inf
    frame = frame[frame["start"] > first + choices.anticipation]
    if how.rule in {"pairs", "rows"}:
        untouched = frame["period"] + choices.anticipation < frame["start"]
        frame = frame[untouched.groupby(frame["unit"]).transform("any")]
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
            each = {c: _triple(pair, (g, c), period, choices.method, (covariates, how.rule)) for c in others}
            found = {c: effect for c, effect in each.items() if effect is not None}
            if found:
                weights = how.weights.get((g, int(period)), {others[0]: 1.0})
                cells.append((g, period, float(people[g]), sum(weights[c] * effect for c, effect in found.items())))
    table = pd.DataFrame(cells, columns=["start", "period", "share", "att"])
    route = "statsmodels" if covariates else "linearmodels"
    return SecondOpinion(
        value=average_of_cells(table, request.estimand.aggregation),
        by=f"{route} on the three pairs of groups in each pair of periods, averaged with pandas",
    )


def _triple(
    pair: pd.DataFrame, starts: tuple[float, float], period: int, method: str, how: tuple[tuple[str, ...], Rule]
) -> float | None:
    """Own ineligible plus the other eligible less the other ineligible; None where one of them was not seen."""
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
        found = pair_again(rows, treated, rows["period"] == period, method, how)
        if found is None:
            return None
        total += sign * found
    return total
