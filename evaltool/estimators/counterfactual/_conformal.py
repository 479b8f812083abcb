"""The moving-block conformal test of a counterfactual, its interval, and one for every treated period alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.estimators.counterfactual._layout import Layout
from evaltool.numerics.conformal import ConformalInterval, Residuals, Shifts, check_resolution, invert, shift_test
from evaltool.numerics.fits import Method
from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import Bools, Windows, mean_of
from evaltool.records.base import Json
from evaltool.records.plan.analysis import Inference

PLACE = "estimator.options.inference"


@dataclass(frozen=True, slots=True, eq=False)
class Conformal:
    """The test of no effect, the interval of a constant effect, and (period, label, test, interval) one by one."""

    test: Shifts
    interval: ConformalInterval
    periods: tuple[tuple[int, Shifts, ConformalInterval], ...]


def conformal_of(layout: Layout, method: Method, inference: Inference) -> Conformal:
    """Test and intervals at the plan's level, two-sided. Raises RunError.

    RUN_LEVEL_OUT_OF_REACH when no result could be significant, RUN_EMPTY_INTERVAL, RUN_UNBOUNDED_INTERVAL.
    """
    level, windows = float(inference.level), layout.windows
    check_resolution(int(np.sum(windows.before)) + 1, level, PLACE)
    fit = method(layout.values)(layout.target, layout.pool, windows)
    scale = max(fit.rmspe_before, 1e-3 * abs(fit.effect), 1e-6 * float(np.std(layout.y))) or 1.0
    whole, after = _residuals(layout, method, windows.after)
    rows = []
    for place in np.flatnonzero(windows.after).tolist():
        alone = np.zeros(windows.after.shape[0], dtype=bool)
        alone[place] = True
        one, mark = _residuals(layout, method, alone)
        found = invert(one, mark, (float(fit.gap[place]), scale), level=level)
        rows.append((layout.periods[place], shift_test(one(0.0), mark), found))
    return Conformal(
        test=shift_test(whole(0.0), after),
        interval=invert(whole, after, (mean_of(fit.gap[windows.after]), scale), level=level),
        periods=tuple(rows),
    )


def _residuals(layout: Layout, method: Method, after: Bools) -> tuple[Residuals, Bools]:
    """θ → residuals of the fit on periods before the start and ``after`` together; and which of them are treated."""
    kept = np.flatnonzero(layout.windows.before | after)
    values, treated = np.ascontiguousarray(layout.values[kept]), after[kept]
    everything = Windows(before=np.ones(kept.shape[0], dtype=bool), after=treated)

    def residuals(effect: float) -> Floats:
        moved = values.copy()
        moved[treated, layout.target] -= effect
        return method(moved)(layout.target, layout.pool, everything).gap

    return residuals, treated


def conformal_said(test: Conformal | None) -> dict[str, bool | int | float | str | None]:
    """The test and its interval as conventions; empty when not asked for."""
    if test is None:
        return {}
    return {
        "conformal_test": "moving blocks over all cyclic shifts, sum of absolute residuals, fitted under the null",
        "conformal_p": test.test.p_value,
        "conformal_shifts": test.test.shifts,
        "conformal_lower": test.interval.lower,
        "conformal_upper": test.interval.upper,
        "conformal_level": test.interval.level,
        "conformal_interval": "every constant effect the printed test does not reject"
        if test.interval.connected
        else "from the smallest to the largest constant effect the printed test does not reject; some between are",
        "conformal_grid_step": test.interval.step,
    }


def conformal_evidence(test: Conformal | None) -> dict[str, Json]:
    """The same for every treated period alone."""
    if test is None:
        return {}
    rows: list[Json] = [
        {
            "period": period,
            "p_value": shifts.p_value,
            "shifts": shifts.shifts,
            "lower": interval.lower,
            "upper": interval.upper,
            "connected": interval.connected,
        }
        for period, shifts, interval in test.periods
    ]
    return {"conformal_periods": rows}
