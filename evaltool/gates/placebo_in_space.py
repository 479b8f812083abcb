"""The gate that asks whether the treated unit stands out among donors that were not treated.

Every donor is treated as if it had been; p is the share of all units (the treated one among them) whose ratio of error
after to error before is at least the treated unit's. Statistic: p; threshold: α (``alpha``, else one minus the plan's
confidence level). p ≤ α: PASS. p > α: FAIL with PLACEBO_FAIL and consequence review: payment may follow the point
estimate, and a person judges what the rank says; a contract may say block. With J donors p cannot fall below 1/(J + 1);
where that exceeds α the test cannot pass whatever happened: CANNOT_TELL. Shares are compared exactly. The ratio has no
sign, so the test is two-sided whatever the plan says of sides.

Sources: Abadie, Diamond & Hainmueller (2010), section 2.3; what p leads to is our own proposal.
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
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="placebo_in_space",
    reason="PLACEBO_FAIL",
    statistic=Words(da="p ved ombytning", en="permutation p-value"),
    unit=Words(da="andel af enhederne", en="share of the units"),
    source=Words(
        da="Abadie, Diamond & Hainmueller (2010); eget forslag: "
        "Over én minus planens konfidensniveau vurderes det af en person",
        en="Abadie, Diamond & Hainmueller (2010); own proposal: above one minus the plan's level is reviewed",
    ),
)


class Options(Record):
    """The largest p-value accepted; one minus the plan's confidence level when absent."""

    alpha: Annotated[Exact, Field(gt=0, lt=1)] | None = None


def check(context: GateContext) -> GateResult:
    """PASS when p ≤ α, FAIL when not, CANNOT_TELL when no p could be."""
    options = Options.model_validate(context.options)
    place, units = figure_of(context, "permutation_place"), figure_of(context, "permutation_units")
    if place is None or units is None or not 1 <= place <= units:
        return no_synthetic_control(context, MEASURE)
    alpha = Decimal(1) - context.plan.inference.level if options.alpha is None else options.alpha
    share, finest = Fraction(int(place), int(units)), Fraction(1, int(units))
    evidence: dict[str, Json] = {
        "place": int(place),
        "units": int(units),
        "p_value": float(share),
        "resolution": float(finest),
        "alpha": str(alpha),
        "sides": "two",
    }
    da, en = (
        {"place": number(place, lang), "units": number(units, lang), "p": number(float(share), lang, 3)}
        | {"alpha": number(alpha, lang), "finest": number(float(finest), lang, 3)}
        for lang in ("da", "en")
    )
    if finest > Fraction(alpha):
        coarse = Words(
            da=f"Med {da['units']} enheder kan p ikke blive mindre end {da['finest']}, så {da['alpha']} kan ikke nås "
            f"(plads {da['place']}).",
            en=f"With {en['units']} units p cannot be less than {en['finest']}, so {en['alpha']} is out of reach "
            f"(place {en['place']}).",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=coarse, evidence=evidence))
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if share <= Fraction(alpha) else "FAIL",
            sentence=Words(
                da=f"Indsatsenheden er nr. {da['place']} af {da['units']}, når alle behandles, som om de fik indsatsen "
                f"(p = {da['p']}); højst {da['alpha']} accepteres.",
                en=f"The treated unit is number {en['place']} of {en['units']} when all are taken as if treated "
                f"(p = {en['p']}); at most {en['alpha']} is accepted.",
            ),
            statistic=float(share),
            threshold=float(alpha),
            evidence=evidence,
        ),
    )


PLUGIN = GatePlugin(
    name="placebo_in_space",
    order=51,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_donors,
    check=check,
    families=DONORS,
)
