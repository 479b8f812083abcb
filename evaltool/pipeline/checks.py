"""The gates, each asked once with everything it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from evaltool import registry
from evaltool.errors import Fault, Place, RunError
from evaltool.pipeline.estimates import build_design, estimated, headline_key, request_for
from evaltool.pipeline.prepare import Method
from evaltool.records.base import Words
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import EstimateKey
from evaltool.records.examination import Examination
from evaltool.records.gate import Consequence, GateResult
from evaltool.records.lock import LockStatus
from evaltool.records.options import parse_options
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Gate
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import GateContext
from evaltool.records.run import NumericProfile


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What does not come from plan or data: the stated clock, the seal found, the numeric profile."""

    as_of: date
    lock: LockStatus
    profile: NumericProfile


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Everything the gates look at."""

    plan: EvaluationPlan
    panel: Panel | None
    method: Method
    design: Design
    estimates: Mapping[EstimateKey, Estimate]
    opinion: SecondOpinion | None
    around: Surroundings
    examination: Examination | None = None


def all_gates(evaluation: Evaluation) -> tuple[GateResult, ...]:
    """Every gate the method's family, the plan or a ``[[gate]]`` calls for, in the order of the gate table.

    Raises RunError when a gate whose consequence is ``stop`` does not pass.
    """
    asked = {gate.name: gate for gate in evaluation.plan.gate}
    family = evaluation.method.estimator.capabilities.family
    results = tuple(
        _one_gate(evaluation, plugin.name, asked.get(plugin.name))
        for plugin in registry.gates()
        if plugin.stands_in(evaluation.plan, family) or plugin.name in asked
    )
    stopped = [r for r in results if r.consequence == "stop" and r.verdict in {"FAIL", "CANNOT_TELL"}]
    if stopped:
        raise RunError(
            Fault(
                code=f"RUN_{r.reason}",
                cause=r.sentence.in_language("en"),
                fix="Nothing was decided. Report this with the plan and the versions: two computations must agree.",
                place=Place(key=f"gate {r.name}"),
            )
            for r in stopped
        )
    return results


def _one_gate(evaluation: Evaluation, name: str, asked: Gate | None) -> GateResult:
    """Ask one gate, or say from the table of capabilities why it does not apply."""
    plugin = registry.gate(name)
    plan, method = evaluation.plan, evaluation.method
    consequence: Consequence = (asked.consequence if asked else None) or plugin.consequence
    if plugin.consequence == "stop":
        consequence = "stop"
    not_applicable = plugin.applies(method.estimator.capabilities, plan)
    if not_applicable is not None:
        danish, english = not_applicable
        return GateResult(
            name=name,
            verdict="NOT_APPLICABLE",
            consequence=consequence,
            statistic=None,
            statistic_name=Words(da="ikke relevant", en="not applicable"),
            threshold=None,
            unit=Words(da="–", en="–"),
            sentence=Words(da=danish, en=english),
            source=plugin.source,
        )
    key = headline_key(plan, method)

    def refit(panel: Panel) -> Estimate:
        design = build_design(plan, panel, method)
        return estimated(method, request_for(plan, panel, method, design, key))

    return plugin.check(
        GateContext(
            plan=plan,
            options=parse_options(plugin.options, asked.options if asked else {}, f"gate {name}.options"),
            consequence=consequence,
            overridden=asked is not None and (bool(asked.options) or consequence != plugin.consequence),
            as_of=evaluation.around.as_of,
            lock=evaluation.around.lock,
            capabilities=method.estimator.capabilities,
            panel=evaluation.panel,
            design=evaluation.design,
            estimates=evaluation.estimates,
            headline=evaluation.estimates[key],
            second_opinion=evaluation.opinion,
            thresholds=headline_thresholds(plan),
            refit=refit if evaluation.panel is not None else None,
            examination=evaluation.examination,
        )
    )


def headline_thresholds(plan: EvaluationPlan) -> tuple[float, ...]:
    """Payment thresholds of the headline outcome in the direction of good, sorted, without repetition."""
    found: set[float] = set()
    for rule in plan.payment.rule:
        if rule.outcome == plan.estimand.outcome:
            plugin = registry.mechanism(rule.mechanism)
            terms = parse_options(plugin.terms, rule.terms, f"payment.rule {rule.id}.terms")
            found.update(float(threshold) for threshold in plugin.thresholds(terms))
    return tuple(sorted(found))
