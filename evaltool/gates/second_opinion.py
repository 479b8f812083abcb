"""The gate that stops a run whose headline number cannot be computed twice.

Statistic: |effect − second computation|, both in the outcome's own unit. Accepted:
``governance.tolerance`` · max(|effect|, standard error), 1e-8 unless the contract says otherwise. Anything more, or a
second number that is missing, stops the run: nothing may be decided on two different numbers.

Source: our own proposal, after the first cohort of Peterborough, whose headline a second team could not reproduce.
"""

from __future__ import annotations

from decimal import Decimal

from evaltool.gates._common import Finding, Measure, answer, finite
from evaltool.language.numbers import number
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="second_opinion",
    reason="REPLICATION_MISMATCH",
    statistic=Words(da="forskel mellem to beregninger", en="difference between two computations"),
    unit=Words(da="effektmålets enhed", en="unit of the outcome metric"),
    source=Words(
        da="Eget forslag: enige inden for 1·10⁻⁸ gange det største af effekten og standardfejlen",
        en="Own proposal: agreement within 1·10⁻⁸ times the larger of the effect and its standard error",
    ),
)
DEFAULT = Decimal("1e-8")


class Options(Record):
    """Nothing to choose here: the tolerance stands in ``[governance]``."""


def applies(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Does not apply to figures computed by others, nor where the contract asks for no second computation."""
    if capabilities.family == "published":
        return (
            "Tallet er offentliggjort af andre og beregnes ikke her.",
            "The number was published by others and is not computed here.",
        )
    if not plan.governance.replication:
        return (
            "Kontrakten beder ikke om en anden beregning.",
            "The contract asks for no second computation.",
        )
    return None


def check(context: GateContext) -> GateResult:
    """PASS when the difference is within tolerance."""
    opinion, estimate = context.second_opinion, context.headline
    if opinion is None:
        missing = Words(
            da="Der foreligger ingen anden beregning af hovedtallet, selv om kontrakten kræver den.",
            en="There is no second computation of the headline number, though the contract requires one.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))
    tolerance = context.plan.governance.tolerance
    difference = abs(estimate.att - opinion.value)
    accepted = float(tolerance) * max(abs(estimate.att), estimate.se or 0.0)
    evidence = {
        "effect": estimate.att,
        "standard_error": estimate.se,
        "second": opinion.value,
        "by": opinion.by,
        "tolerance": str(tolerance),
    }
    if not finite(estimate.att, estimate.se, opinion.value, difference, accepted):
        unknown = Words(
            da="Mindst én af de to beregninger gav ikke et tal.",
            en="At least one of the two computations gave no number.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=unknown, evidence=evidence))
    agree = difference <= accepted
    one = {lang: (number(difference, lang), number(accepted, lang)) for lang in ("da", "en")}
    sentence = Words(
        da=f"To uafhængige beregninger {'stemmer' if agree else 'stemmer ikke'}: forskellen er {one['da'][0]}, "
        f"højst {one['da'][1]} accepteres.",
        en=f"Two independent computations {'agree' if agree else 'do not agree'}: they differ by {one['en'][0]}, "
        f"at most {one['en'][1]} is accepted.",
    )
    found = answer(
        context,
        MEASURE,
        Finding(
            verdict="PASS" if agree else "FAIL",
            sentence=sentence,
            statistic=difference,
            threshold=accepted,
            evidence=evidence,
        ),
    )
    return found.model_copy(update={"overridden": context.overridden or tolerance != DEFAULT})


PLUGIN = GatePlugin(
    name="second_opinion",
    order=70,
    consequence="stop",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
