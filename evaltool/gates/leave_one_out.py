"""The gate that asks whether the result hangs on one donor.

The synthetic control is fitted again without each donor that carries weight. Statistic: fits whose effect reaches other
payment thresholds, or has another sign, than the headline's; threshold 0. None: PASS. Another tier and the same sign:
REVIEW. Another sign: FAIL. Both with ONE_DONOR_DECIDES. Effects are compared on the estimand's scale; a relative one
moves its denominator too. A figure on a threshold counts as having reached it.

Sources: the fits are those of Abadie, Diamond & Hainmueller (2015); the verdict in payment tiers is our own proposal.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer, counted, effect_of, effect_text, finite
from evaltool.gates._donors import as_number, no_synthetic_control
from evaltool.gates._matched import DONORS, for_donors, turned
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="leave_one_out",
    reason="ONE_DONOR_DECIDES",
    statistic=Words(da="beregninger med et andet udfald", en="fits with another outcome"),
    unit=Words(da="beregninger", en="fits"),
    source=Words(
        da="Abadie, Diamond & Hainmueller (2015) om beregningerne; eget forslag: "
        "Fortegn og betalingstrin må ikke skifte",
        en="Abadie, Diamond & Hainmueller (2015) for the fits; own proposal: sign and payment tier must not change",
    ),
)


class Options(Record):
    """Nothing to choose here: sign and tier stay, or they do not."""


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the effects without each donor."""
    effects = without_each(context)
    if not effects:
        return no_synthetic_control(context, MEASURE)
    claim = effect_of(context).value
    values = [turned(context, effect) for effect in effects]
    if not finite(claim, *values):
        unknown = Words(
            da="Uden en af donorerne gav beregningen ikke et tal.",
            en="Without one of the donors the fit gave no number.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    other_sign = [value for value in values if sign(value) != sign(claim)]
    tier = reached(claim, context.thresholds)
    other = [v for v in values if sign(v) != sign(claim) or reached(v, context.thresholds) != tier]
    verdict: Verdict = "FAIL" if other_sign else "REVIEW" if other else "PASS"
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=verdict,
            sentence=Words(da=_sentence(context, verdict, values, "da"), en=_sentence(context, verdict, values, "en")),
            statistic=float(len(other)),
            threshold=0.0,
            evidence={
                "effect": claim,
                "effects": [*sorted(values)],
                "payment_thresholds": [*context.thresholds],
                "thresholds_reached": tier,
                "other_sign": len(other_sign),
                "other_tier_or_sign": len(other),
            },
        ),
    )


def without_each(context: GateContext) -> list[float]:
    """The effect without each donor that carries weight, in the outcome's own unit and sign; empty when not stated."""
    rows = context.headline.certificate.get("leave_one_out")
    found = [as_number(row.get("effect")) for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)]
    return [float("nan") if effect is None else effect for effect in found]


def sign(value: float) -> int:
    """−1, 0 or 1."""
    return (value > 0) - (value < 0)


def reached(value: float, thresholds: tuple[float, ...]) -> int:
    """How many thresholds a figure reaches."""
    return sum(value >= threshold for threshold in thresholds)


def _sentence(context: GateContext, verdict: Verdict, values: list[float], lang: str) -> str:
    """The range of the effects and what changes."""
    low, high = (effect_text(context, value, lang) for value in (min(values), max(values)))
    if lang == "da":
        end = {
            "PASS": "fortegn og betalingstrin er de samme",
            "REVIEW": "mindst én gang på et andet betalingstrin",
            "FAIL": "mindst én gang med modsat fortegn eller ingen effekt",
        }[verdict]
        return f"Uden én donor ad gangen ({counted(len(values), 'fits', lang)}) er effekten {low} til {high}; {end}."
    end = {
        "PASS": "with the same sign and payment tier",
        "REVIEW": "at least once in another payment tier",
        "FAIL": "at least once with the other sign or no effect",
    }[verdict]
    return f"Without one donor at a time ({counted(len(values), 'fits', lang)}) the effect is {low} to {high}, {end}."


PLUGIN = GatePlugin(
    name="leave_one_out",
    order=52,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_donors,
    check=check,
    families=DONORS,
)
