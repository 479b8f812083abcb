"""Faults of ``[payment]`` and ``[[fallback]]`` that show only beside other tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import PurePosixPath, PureWindowsPath

from evaltool.errors import Fault, Place, did_you_mean
from evaltool.reading.plan_faults import known_outcome, known_specification, order, repeated
from evaltool.records.decision import REASONS
from evaltool.records.plan.evaluation_plan import EvaluationPlan


def _rule_ids(plan: EvaluationPlan) -> Iterable[Fault]:
    """Payment rule ids."""
    return repeated([rule.id for rule in plan.payment.rule], "payment.rule", "id")


def _previous(plan: EvaluationPlan) -> Iterable[Fault]:
    """Earlier runs enter once, and their paths mean the same on every machine."""
    yield from repeated([paid.manifest for paid in plan.payment.previous], "payment.previous", "manifest")
    for number, paid in enumerate(plan.payment.previous):
        if paid.path is not None and (PurePosixPath(paid.path).is_absolute() or PureWindowsPath(paid.path).anchor):
            yield Fault(
                code="PLAN_PATH_ABSOLUTE",
                cause=f"'{paid.path}' is an absolute path, which exists on one machine only.",
                fix="Write the path relative to the plan's folder.",
                place=Place(key=f"payment.previous[{number}].path"),
            )


def _clauses(plan: EvaluationPlan) -> Iterable[Fault]:
    """A clause is printed where it applies, so it says something."""
    for number, clause in enumerate(plan.governance.clause):
        if not clause.text.in_language("en"):
            cause, fix = f"The clause '{clause.id}' has no text.", "Write what was agreed, in one language at least."
            yield Fault("PLAN_EMPTY_CLAUSE", cause, fix, Place(key=f"governance.clause[{number}].text"))


def _rules(plan: EvaluationPlan) -> Iterable[Fault]:
    """Every rule pays on an outcome that exists."""
    for number, rule in enumerate(plan.payment.rule):
        for name in rule.outcomes:
            key = "outcome" if name == rule.outcome else "terms"
            yield from known_outcome(plan, name, f"payment.rule[{number}].{key}")


def _caps(plan: EvaluationPlan) -> Iterable[Fault]:
    """A cap leaves something to pay."""
    stated = [(plan.payment.cap, "payment.cap")]
    stated += [(rule.cap, f"payment.rule[{number}].cap") for number, rule in enumerate(plan.payment.rule)]
    for cap, key in stated:
        if cap is not None and cap < plan.payment.quantum:
            yield Fault(
                code="PLAN_BELOW_QUANTUM",
                cause=f"The cap of {cap} lies below the smallest unit that is paid ({plan.payment.quantum}).",
                fix="Write the cap that was agreed, or leave it out; under this one nothing could ever be paid.",
                place=Place(key=key),
            )


def _fallbacks(plan: EvaluationPlan) -> Iterable[Fault]:
    """Reason codes exist, each is answered once, and every action has what it needs and nothing else."""
    answered: set[str] = set()
    for number, fallback in enumerate(plan.fallback):
        key = f"fallback[{number}]"
        for reason in fallback.on:
            if reason not in REASONS:
                yield Fault(
                    code="PLAN_UNKNOWN_REASON",
                    cause=f"'{reason}' is not a reason code.",
                    fix=f"Use one of: {', '.join(REASONS)}.",
                    place=Place(key=f"{key}.on"),
                    suggestion=did_you_mean(reason, REASONS),
                )
            elif reason in answered:
                yield Fault(
                    code="PLAN_DUPLICATE_FALLBACK",
                    cause=f"The reason code {reason} has more than one fallback.",
                    fix="Keep one answer for each reason code.",
                    place=Place(key=f"{key}.on"),
                )
            answered.add(reason)
        yield from _terms(key, fallback.action, "pay_floor", "amount", fallback.amount is not None)
        yield from _terms(key, fallback.action, "other_estimator", "specification", fallback.specification is not None)
        yield from _terms(key, fallback.action, "blend", "blend", bool(fallback.blend))
        yield from _terms(key, fallback.action, "fixed_rate", "rate", fallback.rate is not None)
        if fallback.correlation is not None:
            yield from _terms(key, fallback.action, "blend", "correlation", stated=True)
        total = sum((part.weight for part in fallback.blend), Decimal(0))
        if fallback.blend and total != 1:
            yield Fault(
                code="PLAN_BLEND_WEIGHTS",
                cause=f"The weights of the blend sum to {total}, not to 1.",
                fix="Write weights that sum to exactly 1.",
                place=Place(key=f"{key}.blend"),
            )


def _terms(key: str, action: str, owner: str, term: str, stated: bool) -> Iterable[Fault]:
    """The term belongs to one action: it must be there with it and not without."""
    if action == owner and not stated:
        yield Fault(
            code="PLAN_FALLBACK_INCOMPLETE",
            cause=f"The fallback '{action}' needs '{term}'.",
            fix=f"Add {term} = ….",
            place=Place(key=key),
        )
    if action != owner and stated:
        yield Fault(
            code="PLAN_FALLBACK_NEEDLESS",
            cause=f"The fallback '{action}' has no use for '{term}'.",
            fix=f'Remove {term}, or write action = "{owner}".',
            place=Place(key=f"{key}.{term}"),
        )


def _fallback_specifications(plan: EvaluationPlan) -> Iterable[Fault]:
    """``other_estimator`` and ``blend`` name pre-registered sensitivities."""
    known = [one.id for one in plan.sensitivity]
    for number, fallback in enumerate(plan.fallback):
        key = f"fallback[{number}]"
        if fallback.specification is not None:
            yield from known_specification(fallback.specification, known, f"{key}.specification")
        for part in fallback.blend:
            yield from known_specification(part.specification, ["primary", *known], f"{key}.blend")


def _rule_specifications(plan: EvaluationPlan) -> Iterable[Fault]:
    """Rules blend the primary estimate and pre-registered sensitivities; a haircut compares with the latter."""
    known = ["primary", *(one.id for one in plan.sensitivity)]
    for number, rule in enumerate(plan.payment.rule):
        for name in rule.specifications:
            yield from known_specification(name, known, f"payment.rule[{number}].terms")
    agreed = plan.payment.haircut
    for name in () if agreed is None else agreed.among:
        yield from known_specification(name, known[1:], "payment.haircut.among")


def _fallback_cohorts(plan: EvaluationPlan) -> Iterable[Fault]:
    """A pooled test needs cohorts with agreed weights."""
    weighted = bool(plan.population.cohort) and all(c.weight is not None for c in plan.population.cohort)
    for number, fallback in enumerate(plan.fallback):
        if fallback.action == "pooled_test" and not weighted:
            yield Fault(
                code="PLAN_COHORT_WEIGHTS",
                cause="The fallback 'pooled_test' needs cohorts with agreed weights, and the plan has none.",
                fix="Name each cohort in [[population.cohort]] with its weight.",
                place=Place(key=f"fallback[{number}].action"),
            )


def _parts(plan: EvaluationPlan) -> Iterable[Fault]:
    """Rules of rules name other rules, each of them once, and not themselves."""
    known = [rule.id for rule in plan.payment.rule]
    used: Counter[str] = Counter()
    for number, rule in enumerate(plan.payment.rule):
        key = f"payment.rule[{number}].terms"
        for part in rule.parts:
            used[part] += 1
            if part not in known:
                yield Fault(
                    code="PLAN_UNKNOWN_PART",
                    cause=f"No [[payment.rule]] has the id '{part}'.",
                    fix=f"Use one of: {', '.join(name for name in known if name != rule.id)}.",
                    place=Place(key=key),
                    suggestion=did_you_mean(part, known),
                )
            elif used[part] > 1:
                yield Fault(
                    code="PLAN_PART_TWICE",
                    cause=f"The rule '{part}' is a part of more than one rule: it would be paid more than once.",
                    fix="Let one rule combine it, or state it again under another id.",
                    place=Place(key=key),
                )


def _shocks(plan: EvaluationPlan) -> Iterable[Fault]:
    """Registered shocks: ids, dates, and the clauses they name."""
    yield from repeated([shock.id for shock in plan.payment.shock], "payment.shock", "id")
    yield from repeated([clause.id for clause in plan.governance.clause], "governance.clause", "id")
    known = [clause.id for clause in plan.governance.clause]
    for number, shock in enumerate(plan.payment.shock):
        key = f"payment.shock[{number}]"
        yield from order(shock.first_day, shock.last_day, (f"{key}.first_day", f"{key}.last_day"))
        if shock.clause is not None and shock.clause not in known:
            yield Fault(
                code="PLAN_UNKNOWN_CLAUSE",
                cause=f"No [[governance.clause]] has the id '{shock.clause}'.",
                fix=f"Use one of: {', '.join(known)}." if known else "Add the clause under [[governance.clause]].",
                place=Place(key=f"{key}.clause"),
                suggestion=did_you_mean(shock.clause, known),
            )


PAYMENT_RULES: tuple[tuple[tuple[str, ...], Callable[[EvaluationPlan], Iterable[Fault]]], ...] = (
    (("payment",), _rule_ids),
    (("payment",), _previous),
    (("governance",), _clauses),
    (("payment",), _caps),
    (("payment",), _parts),
    (("payment", "governance"), _shocks),
    (("payment", "sensitivity"), _rule_specifications),
    (("fallback", "population"), _fallback_cohorts),
    (("payment", "outcome"), _rules),
    (("fallback",), _fallbacks),
    (("fallback", "sensitivity"), _fallback_specifications),
)
"""The tables that must be valid before a rule can be judged, and the rule."""
