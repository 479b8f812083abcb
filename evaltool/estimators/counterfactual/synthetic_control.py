"""Synthetic control: the treated unit against the weighted donors that followed it best before the start.

Estimand
    The mean over the treated periods of Y_t(treated) − Y_t(untreated) of the one treated unit (its ATT).

Equation as implemented
    Weights w ≥ 0, Σw = 1 minimise Σ over periods t with t + anticipation < start of (Y_1t − Σ w_j Y_jt)², all such
    periods counting alike and no other predictors. Gap_t = Y_1t − Σ w_j Y_jt; the effect is the mean gap from the start
    on. Where several weights fit equally well, the one with the smallest Σw² is taken and this is said. The optimum is
    certified: feasibility, and a duality gap of at most 10⁻¹² of the largest squared distance of a donor.

Uncertainty
    No standard error exists and none is made up. Every donor is treated as if it had been treated, with the other
    donors (never the treated unit) as its pool; p = share of all units whose ratio of RMSPE after to RMSPE before (not
    squared) is at least the treated unit's. Its resolution is 1 / (donors + 1). No interval.

Assumptions
    The treated unit's untreated outcomes lie within reach of the donors' weighted outcomes and follow the same factors;
    donors are not affected; nothing else happens to the treated unit alone; no anticipation beyond the stated periods.

Refuses when
    Not exactly one unit is treated within the data; fewer than two donors, or two periods to fit on; a unit-period has
    no outcome; the plan asks for clusters, cohorts or another target; the certificate fails; a relative effect has a
    denominator that is not positive.

Source
    Abadie, Diamond & Hainmueller 2010 (JASA 105), equations 2–3 and section 2.3 (placebos); Abadie, Diamond &
    Hainmueller 2015 (AJPS 59) (RMSPE ratio, in-time placebo, leave-one-out); Doudchenko & Imbens 2016, section 3
    (outcomes only).

Reference implementation and agreed tolerance
    Proposition 99, outcomes only: exact weights of an independent solution to 1e-8. R Synth 1.1.8 and synthdid 0.0.9
    stop above the optimum (effects −19.6 and weights off by 0.01): closeness only.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import inference_rule, relative_effect
from evaltool.estimators.counterfactual._checks import Checks, checks_of, evidence_of
from evaltool.estimators.counterfactual._layout import Layout, layout_of
from evaltool.estimators.counterfactual._second_opinion import control_again
from evaltool.numerics.simplex_control import mean_of
from evaltool.records.base import Record
from evaltool.records.estimate import Counts, Element, Estimate, Relative, SecondOpinion, SeriesPoint
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "counterfactual.synthetic_control"


class SyntheticControlOptions(Record):
    """``[estimator.options]`` of ``counterfactual.synthetic_control``."""

    anticipation: int = Field(default=0, ge=0)
    """Periods before the start in which an effect is allowed for; they are not fitted on."""
    placebo_periods: int | None = Field(default=None, ge=1)
    """Also pretend a start this many fitted periods earlier, on earlier data only."""


def options_of(request: EstimationRequest) -> SyntheticControlOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, SyntheticControlOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with certificate, placebos and leave-one-out. Raises RunError with every fault found."""
    options = options_of(request)
    layout = layout_of(request, options.anticipation)
    checks = checks_of(layout, options.placebo_periods)
    control, after = checks.control, layout.windows.after
    observed = mean_of(layout.y[after])
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand="ATT (simple)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=control.effect,
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
        counterfactual=observed - control.effect,
        baseline=float(layout.y[layout.windows.before][-1]),
        relative=_relative(request, layout, control.effect, observed),
        path=_path(layout, checks),
        series=_series(layout, checks),
        conventions=_conventions(options, layout, checks),
        certificate=evidence_of(layout, checks),
        notes=_notes(request, checks),
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
        raise RunError(
            Fault(
                code="RUN_ZERO_DENOMINATOR",
                cause=f"A relative effect was agreed, but its denominator ({name}) is {value:.6g}.",
                fix="Agree on an absolute effect, or on another denominator.",
                place=Place(key="estimand.denominator"),
            )
        )
    rule = inference_rule(request)
    return relative_effect(effect / value, None, rule=rule, denominator=name, denominator_value=value)


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
        for place, gap in enumerate(checks.control.gap)
    )


def _series(layout: Layout, checks: Checks) -> tuple[SeriesPoint, ...]:
    """The treated unit (under the label of its start) and its synthetic control (``comparison``), period by period."""
    arms = {
        layout.labels[layout.periods.index(layout.start)] if layout.start in layout.periods else "treated": layout.y
    }
    arms["comparison"] = checks.control.path
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


def _conventions(
    options: SyntheticControlOptions, layout: Layout, checks: Checks
) -> dict[str, bool | int | float | str | None]:
    """Every choice that changes a digit, and the figures gates and readers need (units unnamed)."""
    control, solution = checks.control, checks.control.solution
    others = [fit.effect for fit in checks.without.values()]
    deviation = float(np.std(layout.y[layout.windows.before], ddof=1))
    return {
        "solver": "exact (non-negative least squares, active set, duality certificate)",
        "predictors": "outcomes of every fitted period, equal weight",
        "anticipation": options.anticipation,
        "periods_fitted": int(np.sum(layout.windows.before)),
        "periods_after": int(np.sum(layout.windows.after)),
        "donors": len(layout.names),
        "donors_with_weight": int(np.sum(solution.weights > 0.0)),
        "largest_weight": float(np.max(solution.weights)),
        "weights_unique": solution.unique,
        "tie_break": "smallest sum of squared weights",
        "relative_duality_gap": solution.relative_gap,
        "rmspe_before": control.rmspe_before,
        "rmspe_after": control.rmspe_after,
        "rmspe_ratio": control.ratio,
        "sd_before": deviation,
        "rmspe_before_over_sd": control.rmspe_before / deviation if deviation > 0.0 else None,
        "sd_divisor": "n - 1",
        "test": "permutation of RMSPE ratios (not squared) over all units, ties against the treated unit",
        "permutation_place": checks.rank.place,
        "permutation_units": checks.rank.units,
        "permutation_p": checks.rank.p_value,
        "permutation_resolution": 1.0 / checks.rank.units,
        "leave_one_out_lower": min(others),
        "leave_one_out_upper": max(others),
        "placebo_in_time_start": None if checks.earlier is None else checks.earlier[0],
        "placebo_in_time_effect": None if checks.earlier is None else checks.earlier[1].effect,
        "se": "none: permutation only",
    }


def _notes(request: EstimationRequest, checks: Checks) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    notes = ["permutation_only"]
    if not checks.control.solution.unique:
        notes.append("weights_not_unique")
    if 1.0 / checks.rank.units > 1.0 - float(request.inference.level) + 1e-12:
        notes.append("permutation_too_coarse")
    signs = {math.copysign(1.0, fit.effect) for fit in (checks.control, *checks.without.values())}
    if len(signs) > 1:
        notes.append("leave_one_out_changes_sign")
    return tuple(notes)


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """The effect by another algorithm on a pivoted frame. Raises RunError."""
    return control_again(request, options_of(request).anticipation)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="counterfactual",
        title="Synthetic control of one treated unit",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("donors.pool",),
        standard_error="never",
        placebo_in_time=True,
        relative=True,
        aggregations=("simple", "none"),
        minimum_treated=1,
        minimum_comparison=2,
    ),
    options=SyntheticControlOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
