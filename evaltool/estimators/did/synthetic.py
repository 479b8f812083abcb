"""Synthetic difference-in-differences: weighted donors and weighted periods before the start, then double differences.

Estimand
    The effect averaged over treated unit-periods (``simple``), among units that start within the data.

Equation as implemented
    For each cohort (units that start together) donors are the units never treated. Weights of donors ω follow the
    cohort's mean over the periods t with t + anticipation < start up to a constant, weights of those periods λ follow
    each donor's mean from the start on up to a constant; both none negative, summing to one, with a ridge
    (``numerics.synthetic_did``). Gap_t = y_t − Σ ω_j Y_jt, less its λ-weighted mean before the start; the cohort's
    effect is its mean gap from the start on, and the effect the mean over cohorts by treated unit-periods.
    ``unit_weights = "equal"`` and ``time_weights = "equal"`` together are plain difference-in-differences.

Uncertainty
    ``se = "placebo"``: donors take the places of the treated, cohort by cohort, and everything is fitted again with the
    ridge of the estimate itself; the standard error is the standard deviation of the placebo effects (divisor N), the
    interval normal. All ways are enumerated when there are at most 1,000, else ``draws`` are drawn with ``seed``. It
    takes the treated to vary as donors do. ``se = "jackknife"``: each unit left out, weights held; each cohort needs
    two units. The covariance of the path is that of the placebos.

Assumptions
    Untreated outcomes follow unit and period effects plus a few common factors that ω and λ balance; donors are not
    affected; no anticipation beyond the stated periods; placebos are as noisy as the treated.

Refuses when
    Nobody starts within the data; a cohort has fewer than two periods to fit on; fewer than two donors are never
    treated, or too few to stand in for the treated; a unit lacks a period; a jackknife would empty a cohort; the
    certificate of the weights fails.

Source
    Arkhangelsky, Athey, Hirshberg, Imbens & Wager 2021 (AER 111), algorithms 1, 3 and 4, and appendix A (staggered
    starts); Clarke, Pailañir, Athey & Imbens 2024 (Stata Journal 24) (mean over cohorts).

Reference implementation and agreed tolerance
    R synthdid 0.0.9 on Proposition 99 and a simulated panel, by ``solver = "frank_wolfe"``, which stops where R stops:
    1e-9. The exact solver reaches a lower loss and another effect (−15.605398 against −15.603828).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators._inference import (
    inference_rule,
    interval_and_p,
    relative_effect,
    sides_convention,
    statistic_of,
)
from evaltool.estimators.did._layout import arrange, panel_of
from evaltool.estimators.did._result import FEW_TREATED, NOISE, series_of
from evaltool.estimators.did._second_synthetic import synthetic_again
from evaltool.estimators.did._synthetic import Found, Replicas, Setting, fitted, jackknife, placebos, setting_of
from evaltool.numerics.inference import Floats, InferenceRule
from evaltool.numerics.simplex import GAP
from evaltool.numerics.simplex_control import TIED, mean_of
from evaltool.numerics.synthetic_did import Penalties, Rules
from evaltool.records.base import Json, Record
from evaltool.records.estimate import Counts, Element, Estimate, Relative, SecondOpinion
from evaltool.records.plugins import Capabilities, EstimationRequest, EstimatorPlugin

NAME = "did.synthetic"
Said = dict[str, bool | int | float | str | None]


class SyntheticDidOptions(Record):
    """``[estimator.options]`` of ``did.synthetic``."""

    solver: Literal["exact", "frank_wolfe"] = "exact"
    """``frank_wolfe`` stops where R synthdid stops, for replication alone."""
    se: Literal["placebo", "jackknife"] = "placebo"
    unit_weights: Literal["fitted", "equal"] = "fitted"
    time_weights: Literal["fitted", "equal"] = "fitted"
    anticipation: int = Field(default=0, ge=0)
    """Periods before the start in which an effect is allowed for; they are not fitted on."""
    draws: int = Field(default=200, ge=99, le=10_000)
    """Placebos drawn where there are too many to enumerate."""
    seed: int = Field(default=1, ge=0)


def options_of(request: EstimationRequest) -> SyntheticDidOptions:
    """The request's options. Raises TypeError when they were parsed for another method."""
    if not isinstance(request.options, SyntheticDidOptions):
        message = f"{NAME} was given {type(request.options).__name__}"
        raise TypeError(message)
    return request.options


def rules_of(options: SyntheticDidOptions) -> Rules:
    """How weights are found."""
    return Rules(options.solver, options.unit_weights == "equal", options.time_weights == "equal")


def estimate(request: EstimationRequest) -> Estimate:
    """The effect with its standard error, its path and the placebos. Raises RunError with every fault found."""
    options = options_of(request)
    setting = setting_of(arrange(request, options.anticipation, ()), options.anticipation, rules_of(options))
    found, penalties = fitted(setting)
    replicas = None if options.se == "jackknife" else placebos(setting, penalties, options.draws, options.seed)
    se, errors = jackknife(setting, found) if replicas is None else _spreads(replicas)
    known = se > NOISE * float(np.max(np.abs(setting.arranged.layout.outcome)))
    rule = inference_rule(request)
    interval, p_value = interval_and_p(found.effect, se if known else None, rule)
    observed, baseline = _levels(setting)
    covariance = () if replicas is None or not known else _covariance(replicas)
    return Estimate(
        key=request.key,
        method=NAME,
        kind="effect",
        estimand="ATT (simple)",
        unit=request.outcome.unit.in_language("en") or request.outcome.id,
        att=found.effect,
        se=se if known else None,
        absent=None if known else "NO_VARIATION",
        interval=interval,
        p_value=p_value,
        statistic=statistic_of(found.effect, se if known else None),
        counts=_counts(setting),
        observed=observed,
        counterfactual=observed - found.effect,
        baseline=baseline,
        relative=_relative(request, (found.effect, se if known else None), (observed, baseline), rule),
        path=_path(setting, found, errors if known else None, rule),
        groups=_groups(setting, found),
        event_covariance=covariance,
        series=series_of(setting.arranged),
        conventions=_said(request, setting, found, penalties, replicas),
        certificate=_evidence(request, setting, found, replicas),
        notes=_notes(request, setting, found, replicas),
    )


def _spreads(replicas: Replicas) -> tuple[float, Floats]:
    """Standard errors of the effect and of every event time."""
    return replicas.spread(replicas.effects), np.array([replicas.spread(column) for column in replicas.paths.T])


def _covariance(replicas: Replicas) -> tuple[tuple[float, ...], ...]:
    """(events, events) covariance of the placebo paths, divisor N."""
    centred = replicas.paths - replicas.paths.mean(axis=0)
    return tuple(tuple(float(v) for v in row) for row in centred.T @ centred / centred.shape[0])


def _levels(setting: Setting) -> tuple[float, float]:
    """Mean outcome over treated unit-periods, and of the treated in the last period fitted on."""
    outcome = setting.arranged.layout.outcome
    total = sum(cohort.weight for cohort in setting.cohorts)
    units = sum(cohort.size for cohort in setting.cohorts)
    after = [outcome[c.rows][:, c.windows.after].ravel() for c in setting.cohorts]
    last = [outcome[c.rows][:, c.windows.before][:, -1] for c in setting.cohorts]
    return math.fsum(np.concatenate(after).tolist()) / total, math.fsum(np.concatenate(last).tolist()) / units


def _counts(setting: Setting) -> Counts:
    """Sizes by arm; every unit is its own cluster."""
    treated, donors = sum(cohort.size for cohort in setting.cohorts), setting.donors.shape[0]
    return Counts(
        treated=treated,
        comparison=donors,
        observations=(treated + donors) * len(setting.arranged.layout.periods),
        clusters=treated + donors,
        treated_clusters=treated,
    )


def _relative(
    request: EstimationRequest, effect: tuple[float, float | None], levels: tuple[float, float], rule: InferenceRule
) -> Relative | None:
    """The effect as a share; what was observed is taken as known. Raises RunError (RUN_ZERO_DENOMINATOR)."""
    name, (att, se), (observed, baseline) = request.estimand.denominator or "counterfactual", effect, levels
    value = baseline if name == "baseline" else observed - att
    if value <= 0.0:
        if request.estimand.scale == "absolute":
            return None
        cause = f"A relative effect was agreed, but its denominator ({name}) is {value:.6g}."
        fix = "Agree on an absolute effect, or on another denominator."
        raise RunError(Fault("RUN_ZERO_DENOMINATOR", cause, fix, Place(key="estimand.denominator")))
    moves = 1.0 / value if name == "baseline" else observed / value**2
    own = None if se is None or moves <= 0.0 else se * moves
    return relative_effect(att / value, own, rule=rule, denominator=name, denominator_value=value)


def _path(setting: Setting, found: Found, errors: Floats | None, rule: InferenceRule) -> tuple[Element, ...]:
    """The mean gap by event time, measured from the weighted periods before the start."""
    elements = []
    for place, (event, gap) in enumerate(found.path.items()):
        se = None if errors is None or not float(errors[place]) > 0.0 else float(errors[place])
        interval, p_value = interval_and_p(gap, se, rule)
        elements.append(
            Element(
                kind="event",
                element=event,
                label=f"{event:+d}" if event else "0",
                att=gap,
                se=se,
                interval=interval,
                p_value=p_value,
                n_treated=sum(c.size for c in setting.cohorts if _sees(c.windows.after, event)),
                n_comparison=setting.donors.shape[0],
            )
        )
    return tuple(elements)


def _sees(after: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], event: int) -> bool:
    """Whether a cohort is observed so many periods from its start."""
    return 0 <= int(np.argmax(after)) + event < after.shape[0]


def _groups(setting: Setting, found: Found) -> tuple[Element, ...]:
    """The effect of every cohort."""
    labels = dict(zip(setting.arranged.layout.periods, setting.arranged.labels, strict=True))
    total = sum(cohort.weight for cohort in setting.cohorts)
    return tuple(
        Element(
            kind="group",
            element=cohort.start,
            label=labels.get(cohort.start, str(cohort.start)),
            att=fit.effect,
            n_treated=cohort.size,
            n_comparison=setting.donors.shape[0],
            weight=cohort.weight / total,
        )
        for cohort, fit in zip(setting.cohorts, found.fits, strict=True)
    )


def _said(
    request: EstimationRequest,
    setting: Setting,
    found: Found,
    penalties: tuple[Penalties, ...],
    replicas: Replicas | None,
) -> Said:
    """Every choice that changes a digit."""
    options = options_of(request)
    exact = "exact (non-negative least squares, active set, duality certificate)"
    how: Said = {"se": "jackknife over units, weights held"}
    if replicas is not None:
        ways = "all of them" if replicas.enumerated else f"drawn with seed {options.seed}"
        how = {
            "se": "standard deviation of placebo effects, divisor N, ridge of the estimate",
            "placebos": int(replicas.effects.shape[0]),
            "placebos_possible": replicas.possible if replicas.possible < 10**15 else "more than 10^15",
            "placebos_chosen": ways,
            "placebo_p": _placebo_p(found, replicas),
        }
    return {
        "control_group": "never_treated",
        "anticipation": options.anticipation,
        "solver": exact if options.solver == "exact" else "Frank-Wolfe, stopped as R synthdid stops",
        "unit_weights": options.unit_weights,
        "time_weights": options.time_weights,
        "zeta_units": penalties[0].units,
        "zeta_periods": penalties[0].periods,
        "noise_level": penalties[0].noise,
        "donors": setting.donors.shape[0],
        "cohorts": len(setting.cohorts),
        "donors_with_weight": int(np.sum(np.any([fit.units > 0.0 for fit in found.fits], axis=0))),
        "largest_weight": max(float(np.max(fit.units)) for fit in found.fits),
        "relative_duality_gap": max(max(fit.relative_gaps) for fit in found.fits),
        **how,
        "distribution": "normal",
        "interval": sides_convention(request),
        "weights": "equal",
    }


def _placebo_p(found: Found, replicas: Replicas) -> float:
    """Share of placebos, the treated among them, whose effect is at least as large in size."""
    larger = int(np.sum(np.abs(replicas.effects) >= abs(found.effect) * (1.0 - TIED)))
    return (1 + larger) / (1 + replicas.effects.shape[0])


def _evidence(request: EstimationRequest, setting: Setting, found: Found, replicas: Replicas | None) -> dict[str, Json]:
    """Weights of donors (by id) and of periods, with the certificate of each problem, and the placebo effects."""
    names = _names(request, setting)
    labels = setting.arranged.labels
    cohorts: list[Json] = []
    for cohort, fit in zip(setting.cohorts, found.fits, strict=True):
        early = [labels[k] for k in np.flatnonzero(cohort.windows.before)]
        units: dict[str, Json] = {n: w for n, w in sorted(zip(names, map(float, fit.units), strict=True)) if w != 0.0}
        periods: dict[str, Json] = {n: w for n, w in zip(early, map(float, fit.periods), strict=True) if w != 0.0}
        cohorts.append(
            {
                "start": cohort.start,
                "units": cohort.size,
                "effect": fit.effect,
                "donor_weights": units,
                "time_weights": periods,
                "relative_gap_units": fit.relative_gaps[0],
                "relative_gap_periods": fit.relative_gaps[1],
            }
        )
    evidence: dict[str, Json] = {"cohorts": cohorts}
    if replicas is not None:
        evidence["placebo_effects"] = [float(v) for v in np.sort(replicas.effects)]
        evidence["placebo_mean"] = mean_of(replicas.effects)
    return evidence


def _names(request: EstimationRequest, setting: Setting) -> list[str]:
    """Ids of the donors in the order of ``Setting.donors``."""
    panel = panel_of(request)
    frame = panel.frame
    if request.design.roster is not None:
        frame = frame.loc[frame["unit"].isin(request.design.roster["unit"])]
    units = [str(unit) for unit in frame["unit"].drop_duplicates()]
    rank = setting.arranged.rank
    back = {int(place): unit for unit, place in zip(units, rank, strict=False)}
    return [back[int(place)] for place in setting.places]


def _notes(request: EstimationRequest, setting: Setting, found: Found, replicas: Replicas | None) -> tuple[str, ...]:
    """Stable keys of what a reader must be told."""
    notes = []
    if sum(cohort.size for cohort in setting.cohorts) < FEW_TREATED:
        notes.append("few_treated_clusters")
    if replicas is not None:
        notes.append("placebo_error")
        if 1.0 / (1 + replicas.effects.shape[0]) > 1.0 - float(request.inference.level) + 1e-12:
            notes.append("permutation_too_coarse")
    if max(max(fit.relative_gaps) for fit in found.fits) > GAP:
        notes.append("weights_not_optimal")
    return tuple(sorted(notes))


def second_opinion(request: EstimationRequest) -> SecondOpinion:
    """Weights by Wolfe's algorithm, and the coefficient of a weighted two-way regression. Raises RunError."""
    options = options_of(request)
    rules = rules_of(options)
    if options.solver == "exact":
        return synthetic_again(request, options.anticipation, rules)
    setting = setting_of(arrange(request, options.anticipation, ()), options.anticipation, rules)
    names = _names(request, setting)
    given = {
        cohort.start: (dict(zip(names, map(float, fit.units), strict=True)), [float(w) for w in fit.periods])
        for cohort, fit in zip(setting.cohorts, fitted(setting)[0].fits, strict=True)
    }
    return synthetic_again(request, options.anticipation, rules, given)


PLUGIN = EstimatorPlugin(
    name=NAME,
    capabilities=Capabilities(
        family="did",
        beside=False,
        title="Synthetic difference-in-differences",
        kind="effect",
        needs=("unit", "time", "outcome", "first_treated"),
        designs=("groups.adoption",),
        standard_error="sometimes",
        placebo_in_time=True,
        relative=True,
        aggregations=("simple",),
        minimum_treated=1,
        minimum_comparison=2,
    ),
    options=SyntheticDidOptions,
    estimate=estimate,
    second_opinion=second_opinion,
)
