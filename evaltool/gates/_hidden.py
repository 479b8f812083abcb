"""How strong a hidden difference turns a figure over a payment threshold: within sets, as a ratio, and as shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from evaltool.gates._common import Effect, effect_of, level_of, nearest, sides_of
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.set_bounds import Bools, set_bounds, sets_of, turning_gamma
from evaltool.numerics.unmeasured import e_value, robustness_of, rosenbaum_bounds
from evaltool.records.plugins import GateContext

RATIOS = ("binary", "count")
"""Outcomes whose effect is a ratio of means."""
STANDARD = 0.91
"""A standardised difference d stands for a risk ratio of about exp(0.91 d) (VanderWeele & Ding 2017)."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One figure that is paid on, the threshold nearest to it, and what takes it to the other side.

    ``difference`` in the outcome's unit (or of the denominator); ``gamma`` None where units are in no sets of one with
    others, infinite beyond a million; ``robustness`` None where the regression cannot be fitted.
    """

    figure: str
    value: float
    threshold: float
    reached: bool
    difference: float
    gamma: float | None
    e_value: float
    robustness: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """(n,) who takes part: outcome turned so that more is better, treated, weight, set from 0, covariates."""

    outcome: Floats
    treated: Bools
    weight: Floats
    sets: Ints | None
    covariates: Floats


def flips(context: GateContext, adjusted: frozenset[str]) -> list[Flip]:
    """One entry for each figure that is paid on; ``adjusted`` are the headline's covariates. Empty without data."""
    compared = _compared(context, adjusted)
    effect = effect_of(context)
    if compared is None or not effect.factor:
        return []
    paid = {rule.basis for rule in context.plan.payment.rule if rule.outcome == context.headline.key.outcome}
    outcome = context.plan.outcome_named(context.headline.key.outcome)
    lower = context.headline.evidence(direction=outcome.direction, scale=context.plan.estimand.scale).lower
    tail = (1.0 - level_of(context)) / sides_of(context)
    wanted: list[tuple[str, float, float, float]] = []
    if not paid or paid != {"lower_bound"}:
        wanted.append(("point_estimate", effect.value, nearest(effect.value, context.thresholds), 0.5))
    if lower is not None and "lower_bound" in paid:
        wanted.append(("lower_bound", float(lower), nearest(float(lower), context.thresholds), tail))
    if lower is not None and "significant_and_point" in paid:
        wanted.append(("significant_and_point", float(lower), 0.0, tail))
    return [_flip(context, compared, effect, one) for one in wanted]


def _compared(context: GateContext, adjusted: frozenset[str]) -> Compared | None:
    """Those with weight; None without outcomes or where the data hold others than the design."""
    panel, weights, facts = context.panel, context.design.weights, context.design.summary.matching
    if panel is None or panel.masked or weights is None or facts is None:
        return None
    frame = panel.frame
    known = {"treated", f"y.{context.headline.key.outcome}"} <= set(frame)
    if not known or frame["unit"].tolist() != weights["unit"].tolist():
        return None
    inside = weights["weight"].to_numpy(dtype=np.float64) > 0.0
    good = 1.0 if context.plan.outcome_named(context.headline.key.outcome).direction == "increase" else -1.0
    treated = frame["treated"].to_numpy(dtype=bool)[inside]
    code = weights["set"].to_numpy(dtype=np.int64)[inside]
    sets = None
    if bool(np.all(code > 0)) and "strata" not in facts.conventions:
        sets = np.unique(code, return_inverse=True)[1].reshape(-1).astype(np.int64)
        ours = np.bincount(sets, weights=treated.astype(np.float64))
        if bool(np.any(np.minimum(ours, np.bincount(sets) - ours) != 1)):
            sets = None
    names = [f"x.{name}" for name in sorted(adjusted) if f"x.{name}" in frame]
    return Compared(
        outcome=good * panel.outcome(context.headline.key.outcome)[inside],
        treated=treated,
        weight=weights["weight"].to_numpy(dtype=np.float64)[inside],
        sets=sets,
        covariates=frame.loc[inside, names].to_numpy(dtype=np.float64),
    )


def _flip(context: GateContext, compared: Compared, effect: Effect, wanted: tuple[str, float, float, float]) -> Flip:
    """What takes one figure over its nearest threshold."""
    figure, value, threshold, tail = wanted
    unit = abs(effect.factor)
    apart = abs(value - threshold) / unit
    reached = value >= threshold
    return Flip(
        figure=figure,
        value=value,
        threshold=threshold,
        reached=reached,
        difference=abs(value - threshold),
        gamma=_gamma(compared, threshold / unit, tail, reached=reached),
        e_value=_ratio(context, compared, (value / unit, threshold / unit)),
        robustness=robustness_of(compared.outcome, compared.treated, compared.weight, compared.covariates, apart),
    )


def _gamma(compared: Compared, effect: float, alpha: float, *, reached: bool) -> float | None:
    """Γ that turns the test that the effect is more than ``effect``; None without sets or without differences."""
    if compared.sets is None:
        return None
    left = compared.outcome - np.where(compared.treated, effect, 0.0)
    try:
        if bool(np.all(np.bincount(compared.sets) == 2)):  # noqa: PLR2004 - pairs
            order = np.lexsort((~compared.treated, compared.sets))
            differences = left[order][::2] - left[order][1::2]
            return turning_gamma(partial(rosenbaum_bounds, np.round(differences, 12)), alpha, reached=reached)
        return turning_gamma(
            partial(set_bounds, sets_of(left, compared.treated, compared.sets)), alpha, reached=reached
        )
    except ValueError:
        return None


def _ratio(context: GateContext, compared: Compared, ends: tuple[float, float]) -> float:
    """The E-value that takes the first effect to the second: of a ratio of means, else of a standardised difference."""
    kind, below = context.plan.outcome_named(context.headline.key.outcome).kind, context.headline.counterfactual
    if kind in RATIOS and below is not None and below > 0.0:
        sign = 1.0 if context.plan.outcome_named(context.headline.key.outcome).direction == "increase" else -1.0
        means = [below + sign * end for end in ends]
        if min(means) > 0.0:
            return e_value(means[0] / means[1])[0]
    squares = 0.0
    for arm in (compared.treated, ~compared.treated):
        own, weight = compared.outcome[arm], compared.weight[arm] / math.fsum(compared.weight[arm].tolist())
        squares += float(weight @ (own - weight @ own) ** 2) / 2.0
    if squares <= 0.0:
        return 1.0
    return e_value(math.exp(STANDARD * (ends[0] - ends[1]) / math.sqrt(squares)))[0]
