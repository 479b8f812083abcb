"""The gate that asks whether the synthetic control followed the treated unit before the start.

Statistic: root mean squared prediction error over the periods fitted, over the standard deviation (n − 1) of the
treated unit's outcome in the same periods. At most ``good`` (0.10): PASS; at most ``fair`` (0.25): REVIEW; more: FAIL
with PREFIT_POOR. An outcome that does not vary is fitted when the error is zero; otherwise CANNOT_TELL. With more
donors than periods a close fit is no evidence; both counts are printed.

Sources: own proposal; the check is that of Abadie (2021), section 4 (the fit must be close).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.gates._donors import figure_of, no_synthetic_control
from evaltool.gates._matched import DONORS, Limits, for_donors, misordered
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="prefit",
    reason="PREFIT_POOR",
    statistic=Words(da="fejl før start i standardafvigelser", en="error before the start in standard deviations"),
    unit=Words(da="standardafvigelser", en="standard deviations"),
    source=Words(
        da="Eget forslag: 0,10 består, 0,10 til 0,25 vurderes af en person, mere spærrer; "
        "kontrollen er efter Abadie (2021)",
        en="Own proposal: 0.10 passes, 0.10 to 0.25 is reviewed, more blocks; the check is after Abadie (2021)",
    ),
)


class Options(Record):
    """Ratios up to which the gate passes, and up to which it asks for a review."""

    good: Annotated[Exact, Field(gt=0)] = Decimal("0.10")
    fair: Annotated[Exact, Field(gt=0)] = Decimal("0.25")

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse a review limit below the pass limit."""
        if misordered(self.good, self.fair, rising=False):
            message = "fair must not be below good"
            raise ValueError(message)
        return self


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the error before the start over the outcome's standard deviation."""
    options = Options.model_validate(context.options)
    error, spread = figure_of(context, "rmspe_before"), figure_of(context, "sd_before")
    periods, donors = figure_of(context, "periods_fitted"), figure_of(context, "donors")
    if error is None or spread is None or periods is None or donors is None:
        return no_synthetic_control(context, MEASURE)
    if spread <= 0 < error:
        flat = Words(
            da="Effektmålet varierer ikke før indsatsen; fejlen har intet at måles imod.",
            en="The outcome does not vary before the start; there is nothing to measure the error against.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=flat))
    ratio = error / spread if spread > 0 else 0.0
    limits = Limits(options.good, options.fair, rising=False)
    verdict = limits.verdict(ratio)
    decided = limits.deciding(verdict)
    loose_da, loose_en = ("", "")
    if donors > periods:
        loose_da = f" Med {number(donors, 'da')} donorer og {counted(periods, 'periods', 'da')} er det ikke svært."
        loose_en = f" With {number(donors, 'en')} donors and {counted(periods, 'periods', 'en')} that is not hard."
    sentence = Words(
        da=f"Før indsatsen rammer den syntetiske kontrol inden for {number(ratio, 'da', 3)} standardafvigelser; højst "
        f"{number(decided, 'da')} accepteres.{loose_da}",
        en=f"Before the start the synthetic control is off by {number(ratio, 'en', 3)} standard deviations; at most "
        f"{number(decided, 'en')} is accepted.{loose_en}",
    )
    evidence: dict[str, Json] = {
        "rmspe_before": error,
        "sd_before": spread,
        "sd_divisor": "n - 1",
        "periods_fitted": int(periods),
        "donors": int(donors),
        "good": str(options.good),
        "fair": str(options.fair),
    }
    found = Finding(verdict=verdict, sentence=sentence, statistic=ratio, threshold=decided, evidence=evidence)
    return answer(context, MEASURE, found)


PLUGIN = GatePlugin(
    name="prefit",
    order=41,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_donors,
    check=check,
    families=DONORS,
)
