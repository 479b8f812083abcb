"""From what the rules triggered to what is paid: sum, caps, offset, earlier payments, rounding, payers (step 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.arithmetic import round_quantum, split
from evaltool.payment.rules import RuleOutcome
from evaltool.payment.trace import Value, step
from evaltool.records.decision import Flag, PayerShare, State, TraceStep
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Payment

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What is triggered before the contract's cap, the top it can reach (None: no top), and its tier."""

    amount: Decimal
    top: Decimal | None
    full: bool
    carried_forward: bool
    capped: bool
    trace: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """State, flags and exact amounts."""

    state: State
    flags: tuple[Flag, ...]
    amount: Decimal
    triggered: Decimal
    maximum: Decimal | None
    per_payer: tuple[PayerShare, ...]
    trace: tuple[TraceStep, ...]


def combine(outcomes: Sequence[RuleOutcome]) -> Entitlement:
    """The sum of the rules, each under its own cap."""
    total, top, full, capped = ZERO, ZERO, True, False
    open_ended = False
    trace: list[TraceStep] = []
    for outcome in outcomes:
        rule, result = outcome.rule, outcome.result
        after = result.amount if rule.cap is None else min(result.amount, rule.cap)
        tops = [limit for limit in (result.maximum, rule.cap) if limit is not None]
        capped = capped or result.capped or after < result.amount
        full = full and after > 0 and (not tops or after >= min(tops))
        open_ended = open_ended or not tops
        top += min(tops, default=ZERO)
        total += after
        values: dict[str, Value] = {
            "rule": rule.id,
            "amount": result.amount,
            "maximum": result.maximum,
            "tier": result.tier,
        }
        trace += [*result.trace, step("rule.amount", values)]
        if rule.cap is not None:
            trace.append(step("rule.cap", {"rule": rule.id, "cap": rule.cap, "before": result.amount, "after": after}))
    trace.append(step("combine.sum", {"rules": len(outcomes), "amount": total}))
    return Entitlement(
        amount=total,
        top=None if open_ended else top,
        full=full,
        carried_forward=any(outcome.result.tier == "carried_forward" for outcome in outcomes),
        capped=capped,
        trace=tuple(trace),
    )


def settle(plan: EvaluationPlan, entitled: Entitlement) -> Settlement:
    """Contract cap, offset, earlier payments, one rounding, and every payer's part.

    The state follows the triggered amount (after caps and rounding, before offsets). What was paid too much earlier is
    flagged, never paid as a negative amount; an open cohort test claws nothing back.
    """
    payment = plan.payment
    trace = [*entitled.trace]
    capped = entitled.amount if payment.cap is None else min(entitled.amount, payment.cap)
    tops = [limit for limit in (entitled.top, payment.cap) if limit is not None]
    maximum = min(tops) if tops else None
    if payment.cap is not None:
        trace.append(step("cap.contract", {"cap": payment.cap, "before": entitled.amount, "after": capped}))
    triggered = _rounded(payment, capped, maximum)
    state = _state(capped if triggered > 0 else ZERO, maximum, entitled)
    due, flags, reduced = _net(payment, capped, state)
    trace += reduced
    amount = _rounded(payment, due, None if maximum is None else max(maximum, ZERO))
    rounding = {"quantum": payment.quantum, "mode": payment.rounding, "before": due, "after": amount}
    trace.append(step("rounding", rounding))
    per_payer = _per_payer(plan, amount)
    trace += [
        step("split", {"payer": p.payer, "level": p.level, "share": p.share, "amount": p.amount}) for p in per_payer
    ]
    if entitled.capped or capped < entitled.amount:
        flags = ("CAPPED", *flags)
    return Settlement(state, flags, amount, triggered, maximum, per_payer, tuple(trace))


def _state(capped: Decimal, maximum: Decimal | None, entitled: Entitlement) -> State:
    """The state of a triggered amount."""
    if capped > 0:
        top = entitled.full or (maximum is not None and capped >= maximum)
        return "PAY_FULL" if top else "PAY_PARTIAL"
    return "CARRIED_FORWARD" if entitled.carried_forward else "NO_PAYMENT"


def _net(payment: Payment, capped: Decimal, state: State) -> tuple[Decimal, tuple[Flag, ...], list[TraceStep]]:
    """What is left after offset and earlier payments, with flags and trace."""
    trace: list[TraceStep] = []
    entitlement = max(ZERO, capped - payment.offset)
    if payment.offset > 0:
        trace.append(step("offset", {"offset": payment.offset, "before": capped, "after": entitlement}))
    paid = sum((previous.amount for previous in payment.previous), ZERO)
    due = max(ZERO, entitlement - paid)
    flags: list[Flag] = []
    if payment.previous:
        trace += [step("previous.payment", {"manifest": p.manifest, "amount": p.amount}) for p in payment.previous]
        trace.append(step("previous.sum", {"paid": paid, "before": entitlement, "after": due}))
    if capped > 0 and due == 0:
        flags.append("NET_ZERO_AFTER_OFFSET")
    if paid > entitlement and state != "CARRIED_FORWARD":
        flags.append("CLAWBACK_DUE")
        trace.append(step("clawback", {"paid": paid, "entitlement": entitlement, "excess": paid - entitlement}))
    return due, tuple(flags), trace


def _rounded(payment: Payment, due: Decimal, ceiling: Decimal | None) -> Decimal:
    """The one rounding; where it would lift the amount over the ceiling, it goes down instead."""
    amount = round_quantum(due, payment.quantum, payment.rounding)
    if ceiling is not None and amount > ceiling:
        return round_quantum(due, payment.quantum, "down")
    return amount


def _per_payer(plan: EvaluationPlan, amount: Decimal) -> tuple[PayerShare, ...]:
    """Each authority's part, to the last øre."""
    authorities = plan.parties.authorities
    parts = split(amount, [authority.share for authority in authorities], plan.payment.quantum)
    return tuple(
        PayerShare(payer=authority.name, level=authority.level, share=authority.share, amount=part)
        for authority, part in zip(authorities, parts, strict=True)
    )
