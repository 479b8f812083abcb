"""The gate that asks whether the gap to the donors, or a single series' own course, breaks before the start.

Statistic: p, the share of all units whose gaps before the start have a cumulated deviation from their mean at least as
large (CUSUM, in standard deviations) as the treated unit's, each fitted on the others. p > α (``alpha``, 0.05): PASS.
p ≤ α: REVIEW with STRUCTURAL_BREAK, naming the period in which the second part begins; a contract may say block. With
too few donors for α: CANNOT_TELL. Of one series (alone or beside a control) p is that of the largest F over the
interior of the time before the start, as its method computed it; with too few periods: CANNOT_TELL. A break that is
known belongs in ``breaks`` of the estimator, and is refused.

Sources: Ploberger & Krämer (1992) for the statistic, ranks after Abadie, Diamond & Hainmueller (2010); Andrews (1993)
for one series; α and what it leads to are our own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._donors import figure_of, no_synthetic_control
from evaltool.gates._matched import DONORS, for_donors
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="break_before",
    reason="STRUCTURAL_BREAK",
    statistic=Words(da="p for et brud før start", en="p-value of a break before the start"),
    unit=Words(da="andel af enhederne", en="share of the units"),
    source=Words(
        da="Ploberger & Krämer (1992); eget forslag: Højst 0,05 vurderes af en person",
        en="Ploberger & Krämer (1992); own proposal: 0.05 or less is reviewed",
    ),
)

SERIES = Measure(
    name="break_before",
    reason="STRUCTURAL_BREAK",
    statistic=MEASURE.statistic,
    unit=Words(da="andel af trækningerne", en="share of the draws"),
    source=Words(
        da="Andrews (1993); eget forslag: Højst 0,05 vurderes af en person",
        en="Andrews (1993); own proposal: 0.05 or less is reviewed",
    ),
)
ONE_SERIES = "history.series"


class Options(Record):
    """The p-value up to which a person judges."""

    alpha: Annotated[Exact, Field(gt=0, lt=1)] = Decimal("0.05")


def applies(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods with donors, and to those that carry one series on."""
    if ONE_SERIES in capabilities.designs or for_donors(capabilities, plan) is None:
        return None
    return (
        "Metoden følger hverken donorer eller en enkelt tidsserie før start.",
        "The method follows neither donors nor a single series before the start.",
    )


def check(context: GateContext) -> GateResult:
    """PASS or REVIEW from p, CANNOT_TELL when no p could be as small as α or nothing could be looked for."""
    alpha = Options.model_validate(context.options).alpha
    if figure_of(context, "break_places") is not None:
        return _of_series(context, alpha)
    place, units = figure_of(context, "break_place"), figure_of(context, "break_units")
    if place is None or units is None or not 1 <= place <= units:
        return no_synthetic_control(context, MEASURE)
    share, finest = Fraction(int(place), int(units)), Fraction(1, int(units))
    where = str(context.headline.conventions.get("break_period"))
    evidence: dict[str, Json] = {
        "place": int(place),
        "units": int(units),
        "p_value": float(share),
        "alpha": str(alpha),
        "period": where,
    }
    da, en = (
        {"p": number(float(share), lang, 3), "alpha": number(alpha, lang), "units": number(units, lang)}
        for lang in ("da", "en")
    )
    if finest > Fraction(alpha):
        coarse = Words(
            da=f"Med {da['units']} enheder kan p ikke blive så lille som {da['alpha']}; et brud kan ikke ses.",
            en=f"With {en['units']} units p cannot be as small as {en['alpha']}; a break cannot be seen.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=coarse, evidence=evidence))
    sentence = Words(
        da=f"Afstanden til donorerne bryder mest i {where}; blandt {da['units']} enheder er p = {da['p']}, og "
        f"{da['alpha']} eller mindre vurderes.",
        en=f"The gap to the donors breaks most in {where}; among {en['units']} units p = {en['p']}, and "
        f"{en['alpha']} or less is reviewed.",
    )
    verdict: Verdict = "PASS" if share > Fraction(alpha) else "REVIEW"
    return answer(
        context,
        MEASURE,
        Finding(verdict, sentence, statistic=float(share), threshold=float(alpha), evidence=evidence),
    )


def _of_series(context: GateContext, alpha: Decimal) -> GateResult:
    """The answer for one series, from the figures of its method."""
    p, places = figure_of(context, "break_p"), figure_of(context, "break_places")
    if p is None or not places:
        short = Words(
            da="Der er for få perioder før start til at se et brud.",
            en="There are too few periods before the start to see a break.",
        )
        return answer(context, SERIES, Finding(verdict="CANNOT_TELL", sentence=short))
    said = context.headline.conventions
    where = str(said.get("break_period"))
    evidence: dict[str, Json] = {
        "f": figure_of(context, "break_f"),
        "df": str(said.get("break_df")),
        "places": int(places),
        "p_value": p,
        "alpha": str(alpha),
        "period": where,
        "autocorrelation": figure_of(context, "break_autocorrelation"),
    }
    da, en = ({"p": number(p, lang, 3), "alpha": number(alpha, lang)} for lang in ("da", "en"))
    sentence = Words(
        da=f"Seriens eget forløb før start bryder mest i {where}; p = {da['p']}, og {da['alpha']} eller mindre "
        f"vurderes.",
        en=f"The series' own course before the start breaks most in {where}; p = {en['p']}, and {en['alpha']} or "
        f"less is reviewed.",
    )
    verdict: Verdict = "PASS" if p > float(alpha) else "REVIEW"
    return answer(context, SERIES, Finding(verdict, sentence, statistic=p, threshold=float(alpha), evidence=evidence))


PLUGIN = GatePlugin(
    name="break_before",
    order=46,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
    families=DONORS,
)
