"""From a counterfactual and its checks to an ``Estimate``: one record whatever the method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, relative_effect
from evaltool.estimators.counterfactual._checks import Checks, checks_of, evidence_of
from evaltool.estimators.counterfactual._conformal import Conformal, conformal_evidence, conformal_of, conformal_said
from evaltool.estimators.counterfactual._layout import Layout
from evaltool.estimators.counterfactual._options import DonorOptions
from evaltool.numerics.fits import Fitter, Method, autocorrelation
from evaltool.numerics.pre_break import break_rank, cusum
from evaltool.numerics.simplex import GAP
from evaltool.numerics.simplex_control import mean_of
from evaltool.records.base import Json
from evaltool.records.estimate import Counts, Element, Estimate, Relative, SeriesPoint
from evaltool.records.plugins import EstimationRequest

Said = dict[str, bool | int | float | str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A method on a layout, with the options all share; ``conformal`` is None where the method has none."""

    name: str
    layout: Layout
    fitter: Fitter
    options: DonorOptions
    conformal: Method | None = None


def checked(request: EstimationRequest, baseline: Baseline) -> tuple[Checks, Conformal | None]:
    """Placebos, leave-one-out and, where asked for, the conformal test. Raises RunError."""
    test = None
    if baseline.options.inference == "conformal" and baseline.conformal is not None:
        test = conformal_of(baseline.layout, baseline.conformal, request.inference)
    return checks_of(baseline.layout, baseline.fitter, baseline.options.placebo_periods), test


def assembled(
    request: EstimationRequest,
    baseline: Baseline,
    found: tuple[Checks, Conformal | None],
    *,
    said: Said,
    evidence: Mapping[str, Json] | None = None,
    notes: tuple[str, ...] = (),
) -> Estimate:
    """The record. ``said`` and ``notes`` are the method's own, ``evidence`` what its certificate adds."""
    layout, (checks, test) = baseline.layout, found
    fit, observed = checks.fit, mean_of(layout.y[layout.windows.after])
    return Estimate(
        key=request.key,
        method=baseline.name,
        kind="effect",
        estimand="ATT (simple)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=fit.effect,
        se=None,
        absent="SYNTHETIC_CONTROL",
        counts=Counts(
            treated=1,
            comparison=len(layout.names),
            observations=layout.y.shape[0] * (1 + len(layout.names)),
            treated_weight=layout.weight_treated,
            comparison_weight=layout.weight_donors,
        ),
        observed=observed,
        counterfactual=observed - fit.effect,
        baseline=float(layout.y[layout.windows.before][-1]),
        relative=_relative(request, layout, fit.effect, observed),
        path=_path(layout, checks),
        series=_series(layout, checks),
        conventions={**_conventions(baseline.options, layout, checks), **said, **conformal_said(test)},
        certificate={**evidence_of(layout, checks), **(evidence or {}), **conformal_evidence(test)},
        notes=(*_notes(request, layout, checks), *notes),
    )


def _relative(request: EstimationRequest, layout: Layout, effect: float, observed: float) -> Relative | None:
    """The effect over the counterfactual mean, or over the last outcome fitted on.

    None when an absolute effect was agreed and the denominator is not positive; RunError (RUN_ZERO_DENOMINATOR) when a
    relative one was.
    """
    name = request.estimand.denominator or "counterfactual"
    value = observed - effect if name == "counterfactual" else float(layout.y[layout.windows.before][-1])
    if value <= 0.0:
        if request.estimand.scale == "absolute":
            return None
        raise zero_denominator(name, value)
    rule = inference_rule(request)
    return relative_effect(effect / value, None, rule=rule, denominator=name, denominator_value=value)


def zero_denominator(name: str, value: float) -> RunError:
    """The refusal of a relative effect without a positive denominator."""
    cause = f"A relative effect was agreed, but its denominator ({name}) is {value:.6g}."
    fix = "Agree on an absolute effect, or on another denominator."
    return RunError(Fault("RUN_ZERO_DENOMINATOR", cause, fix, Place(key="estimand.denominator")))


def _path(layout: Layout, checks: Checks) -> tuple[Element, ...]:
    """The gap in every period, by distance from the start in periods of the data."""
    first = int(np.argmax(layout.windows.after))
    treated = int(np.sum(layout.windows.after))
    return tuple(
        Element(
            kind="event",
            element=place - first,
            label=f"{place - first:+d}" if place != first else "0",
            att=float(gap),
            n_treated=1,
            n_comparison=len(layout.names),
            weight=1.0 / treated if layout.windows.after[place] else 0.0,
        )
        for place, gap in enumerate(checks.fit.gap)
    )


def _series(layout: Layout, checks: Checks) -> tuple[SeriesPoint, ...]:
    """The treated unit (under the label of its start) and its counterfactual (``comparison``), period by period."""
    arms = {
        layout.labels[layout.periods.index(layout.start)] if layout.start in layout.periods else "treated": layout.y
    }
    arms["comparison"] = checks.fit.path
    return tuple(
        SeriesPoint(
            arm=arm,
            period=period,
            label=label,
            mean=float(value),
            units=len(layout.names) if arm == "comparison" else 1,
        )
        for arm, values in arms.items()
        for period, label, value in zip(layout.periods, layout.labels, values, strict=True)
    )


def _conventions(options: DonorOptions, layout: Layout, checks: Checks) -> Said:
    """Choices and figures that every method with donors states (units unnamed)."""
    fit = checks.fit
    others = [other.effect for other in checks.without.values()]
    deviation = float(np.std(layout.y[layout.windows.before], ddof=1))
    return {
        "anticipation": options.anticipation,
        "periods_fitted": int(np.sum(layout.windows.before)),
        "periods_after": int(np.sum(layout.windows.after)),
        "donors": len(layout.names),
        "rmspe_before": fit.rmspe_before,
        "rmspe_after": fit.rmspe_after,
        "rmspe_ratio": fit.ratio,
        "sd_before": deviation,
        "rmspe_before_over_sd": fit.rmspe_before / deviation if deviation > 0.0 else None,
        "sd_divisor": "n - 1",
        "test": "permutation of RMSPE ratios (not squared) over all units, ties against the treated unit",
        "permutation_place": checks.rank.place,
        "permutation_units": checks.rank.units,
        "permutation_p": checks.rank.p_value,
        "permutation_resolution": 1.0 / checks.rank.units,
        "leave_one_out_lower": min(others),
        "leave_one_out_upper": max(others),
        **break_said(layout, checks),
        "placebo_in_time_start": None if checks.earlier is None else checks.earlier[0],
        "placebo_in_time_effect": None if checks.earlier is None else checks.earlier[1].effect,
        "se": "none: permutation only",
    }


def break_said(layout: Layout, checks: Checks) -> Said:
    """Where the gap before the start breaks most, and how often a donor's own gap breaks as much."""
    before = layout.windows.before
    gap = checks.fit.gap[before]
    statistic, place = cusum(gap)
    rank = break_rank(gap, tuple(placebo.gap[before] for placebo in checks.placebos))
    return {
        "break_statistic": statistic,
        "break_period": [label for label, early in zip(layout.labels, before, strict=True) if early][place],
        "break_place": rank.place,
        "break_units": rank.units,
        "break_p": rank.p_value,
    }


def _beyond(layout: Layout) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(T₀,) the periods before the start in which the treated unit lies beyond every donor."""
    y, donors = layout.y[layout.windows.before], layout.donors[layout.windows.before]
    return np.asarray((y > donors.max(axis=1)) | (y < donors.min(axis=1)), dtype=np.bool_)


def weights_said(checks: Checks) -> Said:
    """What weights that solve a certified problem state."""
    solution = checks.fit.solution
    if solution is None:
        return {}
    return {
        "donors_with_weight": int(np.sum(solution.weights > 0.0)),
        "largest_weight": float(np.max(solution.weights)),
        "weights_unique": solution.unique,
        "tie_break": "smallest sum of squared weights",
        "relative_duality_gap": solution.relative_gap,
    }


def residual_said(layout: Layout, checks: Checks) -> Said:
    """How the gaps before the start hang together over time."""
    return {"autocorrelation_before": autocorrelation(checks.fit.gap[layout.windows.before])}


def _notes(request: EstimationRequest, layout: Layout, checks: Checks) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    notes = ["permutation_only"]
    if bool(np.any(_beyond(layout))):
        notes.append("beyond_donors")
    if checks.fit.solution is not None and not checks.fit.solution.unique:
        notes.append("weights_not_unique")
    if checks.fit.solution is not None and checks.fit.solution.relative_gap > GAP:
        notes.append("weights_not_optimal")
    if 1.0 / checks.rank.units > 1.0 - float(request.inference.level) + 1e-12:
        notes.append("permutation_too_coarse")
    signs = {math.copysign(1.0, fit.effect) for fit in (checks.fit, *checks.without.values())}
    if len(signs) > 1:
        notes.append("leave_one_out_changes_sign")
    return tuple(notes)
