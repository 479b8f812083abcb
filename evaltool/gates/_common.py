"""What gates share: how an answer is written, and the effect on the scale and in the direction that is paid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltool.language.numbers import number, percent
from evaltool.records.base import Json, Words
from evaltool.records.decision import Reason
from evaltool.records.estimate import Estimate
from evaltool.records.gate import Consequence, GateResult, Verdict
from evaltool.records.plugins import GateContext

NOT_FINITE = "not finite"
"""What stands in the evidence instead of NaN or infinity."""


NOUNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "units": {"da": ("enhed", "enheder"), "en": ("unit", "units")},
    "people": {"da": ("person", "personer"), "en": ("person", "people")},
    "clusters": {"da": ("klynge", "klynger"), "en": ("cluster", "clusters")},
    "periods": {"da": ("periode", "perioder"), "en": ("period", "periods")},
    "days": {"da": ("dag", "dage"), "en": ("day", "days")},
    "thresholds": {"da": ("tærskel", "tærskler"), "en": ("threshold", "thresholds")},
    "variations": {"da": ("ændring", "ændringer"), "en": ("variation", "variations")},
    "controls": {"da": ("kontroludfald", "kontroludfald"), "en": ("control outcome", "control outcomes")},
    "fits": {"da": ("beregning", "beregninger"), "en": ("fit", "fits")},
}
"""What gates count: singular and plural."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a gate measures: its name, reason code, statistic, unit and the source of its default threshold."""

    name: str
    reason: Reason
    statistic: Words
    unit: Words
    source: Words


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate found. ``statistic_name``, ``unit`` and ``consequence`` replace the gate's own for this answer."""

    verdict: Verdict
    sentence: Words
    statistic: float | None = None
    threshold: float | None = None
    evidence: Mapping[str, Json] = field(default_factory=dict)
    statistic_name: Words | None = None
    unit: Words | None = None
    consequence: Consequence | None = None
    counts: tuple[str, ...] = ()
    """Names of the disclosure gate for the counts that statistic and sentence tell (``any:left_out``: of the ledger);
    the sizes of the headline's arms go without saying."""


def answer(context: GateContext, measure: Measure, finding: Finding) -> GateResult:
    """The finding as a record. A statistic or threshold that is not finite makes it CANNOT_TELL, whatever it said."""
    verdict, statistic, threshold = finding.verdict, finding.statistic, finding.threshold
    if not finite(statistic, threshold):
        verdict, statistic, threshold = "CANNOT_TELL", None, None
    return GateResult(
        name=measure.name,
        verdict=verdict,
        consequence=finding.consequence or context.consequence,
        statistic=statistic,
        statistic_name=finding.statistic_name or measure.statistic,
        threshold=threshold,
        unit=finding.unit or measure.unit,
        sentence=finding.sentence,
        reason=measure.reason if verdict in {"REVIEW", "FAIL", "CANNOT_TELL"} else None,
        source=measure.source,
        overridden=context.overridden,
        evidence={key: _writable(value) for key, value in finding.evidence.items()},
        counts=finding.counts,
    )


def finite(*values: float | None) -> bool:
    """Whether every value that is there is a finite number."""
    return all(value is None or math.isfinite(value) for value in values)


def _writable(value: Json) -> Json:
    """The evidence without NaN or infinity, which JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return NOT_FINITE
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Effect:
    """The headline as it is paid: on the estimand's scale, more is better.

    ``factor`` turns a number in the outcome's own unit and sign into this scale; with a relative effect the
    denominator is taken as known.
    """

    value: float
    se: float | None
    factor: float


def effect_of(context: GateContext, estimate: Estimate | None = None) -> Effect:
    """The estimate (the headline unless given) in the direction of good on the estimand's scale.

    Raises ValueError when the plan pays a relative effect and none was computed.
    """
    found = context.headline if estimate is None else estimate
    outcome = context.plan.outcome_named(found.key.outcome)
    good = 1.0 if outcome.direction == "increase" or found.kind == "verified_count" else -1.0
    if context.plan.estimand.scale == "absolute":
        return Effect(value=good * found.att, se=found.se, factor=good)
    if found.relative is None:
        message = f"{found.key}: a relative effect was asked for and not computed"
        raise ValueError(message)
    below = found.relative.denominator_value
    return Effect(
        value=good * found.relative.value,
        se=found.relative.se,
        factor=good / below if below else math.nan,
    )


def effect_text(context: GateContext, value: float, lang: str) -> str:
    """A number on the estimand's scale as text: a relative effect in per cent, an absolute one with its unit."""
    if context.plan.estimand.scale == "relative":
        return percent(value, lang)
    unit = context.plan.outcome_named(context.headline.key.outcome).unit.in_language(lang)
    return f"{number(value, lang)} {unit}".strip()


def effect_unit(context: GateContext) -> Words:
    """The unit of numbers on the estimand's scale."""
    if context.plan.estimand.scale == "relative":
        return Words(da="andel af nævneren", en="share of the denominator")
    return context.plan.outcome_named(context.headline.key.outcome).unit


def nearest(value: float, thresholds: tuple[float, ...]) -> float:
    """The payment threshold nearest to ``value``; 0, the line between good and harm, when nothing is paid on one."""
    return min(thresholds, key=lambda threshold: (abs(value - threshold), threshold), default=0.0)


def needs_standard_error(context: GateContext) -> bool:
    """Whether a rule on the headline outcome pays on a lower bound or on significance."""
    return any(
        rule.outcome == context.headline.key.outcome and rule.basis not in {None, "point_estimate"}
        for rule in context.plan.payment.rule
    )


def counted(count: float, noun: str, lang: str) -> str:
    """``1 enhed``, ``2 enheder``; ``noun`` is a key of ``NOUNS``."""
    one, many = NOUNS[noun][lang]
    return f"{number(count, lang)} {one if count == 1 else many}"


def level_of(context: GateContext) -> float:
    """The plan's confidence level."""
    return float(context.plan.inference.level)


def sides_of(context: GateContext) -> int:
    """1 or 2, as the plan states."""
    return 1 if context.plan.inference.sides == "one" else 2
