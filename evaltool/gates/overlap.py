"""The gate that asks whether the treated have anybody comparable at all.

Statistic: share of all treated whose score lies within the range of the comparison units' scores (common support). At
least ``good`` (0.95): PASS; at least ``fair`` (0.80): REVIEW; less: FAIL with OVERLAP_FAIL. A treated unit outside can
still be matched, with somebody who is not like it: that is what this gate sees and the matched share does not.

Source: own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer
from evaltool.gates._few import agreeing, is_few, most
from evaltool.gates._matched import MATCHED, Limits, for_matching, matching_of, misordered, no_matching
from evaltool.language.numbers import number, percent
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="overlap",
    reason="OVERLAP_FAIL",
    statistic=Words(da="andel af indsatsgruppen i fælles støtte", en="share of the treated in common support"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag: 95 pct. af indsatsgruppen i fælles støtte; mindre end 80 pct. spærrer",
        en="Own proposal: 95 per cent of the treated in common support; less than 80 per cent blocks",
    ),
)


class Options(Record):
    """Shares from which the gate passes, and from which it asks for a review."""

    good: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.95")
    fair: Annotated[Exact, Field(ge=0, le=1)] = Decimal("0.80")

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """Refuse a review limit above the pass limit."""
        if misordered(self.good, self.fair, rising=True):
            message = "fair must not be above good"
            raise ValueError(message)
        return self


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the share of the treated in common support."""
    options = Options.model_validate(context.options)
    facts = matching_of(context)
    if facts is None:
        return no_matching(context, MEASURE)
    limits = Limits(options.good, options.fair, rising=True)
    share = facts.common_support
    verdict = limits.verdict(share)
    decided = limits.deciding(verdict)
    sentence = Words(
        da=f"Grænsen er {percent(decided, 'da', 0)}: {percent(share, 'da')} af indsatsgruppen ligger, hvor der findes "
        "nogen at sammenligne med.",
        en=f"{percent(share, 'en')} of the treated lie where there is anybody to compare with; the limit is "
        f"{percent(decided, 'en', 0)}.",
    )
    outside = round((1 - share) * facts.treated_submitted)
    if is_few(context, outside):
        few = number(most(context, outside) + 1, "da")
        share = agreeing(1 - most(context, outside) / facts.treated_submitted, verdict, decided, rising=True)
        sentence = Words(
            da=f"Grænsen er {percent(decided, 'da', 0)}: færre end {few} i indsatsgruppen ligger, hvor der ikke findes "
            "nogen at sammenligne med.",
            en=f"Fewer than {few} treated units lie where there is nobody to compare with; the limit is "
            f"{percent(decided, 'en', 0)}.",
        )
    evidence: dict[str, Json] = {
        "treated_submitted": facts.treated_submitted,
        "scale": facts.scale,
        "good": str(options.good),
        "fair": str(options.fair),
    }
    found = Finding(
        verdict=verdict,
        sentence=sentence,
        statistic=share,
        threshold=decided,
        evidence=evidence,
        counts=("submitted:treated", "support:inside", "support:outside"),
    )
    return answer(context, MEASURE, found)


PLUGIN = GatePlugin(
    name="overlap",
    order=32,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_matching,
    check=check,
    families=MATCHED,
)
