"""Design, primary estimates, pre-registered sensitivities and the second opinion."""

from __future__ import annotations

import numpy as np
from pydantic import ValidationError

from evaltool import registry
from evaltool.errors import Fault, Place, RunError
from evaltool.pipeline.inference_primary import with_primary
from evaltool.pipeline.prepare import Method, primary_method, sensitivity_method
from evaltool.pipeline.reach import refuse_out_of_reach
from evaltool.pipeline.studied import Studied
from evaltool.records.design import Design
from evaltool.records.estimate import Estimate, SecondOpinion
from evaltool.records.evidence import ALL, PRIMARY, EstimateKey
from evaltool.records.panel import Panel
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import DesignRequest, EstimationRequest


def build_design(plan: EvaluationPlan, panel: Panel | None, method: Method) -> Design:
    """The design, built from a panel whose outcomes of the treated time are hidden.

    Raises RunError, also where its test could not reach the level whatever happened (RUN_LEVEL_OUT_OF_REACH).
    """
    blinded = None if panel is None else panel.blinded(getattr(method.options, "anticipation", 0))
    design = method.design.build(DesignRequest(plan=plan.without_file(), options=method.design_options, panel=blinded))
    refuse_out_of_reach(plan, method.options, design)
    return design


def _keys(plan: EvaluationPlan, method: Method, specification: str) -> tuple[EstimateKey, ...]:
    """One key per paid outcome (the headline first) and cohort that has a figure so far."""
    outcomes = dict.fromkeys((plan.estimand.outcome, *plan.payment.outcomes))
    per_cohort = method.estimator.capabilities.per_cohort and plan.population.cohort
    cohorts = [c.id for c in plan.population.cohort] if per_cohort else [ALL]
    if per_cohort and method.estimator.cohorts is not None:
        known = method.estimator.cohorts(method.options)
        cohorts = [c for c in cohorts if c in known] or cohorts
    return tuple(
        EstimateKey(outcome=outcome, cohort=cohort, specification=specification)
        for outcome in outcomes
        for cohort in cohorts
    )


def request_for(
    plan: EvaluationPlan, panel: Panel | None, method: Method, design: Design, key: EstimateKey
) -> EstimationRequest:
    """Everything one estimate needs."""
    estimand = plan.estimand
    if method.aggregation is not None:
        estimand = estimand.model_copy(update={"aggregation": method.aggregation})
    return EstimationRequest(
        key=key,
        outcome=plan.outcome_named(key.outcome),
        estimand=estimand,
        inference=plan.inference,
        options=method.options,
        design=design,
        panel=panel,
    )


def estimated(method: Method, request: EstimationRequest) -> Estimate:
    """What the method finds. Raises RunError (RUN_NOT_FINITE when a figure grows beyond what a number can hold)."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the record refuses what is not finite
            return method.estimator.estimate(request)
    except (ValidationError, OverflowError) as error:
        if isinstance(error, ValidationError) and not any(e["type"] == "finite_number" for e in error.errors()):
            raise
        raise RunError(
            Fault(
                code="RUN_NOT_FINITE",
                cause=f"The result for {request.key} is not a finite number: the arithmetic left the range of numbers.",
                fix="Check the outcome and weight columns for extreme values, or state the outcome in a larger unit.",
                place=Place(key="estimator.method"),
            )
        ) from error


def all_estimates(
    plan: EvaluationPlan, panel: Panel | None, method: Method, design: Design
) -> tuple[dict[EstimateKey, Estimate], dict[str, str]]:
    """The primary estimates and every pre-registered sensitivity; a sensitivity that fails is reported, not hidden."""
    found = {key: agreed(plan, panel, method, design, key) for key in _keys(plan, method, PRIMARY)}
    failed: dict[str, str] = {}
    for index, sensitivity in enumerate(plan.sensitivity):
        try:
            other = sensitivity_method(plan, sensitivity, f"sensitivity[{index}]")
            own = design if other.design.name == method.design.name else build_design(plan, panel, other)
            for key in _keys(plan, other, sensitivity.id):
                found[key] = agreed(plan, panel, other, own, key)
        except RunError as error:
            failed[sensitivity.id] = "; ".join(f"{f.code}: {f.cause}" for f in error.faults)
    return found, failed


def agreed(plan: EvaluationPlan, panel: Panel | None, method: Method, design: Design, key: EstimateKey) -> Estimate:
    """What the method finds, with the plan's primary inference. Raises RunError."""
    found = estimated(method, request_for(plan, panel, method, design, key))
    if panel is None or plan.inference.stated_methods == {"own"} or method.estimator.capabilities.family != "did":
        return found
    return with_primary(studied(plan, panel, method, design, found))


def studied(plan: EvaluationPlan, panel: Panel, method: Method, design: Design, estimate: Estimate) -> Studied:
    """An estimate with its data, and how to make it again on another panel."""

    def refit(other: Panel) -> Estimate:
        again = build_design(plan, other, method)
        return estimated(method, request_for(plan, other, method, again, estimate.key))

    regression = method.estimator.regression
    request = request_for(plan, panel, method, design, estimate.key)
    return Studied(
        plan=plan,
        panel=panel,
        design=design,
        estimate=estimate,
        refit=refit,
        regressed=None if regression is None else lambda: regression(request),
    )


def estimate_keys(plan: EvaluationPlan) -> tuple[EstimateKey, ...]:
    """The keys of everything a run of this plan estimates, in the order it does."""
    keys = [*_keys(plan, primary_method(plan), PRIMARY)]
    for index, sensitivity in enumerate(plan.sensitivity):
        keys += _keys(plan, sensitivity_method(plan, sensitivity, f"sensitivity[{index}]"), sensitivity.id)
    return tuple(keys)


def headline_key(plan: EvaluationPlan, method: Method) -> EstimateKey:
    """The key of the headline estimate: the last cohort when cohorts are tested in turn."""
    return [k for k in _keys(plan, method, PRIMARY) if k.outcome == plan.estimand.outcome][-1]


def second_opinion(plan: EvaluationPlan, panel: Panel | None, method: Method, design: Design) -> SecondOpinion | None:
    """The headline number by an independent path; None where there is no such path or the gate does not apply."""
    asked = registry.gate("second_opinion").applies(method.estimator.capabilities, plan) is None
    if method.estimator.second_opinion is None or not asked:
        return None
    return method.estimator.second_opinion(request_for(plan, panel, method, design, headline_key(plan, method)))
