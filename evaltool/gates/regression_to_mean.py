"""The gate that stops a change from being paid where people were chosen at their worst.

Statistic: arms that were not treated and are compared with; at least 1. A measurement before and after of people who
entered because of an extreme earlier value (``population.selected_as_extreme``) has none: part of any improvement
would have come by itself, and nobody can say how much. FAIL with REGRESSION_TO_MEAN. With a comparison selected in the
same way the effect is a difference of two groups that both return to their mean, and the gate does not apply.

Source: Linden (2013), Assessing regression to the mean effects in health care initiatives, BMC Medical Research
Methodology 13:119. It stands in the gate table of every plan that says so of its population.
"""

from __future__ import annotations

from evaltool.gates._common import Finding, Measure, answer
from evaltool.records.base import Record, Words
from evaltool.records.gate import GateResult
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="regression_to_mean",
    reason="REGRESSION_TO_MEAN",
    statistic=Words(da="grupper at sammenligne med", en="groups to compare with"),
    unit=Words(da="grupper", en="groups"),
    source=Words(
        da="Linden 2013 (tidsskriftet BMC Medical Research Methodology 13:119)",
        en="Linden 2013 (BMC Medical Research Methodology 13:119)",
    ),
)
SENTENCE = Words(
    da="De, der deltager, blev valgt på grund af en ekstrem tidligere værdi og måles før og efter uden en "
    "sammenligningsgruppe. En del af ændringen ville være kommet af sig selv (regression mod gennemsnittet).",
    en="Those who take part were chosen for an extreme earlier value and are measured before and after without a "
    "comparison group. Part of the change would have come by itself (regression to the mean).",
)


class Options(Record):
    """Nothing to choose."""


def applies(capabilities: Capabilities, plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to a change in the treated alone, of people selected as extreme."""
    if not plan.population.selected_as_extreme:
        return (
            "De, der deltager, er ikke valgt på grund af en ekstrem tidligere værdi.",
            "Those who take part were not chosen for an extreme earlier value.",
        )
    if capabilities.kind != "change":
        return (
            "Metoden måler ikke før og efter uden sammenligning.",
            "The method does not measure before and after alone.",
        )
    return None


def check(context: GateContext) -> GateResult:
    """Always FAIL where it applies: nothing in the data can tell the two apart."""
    return answer(context, MEASURE, Finding(verdict="FAIL", sentence=SENTENCE, statistic=0.0, threshold=1.0))


PLUGIN = GatePlugin(
    name="regression_to_mean",
    order=58,
    consequence="block",
    options=Options,
    default_on=False,
    source=MEASURE.source,
    applies=applies,
    check=check,
    called_by=lambda plan: plan.population.selected_as_extreme,
)
