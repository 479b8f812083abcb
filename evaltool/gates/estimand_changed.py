"""The gate that asks whether the number still answers the question agreed on.

Statistic: treated units the design (or the estimator) left out; threshold 0. Any: the effect is that of those who
stayed. PASS when the plan foresaw it in so many words: ``units = "comparable"`` under ``[estimand]``,
``unmatched_treated = "rename"`` written under ``[design.options]``, or ``foreseen = true`` in the gate's own options.
Otherwise FAIL with ESTIMAND_CHANGED. A default that nobody wrote down foresees nothing. Units lost for want of data are
counted by the attrition gate.

Source: own proposal.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer, counted
from evaltool.gates._few import is_few, most
from evaltool.gates._matched import MATCHED, for_units
from evaltool.language.numbers import number
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plugins import GateContext, GatePlugin

MEASURE = Measure(
    name="estimand_changed",
    reason="ESTIMAND_CHANGED",
    statistic=Words(da="udeladte i indsatsgruppen", en="treated units left out"),
    unit=Words(da="enheder", en="units"),
    source=Words(
        da="Eget forslag: ingen i indsatsgruppen udeladt, medmindre planen har forudset det",
        en="Own proposal: no treated unit left out unless the plan foresaw it",
    ),
)


class Options(Record):
    """Whether the contract foresees that treated units are left out, for designs without an option of their own."""

    foreseen: bool = False


def check(context: GateContext) -> GateResult:
    """PASS when no treated unit was left out, or the plan foresaw it."""
    options = Options.model_validate(context.options)
    out = left_out(context)
    if out is None:
        unknown = Words(
            da="Designet har ikke oplyst, hvor mange i indsatsgruppen der blev udeladt.",
            en="The design has not stated how many treated units were left out.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown))
    written = context.plan.design.options.get("unmatched_treated") == "rename"
    foreseen = written or options.foreseen or context.plan.estimand.units == "comparable"
    da, en = (counted(out, "units", lang) for lang in ("da", "en"))
    if is_few(context, out):
        shown = number(most(context, out) + 1, "da")
        da, en = f"Færre end {shown} enheder", f"fewer than {shown} units"
    if out == 0:
        sentence = Words(
            da="Ingen i indsatsgruppen er udeladt; det aftalte måles.",
            en="No treated unit was left out; what was agreed is measured.",
        )
    elif foreseen:
        sentence = Words(
            da=f"{da} i indsatsgruppen er udeladt, som planen forudså; effekten gælder de øvrige "
            f"({number(context.headline.counts.treated or 0, 'da')}).",
            en=f"Left out of the treatment group: {en}, as the plan foresaw; the effect is that of the other "
            f"{number(context.headline.counts.treated or 0, 'en')}.",
        )
    else:
        sentence = Words(
            da=f"{da} i indsatsgruppen er udeladt, og planen forudså det ikke; effekten gælder andre end aftalt.",
            en=f"Left out of the treatment group: {en}, which the plan did not foresee; the effect is not that of "
            "those agreed on.",
        )
    return answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if out == 0 or foreseen else "FAIL",
            sentence=sentence,
            statistic=float(most(context, out)),
            threshold=0.0,
            evidence={"left_out": out, "foreseen_by_design": written, "foreseen_by_gate": options.foreseen},
            counts=("submitted:treated", "unmatched:treated", "dropped:treated") if out else (),
        ),
    )


def left_out(context: GateContext) -> int | None:
    """Treated units left out after reading; None when a matching design without an account of it was used."""
    facts, summary = context.design.summary.matching, context.design.summary
    if facts is not None:
        return facts.treated_submitted - facts.treated_matched
    if context.capabilities.family in MATCHED or not summary.cohorts:
        return None
    entries = context.design.ledger.entries
    return sum(e.count for e in entries if e.stage != "reading" and e.what == "unit" and e.arm == "treated")


PLUGIN = GatePlugin(
    name="estimand_changed",
    order=36,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=for_units,
    check=check,
    families=MATCHED,
)
