"""The gate that asks how many of the comparison group received the intervention after all.

Statistic: exposed of those in the comparison group, as the contract's options state them with their source; no column
of the data says it. Up to 0.05 is a PASS, up to 0.10 a REVIEW, more is FAIL with CONTAMINATION. A share that is not
stated, or has no source, is CANNOT_TELL. Exposure pulls the measured effect towards zero, so a contaminated
comparison is no reason to pay less; it is a reason not to trust the number. It runs where a contract names it.

Source: own proposal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from evaltool.gates._common import Finding, Measure, answer
from evaltool.language.numbers import percent
from evaltool.records.base import Record, Share, Text, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="contamination",
    reason="CONTAMINATION",
    statistic=Words(da="andel af sammenligningsgruppen, der fik indsatsen", en="share of the comparison group exposed"),
    unit=Words(da="andel", en="share"),
    source=Words(
        da="Eget forslag: højst 5 pct. består, mere end 10 pct. dumper",
        en="Own proposal: at most 5 percent passes, more than 10 percent fails",
    ),
)


class Options(Record):
    """``exposed`` of ``of`` in the comparison group, from ``source``; ``accepted`` passes, above ``most`` fails."""

    exposed: Annotated[int, Field(ge=0)] | None = None
    of: Annotated[int, Field(ge=1)] | None = None
    source: Text | None = None
    """Who counted, from what."""
    accepted: Share = Decimal("0.05")
    most: Share = Decimal("0.10")

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Refuse more exposed than there are, and limits in the wrong order."""
        if self.exposed is not None and self.of is not None and self.exposed > self.of:
            message = "exposed is a part of 'of' and cannot exceed it"
            raise ValueError(message)
        if self.accepted > self.most:
            message = "accepted cannot exceed most"
            raise ValueError(message)
        return self


def applies(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies where there is a comparison."""
    if capabilities.kind == "effect":
        return None
    return ("Metoden har ingen sammenligningsgruppe.", "The method has no comparison group.")


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL by the share that was exposed; CANNOT_TELL when nobody stated it."""
    options = Options.model_validate(context.options)
    exposed, of = options.exposed, options.of
    if exposed is None or of is None or options.source is None:
        unknown = Words(
            da="Aftalen oplyser ikke, hvor mange i sammenligningsgruppen der fik indsatsen, og hvor tallet er fra.",
            en="The contract does not state how many of the comparison group were exposed, and from where it knows.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    share = Decimal(exposed) / Decimal(of)
    passes = share <= options.accepted
    words = {lang: _sentence(share, options, lang) for lang in ("da", "en")}
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if passes else "REVIEW" if share <= options.most else "FAIL",
            sentence=Words(**words),
            statistic=float(share),
            threshold=float(options.accepted),
            evidence={"exposed": exposed, "of": of, "source": options.source, "most": str(options.most)},
        ),
    )


def _sentence(share: Decimal, options: Options, lang: str) -> str:
    """The share, both limits, and the source."""
    found, accepted, most = (percent(value, lang) for value in (share, options.accepted, options.most))
    if lang == "da":
        return (
            f"{found} af sammenligningsgruppen fik indsatsen; højst {accepted} er i orden, mere end {most} er for "
            f"meget (kilde: {options.source})."
        )
    return (
        f"{found} of the comparison group were exposed; at most {accepted} is in order, more than {most} is too much "
        f"(source: {options.source})."
    )


PLUGIN = GatePlugin(
    name="contamination",
    order=57,
    consequence="block",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
