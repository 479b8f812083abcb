"""The decision: eight steps, always in this order, every one recorded.

Steps 1–3 may stop; 4–8 all run, and one whose inputs are absent records NOT_APPLICABLE:
(1) due? (2) locked? (3) gates, else the contract's own fallback, else NOT_DECIDABLE and never NO_PAYMENT, since
failing to measure is not failing to deliver; (4) mechanisms on the stated basis; (5) sum, caps, offset, earlier
payments, rounding, payers; (6) reviews without a sign-off make it PROVISIONAL; (7) fewer than 90 % of the
pre-registered specifications agreeing makes it DECISION_FRAGILE; (8) floating-point figures on a threshold, or figures
that a choice between equals moves across one: REFER.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from evaltool.payment.alternatives import (
    absent_in,
    agreement,
    other_bases,
    other_estimators,
    other_specifications,
    without_haircut,
)
from evaltool.payment.arithmetic import stated_context
from evaltool.payment.basis import TIE
from evaltool.payment.combination import ZERO, Entitlement, Settlement, combine, settle
from evaltool.payment.fallback import UNDECIDED, blocking_reasons, choose, in_order
from evaltool.payment.haircut import haircut_of
from evaltool.payment.request import DecisionRequest
from evaltool.payment.rules import Nearest, RuleOutcome, Selection, apply_rules, nearest
from evaltool.payment.substitution import Path, path_of
from evaltool.payment.trace import Value, step
from evaltool.payment.uncertainty import amount_uncertainty, money_beyond
from evaltool.records.decision import (
    FLAGS,
    Alternative,
    AmountUncertainty,
    Decision,
    Flag,
    Reason,
    State,
    StepRecord,
    TraceStep,
)
from evaltool.records.evidence import PRIMARY, Evidence
from evaltool.records.plan.analysis import Fallback
from evaltool.records.plan.payment import BASES

__all__ = ["DecisionRequest", "decide"]

KEYS = ("due", "locked", "gates", "mechanism", "combination", "sign_off", "sensitivity", "tie")
FRAGILE_BELOW = Decimal("0.9")
"""Share of the pre-registered specifications that must decide the same."""
EARLIER = frozenset({"data_maturity", "locked"})
"""Gates that belong to steps 1 and 2."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A decision that ends in step 1, 2 or 3."""

    state: State
    reasons: tuple[Reason, ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Where the steps have led: state, settlement (None when nothing could be computed) and what led there."""

    state: State
    settlement: Settlement | None = None
    outcomes: tuple[RuleOutcome, ...] = ()
    trace: tuple[TraceStep, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    near: Nearest | None = None
    uncertainty: AmountUncertainty | None = None
    beyond: Decimal | None = None


@dataclass(slots=True)
class Minutes:
    """The record being written: steps so far, reasons and flags."""

    steps: list[StepRecord] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)

    def note(self, outcome: str, detail: dict[str, Value]) -> None:
        """Record the next step."""
        number = len(self.steps) + 1
        record = {"number": number, "key": KEYS[number - 1], "outcome": outcome, "detail": detail}
        self.steps.append(StepRecord.model_validate(record))


def decide(request: DecisionRequest) -> Decision:
    """Whether the payment is due and how much, exactly. Raises PlanError for rule terms a mechanism refuses."""
    with stated_context():
        minutes = Minutes()
        if any(item.kind != "effect" for item in _paid_on(request)):
            minutes.flags.append("NO_COUNTERFACTUAL")
        if request.lock.variations:
            minutes.flags.append("VARIATION_APPLIED")
        halt = _due(request, minutes) or _locked(request, minutes)
        fallback: Fallback | None = None
        if halt is None:
            halt, fallback = _gates(request, minutes)
        if halt is not None:
            return _stopped(request, minutes, halt)
        return _concluded(request, minutes, fallback)


def _paid_on(request: DecisionRequest) -> list[Evidence]:
    """The primary estimates of every outcome a rule pays on."""
    paid = set(request.plan.payment.outcomes)
    return [e for e in request.evidence if e.key.outcome in paid and e.key.specification == PRIMARY]


def _due(request: DecisionRequest, minutes: Minutes) -> Halt | None:
    """Step 1: a monitoring plan never decides; the stated date must have come and every outcome be final."""
    plan = request.plan
    paid = sorted(plan.payment.outcomes)
    mature = max(plan.outcome_named(name).mature_from for name in paid)
    detail: dict[str, Value] = {
        "as_of": request.as_of.isoformat(),
        "decide_from": plan.governance.decide_from.isoformat(),
        "mature_from": mature.isoformat(),
        "purpose": plan.governance.purpose,
    }
    immature = any(gate.name == "data_maturity" and gate.blocks for gate in request.gates)
    if plan.governance.purpose == "monitoring":
        reason: Reason = "MONITORING_ONLY"
    elif immature or request.as_of < max(mature, plan.governance.decide_from):
        reason = "DATA_IMMATURE"
    else:
        minutes.note("PASS", detail)
        return None
    minutes.note("STOP", detail)
    return Halt("NOT_YET_DUE", (reason,))


def _locked(request: DecisionRequest, minutes: Minutes) -> Halt | None:
    """Step 2: the plan (and whatever else the ``locked`` gate looks at) was sealed before it was used."""
    detail: dict[str, Value] = {"state": request.lock.state, "seal": request.lock.seal}
    reasons = blocking_reasons([gate for gate in request.gates if gate.name == "locked"])
    if request.lock.state == "never_locked":
        reasons = in_order(("PLAN_UNLOCKED", *reasons))
    if not reasons:
        minutes.note("PASS", detail)
        return None
    minutes.note("STOP", detail)
    return Halt("NOT_DECIDABLE", reasons)


def _gates(request: DecisionRequest, minutes: Minutes) -> tuple[Halt | None, Fallback | None]:
    """Step 3: what blocks goes to the contract's own fallback, else nothing can be decided."""
    gates = [gate for gate in request.gates if gate.name not in EARLIER]
    blocking = [gate for gate in gates if gate.blocks]
    if not blocking:
        minutes.note("PASS", {"gates": len(gates), "blocking": 0})
        return None, None
    reasons = blocking_reasons(blocking)
    answer = choose(request.plan.fallback, reasons)
    fallback = answer.fallback
    detail: dict[str, Value] = {
        "gates": len(gates),
        "blocking": len(blocking),
        "names": ", ".join(gate.name for gate in blocking),
        "reasons": ", ".join(reasons),
        "fallback": answer.why if fallback is None else fallback.action,
    }
    if fallback is None or fallback.action in UNDECIDED:
        minutes.note("STOP", detail)
        flags: tuple[Flag, ...] = () if fallback is None else ("FALLBACK_APPLIED",)
        return Halt("NOT_DECIDABLE", reasons, flags), None
    minutes.note("APPLIED", detail)
    minutes.reasons += reasons
    minutes.flags.append("FALLBACK_APPLIED")
    return None, fallback


def _stopped(request: DecisionRequest, minutes: Minutes, halt: Halt) -> Decision:
    """The decision when step 1, 2 or 3 stops: nothing is paid, and the rest is recorded as not applicable."""
    minutes.reasons += halt.reasons
    minutes.flags += halt.flags
    while len(minutes.steps) < len(KEYS):
        minutes.note("NOT_APPLICABLE", {"why": "stopped_before"})
    return _written(request, minutes, Conclusion(halt.state))


def _concluded(request: DecisionRequest, minutes: Minutes, fallback: Fallback | None) -> Decision:
    """Steps 4 to 8."""
    path = path_of(request, fallback, ", ".join(minutes.reasons))
    if fallback is not None and fallback.amount is not None and fallback.action == "pay_floor":
        end = _floor(request, minutes, fallback, fallback.amount)
    else:
        end = _mechanisms(path, minutes)
    _sign_off(request, minutes)
    if end.outcomes:
        bases = other_bases(path.request, end.outcomes, path.specification)
        specifications = other_specifications(path.request, path.specification)
        uncut = without_haircut(path.request, path.specification)
        end = replace(end, alternatives=(*bases, *uncut, *specifications, *other_estimators(path.request)))
    _sensitivity(minutes, end)
    _tie(minutes, end)
    return _written(request, minutes, end)


def _floor(request: DecisionRequest, minutes: Minutes, fallback: Fallback, amount: Decimal) -> Conclusion:
    """Steps 4 and 5 when the contract pays an agreed floor: no figure meets a threshold."""
    top = combine(apply_rules(request, Selection()), request.plan.payment.combine).top
    reasons = ", ".join(minutes.reasons)
    trace = step("fallback.floor", {"action": fallback.action, "reasons": reasons, "amount": amount})
    minutes.note("NOT_APPLICABLE", {"why": "pay_floor"})
    full = top is not None and amount >= top
    entitled = Entitlement(amount=amount, top=top, full=full, carried_forward=False, capped=False, trace=(trace,))
    settled = settle(request.plan, entitled)
    if settled.state == "NO_PAYMENT":
        settled = replace(settled, state="NOT_DECIDABLE")
    return _settled(minutes, settled, ())


def _mechanisms(path: Path, minutes: Minutes) -> Conclusion:
    """Steps 4 and 5: what the rules trigger and what is paid of it."""
    request, selection = path.request, Selection(specification=path.specification)
    outcomes = apply_rules(request, selection)
    detail: dict[str, Value] = {"rules": len(outcomes), "specification": selection.specification}
    if any(item.kind != "effect" for outcome in outcomes for item in outcome.evidence):
        minutes.flags.append("NO_COUNTERFACTUAL")
    absent = absent_in(outcomes)
    if absent is not None:
        minutes.note("NOT_APPLICABLE", {**detail, "why": absent})
        minutes.note("NOT_APPLICABLE", {"why": absent})
        minutes.reasons.append("BASIS_ABSENT")
        trace = (*path.trace, *(item for outcome in outcomes for item in outcome.result.trace))
        return Conclusion("NOT_DECIDABLE", outcomes=outcomes, trace=trace)
    minutes.note("APPLIED", detail)
    cut = haircut_of(request, path.specification)
    settled = settle(request.plan, combine(outcomes, request.plan.payment.combine), cut)
    near = nearest(outcomes)
    end = _settled(minutes, replace(settled, trace=(*path.trace, *settled.trace)), outcomes)
    return replace(
        end,
        near=near,
        uncertainty=amount_uncertainty(request, selection, settled),
        beyond=money_beyond(request, selection, near, settled),
    )


def _settled(minutes: Minutes, settled: Settlement, outcomes: tuple[RuleOutcome, ...]) -> Conclusion:
    """Record step 5."""
    amounts: dict[str, Value] = {"triggered": settled.triggered, "amount": settled.amount}
    minutes.note("APPLIED", {**amounts, "maximum": settled.maximum})
    minutes.flags += settled.flags
    return Conclusion(settled.state, settlement=settled, outcomes=outcomes, trace=settled.trace)


def _sign_off(request: DecisionRequest, minutes: Minutes) -> None:
    """Step 6: a review that nobody has signed off makes the decision provisional."""
    asked = [gate for gate in request.gates if gate.asks_for_review]
    waiting = [gate for gate in asked if gate.name not in request.signed_off]
    detail: dict[str, Value] = {
        "reviews": len(asked),
        "waiting": len(waiting),
        "names": ", ".join(gate.name for gate in waiting),
    }
    minutes.note("APPLIED" if waiting else "PASS" if asked else "NOT_APPLICABLE", detail)
    minutes.reasons += [gate.reason for gate in asked if gate.reason is not None]
    if waiting:
        minutes.flags.append("PROVISIONAL")


def _sensitivity(minutes: Minutes, end: Conclusion) -> None:
    """Step 7: whether the pre-registered specifications decide the same."""
    if end.settlement is None or not end.outcomes:
        minutes.note("NOT_APPLICABLE", {"why": "no_figure"})
        return
    continuous = all(outcome.continuous for outcome in end.outcomes)
    found = agreement(end.settlement, end.alternatives, continuous=continuous)
    if not found.registered:
        minutes.note("NOT_APPLICABLE", {"why": "none_registered"})
        return
    fragile = found.below(FRAGILE_BELOW)
    counts: dict[str, Value] = {"agreeing": found.agreeing, "registered": found.registered, "absent": found.absent}
    minutes.note("APPLIED" if fragile else "PASS", {**counts, "required_share": FRAGILE_BELOW})
    if fragile:
        minutes.flags.append("DECISION_FRAGILE")


def _tie(minutes: Minutes, end: Conclusion) -> None:
    """Step 8: a figure on a threshold, or moved across one by a choice between equals, is referred to people."""
    met = [comparison for outcome in end.outcomes for comparison in outcome.result.comparisons]
    if end.settlement is None or not met:
        minutes.note("NOT_APPLICABLE", {"why": "no_figure"})
        return
    ties = [comparison for comparison in met if comparison.tie]
    crossed = [comparison for comparison in met if comparison.crossed]
    detail: dict[str, Value] = {"comparisons": len(met), "ties": len(ties), "tolerance": TIE}
    if crossed:
        detail["crossed"] = len(crossed)
    minutes.note("APPLIED" if ties or crossed else "PASS", detail)
    if ties or crossed:
        minutes.flags.append("REFER")


def _written(request: DecisionRequest, minutes: Minutes, end: Conclusion) -> Decision:
    """The finished record."""
    plan, settled = request.plan, end.settlement
    near = end.near
    bases = {rule.basis for rule in plan.payment.rule if rule.basis is not None}
    if plan.governance.is_departed_from(request.as_of):
        minutes.reasons.append("UNREGISTERED_DEVIATION")
    return Decision(
        state=end.state,
        flags=tuple(flag for flag in FLAGS if flag in minutes.flags),
        reasons=in_order(minutes.reasons),
        basis=", ".join(basis for basis in BASES if basis in bases) or None,
        amount=ZERO if settled is None else settled.amount,
        triggered=ZERO if settled is None else settled.triggered,
        maximum=None if settled is None else settled.maximum,
        currency=plan.programme.currency,
        per_payer=() if settled is None else settled.per_payer,
        steps=tuple(minutes.steps),
        trace=end.trace,
        alternatives=end.alternatives,
        nearest_threshold=None if near is None else near.threshold,
        distance=None if near is None else near.distance,
        distance_money=end.beyond,
        uncertainty=end.uncertainty,
    )
