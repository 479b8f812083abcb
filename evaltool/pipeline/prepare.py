"""Everything that can be refused before data: methods, options, mechanisms, capabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from evaltool import registry
from evaltool.errors import Fault, Place, PlanError, did_you_mean
from evaltool.payment import refusals as payment
from evaltool.pipeline.inference import RESAMPLED, SCALED
from evaltool.pipeline.money import money_refusals
from evaltool.pipeline.reach import reach_of_named
from evaltool.records.base import Record
from evaltool.records.options import parse_options
from evaltool.records.plan.analysis import Gate, Option, Options, Sensitivity
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, DesignPlugin, EstimatorPlugin, GatePlugin

T = TypeVar("T")
NOT_NEGOTIABLE = frozenset({"disclosure", "locked", "second_opinion", "data_maturity"})
"""Gates whose consequence no contract changes: small cells, seals, agreement of two computations, final data."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """An estimator and its design with parsed options: ready to be asked."""

    estimator: EstimatorPlugin
    options: Record
    design: DesignPlugin
    design_options: Record
    aggregation: str | None = None


def plan_refusals(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """Every reason, known before data, why this plan cannot be carried out: methods, options, basis, mechanisms."""
    faults: list[Fault] = [*money_refusals(plan)]
    attempts: tuple[Callable[[EvaluationPlan], object], ...] = (primary_method, _mechanism_terms, _gate_options)
    for attempt in attempts:
        try:
            attempt(plan)
        except PlanError as error:
            faults.extend(error.faults)
    for index, sensitivity in enumerate(plan.sensitivity):
        faults.extend(_sensitivity_faults(plan, sensitivity, f"sensitivity[{index}]", faults))
    if not faults:
        faults.extend(_capability_faults(plan))
        faults.extend(_inference_faults(plan))
        faults.extend(payment.refusals(plan, _paid_method(plan), registry.mechanism))
    return tuple(faults)


def primary_method(plan: EvaluationPlan) -> Method:
    """The plan's estimator and design with parsed options. Raises PlanError with every fault found in them."""
    return _method(
        plan.estimator.method, plan.estimator.options, (plan.design.method, plan.design.options), "estimator"
    )


def sensitivity_method(plan: EvaluationPlan, sensitivity: Sensitivity, key: str) -> Method:
    """A pre-registered alternative: its options replace the primary's of the same name. Raises PlanError."""
    same = sensitivity.method in {None, plan.estimator.method}
    options = {**(plan.estimator.options if same else {}), **sensitivity.options}
    name = sensitivity.method or plan.estimator.method
    wanted: tuple[str, Options] = (plan.design.method, plan.design.options)
    if not same and name in registry.estimator_names():
        designs = registry.estimator(name).capabilities.designs
        wanted = wanted if plan.design.method in designs else (designs[0], {})
    return replace(_method(name, options, wanted, key), aggregation=sensitivity.aggregation)


def _sensitivity_faults(
    plan: EvaluationPlan, sensitivity: Sensitivity, key: str, before: Sequence[Fault]
) -> tuple[Fault, ...]:
    """What is wrong with a sensitivity; what it took over from the primary was told ``before`` and is left out."""
    tried = _either(partial(sensitivity_method, plan, sensitivity, key))
    if tried.value is not None:
        return tuple(_unfit(plan, sensitivity, tried.value, key))
    told = {(fault.code, fault.cause) for fault in before}
    own = {f"{key}.options.{name}" for name in sensitivity.options}
    return tuple(f for f in tried.faults if (f.code, f.cause) not in told or f.place.key in own)


def _method(name: str, options: Options, design: tuple[str, Mapping[str, Option]], key: str) -> Method:
    """Load the plug-ins and parse both option tables, reporting the faults of all together."""
    estimator = _either(lambda: registry.estimator(name), f"{key}.method")
    builder = _either(lambda: registry.design(design[0]), "design.method")
    faults = [*estimator.faults, *builder.faults]
    if estimator.value is None or builder.value is None:
        raise PlanError(faults)
    first, second = estimator.value, builder.value
    parsed = _either(lambda: parse_options(first.options, options, f"{key}.options"))
    design_parsed = _either(lambda: parse_options(second.options, design[1], "design.options"))
    if parsed.value is None or design_parsed.value is None:
        raise PlanError([*parsed.faults, *design_parsed.faults])
    if first.kind_of is not None:
        can = first.capabilities.model_copy(update={"kind": first.kind_of(parsed.value)})
        first = replace(first, capabilities=can)
    return Method(first, parsed.value, second, design_parsed.value)


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """A value, or the faults that stood in its way."""

    value: T | None
    faults: tuple[Fault, ...] = ()


def _either(attempt: Callable[[], T], key: str | None = None) -> _Outcome[T]:
    """Try, and keep the faults instead of raising; ``key`` replaces their place."""
    try:
        return _Outcome(attempt())
    except PlanError as error:
        return _Outcome(None, tuple(f if key is None else replace(f, place=Place(key=key)) for f in error.faults))


def _mechanism_terms(plan: EvaluationPlan) -> None:
    """Parse every rule's terms. Raises PlanError with the faults of all rules."""
    faults: list[Fault] = []
    for index, rule in enumerate(plan.payment.rule):
        key = f"payment.rule[{index}]"
        try:
            parse_options(registry.mechanism(rule.mechanism).terms, rule.terms, f"{key}.terms")
        except PlanError as error:
            faults.extend(
                replace(f, place=Place(key=f"{key}.mechanism")) if f.place.key == "mechanism" else f
                for f in error.faults
            )
    if faults:
        raise PlanError(faults)


def _gate_options(plan: EvaluationPlan) -> None:
    """Parse the options of every gate the plan names. Raises PlanError with the faults of all gates."""
    faults: list[Fault] = []
    for index, asked in enumerate(plan.gate):
        key = f"gate[{index}]"
        try:
            plugin = registry.gate(asked.name)
            faults.extend(_not_negotiable(asked, plugin, key))
            parse_options(plugin.options, asked.options, f"{key}.options")
        except PlanError as error:
            faults.extend(
                replace(f, place=Place(key=f"{key}.name")) if f.place.key == "gate" else f for f in error.faults
            )
    if faults:
        raise PlanError(faults)


def _not_negotiable(asked: Gate, plugin: GatePlugin, key: str) -> Iterator[Fault]:
    """Gates that guard people, seals and computation stand in every contract as they are."""
    if plugin.name in NOT_NEGOTIABLE and asked.consequence not in {None, plugin.consequence}:
        yield Fault(
            code="PLAN_GATE_NOT_NEGOTIABLE",
            cause=f"The consequence of the gate '{plugin.name}' is '{plugin.consequence}' in every contract.",
            fix=f"Remove the consequence; what may be agreed about '{plugin.name}' stands in its own table or options.",
            place=Place(key=f"{key}.consequence"),
        )


def _covariate_faults(plan: EvaluationPlan, options: Record, key: str) -> list[Fault]:
    """Covariates an option names that no data column declares."""
    named: object = getattr(options, "covariates", ())
    known = [column.name for column in plan.columns("covariate")]
    return [
        Fault(
            code="PLAN_UNKNOWN_COVARIATE",
            cause=f"No data column with role 'covariate' is called '{name}'.",
            fix="Declare it under [[data.column]] with role = 'covariate', or correct the name.",
            place=Place(key=f"{key}.covariates"),
            suggestion=did_you_mean(str(name), known),
        )
        for name in (named if isinstance(named, tuple) else ())
        if name not in known
    ]


def _paid_method(plan: EvaluationPlan) -> payment.Method:
    """What payment needs to know of the plan's estimator."""
    method = primary_method(plan)
    can = method.estimator.capabilities
    return payment.Method(
        name=plan.estimator.method,
        kind=can.kind,
        standard_error=can.standard_error,
        per_cohort=can.per_cohort,
        relative=can.relative,
        per_unit=bool(getattr(method.options, "per_unit", False)),
        any_kind=method.estimator.kind_of is not None,
    )


def _unfit(plan: EvaluationPlan, sensitivity: Sensitivity, method: Method, key: str) -> Iterator[Fault]:
    """What the plan lacks for a sensitivity's method, or the method for the sensitivity."""
    yield from _covariate_faults(plan, method.options, f"{key}.options")
    can, name = method.estimator.capabilities, method.estimator.name
    other = name != plan.estimator.method
    stated = sensitivity.aggregation or (plan.estimand.aggregation if other else None)
    if stated is not None and stated not in can.aggregations:
        fix = f"State one of: {', '.join(can.aggregations)}."
        yield _cannot(name, f"has no aggregation '{stated}'.", fix, f"{key}.aggregation")
    if other:
        yield from _event_time_faults(plan, can, name, key)
        yield from _absent_columns(plan, name)


def _capability_faults(plan: EvaluationPlan) -> list[Fault]:
    """What the method cannot do for this plan: refusals composed from its table of capabilities."""
    name = plan.estimator.method
    can = primary_method(plan).estimator.capabilities
    faults = []
    if plan.design.method not in can.designs:
        cause, fix = f"does not work with the design {plan.design.method}.", f"Use {' or '.join(can.designs)}."
        faults.append(_cannot(name, cause, fix, "design.method"))
    if plan.estimand.aggregation not in can.aggregations:
        cause, fix = f"has no aggregation '{plan.estimand.aggregation}'.", f"Use one of: {', '.join(can.aggregations)}."
        faults.append(_cannot(name, cause, fix, "estimand.aggregation"))
    faults.extend(_event_time_faults(plan, can, name, "estimand.event_times"))
    if (plan.estimand.target == "NONE") == (can.kind == "effect"):
        wanted = "ATT" if can.kind == "effect" else "NONE"
        cause = f"estimates '{can.kind}', not '{plan.estimand.target}'."
        faults.append(_cannot(name, cause, f"Use target = '{wanted}'.", "estimand.target"))
    faults.extend(_covariate_faults(plan, primary_method(plan).options, "estimator.options"))
    faults.extend(_absent_columns(plan, name))
    method = primary_method(plan)
    return [*faults, *reach_of_named(plan, method.options, method.design_options)]


def _event_time_faults(plan: EvaluationPlan, can: Capabilities, name: str, key: str) -> Iterator[Fault]:
    """A window of event times that the method cannot average over."""
    if plan.estimand.event_times is not None and not can.event_times:
        able = [n for n in sorted(registry.estimator_names()) if registry.estimator(n).capabilities.event_times]
        yield _cannot(name, "cannot average over stated event times.", f"Use one of: {', '.join(able)}.", key)


def _inference_faults(plan: EvaluationPlan) -> Iterator[Fault]:
    """Methods of inference that may become the primary one and cannot: another family, scale, sides or basis."""
    stated = sorted(plan.inference.stated_methods - {"own"})
    estimator = primary_method(plan).estimator
    for name in stated:
        why = ""
        if estimator.capabilities.family != "did":
            why, fix = "belongs to difference-in-differences", 'Write primary = "own" and no rules.'
        elif name == "two_way" and estimator.regression is None:
            able = sorted(one for one in registry.estimator_names() if registry.estimator(one).regression is not None)
            why = f"needs a regression on units and periods, which {estimator.name} is not"
            fix = f"Use another method of inference, or one of: {', '.join(able)}."
        elif plan.estimand.scale == "relative" and name not in SCALED:
            why, fix = "cannot test a relative effect", f"Use one of: {', '.join(sorted(SCALED))}."
        elif plan.inference.sides == "one" and name in RESAMPLED:
            why, fix = "is two-sided", 'Write sides = "two", or a method with a standard error.'
        elif name in RESAMPLED and any(rule.basis == "probability" for rule in plan.payment.rule):
            why, fix = "has no standard error to make a probability of", "Use a method with a standard error."
        if why:
            cause = f"Inference by '{name}' {why}."
            yield Fault(code="PLAN_INFERENCE_METHOD", cause=cause, fix=fix, place=Place(key="inference.primary"))


def _absent_columns(plan: EvaluationPlan, name: str) -> Iterator[Fault]:
    """Roles the method needs and no data column has. An outcome column may be the outcome's own."""
    for role in registry.estimator(name).capabilities.needs:
        if role == "outcome" and all(plan.outcome_column(o.id) for o in plan.outcome):
            continue
        if not plan.columns(role):
            yield _cannot(
                name, f"needs a column with role '{role}'.", "Declare it under [[data.column]].", "data.column"
            )


def _cannot(name: str, cause: str, fix: str, key: str) -> Fault:
    """One thing the method called ``name`` cannot do."""
    return Fault(code="PLAN_METHOD_CANNOT", cause=f"{name} {cause}", fix=fix, place=Place(key=key))
