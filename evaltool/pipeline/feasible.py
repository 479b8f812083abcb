"""Every other method that could be applied to the same design and data: what it finds, or why it cannot.

None of them was agreed on: they stand beside the agreed result and never decide. Options that a method shares with the
plan's own keep the plan's values; everything else is the method's default.
"""

from __future__ import annotations

from collections.abc import Iterator

from evaltool import registry
from evaltool.errors import EvaltoolError, PlanError
from evaltool.pipeline.estimates import estimated, request_for
from evaltool.pipeline.prepare import Method
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate
from evaltool.records.evidence import FEASIBLE, EstimateKey
from evaltool.records.options import parse_options
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import EstimatorPlugin

TABLES = ("path", "groups", "calendar", "cells", "series", "event_covariance")
"""What a method beside the agreed one need not show: its headline is what is compared."""


def other_methods(
    plan: EvaluationPlan, panel: Panel | None, method: Method, design: Design
) -> tuple[dict[EstimateKey, Estimate], dict[str, str]]:
    """Estimates of the headline outcome by method, sorted by name, and why other methods cannot give one."""
    found: dict[EstimateKey, Estimate] = {}
    failed: dict[str, str] = {}
    if panel is None or not plan.governance.side_by_side or method.estimator.capabilities.kind != "effect":
        return found, failed
    for plugin in _candidates(plan, method):
        if not plugin.capabilities.beside:
            failed[plugin.name] = "it takes long: it is computed only where the plan has it as a [[sensitivity]]"
            continue
        key = EstimateKey(outcome=plan.estimand.outcome, specification=f"{FEASIBLE}{plugin.name}")
        try:
            asked = request_for(plan, panel, _as_method(plan, plugin, method), design, key)
            one = estimated(_as_method(plan, plugin, method), asked)
            if plan.estimand.scale == "relative" and one.relative is None:
                failed[plugin.name] = "it gives no relative effect here"
                continue
            found[key] = one.model_copy(update=dict.fromkeys(TABLES, ()))
        except EvaltoolError as error:
            failed[plugin.name] = "; ".join(f"{fault.code}: {fault.cause}" for fault in error.faults)
    return found, failed


def _candidates(plan: EvaluationPlan, method: Method) -> Iterator[EstimatorPlugin]:
    """Methods for effects that accept the plan's design and columns and are not in the plan already."""
    stated = {plan.estimator.method, *(one.method for one in plan.sensitivity)}
    for name in sorted(registry.estimator_names()):
        plugin = registry.estimator(name)
        can = plugin.capabilities
        fits = can.kind == "effect" and method.design.name in can.designs
        roles = all(role == "outcome" or plan.columns(role) for role in can.needs)
        scaled = can.relative or plan.estimand.scale == "absolute"
        timed = can.event_times or plan.estimand.event_times is None
        if (
            name not in stated
            and fits
            and roles
            and scaled
            and timed
            and can.family == method.estimator.capabilities.family
        ):
            yield plugin


def _as_method(plan: EvaluationPlan, plugin: EstimatorPlugin, method: Method) -> Method:
    """The method with the plan's values for the options both have, less an inference it lacks. Raises PlanError."""
    shared = {name: value for name, value in plan.estimator.options.items() if name in plugin.options.model_fields}
    place = f"estimator.options of {plugin.name}"
    try:
        options = parse_options(plugin.options, shared, place)
    except PlanError:
        options = parse_options(plugin.options, {k: v for k, v in shared.items() if k != "inference"}, place)
    known = plugin.capabilities.aggregations
    aggregation = plan.estimand.aggregation if plan.estimand.aggregation in known else known[0]
    return Method(plugin, options, method.design, method.design_options, aggregation)
