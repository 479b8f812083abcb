"""The gate that asks whether one comparison unit speaks for many.

Statistic: largest share of the comparison weight on one unit. At most ``good`` (0.10): PASS; at most ``fair`` (0.25):
REVIEW; more: FAIL with OVERLAP_FAIL.

Source: own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._matched import MATCHED, Limits, for_matching, matching_of, misordered, no_matching
from evaltool.language.numbers import percent
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="largest_weight_share",
    reason="OVERLAP_FAIL",
    statistic=Words(da="største andel af vægten på én enhed", en="largest share of the weight on one unit"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag: Én enhed bærer højst en tiendedel; mere end en fjerdedel spærrer",
        en="Own proposal: one unit carries at most a tenth; more than a quarter blocks",
    ),
)


class Options(Record):
    """Shares up to which the gate passes, and up to which it asks for a review."""

    good: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.10")
    fair: Annotated[Exact, Field(gt=0, le=1)] = Decimal("0.25")

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse a review limit below the pass limit."""
        if misordered(self.good, self.fair, rising=False):
            message = "fair must not be below good"
            raise ValueError(message)
        return self


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the largest share of the comparison weight on one unit."""
    options = Options.model_validate(context.options)
    facts = matching_of(context)
    if facts is None:
        return no_matching(context, MEASURE)
    limits = Limits(options.good, options.fair, rising=False)
    share = facts.largest_weight_share
    verdict = limits.verdict(share)
    decided = limits.deciding(verdict)
    sentence = Words(
        da=f"Den enhed i sammenligningsgruppen, der vejer mest, bærer {percent(share, 'da')} af vægten; højst "
        f"{percent(decided, 'da', 0)} accepteres.",
        en=f"The comparison unit that weighs most carries {percent(share, 'en')} of the weight; at most "
        f"{percent(decided, 'en', 0)} is accepted.",
    )
    evidence: dict[str, Json] = {
        "comparison_matched": facts.comparison_matched,
        "good": str(options.good),
        "fair": str(options.fair),
    }
    found = Finding(verdict=verdict, sentence=sentence, statistic=share, threshold=decided, evidence=evidence)
    return answer(context, MEASURE, found)


PLUGIN = GatePlugin(
    name="largest_weight_share",
    order=35,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
