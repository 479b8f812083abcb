"""What one mechanism pays for one effect, without a plan: ``evaltool.payment.pay(mechanism="step_tiers", …)``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from evaltool.errors import Fault, Place, PlanError, UsageError, did_you_mean
from evaltool.payment.arithmetic import round_quantum, stated_context
from evaltool.payment.combination import Entitlement, combine
from evaltool.payment.rules import RuleOutcome
from evaltool.payment.trace import ABSENT, step
from evaltool.records.base import Exact, Record, Text, beyond, exact
from evaltool.records.decision import TraceStep
from evaltool.records.evidence import ALL, EstimateKey, Evidence
from evaltool.records.mechanism import MechanismPlugin, MechanismResult, RuleRequest, Tier
from evaltool.records.options import parse_options
from evaltool.records.plan.analysis import Option
from evaltool.records.plan.payment import LARGEST, SMALLEST, UNSTATED, Basis, Rounding, Rule

NAME = "payment.pay"
FIGURE = "effect"
Number = Decimal | int | str
"""Exact numbers: a binary float is refused."""
Figure = Number | Evidence
"""An exact figure in the direction of good, or an estimate's ``evidence(direction=…, scale=…)``."""
Knot = tuple[Number, Number] | Mapping[str, Number]
"""``(figure, amount)``, or the table a plan would hold."""
NO_TERMS: Mapping[str, Option] = {}
ROUNDINGS: tuple[Rounding, ...] = ("half_even", "half_up", "down", "up")
CENT = Decimal("0.01")
PAIR = ("figure", "amount")
NEED_A_PLAN = frozenset({"hurdle", "blended_estimators"})
"""Mechanisms that need other rules or other specifications beside their figure."""


class Payment(Record):
    """What is paid and how it was reached. Amounts are in the currency of the terms."""

    mechanism: Text
    amount: Exact
    """Rounded once, at the end."""
    tier: Tier
    maximum: Exact | None
    """The mechanism's top amount; None for an uncapped tariff."""
    capped: bool
    tie: bool
    """True when the last digits of a floating-point figure decide: a person must look."""
    trace: tuple[TraceStep, ...]
    """Every step of the exact arithmetic."""


def pay(  # noqa: PLR0913 - the direct road: what a contract's rule states, as keywords
    *,
    mechanism: str,
    effect: Figure | Mapping[str, Figure],
    knots: Sequence[Knot] = (),
    terms: Mapping[str, Option] = NO_TERMS,
    inclusive: bool | None = None,
    basis: Basis = "point_estimate",
    cap: Number | None = None,
    cohorts: Sequence[str] = (),
    quantum: Number = CENT,
    rounding: Rounding = "half_even",
) -> Payment:
    """The amount a mechanism pays, in exact decimals, with the trace of the arithmetic.

    ``effect`` is in the direction of good and on the scale of the thresholds (0.10: ten percent better), or verified
    units for a tariff. ``knots`` are ``(figure, amount)`` in rising order for the mechanisms with thresholds:
    ``step_tiers``, ``piecewise_linear``, ``binary_threshold`` (one), ``partial_complete`` (two). ``terms`` are the
    mechanism's own, written as in a plan's ``[payment.rule.terms]``. ``inclusive`` says whether reaching a threshold
    exactly counts; it may be left out only where that changes nothing. ``effect`` maps cohorts to figures for
    ``cohort_then_pooled``, and outcomes to figures for mechanisms whose terms name several; ``cohorts`` names all that
    are planned. ``lower_bound`` and ``significant_and_point`` need an estimate's evidence. Rules that combine other
    rules, blend specifications or pay per person need a plan.

    Raises UsageError with every argument that does not fit (USAGE_BAD_ARGUMENT), or USAGE_UNDECIDED_THRESHOLD.
    """
    faults: list[Fault] = []
    plugin = _plugin(mechanism, faults)
    stated = _Stated(basis=basis, cap=_exact("cap", cap, faults), inclusive=inclusive)
    found = _exact("quantum", quantum, faults)
    smallest = CENT if found is None else found
    faults += _choices(basis=basis, rounding=rounding, inclusive=inclusive)
    if not SMALLEST <= smallest <= LARGEST:
        cause = f"quantum is {smallest}, not between {SMALLEST} and {LARGEST}."
        faults.append(_bad(cause, "Write the smallest unit that is paid, such as 0.01.", "quantum"))
    if stated.cap is not None and stated.cap < 0:
        faults.append(_bad(f"cap is {stated.cap}.", "Write an amount of zero or more, or leave it out.", "cap"))
    evidence = _evidence(effect, plugin, faults)
    if plugin is not None and (plugin.uses == "parts" or plugin.per_unit or plugin.name in NEED_A_PLAN):
        cause = f"{plugin.name} needs more than one figure: other rules, other specifications or each person's count."
        faults.append(_bad(cause, "State it in a plan and evaluate that.", "mechanism"))
    parsed = None if plugin is None else _terms(plugin, knots, terms, faults)
    if faults or plugin is None or parsed is None:
        raise UsageError(faults)
    with stated_context():
        result, entitled = _triggered(plugin, parsed, evidence, tuple(cohorts), stated)
        return _rounded(plugin.name, result, entitled, smallest, rounding)


@dataclass(frozen=True, slots=True)
class _Stated:
    """The rule around the mechanism's own terms."""

    basis: Basis
    cap: Decimal | None
    inclusive: bool | None


def _triggered(
    plugin: MechanismPlugin, terms: Record, evidence: tuple[Evidence, ...], cohorts: tuple[str, ...], stated: _Stated
) -> tuple[MechanismResult, Entitlement]:
    """What the mechanism triggers, under the cap. Raises UsageError."""
    planned = cohorts or tuple(item.key.cohort for item in evidence if item.key.cohort != ALL)
    found = []
    for inclusive in (True, False) if stated.inclusive is None else (stated.inclusive,):
        rule = Rule(
            id="direct",
            mechanism=plugin.name,
            outcome=FIGURE,
            basis=stated.basis,
            inclusive=inclusive,
            cap=stated.cap,
        )
        asked = RuleRequest(
            rule=rule,
            terms=terms,
            basis=stated.basis,
            evidence=evidence,
            cohorts=planned,
            outcomes={item.key.outcome: item for item in evidence},
        )
        result = plugin.pay(asked)
        if result.absent is not None:
            cause = f"{plugin.name} cannot be computed: {ABSENT[result.absent]}."
            raise UsageError(_bad(cause, "State what is missing.", "effect"))
        found.append((result, combine([RuleOutcome(rule, stated.basis, evidence, result)])))
    if len({entitled.amount for _, entitled in found}) > 1:
        cause = f"The effect meets a threshold of {plugin.name} exactly, and inclusive is not stated."
        fix = "State inclusive=True if reaching the threshold is enough, else inclusive=False."
        raise UsageError(Fault("USAGE_UNDECIDED_THRESHOLD", cause, fix, Place(key=f"{NAME}.inclusive")))
    return found[0]


def _rounded(
    name: str, result: MechanismResult, entitled: Entitlement, quantum: Decimal, rounding: Rounding
) -> Payment:
    """The one rounding; where it would lift the amount over the top, it goes down instead."""
    amount = round_quantum(entitled.amount, quantum, rounding)
    if entitled.top is not None and amount > entitled.top:
        amount = round_quantum(entitled.amount, quantum, "down")
    last = {"quantum": quantum, "mode": rounding, "before": entitled.amount, "after": amount}
    return Payment(
        mechanism=name,
        amount=amount,
        tier=result.tier,
        maximum=entitled.top,
        capped=entitled.capped,
        tie=any(comparison.tie for comparison in result.comparisons),
        trace=(*entitled.trace, step("rounding", last)),
    )


def _plugin(name: object, faults: list[Fault]) -> MechanismPlugin | None:
    """The mechanism called ``name``; None, with the fault noted, when there is none."""
    package = importlib.import_module("evaltool.payment.mechanisms")
    known = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))
    if name in known:
        plugin: object = importlib.import_module(f"{package.__name__}.{name}").PLUGIN
        if isinstance(plugin, MechanismPlugin):  # pragma: no branch - the conformance suite loads every one
            return plugin
    fault = _bad(f"There is no mechanism called {name!r}.", f"Use one of: {', '.join(known)}.", "mechanism")
    faults.append(replace(fault, suggestion=did_you_mean(str(name), known)))
    return None


def _terms(
    plugin: MechanismPlugin, knots: Sequence[Knot], terms: Mapping[str, Option], faults: list[Fault]
) -> Record | None:
    """The mechanism's own model; None, with the faults noted, when the terms do not fit."""
    stated = dict(terms)
    pairs = _pairs(knots, faults)
    if pairs:
        written = _written(plugin.name, pairs)
        if written is None:
            faults.append(_bad(f"{plugin.name} does not take {len(pairs)} knots.", "State its terms=….", "knots"))
            return None
        stated |= written
    try:
        return parse_options(plugin.terms, stated, f"{NAME}.terms")
    except PlanError as error:
        faults.extend(replace(fault, code="USAGE_BAD_ARGUMENT") for fault in error.faults)
    except (TypeError, ValueError) as error:
        faults.append(_bad(f"The terms cannot be read: {error}.", "Write exact numbers and plain tables.", "terms"))
    return None


def _pairs(knots: Sequence[Knot], faults: list[Fault]) -> list[tuple[Decimal, Decimal]]:
    """The knots as exact pairs of figure and amount."""
    found = []
    for place, knot in enumerate(knots):
        name = f"knots[{place}]"
        values = [*knot] if isinstance(knot, tuple | list) else []
        if isinstance(knot, Mapping) and set(knot) in ({"at", "amount"}, {"from", "amount"}):
            values = [value for key, value in knot.items() if key != "amount"] + [knot["amount"]]
        if len(values) != len(PAIR) or None in values:
            faults.append(_bad(f"{knot!r} is no knot.", "Write (figure, amount).", name))
            continue
        figure, amount = (_exact(name, value, faults) for value in values)
        if figure is not None and amount is not None:
            found.append((figure, amount))
    return found


def _written(mechanism: str, pairs: list[tuple[Decimal, Decimal]]) -> dict[str, Option] | None:
    """Knots as the mechanism's own terms; None when it takes none, or not so many."""
    if mechanism == "step_tiers":
        return {"tiers": tuple({"from": figure, "amount": amount} for figure, amount in pairs)}
    if mechanism == "piecewise_linear":
        return {"knots": tuple({"at": figure, "amount": amount} for figure, amount in pairs)}
    if mechanism == "binary_threshold" and len(pairs) == 1:
        return {"threshold": pairs[0][0], "amount": pairs[0][1]}
    if mechanism == "partial_complete" and len(pairs) == len(PAIR):
        (low, part), (high, whole) = pairs
        return {"partial_from": low, "partial_amount": part, "complete_from": high, "complete_amount": whole}
    return None


def _evidence(
    effect: Figure | Mapping[str, Figure], plugin: MechanismPlugin | None, faults: list[Fault]
) -> tuple[Evidence, ...]:
    """One estimate, one per cohort for a mechanism that tests cohorts, or one per outcome where terms name several."""
    mapped = isinstance(effect, Mapping)
    several = plugin is not None and "outcome" in str(plugin.terms.model_json_schema())
    unfit = plugin is not None and (not mapped if plugin.per_cohort else mapped and not several)
    if plugin is not None and unfit:
        wanted = "one figure per cohort, as a dict" if plugin.per_cohort else "one figure"
        faults.append(_bad(f"{plugin.name} pays on {wanted}.", f"Give {wanted}.", "effect"))
        return ()
    items = effect.items() if isinstance(effect, Mapping) else ((ALL, effect),)
    by_cohort = plugin is None or plugin.per_cohort or not mapped
    found = []
    for name, figure in items:
        key = EstimateKey(outcome=FIGURE, cohort=name) if by_cohort else EstimateKey(outcome=name)
        if isinstance(figure, Evidence):
            found.append(figure.model_copy(update={"key": key}))
            continue
        point = _exact("effect", figure, faults)
        if point is not None:
            counted = plugin is not None and plugin.uses == "count"
            found.append(Evidence(key=key, kind="verified_count" if counted else "effect", point=point, is_exact=True))
    return tuple(found)


def _exact(name: str, value: object, faults: list[Fault]) -> Decimal | None:
    """An exact number; None, with the fault noted, for anything else. None stays None."""
    if value is None:
        return None
    try:
        found = exact(value)
    except ValueError:
        found = None
    if isinstance(found, Decimal) and found.is_finite():
        reason = None if name == FIGURE else beyond(found)
        if reason is None:
            return found
        faults.append(_bad(f"{name} is {found}: {reason}.", "Write a number that a contract states.", name))
        return None
    fix = 'Write Decimal("0.124") or "0.124": binary floats are not exact.'
    faults.append(_bad(f"{name} is {value!r}, not an exact number.", fix, name))
    return None


def _choices(*, basis: object, rounding: object, inclusive: object) -> list[Fault]:
    """Arguments that are none of the words known."""
    known: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("basis", basis, UNSTATED),
        ("rounding", rounding, ROUNDINGS),
        ("inclusive", inclusive, (True, False, None)),
    )
    return [
        _bad(f"{name} = {value!r} is not known.", f"Use one of: {', '.join(map(str, choices))}.", name)
        for name, value, choices in known
        if value not in choices
    ]


def _bad(cause: str, fix: str, argument: str) -> Fault:
    """An argument that does not fit."""
    return Fault("USAGE_BAD_ARGUMENT", cause, fix, Place(key=f"{NAME}.{argument}"))
