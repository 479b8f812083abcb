"""The gate that asks whether people could be found in the registers.

Statistic: the smaller of the two arms' shares of units with every value the plan needs. Less than ``minimum`` (0.95):
REVIEW with LINKAGE_LOW; the gate never fails. Found: units still in the data. Not found: units the ledger lists for
missing values (those of unknown arm count in both arms). Where the file holds only those found, the contract states how
many were sent (``submitted_treated``, ``submitted_comparison``), and these count instead; fewer sent than are in the
data is a contradiction: CANNOT_TELL.

Source: the 95 per cent are our own proposal, after the practice of register studies.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._few import agreeing, is_few, most
from evaltool.gates._lost import arms_of
from evaltool.gates._matched import MATCHED, ROUNDING, for_units
from evaltool.language.numbers import number, percent
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="linkage",
    reason="LINKAGE_LOW",
    statistic=Words(da="andel genfundet i registrene", en="share found in the registers"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag: Findes mindre end 95 pct., vurderes det af en person",
        en="Own proposal: less than 95 per cent found is reviewed",
    ),
)
ARMS = {
    "treated": Words(da="indsatsgruppen", en="the treatment group"),
    "comparison": Words(da="sammenligningsgruppen", en="the comparison group"),
}


class Options(Record):
    """Smallest share found, and how many units of each arm were sent to be linked."""

    minimum: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.95")
    submitted_treated: int | None = Field(default=None, ge=1)
    submitted_comparison: int | None = Field(default=None, ge=1)


def check(context: GateContext) -> GateResult:
    """PASS when at least ``minimum`` of either arm were found, else REVIEW."""
    options = Options.model_validate(context.options)
    arms = arms_of(context, missing_only=True)
    if arms is None:
        unknown = Words(
            da="Data har ikke enheder i begge grupper; andelen kan ikke opgøres.",
            en="The data do not hold units in both groups; the share cannot be counted.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    sizes = {
        "treated": (arms.kept_treated, arms.lost_treated, options.submitted_treated),
        "comparison": (arms.kept_comparison, arms.lost_comparison, options.submitted_comparison),
    }
    shares: dict[str, float] = {}
    totals: dict[str, int] = {}
    evidence: dict[str, Json] = {"minimum": str(options.minimum), "lost_unknown": arms.lost_unknown}
    for arm, (found, lost, stated) in sizes.items():
        total = found + lost + arms.lost_unknown if stated is None else stated
        evidence |= {f"found_{arm}": found, f"submitted_{arm}": total}
        if total < found + lost:
            contradiction = Words(
                da=f"Kontrakten oplyser {number(total, 'da')} i {ARMS[arm].in_language('da')}; data indeholder flere.",
                en=f"The contract states {number(total, 'en')} in {ARMS[arm].in_language('en')}; the data hold more.",
            )
            return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=contradiction, evidence=evidence))
        shares[arm], totals[arm] = found / total, total
    arm = min(shares, key=lambda name: (shares[name], name != "treated"))
    limit = float(options.minimum)
    sentence = Words(
        da=f"I {ARMS[arm].in_language('da')} blev {percent(shares[arm], 'da')} genfundet; mindst "
        f"{percent(limit, 'da', 0)} kræves.",
        en=f"In {ARMS[arm].in_language('en')} {percent(shares[arm], 'en')} were found; at least "
        f"{percent(limit, 'en', 0)} are asked for.",
    )
    verdict: Verdict = "PASS" if shares[arm] >= limit - ROUNDING else "REVIEW"
    share, missing = shares[arm], totals[arm] - sizes[arm][0]
    if is_few(context, missing):
        few = number(most(context, missing) + 1, "da")
        share = agreeing(1 - most(context, missing) / totals[arm], verdict, limit, rising=True)
        sentence = Words(
            da=f"I {ARMS[arm].in_language('da')} blev færre end {few} ikke genfundet; mindst "
            f"{percent(limit, 'da', 0)} genfundne kræves.",
            en=f"In {ARMS[arm].in_language('en')} fewer than {few} were not found; at least "
            f"{percent(limit, 'en', 0)} found are asked for.",
        )
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=verdict,
            sentence=sentence,
            statistic=share,
            threshold=limit,
            evidence=evidence | {"arm": arm},
            counts=("any:left_out", f"submitted:{arm}", "data:units") if shares[arm] < 1.0 else (),
        ),
    )


PLUGIN = GatePlugin(
    name="linkage",
    order=38,
    consequence="review",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_units,
    check=check,
    families=MATCHED,
)
