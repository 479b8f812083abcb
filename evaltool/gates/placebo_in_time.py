"""The gate that pretends the intervention began earlier and looks for an effect that cannot be there.

The headline is estimated again on data from before anybody's start: the panel is cut before the earliest start (less
the anticipation) among the cohorts used, and all of them are given one pretended start ``periods`` earlier (default:
half of the periods left, at least one; one period, plus the anticipation, must remain before it). A cohort with fewer
pre-treatment periods than that needs is left out of the placebo, and counted. Where no unit stays untreated, the cohort
that starts last is the comparison.

Two conditions: the placebo effect's interval covers 0, and its size is below ``share`` (25 %) of the claimed effect.
Both hold: PASS. One fails: REVIEW. Both fail: FAIL with PLACEBO_FAIL. A placebo that cannot be made is CANNOT_TELL with
the consequence ``impossible`` (review unless the contract says block): a short history is no proof against the claim.
A method that never gives an interval (synthetic control) is judged on the size alone: PASS, or REVIEW. Where the
estimate holds a placebo of its own (``placebo_periods``) and the gate's options state no periods, that one is judged.

Statistic: |placebo effect|; threshold: share · |effect|; both on the estimand's scale, with the headline's denominator.

Source: own proposal; the idea is the in-time placebo of Abadie, Diamond & Hainmueller (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from evaltool.errors import EvaltoolError
from evaltool.gates._common import Finding, Measure, answer, effect_of, effect_text, effect_unit, finite
from evaltool.gates._donors import figure_of
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.estimate import Estimate
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="placebo_in_time",
    reason="PLACEBO_FAIL",
    statistic=Words(da="størrelse af placeboeffekten", en="size of the placebo effect"),
    unit=Words(da="effektmålets enhed", en="unit of the outcome metric"),
    source=Words(
        da="Eget forslag; placebo i tid efter Abadie, Diamond & Hainmueller (2015)",
        en="Own proposal; in-time placebo after Abadie, Diamond & Hainmueller (2015)",
    ),
)


class Options(Record):
    """Largest share of the claim, periods of pretended treatment, and what an impossible placebo leads to."""

    share: Annotated[Exact, Field(gt=0)] = Decimal("0.25")
    periods: int | None = Field(default=None, ge=1)
    impossible: Literal["review", "block"] = "review"


@dataclass(frozen=True, slots=True, eq=False)
class Placebo:
    """A panel from before the start, with a pretended one."""

    panel: Panel
    start: int
    periods: int
    """Periods of pretended treatment."""
    before: int
    """Periods before the pretended start."""
    units: int
    left_out: int
    """Units of cohorts with too short a history."""


def applies(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods that can be refitted with an earlier start."""
    if capabilities.placebo_in_time:
        return None
    return (
        "Metoden kan ikke gentages med en tidligere start.",
        "The method cannot be repeated with an earlier start.",
    )


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the placebo effect's interval and size."""
    options = Options.model_validate(context.options)
    if options.periods is None and (own := _recorded(context)) is not None:
        return _judged(context, options, *own)
    placebo = None if context.panel is None else earlier(context.panel, _anticipation(context), options.periods)
    if placebo is None or context.refit is None:
        too_short = Words(
            da="Der er for få perioder før indsatsen til at gentage analysen med en tidligere start.",
            en="There are too few periods before the start to repeat the analysis with an earlier one.",
        )
        return _impossible(context, options, too_short, {})
    facts: dict[str, Json] = {
        "start": context.panel.label(placebo.start) if context.panel else str(placebo.start),
        "periods": placebo.periods,
        "periods_before": placebo.before,
        "units": placebo.units,
        "units_left_out": placebo.left_out,
    }
    try:
        estimate = context.refit(placebo.panel)
    except EvaltoolError as error:
        refused = Words(
            da="Analysen kunne ikke gentages med en tidligere start.",
            en="The analysis could not be repeated with an earlier start.",
        )
        return _impossible(context, options, refused, facts | {"codes": [*error.codes]})
    return _judged(context, options, estimate, facts)


def _recorded(context: GateContext) -> tuple[Estimate, dict[str, Json]] | None:
    """The synthetic control's own placebo as an estimate, with its pretended start; None when it made none."""
    headline = context.headline
    start, effect = figure_of(context, "placebo_in_time_start"), figure_of(context, "placebo_in_time_effect")
    if headline.absent != "SYNTHETIC_CONTROL" or start is None or effect is None:
        return None
    label = str(int(start)) if context.panel is None else context.panel.label(int(start))
    return headline.model_copy(update={"att": effect}), {"start": label, "made_by": headline.method}


def _judged(context: GateContext, options: Options, estimate: Estimate, facts: dict[str, Json]) -> GateResult:
    """The verdict on a placebo estimate."""
    effect = effect_of(context)
    size = abs(effect.factor * estimate.att)
    allowed = float(options.share) * abs(effect.value)
    ends = None if estimate.interval is None else (estimate.interval.lower, estimate.interval.upper)
    facts = facts | {
        "placebo": estimate.att,
        "placebo_se": estimate.se,
        "interval": None if ends is None else [*ends],
        "factor": effect.factor,
        "claim": effect.value,
        "share": str(options.share),
    }
    if ends is None and context.capabilities.standard_error == "never" and finite(size, allowed):
        return _judged_by_size(context, (size, allowed), facts)
    if ends is None or not finite(size, allowed, *ends):
        unknown = Words(
            da="Analysen med en tidligere start gav intet tal med usikkerhed.",
            en="The analysis with an earlier start gave no number with an uncertainty.",
        )
        return _impossible(context, options, unknown, facts)
    covers, small = ends[0] <= 0 <= ends[1], size < allowed
    verdict: Verdict = "PASS" if covers and small else "REVIEW" if covers or small else "FAIL"
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=verdict,
            sentence=Words(
                da=_danish(context, str(facts["start"]), (size, allowed), covers=covers),
                en=_english(context, str(facts["start"]), (size, allowed), covers=covers),
            ),
            statistic=size,
            threshold=allowed,
            evidence=facts | {"covers_zero": covers, "small": small},
            unit=effect_unit(context),
        ),
    )


def _impossible(context: GateContext, options: Options, why: Words, facts: dict[str, Json]) -> GateResult:
    """CANNOT_TELL with the consequence the contract gives an impossible placebo."""
    found = Finding(verdict="CANNOT_TELL", sentence=why, evidence=facts, consequence=options.impossible)
    return answer(context, MEASURE, found)


def _anticipation(context: GateContext) -> int:
    """Periods before the start in which an effect is allowed for."""
    stated = context.plan.estimator.options.get("anticipation", 0)
    return int(stated) if isinstance(stated, int | Decimal) else 0


def earlier(panel: Panel, anticipation: int, periods: int | None) -> Placebo | None:
    """The panel before anybody's start with a pretended start, or None when the history is too short.

    ``periods`` of pretended treatment, or half of the history. No row at or after a used unit's own start (less the
    anticipation) is kept.
    """
    if "period" not in panel.frame or "first_treated" not in panel.frame:
        return None
    starts = panel.frame["first_treated"]
    needed = 1 + anticipation + (periods or 1)
    cohorts = [g for g in panel.starts if _history(panel, g - anticipation) >= needed]
    never = bool(np.isinf(starts.to_numpy(dtype=np.float64)).any())
    if not cohorts or (not never and len(cohorts) == 1):
        return None
    cut = cohorts[0] - anticipation
    history = [p for p in panel.periods if p < cut]
    moved = periods or max(1, min(len(history) // 2, len(history) - 1 - anticipation))
    start = history[-moved]
    kept = panel.frame[starts.isin([*cohorts, np.inf]) & (panel.frame["period"] < cut)]
    untreated = np.inf if never else float(cohorts[-1])
    own = kept["first_treated"].to_numpy(dtype=np.float64)
    frame = kept.assign(first_treated=np.where(own == untreated, np.inf, float(start)))
    return Placebo(
        panel=panel.with_frame(frame),
        start=start,
        periods=moved,
        before=len(history) - moved,
        units=_units(frame),
        left_out=_units(panel.frame) - _units(frame),
    )


def _history(panel: Panel, before: int) -> int:
    """Number of periods before ``before``."""
    return sum(1 for period in panel.periods if period < before)


def _units(frame: pd.DataFrame) -> int:
    """Distinct units."""
    return int(frame["unit"].nunique())


def _judged_by_size(context: GateContext, sizes: tuple[float, float], facts: dict[str, Json]) -> GateResult:
    """PASS or REVIEW from the size alone, where no interval can exist."""
    size, allowed = sizes
    small, start = size < allowed, str(facts["start"])
    da = (
        f"Med en opdigtet start i {start} er effekten {effect_text(context, size, 'da')}, "
        f"{'mindre end' if small else 'ikke mindre end'} de tilladte {effect_text(context, allowed, 'da')}; "
        "metoden giver intet interval."
    )
    en = (
        f"With a pretended start in {start} the effect is {effect_text(context, size, 'en')}, "
        f"{'less than' if small else 'not less than'} the {effect_text(context, allowed, 'en')} allowed; "
        "the method gives no interval."
    )
    found = Finding(
        verdict="PASS" if small else "REVIEW",
        sentence=Words(da=da, en=en),
        statistic=size,
        threshold=allowed,
        evidence=facts | {"covers_zero": None, "small": small},
        unit=effect_unit(context),
    )
    return answer(context, MEASURE, found)


def _danish(context: GateContext, start: str, sizes: tuple[float, float], *, covers: bool) -> str:
    """The sentence in Danish."""
    zero = "dækker 0" if covers else "dækker ikke 0"
    small = "mindre end" if sizes[0] < sizes[1] else "ikke mindre end"
    return (
        f"Med en opdigtet start i {start} er effekten {effect_text(context, sizes[0], 'da')}, {small} de tilladte "
        f"{effect_text(context, sizes[1], 'da')}, og dens interval {zero}."
    )


def _english(context: GateContext, start: str, sizes: tuple[float, float], *, covers: bool) -> str:
    """The sentence in English."""
    zero = "covers 0" if covers else "does not cover 0"
    small = "less than" if sizes[0] < sizes[1] else "not less than"
    return (
        f"With a pretended start in {start} the effect is {effect_text(context, sizes[0], 'en')}, {small} the "
        f"{effect_text(context, sizes[1], 'en')} allowed, and its interval {zero}."
    )


PLUGIN = GatePlugin(
    name="placebo_in_time",
    order=50,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
