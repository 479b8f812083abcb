"""The gate that asks whether too many were lost, or unequally many in the two groups.

Attrition of an arm: units lost for want of data (missing values, missing periods, gone after the design was sealed)
over those and the units still there; units left out by a rule of the design are not lost. Statistic: the difference
between the arms; threshold: the boundary of the What Works Clearinghouse at the overall attrition. Within the cautious
boundary: PASS; within the optimistic one: REVIEW (PASS where the contract says ``boundary = "optimistic"``); beyond
both, or with an overall attrition for which there is none (over 57 and 65 per cent): FAIL with ATTRITION_HIGH.
Units whose arm is not known are all counted to the arm that makes the difference larger.

Source: What Works Clearinghouse Standards Handbook 4.1 (2020), cautious and optimistic boundary. WWC states them for
randomised trials; using them for matched comparisons, and a review between the two, is our own proposal.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._few import agreeing, is_few, least, most
from evaltool.gates._lost import Arms, arms_of
from evaltool.gates._matched import MATCHED, for_units
from evaltool.gates._wwc import CAUTIOUS, OPTIMISTIC, boundary
from evaltool.language.numbers import number, percent, points
from evaltool.records.base import Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="attrition",
    reason="ATTRITION_HIGH",
    statistic=Words(da="forskel i frafald", en="difference in attrition"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="What Works Clearinghouse, Standards Handbook 4.1 (2020): "
        "Den forsigtige grænse består, den optimistiske vurderes af en person",
        en="What Works Clearinghouse Standards Handbook 4.1 (2020): cautious boundary passes, optimistic is reviewed",
    ),
)


class Options(Record):
    """The boundary within which the gate passes."""

    boundary: Literal["cautious", "optimistic"] = "cautious"


@dataclass(frozen=True, slots=True)
class Loss:
    """Attrition of both arms and of all, as exact shares."""

    treated: Fraction
    comparison: Fraction
    overall: Fraction

    @property
    def difference(self) -> Fraction:
        """Between the arms, in size."""
        return abs(self.treated - self.comparison)


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the difference in attrition against the boundaries at the overall attrition."""
    options = Options.model_validate(context.options)
    arms = arms_of(context, missing_only=False)
    if arms is None:
        unknown = Words(
            da="Data har ikke enheder i begge grupper; frafaldet kan ikke opgøres.",
            en="The data do not hold units in both groups; attrition cannot be counted.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    loss = worst(arms)
    cautious, optimistic = boundary(CAUTIOUS, loss.overall), boundary(OPTIMISTIC, loss.overall)
    verdict: Verdict = "FAIL"
    if cautious is not None and loss.difference <= cautious:
        verdict = "PASS"
    elif optimistic is not None and loss.difference <= optimistic:
        verdict = "PASS" if options.boundary == "optimistic" else "REVIEW"
    strict = cautious if options.boundary == "cautious" else optimistic
    decided = float((optimistic if verdict == "FAIL" else strict) or 0)
    shown = float(loss.difference)
    sentence = Words(da=_danish(loss, decided, arms), en=_english(loss, decided, arms))
    if is_few(context, arms.lost_treated, arms.lost_comparison, arms.lost_unknown):
        shown = agreeing(float(_largest(context, arms)), verdict, decided, rising=False)
        few = number(context.plan.disclosure.minimum, "da")
        sentence = Words(
            da=f"Frafaldet omfatter færre end {few} i mindst én gruppe; forskellen er højst {points(shown, 'da')} mod "
            f"accepterede {points(decided, 'da')}.",
            en=f"Fewer than {few} were lost from at least one group; attrition differs by at most "
            f"{points(shown, 'en')}, and {points(decided, 'en')} are accepted.",
        )
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=verdict,
            sentence=sentence,
            statistic=shown,
            threshold=decided,
            evidence=_evidence(arms, loss, (cautious, optimistic)) | {"boundary": options.boundary},
            counts=("any:left_out", "submitted:treated", "submitted:comparison", "data:units") if loss.overall else (),
        ),
    )


def worst(arms: Arms) -> Loss:
    """Attrition with everybody of unknown arm counted to the arm that makes the difference larger."""
    ways = [(arms.lost_treated + arms.lost_unknown, arms.lost_comparison)]
    ways.append((arms.lost_treated, arms.lost_comparison + arms.lost_unknown))
    found = []
    for treated, comparison in ways:
        kept = arms.kept_treated + arms.kept_comparison
        found.append(
            Loss(
                treated=Fraction(treated, treated + arms.kept_treated),
                comparison=Fraction(comparison, comparison + arms.kept_comparison),
                overall=Fraction(treated + comparison, treated + comparison + kept),
            )
        )
    return max(found, key=lambda loss: loss.difference)


def _largest(context: GateContext, arms: Arms) -> Fraction:
    """The largest difference that counts withheld from readers would allow."""
    ways = itertools.product(
        *({least(context, n), most(context, n)} for n in (arms.lost_treated, arms.lost_comparison, arms.lost_unknown))
    )
    return max(worst(replace(arms, lost_treated=t, lost_comparison=c, lost_unknown=u)).difference for t, c, u in ways)


def _evidence(arms: Arms, loss: Loss, bounds: tuple[Fraction | None, Fraction | None]) -> dict[str, Json]:
    """Counts, shares and both boundaries."""
    cautious, optimistic = (None if bound is None else float(bound) for bound in bounds)
    return {
        "kept_treated": arms.kept_treated,
        "kept_comparison": arms.kept_comparison,
        "lost_treated": arms.lost_treated,
        "lost_comparison": arms.lost_comparison,
        "lost_unknown": arms.lost_unknown,
        "attrition_treated": float(loss.treated),
        "attrition_comparison": float(loss.comparison),
        "attrition_overall": float(loss.overall),
        "cautious": cautious,
        "optimistic": optimistic,
    }


def _danish(loss: Loss, decided: float, arms: Arms) -> str:
    """The sentence in Danish."""
    unknown = f" {number(arms.lost_unknown, 'da')} uden kendt gruppe er regnet med." if arms.lost_unknown else ""
    return (
        f"Frafaldet er {percent(float(loss.treated), 'da')} i indsatsgruppen og "
        f"{percent(float(loss.comparison), 'da')} i sammenligningsgruppen "
        f"({percent(float(loss.overall), 'da')} i alt); "
        f"forskellen må højst være {points(decided, 'da')}.{unknown}"
    )


def _english(loss: Loss, decided: float, arms: Arms) -> str:
    """The sentence in English."""
    unknown = f" {number(arms.lost_unknown, 'en')} of unknown group are counted." if arms.lost_unknown else ""
    return (
        f"Attrition is {percent(float(loss.treated), 'en')} among the treated and "
        f"{percent(float(loss.comparison), 'en')} in the comparison group ({percent(float(loss.overall), 'en')} in "
        f"all); the difference may be at most {points(decided, 'en')}.{unknown}"
    )


PLUGIN = GatePlugin(
    name="attrition",
    order=37,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_units,
    check=check,
    families=MATCHED,
)
