"""The gate that asks how unlike the groups' trends may be before the payment threshold can no longer be excluded.

Rambachan & Roth's relative magnitudes: the differential trend changes from one period to the next by at most M times
the largest such change before the start. The breakdown value is the smallest M at which the first payment threshold
(zero where none is reached) may be the truth: with sampling error, from the robust interval (``against = "interval"``,
the default where the contract pays on a lower bound, significance or probability), or for the point estimate as it is
(``"point"``, the default where it pays on the point estimate).

Statistic: the breakdown value; threshold ``minimum`` (1: as unlike after the start as ever before it). At least: PASS,
else REVIEW with PRETREND_REVIEW; never FAIL. CANNOT_TELL without an event study in equal steps with one base. An effect
that does not reach the first threshold is judged against zero.

With many periods after the start deviations add up, and few effects stay clear of a threshold at M = 1: a contract
names the gate, and its value, knowing that. Sources: Rambachan & Roth (2023); the comparison with the payment
threshold, and 1, are our own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer, effect_of, effect_text, needs_standard_error
from evaltool.gates._left_out import DID, for_did
from evaltool.language.numbers import number
from evaltool.records.base import Exact, Json, Record, Words
from evaltool.records.examination import HonestResult
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="honest_breakdown",
    reason="PRETREND_REVIEW",
    statistic=Words(da="største tålte afvigelse", en="largest deviation withstood"),
    unit=Words(da="gange den største før start", en="times the largest before the start"),
    source=Words(
        da="Rambachan & Roth (2023); sammenligningen med betalingstærsklen og grænsen 1 er eget forslag",
        en="Rambachan & Roth (2023); the comparison with the payment threshold and the limit 1 are our own proposal",
    ),
)


class Options(Record):
    """The least breakdown value, and whether with sampling error; by the contract's basis unless stated."""

    minimum: Annotated[Exact, Field(gt=0)] = Decimal(1)
    against: Literal["interval", "point"] | None = None


def check(context: GateContext) -> GateResult:
    """PASS from ``minimum`` on, else REVIEW."""
    options = Options.model_validate(context.options)
    honest = () if context.examination is None else context.examination.honest
    found = next((one for one in honest if one.kind == "relative_magnitudes"), None)
    if found is None:
        missing = Words(
            da="Der er intet forløb med jævne perioder og én fælles basisperiode, som tendenser kan vurderes på.",
            en="There is no event study in equal steps with one common base by which trends can be judged.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))
    against = options.against or ("interval" if needs_standard_error(context) else "point")
    claim, first = effect_of(context).value, context.thresholds[0] if context.thresholds else None
    paid = first is not None and claim > first
    value = _value(found, against, paid=paid)
    limit = float(options.minimum)
    facts: dict[str, Json] = {
        "against": against,
        "threshold": first if paid else 0.0,
        "interval_zero": found.zero_breakdown,
        "interval_threshold": found.threshold_breakdown,
        "point_threshold": found.point_breakdown,
        "target_is_headline": found.is_headline,
        "searched_to": found.searched_to,
    }
    if value is None:
        value = max(found.searched_to, limit)
    level = (
        effect_text(context, first if paid and first is not None else 0.0, "da"),
        effect_text(context, first if paid and first is not None else 0.0, "en"),
    )
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if value >= limit else "REVIEW",
            sentence=Words(da=_danish(value, limit, against, level[0]), en=_english(value, limit, against, level[1])),
            statistic=value,
            threshold=limit,
            evidence=facts,
        ),
    )


def _value(found: HonestResult, against: str, *, paid: bool) -> float | None:
    """The breakdown value; against zero the interval's, which is stricter, where no threshold is reached."""
    if not paid:
        return found.zero_breakdown
    return found.threshold_breakdown if against == "interval" else found.point_breakdown


def _danish(value: float, limit: float, against: str, level: str) -> str:
    """The sentence in Danish."""
    what = "intervallet" if against == "interval" else "resultatet"
    return (
        f"Hvis gruppernes udvikling efter start afviger mere end {number(value, 'da', 2)} gange så meget fra periode "
        f"til periode som den største afvigelse før start, kan {what} ikke længere udelukke {level}; aftalt er mindst "
        f"{number(limit, 'da', 2)}."
    )


def _english(value: float, limit: float, against: str, level: str) -> str:
    """The sentence in English."""
    what = "interval" if against == "interval" else "result"
    return (
        f"If the groups' trends differ after the start by more than {number(value, 'en', 2)} times the largest "
        f"difference from one period to the next before it, the {what} no longer excludes {level}; agreed is at least "
        f"{number(limit, 'en', 2)}."
    )


PLUGIN = GatePlugin(
    name="honest_breakdown",
    order=42,
    consequence="review",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=for_did,
    check=check,
    families=DID,
)
