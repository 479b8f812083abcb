"""What stands beside a synthetic control: placebos in space, one in time, and the fit without each donor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._layout import FEWEST_BEFORE, Layout
from evaltool.numerics.simplex_control import (
    Control,
    Rank,
    Windows,
    fit_control,
    leave_one_out,
    placebos_in_space,
    rank_of,
)
from evaltool.records.base import Json


@dataclass(frozen=True, slots=True, eq=False)
class Checks:
    """Everything fitted beside the effect. ``earlier`` is (pretended start, fit), or None when not asked for."""

    control: Control
    placebos: tuple[Control, ...]
    rank: Rank
    without: dict[int, Control]
    earlier: tuple[int, Control] | None


def checks_of(layout: Layout, placebo_periods: int | None) -> Checks:
    """Fit all. Raises RunError (RUN_SHORT_HISTORY, RUN_NOT_OPTIMAL)."""
    control = fit_control(layout.y, layout.donors, layout.windows)
    placebos = placebos_in_space(layout.donors, layout.windows)
    without = leave_one_out(layout.y, layout.donors, layout.windows, control)
    return Checks(
        control=control,
        placebos=placebos,
        rank=rank_of(control, placebos),
        without=without,
        earlier=None if placebo_periods is None else _earlier(layout, placebo_periods),
    )


def _earlier(layout: Layout, periods: int) -> tuple[int, Control]:
    """The fit as if treatment had started ``periods`` earlier, on data from before the start only."""
    history = np.flatnonzero(layout.windows.before)
    left = history.shape[0] - periods
    if left < FEWEST_BEFORE:
        raise RunError(
            Fault(
                code="RUN_SHORT_HISTORY",
                cause=f"A placebo {periods} periods earlier leaves {left} periods to fit on; two are needed.",
                fix="Pretend a later start, or include earlier periods.",
                place=Place(key="estimator.options.placebo_periods"),
            )
        )
    size = len(layout.periods)
    before, after = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    before[history[:left]] = True
    after[history[left:]] = True
    pretended = Windows(before=before, after=after)
    return layout.periods[int(history[left])], fit_control(layout.y, layout.donors, pretended)


def evidence_of(layout: Layout, checks: Checks) -> dict[str, Json]:
    """Certificate, weights, placebos and leave-one-out as plain values; units by id, sorted by id."""
    control, solution = checks.control, checks.control.solution
    by_name = sorted(range(len(layout.names)), key=lambda j: layout.names[j])
    everybody = [control, *checks.placebos, *checks.without.values()]
    optimum: dict[str, Json] = {
        "problem": "min |Cw|^2, w >= 0, sum w = 1",
        "sum_error": abs(float(np.sum(solution.weights)) - 1.0),
        "smallest_weight": float(np.min(solution.weights)),
        "duality_gap": max(solution.gap, 0.0),
        "relative_gap": solution.relative_gap,
        "unique": solution.unique,
        "largest_relative_gap_of_all_fits": max(fit.solution.relative_gap for fit in everybody),
    }
    weights: dict[str, Json] = {
        layout.names[j]: float(solution.weights[j]) for j in by_name if solution.weights[j] > 0.0
    }
    placebos: list[Json] = [{"unit": layout.names[j], **_figures(checks.placebos[j])} for j in by_name]
    gaps: dict[str, Json] = {layout.names[j]: [float(g) for g in checks.placebos[j].gap] for j in by_name}
    return {
        "optimum": optimum,
        "donor_weights": weights,
        "treated": {"unit": layout.unit, **_figures(control)},
        "placebos": placebos,
        "placebo_gaps": gaps,
        "permutation": {"place": checks.rank.place, "units": checks.rank.units, "p_value": checks.rank.p_value},
        "leave_one_out": [
            {"without": layout.names[j], **_figures(checks.without[j])} for j in by_name if j in checks.without
        ],
        "placebo_in_time": None
        if checks.earlier is None
        else {"start": checks.earlier[0], **_figures(checks.earlier[1])},
    }


def _figures(control: Control) -> dict[str, Json]:
    """Effect and fit of one synthetic control."""
    return {
        "effect": control.effect,
        "rmspe_before": control.rmspe_before,
        "rmspe_after": control.rmspe_after,
        "ratio": control.ratio,
    }
