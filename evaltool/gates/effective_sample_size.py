"""The gate that asks how many comparison units the weights leave in effect.

Statistic: Kish's effective number of matched comparison units, (Σw)² / Σw². Fewer than ``minimum`` (30, as many as the
minimum-sample gate asks for): FAIL with OVERLAP_FAIL. Fewer than ``share`` (half) of the units matched: REVIEW, since
the weights then waste more than they use.

Sources: Kish (1965), Survey Sampling, for the effective number; the limits are our own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.gates._matched import MATCHED, ROUNDING, for_matching, matching_of, no_matching
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="effective_sample_size",
    reason="OVERLAP_FAIL",
    statistic=Words(da="effektivt antal i sammenligningsgruppen", en="effective size of the comparison group"),
    unit=Words(da="enheder", en="units"),
    source=Words(
        da="Kish (1965) om det effektive antal; eget forslag: 30, og halvdelen af de matchede enheder",
        en="Kish (1965) for the effective number; own proposal: 30, and half of the units matched",
    ),
)


class Options(Record):
    """Smallest effective number, and smallest share of the units matched."""

    minimum: int = Field(default=30, ge=1)
    share: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.5")


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the effective number of matched comparison units."""
    options = Options.model_validate(context.options)
    facts = matching_of(context)
    if facts is None:
        return no_matching(context, MEASURE)
    size, half = facts.effective_n, float(options.share) * facts.comparison_matched
    verdict: Verdict = "PASS" if size >= half - ROUNDING else "REVIEW"
    decided = max(half, float(options.minimum))
    if size < options.minimum - ROUNDING:
        verdict, decided = "FAIL", float(options.minimum)
    sentence = Words(
        da=f"{counted(facts.comparison_matched, 'units', 'da')} i sammenligningsgruppen svarer efter vægtning til "
        f"{number(size, 'da')}; mindst {number(decided, 'da')} kræves.",
        en=f"{counted(facts.comparison_matched, 'units', 'en')} in the comparison group count as "
        f"{number(size, 'en')} after weighting; at least {number(decided, 'en')} are asked for.",
    )
    evidence: dict[str, Json] = {
        "comparison_matched": facts.comparison_matched,
        "minimum": options.minimum,
        "share": str(options.share),
    }
    found = Finding(verdict=verdict, sentence=sentence, statistic=size, threshold=decided, evidence=evidence)
    return answer(context, MEASURE, found)


PLUGIN = GatePlugin(
    name="effective_sample_size",
    order=34,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
