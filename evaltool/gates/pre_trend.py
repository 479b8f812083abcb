"""The gate that asks how far a trend from before the start could carry the result past a payment threshold.

A pre-trend test that finds nothing proves nothing: with few or noisy periods it finds nothing whatever is there (Roth
2022). So the p-value is printed with its power and **never** decides. What decides is a bound in payment terms:

1. a straight line through the base period is fitted to the pre-period coefficients (generalised least squares, with
   their full covariance);
2. its slope's confidence interval is carried forward to the mean event time h of the paid effect: h·(b ± c·se(b)), at
   the plan's level. The bound is the end farther from zero. The noisier the pre-periods, the larger it is;
3. PASS only when the bound is smaller than the distance from the estimate to the nearest payment threshold (to zero,
   when nothing is paid on a threshold): no trend the data are compatible with changes the tier. Otherwise REVIEW.

Without a pre-period, or without a usable covariance: CANNOT_TELL. The gate never fails; consequence review.

Statistic: the bound; threshold: the distance; both on the estimand's scale. Also printed: joint Wald test, its power
against the trend that would reach the threshold, and the smallest trend it finds with 80 % power. With a universal base
period a trend of b per period shows as b·(e − base); with a varying base as b for every period. A trend that bends, or
a violation that starts with the treatment, is not covered; see Rambachan & Roth (2023).

Sources: Roth (2022), "Pretest with Caution"; Rambachan & Roth (2023) for bounding by what the pre-periods allow. The
comparison with the payment threshold is our own proposal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import numpy as np
from pydantic import Field

from evaltool.gates._common import (
    Finding,
    Measure,
    answer,
    counted,
    effect_of,
    effect_text,
    effect_unit,
    finite,
    level_of,
    nearest,
)
from evaltool.language.numbers import p_value, percent
from evaltool.numerics.inference import Floats, InferenceRule, WaldTest, infer, wald
from evaltool.numerics.power import Trend, detectable_slope, linear_trend, wald_power
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="pre_trend",
    reason="PRETREND_REVIEW",
    statistic=Words(da="største fremskrevne tendens", en="largest trend carried forward"),
    unit=Words(da="effektmålets enhed", en="unit of the outcome metric"),
    source=Words(
        da="Roth (2022); Rambachan & Roth (2023); sammenligningen med betalingstærsklen er eget forslag",
        en="Roth (2022); Rambachan & Roth (2023); the comparison with the payment threshold is our own proposal",
    ),
)


class Options(Record):
    """The power for the smallest trend that is printed."""

    power: Annotated[Exact, Field(gt=Decimal("0.5"), lt=1)] = Decimal("0.8")


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """Pre-period coefficients in the direction of good on the estimand's scale."""

    times: tuple[int, ...]
    coefficients: Floats
    covariance: Floats
    distances: Floats
    """Periods from the base (1 throughout for a varying base)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Everything the verdict rests on."""

    value: float
    distance: float
    threshold: float
    horizon: float
    test: WaldTest
    trend: Trend
    power: float
    """Power of the joint test against the trend that reaches the threshold."""
    detectable: float
    """Smallest slope found with the wanted power, carried to the horizon."""


def applies(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods that give an event study."""
    if capabilities.path:
        return None
    if capabilities.family == "counterfactual":
        return (
            "Metoden er tilpasset perioderne før indsatsen; hvor godt den passer, vurderes for sig.",
            "The method is fitted to the periods before the start; how well it fits is judged on its own.",
        )
    return (
        "Metoden giver ingen forløbsanalyse med perioder før indsatsen.",
        "The method gives no event study with periods before the start.",
    )


def check(context: GateContext) -> GateResult:
    """PASS when no trend the pre-periods allow reaches a threshold, else REVIEW; CANNOT_TELL without pre-periods."""
    options = Options.model_validate(context.options)
    before = before_start(context)
    if before is None:
        missing = Words(
            da="Der er ingen målinger før indsatsen med en brugbar usikkerhed; tendensen før start kan ikke vurderes.",
            en="No measurement before the start has a usable uncertainty; the earlier trend cannot be judged.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))
    bound = _bound(context, before, float(options.power))
    if bound is None or not finite(bound.value, bound.distance, bound.power):
        unknown = Words(
            da="Tendensen før indsatsen kan ikke fremskrives, fordi et af tallene mangler.",
            en="The trend before the start cannot be carried forward, since one of the numbers is missing.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if bound.value < bound.distance else "REVIEW",
            sentence=Words(da=_danish(context, bound), en=_english(context, bound)),
            statistic=bound.value,
            threshold=bound.distance,
            evidence=_evidence(context, before, bound, options),
            unit=effect_unit(context),
        ),
    )


def before_start(context: GateContext) -> Before | None:
    """The pre-period coefficients and their covariance; None when there are none or it is not invertible."""
    estimate = context.headline
    shown = [element for element in estimate.path if not element.reference]
    wait = _anticipation(context)
    chosen = [i for i, element in enumerate(shown) if element.element < -wait]
    if not chosen or len(estimate.event_covariance) != len(shown):
        return None
    factor = effect_of(context).factor
    covariance = np.array(estimate.event_covariance, dtype=np.float64)[np.ix_(chosen, chosen)] * factor**2
    coefficients = np.array([shown[i].att for i in chosen], dtype=np.float64) * factor
    if not (bool(np.all(np.isfinite(covariance))) and bool(np.all(np.isfinite(coefficients)))):
        return None
    times = tuple(shown[i].element for i in chosen)
    if estimate.conventions.get("base_period") == "varying":
        distances = np.ones(len(chosen))
    else:
        distances = np.array(times, dtype=np.float64) - _base(estimate, wait)
    usable = bool(np.any(distances != 0)) and wald(coefficients, covariance) is not None
    return Before(times, coefficients, covariance, distances) if usable else None


def _anticipation(context: GateContext) -> int:
    """Periods before the start in which an effect is allowed for."""
    stated = context.plan.estimator.options.get("anticipation", 0)
    return int(stated) if isinstance(stated, int | Decimal) else 0


def _base(estimate: Estimate, wait: int) -> int:
    """Event time of the base period."""
    marked = [element.element for element in estimate.path if element.reference]
    return marked[0] if len(marked) == 1 else -1 - wait


def horizon(estimate: Estimate, wait: int) -> float:
    """Mean number of periods from the base to the measurements that make up the effect, by their weights."""
    base = _base(estimate, wait)
    cells = [(c.element - c.group - base, c.weight) for c in estimate.cells if c.group is not None and c.weight]
    events = [(e.element - base, 1.0 if e.weight is None else e.weight) for e in estimate.path if e.element >= 0]
    weighted = cells or events
    total = sum(weight for _distance, weight in weighted)
    return sum(distance * weight for distance, weight in weighted) / total if total else float("nan")


def _bound(context: GateContext, before: Before, power: float) -> Bound | None:
    """The bound and what is printed beside it; None when the test cannot be made."""
    test = wald(before.coefficients, before.covariance)
    effect, level = effect_of(context), level_of(context)
    ahead = horizon(context.headline, _anticipation(context))
    if test is None or not finite(ahead, effect.value) or ahead <= 0:
        return None
    trend = linear_trend(before.coefficients, before.covariance, before.distances)
    ends = infer(trend.slope, trend.se, InferenceRule(level=level, df=context.headline.df))
    threshold = nearest(effect.value, context.thresholds)
    distance = abs(effect.value - threshold)
    return Bound(
        value=max(abs(ends.lower), abs(ends.upper)) * ahead,
        distance=distance,
        threshold=threshold,
        horizon=ahead,
        test=test,
        trend=trend,
        power=wald_power(distance / ahead, trend, df=test.df, level=level),
        detectable=detectable_slope(trend, df=test.df, level=level, power=power) * ahead,
    )


def _evidence(context: GateContext, before: Before, bound: Bound, options: Options) -> dict[str, Json]:
    """Everything needed to compute the verdict again."""
    return {
        "event_times": [*before.times],
        "coefficients": [float(x) for x in before.coefficients],
        "covariance": [[float(x) for x in row] for row in before.covariance],
        "distances": [float(x) for x in before.distances],
        "horizon": bound.horizon,
        "slope": bound.trend.slope,
        "slope_se": bound.trend.se,
        "level": level_of(context),
        "df": context.headline.df,
        "estimate": effect_of(context).value,
        "payment_threshold": bound.threshold,
        "wald": bound.test.statistic,
        "wald_df": bound.test.df,
        "wald_p_value": bound.test.p_value,
        "wald_power_at_threshold": bound.power,
        "smallest_detectable_trend": bound.detectable,
        "power": str(options.power),
        "decided_by_p_value": False,
    }


def _danish(context: GateContext, bound: Bound) -> str:
    """The sentence in Danish."""
    side = "mindre end" if bound.value < bound.distance else "ikke mindre end"
    return (
        f"En lige tendens fra før indsatsen kan højst flytte resultatet {effect_text(context, bound.value, 'da')}, "
        f"{side} afstanden {effect_text(context, bound.distance, 'da')} til nærmeste tærskel (testen for tendens: "
        f"p {p_value(bound.test.p_value, 'da')}, styrke {percent(bound.power, 'da', 0)} mod en tendens, der når "
        f"tærsklen; {counted(bound.test.df, 'periods', 'da')})."
    )


def _english(context: GateContext, bound: Bound) -> str:
    """The sentence in English."""
    side = "less than" if bound.value < bound.distance else "not less than"
    return (
        f"A straight trend from before the start can move the result by at most "
        f"{effect_text(context, bound.value, 'en')}, {side} the distance of "
        f"{effect_text(context, bound.distance, 'en')} to the nearest threshold (trend test: p "
        f"{p_value(bound.test.p_value, 'en')}, power {percent(bound.power, 'en', 0)} against a trend that reaches the "
        f"threshold; {counted(bound.test.df, 'periods', 'en')})."
    )


PLUGIN = GatePlugin(
    name="pre_trend",
    order=40,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
