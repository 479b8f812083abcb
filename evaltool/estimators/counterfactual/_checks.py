"""What stands beside a counterfactual from donors: placebos in space, one in time, and the fit without each donor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.counterfactual._layout import FEWEST_BEFORE, Layout
from evaltool.numerics.fits import Fit, Fitter, effect_rank, in_space, placebo_spread, ratio_rank, without_each
from evaltool.numerics.simplex_control import Rank, Windows
from evaltool.records.base import Json

FEW = 20
"""Below so many donors permutations of flexible fits reject too often in simulations (docs/METHODS.md)."""


def liberal(layout: Layout) -> tuple[str, ...]:
    """The note of a method whose permutation rejects too often with few donors."""
    return ("permutation_liberal",) if len(layout.names) < FEW else ()


@dataclass(frozen=True, slots=True, eq=False)
class Checks:
    """Everything fitted beside the effect. ``earlier`` is (pretended start, fit), or None when not asked for."""

    fit: Fit
    placebos: tuple[Fit, ...]
    rank: Rank
    by_effect: Rank
    without: dict[int, Fit]
    earlier: tuple[int, Fit] | None


def checks_of(layout: Layout, fitter: Fitter, placebo_periods: int | None) -> Checks:
    """Fit all. Raises RunError (RUN_SHORT_HISTORY, and whatever the method refuses)."""
    target, pool = layout.target, layout.pool
    fit = fitter(target, pool, layout.windows)
    placebos = in_space(fitter, pool, layout.windows)
    return Checks(
        fit=fit,
        placebos=placebos,
        rank=ratio_rank(fit, placebos),
        by_effect=effect_rank(fit, placebos),
        without=without_each(fitter, target, pool, layout.windows, fit),
        earlier=None if placebo_periods is None else _earlier(layout, fitter, placebo_periods),
    )


def _earlier(layout: Layout, fitter: Fitter, periods: int) -> tuple[int, Fit]:
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
    return layout.periods[int(history[left])], fitter(layout.target, layout.pool, pretended)


def evidence_of(layout: Layout, checks: Checks) -> dict[str, Json]:
    """Certificate, weights, placebos and leave-one-out as plain values; units by id, sorted by id."""
    fit = checks.fit
    by_name = sorted(range(len(layout.names)), key=lambda j: layout.names[j])
    placebos: list[Json] = [{"unit": layout.names[j], **_figures(checks.placebos[j])} for j in by_name]
    gaps: dict[str, Json] = {layout.names[j]: [float(g) for g in checks.placebos[j].gap] for j in by_name}
    found: dict[str, Json] = {} if fit.solution is None else {"optimum": _optimum(checks)}
    if fit.weights is not None:
        weights: dict[str, Json] = {
            layout.names[j]: float(fit.weights[j]) for j in by_name if float(fit.weights[j]) != 0.0
        }
        found["donor_weights"] = weights
    beside: dict[str, Json] = {
        "treated": {"unit": layout.unit, **_figures(fit)},
        "placebos": placebos,
        "placebo_gaps": gaps,
        "permutation": {"place": checks.rank.place, "units": checks.rank.units, "p_value": checks.rank.p_value},
        "permutation_of_effects": {
            "statistic": "absolute mean gap after the start",
            "place": checks.by_effect.place,
            "units": checks.by_effect.units,
            "p_value": checks.by_effect.p_value,
            "placebo_sd": placebo_spread(checks.placebos),
            "placebo_sd_divisor": "N",
        },
        "leave_one_out": [
            {"without": layout.names[j], **_figures(checks.without[j])} for j in by_name if j in checks.without
        ],
        "placebo_in_time": None
        if checks.earlier is None
        else {"start": checks.earlier[0], **_figures(checks.earlier[1])},
    }
    return found | beside


def _optimum(checks: Checks) -> dict[str, Json]:
    """The certificate of the weights: feasible, and no better ones exist."""
    everybody = [checks.fit, *checks.placebos, *checks.without.values()]
    gaps = [fit.solution.relative_gap for fit in everybody if fit.solution is not None]
    solution = checks.fit.solution
    if solution is None:
        return {}
    return {
        "problem": "min |Cw|^2, w >= 0, sum w = 1",
        "sum_error": abs(float(np.sum(solution.weights)) - 1.0),
        "smallest_weight": float(np.min(solution.weights)),
        "duality_gap": max(solution.gap, 0.0),
        "relative_gap": solution.relative_gap,
        "unique": solution.unique,
        "largest_relative_gap_of_all_fits": max(gaps),
    }


def _figures(fit: Fit) -> dict[str, Json]:
    """Effect and fit of one counterfactual, and what the method chose for it."""
    own: dict[str, Json] = dict(fit.figures.items())
    return {
        "effect": fit.effect,
        "rmspe_before": fit.rmspe_before,
        "rmspe_after": fit.rmspe_after,
        "ratio": fit.ratio,
        **own,
    }
