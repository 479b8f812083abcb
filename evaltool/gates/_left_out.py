"""What the gates share that leave something out and look whether the result is another: sign and payment tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaltool.gates._common import Finding, Measure, answer, counted, effect_of, effect_text, finite
from evaltool.gates._matched import turned
from evaltool.records.base import Json, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext

DID = ("did",)


@dataclass(frozen=True, slots=True)
class Told:
    """What was left out, in words: ``en klynge`` and ``one cluster``; why nothing could be."""

    what: Words
    absent: Words


def for_did(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to difference-in-differences."""
    if capabilities.family == "did":
        return None
    return (
        "Metoden sammenligner ikke grupper over tid.",
        "The method does not compare groups over time.",
    )


def sign(value: float) -> int:
    """−1, 0 or 1."""
    return (value > 0) - (value < 0)


def reached(value: float, thresholds: tuple[float, ...]) -> int:
    """How many thresholds a figure reaches."""
    return sum(value >= threshold for threshold in thresholds)


def judged(
    context: GateContext, measure: Measure, told: Told, effects: Sequence[float | None], facts: dict[str, Json]
) -> GateResult:
    """PASS where sign and tier stay; REVIEW where another tier is reached, FAIL where the sign changes.

    ``effects`` are in the outcome's own unit and sign; None where it could not be estimated.
    """
    if not effects:
        return answer(context, measure, Finding(verdict="CANNOT_TELL", sentence=told.absent, evidence=facts))
    claim = effect_of(context).value
    values = [float("nan") if effect is None else turned(context, effect) for effect in effects]
    if not finite(claim, *values):
        unknown = Words(
            da=f"Uden {told.what.in_language('da')} gav beregningen mindst én gang ikke et tal.",
            en=f"Without {told.what.in_language('en')} the computation gave no number at least once.",
        )
        return answer(context, measure, Finding(verdict="CANNOT_TELL", sentence=unknown, evidence=facts))
    tier = reached(claim, context.thresholds)
    opposite = sum(sign(value) != sign(claim) for value in values)
    other = sum(sign(v) != sign(claim) or reached(v, context.thresholds) != tier for v in values)
    verdict: Verdict = "FAIL" if opposite else "REVIEW" if other else "PASS"
    return answer(
        context,
        measure,
        Finding(
            verdict=verdict,
            sentence=Words(
                da=_sentence(context, told, verdict, values, "da"), en=_sentence(context, told, verdict, values, "en")
            ),
            statistic=float(other),
            threshold=0.0,
            evidence={
                "effect": claim,
                "smallest": min(values),
                "largest": max(values),
                "payment_thresholds": [*context.thresholds],
                "thresholds_reached": tier,
                "other_sign": opposite,
                "other_tier_or_sign": other,
                **facts,
            },
        ),
    )


def _sentence(context: GateContext, told: Told, verdict: Verdict, values: list[float], lang: str) -> str:
    """The range of the effects and what changes."""
    low, high = (effect_text(context, value, lang) for value in (min(values), max(values)))
    what, fits = told.what.in_language(lang), counted(len(values), "fits", lang)
    if lang == "da":
        end = {
            "PASS": "fortegn og betalingstrin er de samme",
            "REVIEW": "mindst én gang på et andet betalingstrin",
            "FAIL": "mindst én gang med modsat fortegn eller ingen effekt",
        }[verdict]
        return f"Uden {what} ad gangen ({fits}) er effekten {low} til {high}; {end}."
    end = {
        "PASS": "with the same sign and payment tier",
        "REVIEW": "at least once in another payment tier",
        "FAIL": "at least once with the other sign or no effect",
    }[verdict]
    return f"Without {what} at a time ({fits}) the effect is {low} to {high}, {end}."
