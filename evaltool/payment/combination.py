"""From what the rules triggered to what is paid: sum, caps, offset, earlier payments, rounding, payers (step 5).

Rules that are part of another pay through it; the others are added, or joined as ``payment.combine`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from evaltool.payment.arithmetic import round_places, round_quantum, split
from evaltool.payment.haircut import Cut
from evaltool.payment.joining import How, join
from evaltool.payment.rules import RuleOutcome, after_cap
from evaltool.payment.trace import Value, step
from evaltool.records.decision import Flag, PayerShare, State, TraceStep
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.payment import Payment

ZERO = Decimal(0)
SHOWN = 12
"""Decimals of a payer's share where rules, not the contract, say it."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What is triggered before the contract's cap, the top it can reach (None: no top), and its tier."""

    amount: Decimal
    top: Decimal | None
    full: bool
    carried_forward: bool
    capped: bool
    trace: tuple[TraceStep, ...]
    offset: Decimal = ZERO
    """What rules deduct themselves, after the contract's cap."""
    by_payer: Mapping[str, Decimal] = field(default_factory=dict)
    """What rules say each payer owes; the rest of the amount is shared as agreed."""


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


def combine(outcomes: Sequence[RuleOutcome], how: How = "sum") -> Entitlement:
    """The rules that are no part of another, joined as the contract says, each under its own cap."""
    trace: list[TraceStep] = []
    for outcome in outcomes:
        rule, result = outcome.rule, outcome.result
        values: dict[str, Value] = {
            "rule": rule.id,
            "amount": result.amount,
            "maximum": result.maximum,
            "tier": result.tier,
        }
        trace += [*result.trace, step("rule.amount", values)]
        if rule.cap is not None:
            after = min(result.amount, rule.cap)
            trace.append(step("rule.cap", {"rule": rule.id, "cap": rule.cap, "before": result.amount, "after": after}))
    leading = {outcome.rule.id: after_cap(outcome) for outcome in outcomes if outcome.leading}
    joined = join(None, how, leading)
    summed = step("combine.sum", {"rules": len(leading), "amount": joined.amount})
    return Entitlement(
        amount=joined.amount,
        top=joined.maximum,
        full=joined.tier == "full",
        carried_forward=any(one.tier == "carried_forward" for one in leading.values()),
        capped=joined.capped,
        trace=(*trace, *((summed,) if how == "sum" else joined.trace)),
        offset=joined.offset,
        by_payer=joined.by_payer,
    )


def settle(plan: EvaluationPlan, entitled: Entitlement, cut: Cut | None = None) -> Settlement:
    """Contract cap, haircut, offset, earlier payments, one rounding, and every payer's part.

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
    limited = capped < entitled.amount
    if cut is not None:
        capped, cutting = cut.taken(capped)
        trace.append(cutting)
        entitled = replace(entitled, full=entitled.full and cut.share == 0)
    triggered = _rounded(payment, capped, maximum)
    state = _state(capped if triggered > 0 else ZERO, maximum, entitled)
    due, flags, reduced = _net(payment, capped, min(entitled.offset, max(ZERO, capped)), state)
    trace += reduced
    amount = _rounded(payment, due, None if maximum is None else max(maximum, ZERO))
    rounding = {"quantum": payment.quantum, "mode": payment.rounding, "before": due, "after": amount}
    trace.append(step("rounding", rounding))
    per_payer = _per_payer(plan, amount, entitled)
    trace += [
        step("split", {"payer": p.payer, "level": p.level, "share": p.share, "amount": p.amount}) for p in per_payer
    ]
    if entitled.capped or limited:
        flags = ("CAPPED", *flags)
    return Settlement(state, flags, amount, triggered, maximum, per_payer, tuple(trace))


def _state(capped: Decimal, maximum: Decimal | None, entitled: Entitlement) -> State:
    """The state of a triggered amount."""
    if capped > 0:
        top = entitled.full or (maximum is not None and capped >= maximum)
        return "PAY_FULL" if top else "PAY_PARTIAL"
    return "CARRIED_FORWARD" if entitled.carried_forward else "NO_PAYMENT"


def _net(
    payment: Payment, capped: Decimal, own: Decimal, state: State
) -> tuple[Decimal, tuple[Flag, ...], list[TraceStep]]:
    """What is left after the rules' own offsets, the contract's and earlier payments, with flags and trace."""
    trace: list[TraceStep] = []
    netted = capped - own
    entitlement = max(ZERO, netted - payment.offset)
    if own > 0:
        trace.append(step("offset.rules", {"offset": own, "before": capped, "after": netted}))
    if payment.offset > 0:
        trace.append(step("offset", {"offset": payment.offset, "before": netted, "after": entitlement}))
    paid = sum((previous.amount for previous in payment.previous), ZERO)
    due = max(ZERO, entitlement - paid)
    flags: list[Flag] = []
    if payment.previous:
        trace += [step("previous.payment", {"manifest": p.manifest, "amount": p.amount}) for p in payment.previous]
        trace.append(step("previous.sum", {"paid": paid, "before": entitlement, "after": due}))
    if capped > 0 and due == 0:
        flags.append("NET_ZERO_AFTER_OFFSET")
    if paid > entitlement and state != "CARRIED_FORWARD":
        over: dict[str, Value] = {"paid": paid, "entitlement": entitlement, "excess": paid - entitlement}
        if payment.clawback == "agreed":
            flags.append("CLAWBACK_DUE")
        trace.append(step("clawback" if payment.clawback == "agreed" else "kept", over))
    return due, tuple(flags), trace


def _rounded(payment: Payment, due: Decimal, ceiling: Decimal | None) -> Decimal:
    """The one rounding; where it would lift the amount over the ceiling, it goes down instead."""
    amount = round_quantum(due, payment.quantum, payment.rounding)
    if ceiling is not None and amount > ceiling:
        return round_quantum(due, payment.quantum, "down")
    return amount


def _per_payer(plan: EvaluationPlan, amount: Decimal, entitled: Entitlement) -> tuple[PayerShare, ...]:
    """Each authority's part, to the last øre: by the agreed shares, or by what rules say that each owes."""
    authorities = plan.parties.authorities
    shares = [authority.share for authority in authorities]
    if entitled.amount > 0 and entitled.by_payer:
        shared = entitled.amount - sum(entitled.by_payer.values(), ZERO)
        owed = [entitled.by_payer.get(a.name, ZERO) + shared * a.share for a in authorities]
        shares = [part / entitled.amount for part in owed]
    parts = split(amount, shares, plan.payment.quantum)
    return tuple(
        PayerShare(
            payer=authority.name, level=authority.level, share=round_places(share, SHOWN, "half_even"), amount=part
        )
        if entitled.by_payer
        else PayerShare(payer=authority.name, level=authority.level, share=share, amount=part)
        for authority, share, part in zip(authorities, shares, parts, strict=True)
    )
