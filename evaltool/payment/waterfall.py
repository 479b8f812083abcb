"""From the amount paid to what investors get: principal floor, return cap, guarantee, and tranches by rank.

With principal P, received before B, payment A, floor share f, cap c, guaranteed share g:

    floor       max(0, f·P − B − A): the authorities add what is missing, rounded up to the øre
    cap         B + A ≤ (1 + c)·P: what is beyond is withheld from investors, rounded so that the cap is never exceeded
    guarantee   min(g·P, max(0, P − B − A − floor)): a third party pays what the principal still lacks, rounded down

What was received before is never taken back: at the most the whole of A is withheld. Everything received then runs
through the tranches by rank: principal of the rank, then its return (rate · principal), then the next rank; within a
rank pro rata by principal, to the last øre by largest remainders. What is left over goes to the last rank by principal.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from evaltool.payment.arithmetic import OERE, round_quantum, split, stated_context
from evaltool.payment.trace import step
from evaltool.records.decision import TraceStep
from evaltool.records.gains import TrancheShare, Waterfall
from evaltool.records.plan.money import Investment, Tranche

ZERO = Decimal(0)


def waterfall(investment: Investment, payment: Decimal) -> Waterfall:
    """What investors get of a payment (≥ 0, whole øre) and everything that belongs to it; exact."""
    with stated_context():
        unit = _unit(investment, payment)
        principal = investment.principal
        before = sum((item.amount for item in investment.receipt), ZERO)
        floor_at = round_quantum(principal * investment.principal_floor, unit, "up")
        floor = max(ZERO, floor_at - before - payment)
        most = None if investment.return_cap is None else principal * (1 + investment.return_cap)
        withheld = ZERO
        if most is not None:
            withheld = min(payment, max(ZERO, before + payment - round_quantum(most, unit, "down")))
        guaranteed = ZERO
        if investment.guarantee is not None:
            limit = round_quantum(principal * investment.guarantee.share, unit, "down")
            guaranteed = min(limit, max(ZERO, principal - before - payment - floor))
        received = before + payment + floor - withheld + guaranteed
        found = Waterfall(
            principal=principal,
            before=before,
            payment=payment,
            floor=floor,
            withheld=withheld,
            guaranteed=guaranteed,
            received=received,
            tranches=_tranches(investment.tranche, received, unit),
        )
        return found.model_copy(update={"trace": _trace(investment, found, floor_at, most)})


def _unit(investment: Investment, payment: Decimal) -> Decimal:
    """The øre, or the last decimal of any amount where that is finer."""
    amounts = [payment, *(d.amount for d in investment.drawdown), *(r.amount for r in investment.receipt)]
    amounts += [tranche.principal for tranche in investment.tranche]
    finest = min(int(amount.normalize().as_tuple().exponent) for amount in amounts)
    return Decimal(1).scaleb(min(OERE, finest))


def _tranches(tranches: Sequence[Tranche], received: Decimal, unit: Decimal) -> tuple[TrancheShare, ...]:
    """Everything received, by rank; empty without tranches. The parts sum exactly to ``received``."""
    left = received
    found: dict[int, TrancheShare] = {}
    ranks = sorted({tranche.rank for tranche in tranches})
    for rank in ranks:
        inside = [(place, tranche) for place, tranche in enumerate(tranches) if tranche.rank == rank]
        dues = [tranche.principal for _, tranche in inside]
        repaid = _pro_rata(left, dues, unit)
        left -= sum(repaid, ZERO)
        returns = [round_quantum(tranche.principal * tranche.rate, unit, "half_even") for _, tranche in inside]
        earned = _pro_rata(left, returns, unit)
        left -= sum(earned, ZERO)
        rest = (ZERO,) * len(inside)
        if rank == ranks[-1]:
            rest = split(left, [due / sum(dues, ZERO) for due in dues], unit)
        for (place, tranche), *parts in zip(inside, repaid, earned, rest, strict=True):
            first, second, third = parts
            found[place] = TrancheShare(
                name=tranche.name, rank=rank, principal=tranche.principal, repaid=first, earned=second, rest=third
            )
    return tuple(found[place] for place in sorted(found))


def _pro_rata(left: Decimal, dues: Sequence[Decimal], unit: Decimal) -> tuple[Decimal, ...]:
    """What is left, to dues of one rank: all of each when there is enough, else in proportion, summing to ``left``."""
    total = sum(dues, ZERO)
    if left >= total:
        return tuple(dues)
    return split(left, [due / total for due in dues], unit)


def _trace(investment: Investment, found: Waterfall, floor_at: Decimal, most: Decimal | None) -> tuple[TraceStep, ...]:
    """Every step that was agreed, in order."""
    sums = {"principal": found.principal, "before": found.before, "payment": found.payment}
    trace = [step("investor.paid", sums)]
    after = found.before + found.payment
    if investment.principal_floor > 0:
        trace.append(step("investor.floor", {"floor": floor_at, "before": after, "added": found.floor}))
    if most is not None:
        trace.append(step("investor.cap", {"cap": most, "before": after, "withheld": found.withheld}))
    if investment.guarantee is not None:
        trace.append(
            step("investor.guarantee", {"by": investment.guarantee.by, "share": investment.guarantee.share,
                                        "amount": found.guaranteed})
        )  # fmt: skip
    trace += [
        step("investor.tranche", {"tranche": t.name, "rank": t.rank, "repaid": t.repaid, "earned": t.earned,
                                  "rest": t.rest})
        for t in found.tranches
    ]  # fmt: skip
    trace.append(step("investor.received", {"amount": found.received}))
    return tuple(trace)
