"""The gate that asks how many of the treated found a match.

Statistic: matched treated units over all treated units submitted to the matching. At least ``good`` (0.90): PASS; at
least ``fair`` (0.80): REVIEW; less: FAIL with OVERLAP_FAIL, since the effect is then that of another group.

Source: own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._few import agreeing, is_few, most
from evaltool.gates._matched import MATCHED, Limits, for_matching, is_weighted, matching_of, misordered, no_matching
from evaltool.language.numbers import number, percent
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="matched_share",
    reason="OVERLAP_FAIL",
    statistic=Words(da="andel af indsatsgruppen med et match", en="share of the treated that found a match"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag: 0,90 består, 0,80 til 0,90 vurderes af en person, mindre spærrer",
        en="Own proposal: 0.90 passes, 0.80 to 0.90 is reviewed, less blocks",
    ),
)

FOUND = (Words(da="fandt et match", en="found a match"), Words(da="fandt ikke et match", en="found no match"))
WEIGHED = (Words(da="har vægt", en="have weight"), Words(da="har ikke vægt", en="have no weight"))
"""What is said of the treated that take part, and of those that do not."""


class Options(Record):
    """Shares from which the gate passes, and from which it asks for a review."""

    good: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.90")
    fair: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.80")

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse a review limit above the pass limit."""
        if misordered(self.good, self.fair, rising=True):
            message = "fair must not be above good"
            raise ValueError(message)
        return self


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the share of the treated that found a match."""
    options = Options.model_validate(context.options)
    facts = matching_of(context)
    if facts is None:
        return no_matching(context, MEASURE)
    limits = Limits(options.good, options.fair, rising=True)
    share = facts.treated_matched / facts.treated_submitted
    verdict = limits.verdict(share)
    decided = limits.deciding(verdict)
    da, en = (
        (number(facts.treated_matched, lang), number(facts.treated_submitted, lang), percent(share, lang))
        for lang in ("da", "en")
    )
    have, lack = WEIGHED if is_weighted(context) else FOUND
    sentence = Words(
        da=f"Grænsen er {percent(decided, 'da', 0)}: {da[0]} af {da[1]} i indsatsgruppen ({da[2]}) {have.da}.",
        en=f"{en[0]} of {en[1]} treated units ({en[2]}) {have.en}; the limit is {percent(decided, 'en', 0)}.",
    )
    without = facts.treated_submitted - facts.treated_matched
    if is_few(context, without):
        few = number(most(context, without) + 1, "da")
        share = agreeing(1 - most(context, without) / facts.treated_submitted, verdict, decided, rising=True)
        sentence = Words(
            da=f"Grænsen er {percent(decided, 'da', 0)}: færre end {few} i indsatsgruppen {lack.da}.",
            en=f"Fewer than {few} treated units {lack.en}; the limit is {percent(decided, 'en', 0)}.",
        )
    evidence: dict[str, Json] = {
        "treated_matched": facts.treated_matched,
        "treated_submitted": facts.treated_submitted,
        "good": str(options.good),
        "fair": str(options.fair),
    }
    found = Finding(
        verdict=verdict,
        sentence=sentence,
        statistic=share,
        threshold=decided,
        evidence=evidence,
        counts=("submitted:treated", "unmatched:treated"),
    )
    return answer(context, MEASURE, found)


PLUGIN = GatePlugin(
    name="matched_share",
    order=31,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
