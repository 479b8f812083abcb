"""The identification bound of a synthetic control: the range of effects over all weights that fit nearly as well."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from evaltool.estimators.counterfactual._layout import Layout
from evaltool.numerics.fits import Fit
from evaltool.numerics.identification_bound import BoundRange, objective_range
from evaltool.numerics.simplex_control import mean_of
from evaltool.records.base import Json


def bound_of(layout: Layout, fit: Fit, delta: Decimal | None) -> tuple[float, BoundRange] | None:
    """(δ, range of the mean counterfactual); None when not asked for. Raises RunError (RUN_NOT_OPTIMAL)."""
    if delta is None or fit.solution is None:
        return None
    before, after = layout.windows.before, layout.windows.after
    c = layout.donors[before] - layout.y[before][:, None]
    later = np.array([mean_of(layout.donors[after, j]) for j in range(len(layout.names))])
    return float(delta), objective_range(c, later, fit.solution, float(delta))


def effects_of(layout: Layout, bound: BoundRange) -> tuple[float, float]:
    """Smallest and largest effect: the observed mean less the largest and the smallest counterfactual."""
    observed = mean_of(layout.y[layout.windows.after])
    ends = (observed - bound.upper.value, observed - bound.lower.value)
    return min(ends), max(ends)


def bound_said(found: tuple[float, BoundRange] | None) -> dict[str, bool | int | float | str | None]:
    """δ as a convention; empty when no range was asked for."""
    return {} if found is None else {"bound_delta": found[0]}


def bound_evidence(layout: Layout, found: tuple[float, BoundRange] | None) -> dict[str, Json]:
    """The range of effects, the weights at its ends and what certifies them; empty when not asked for."""
    if found is None:
        return {}
    delta, bound = found
    lower, upper = effects_of(layout, bound)
    ends: dict[str, Json] = {}
    for name, end in (("lower_effect", bound.upper), ("upper_effect", bound.lower)):
        used = sorted((layout.names[j], float(end.weights[j])) for j in np.flatnonzero(end.weights))
        ends[name] = {"weights": dict(used), "distance_to_bound": abs(end.bound - end.value)}
    rows = int(np.sum(layout.windows.before))
    return {
        "identification_bound": {
            "delta": delta,
            "lower": lower,
            "upper": upper,
            "largest_rmspe": bound.allowed / rows**0.5,
            "ends": ends,
        }
    }
