"""From what is paid at each of many equally probable estimates to tables: tiers, expectation, spread, returns."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from evaltool.payment.arithmetic import round_places, stated_context
from evaltool.records.gains import AmountChance, InvestorReturn, Quantiles, Scenario

ZERO, ONE = Decimal(0), Decimal(1)
OERE = Decimal("0.01")
BLOCK = 20
"""Neighbouring draws that are filled in when the first, the middle and the last pay the same, or along one line."""
MOST_AMOUNTS = 12
"""More distinct amounts than this are shown as ten equal intervals."""
INTERVALS = 10
LEVELS = (Decimal("0.05"), Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal("0.95"))


@dataclass(frozen=True, slots=True)
class Draw:
    """One outcome of the contract, equally probable where no weight is stated."""

    triggered: Decimal
    amount: Decimal
    """What is paid now: after offsets and earlier payments."""
    full: bool
    weight: Decimal = ONE
    """How probable it is beside the others, which have one."""

    def is_about(self, other: Draw | None) -> bool:
        """Whether the other is the same to the øre."""
        return (
            other is not None
            and self.full == other.full
            and abs(self.triggered - other.triggered) <= OERE
            and abs(self.amount - other.amount) <= OERE
        )


def paid_along(positions: Sequence[float], pay: Callable[[int], Draw], *, block: int = BLOCK) -> tuple[Draw, ...]:
    """What is paid at every draw, without asking ``pay`` for all of them; ``positions`` lie along a line of estimates.

    Within a block of neighbours those are filled in between which the first, the middle and the last pay the same, or
    amounts on one straight line to the øre; else the block is halved. A ``block`` of 1 asks for every draw.
    """
    found: dict[int, Draw] = {}

    def at(place: int) -> Draw:
        if place not in found:
            found[place] = pay(place)
        return found[place]

    def share(low: int, place: int, high: int) -> Decimal:
        return Decimal(positions[place] - positions[low]) / Decimal(positions[high] - positions[low])

    def fill(low: int, high: int) -> None:
        if high - low < 2:  # noqa: PLR2004 - nothing lies between
            return
        middle = (low + high) // 2
        first, last = at(low), at(high)
        if at(middle).is_about(_between(first, last, share(low, middle, high))):
            for place in range(low + 1, high):
                found[place] = _between(first, last, share(low, place, high)) or at(place)
            return
        fill(low, middle)
        fill(middle, high)

    with stated_context():
        ends = [*range(0, len(positions) - 1, block), len(positions) - 1]
        for low, high in itertools.pairwise(ends):
            at(low), at(high)
            fill(low, high)
    return tuple(found[place] for place in range(len(positions)))


def _between(first: Draw, last: Draw, share: Decimal) -> Draw | None:
    """The draw this far along the line from ``first`` to ``last``; None where the two are not of one kind."""
    if first == last:
        return first
    if first.full != last.full or (first.triggered == 0) != (last.triggered == 0):
        return None
    return Draw(
        triggered=round_places(first.triggered + share * (last.triggered - first.triggered), 2, "half_even"),
        amount=round_places(first.amount + share * (last.amount - first.amount), 2, "half_even"),
        full=first.full,
    )


@dataclass(frozen=True, slots=True)
class Tiers:
    """The amounts, or intervals of amounts, that are told apart in every scenario alike."""

    intervals: tuple[tuple[Decimal, Decimal], ...]

    @classmethod
    def of(cls, draws: Iterable[Draw]) -> Tiers:
        """Every distinct amount, or nothing and ten equal intervals where there are too many."""
        amounts = sorted({ZERO, *(draw.triggered for draw in draws)})
        if len(amounts) <= MOST_AMOUNTS:
            return cls(tuple((amount, amount) for amount in amounts))
        width = amounts[-1] / INTERVALS
        edges = [round_places(width * k, 2, "half_even") for k in range(INTERVALS + 1)]
        return cls(((ZERO, ZERO), *((low + OERE, high) for low, high in itertools.pairwise(edges))))

    def chances(self, draws: Sequence[Draw]) -> tuple[AmountChance, ...]:
        """The weight of draws in each interval; they sum to one."""
        counts = [ZERO] * len(self.intervals)
        for draw in draws:
            counts[sum(draw.triggered >= low for low, _ in self.intervals) - 1] += draw.weight
        whole = sum(counts, ZERO)
        return tuple(
            AmountChance(lowest=low, highest=high, probability=count / whole)
            for (low, high), count in zip(self.intervals, counts, strict=True)
        )


def scenario(
    named: Scenario, draws: Sequence[Draw], tiers: Tiers, returns: Mapping[Decimal, InvestorReturn]
) -> Scenario:
    """``named`` with its figures; ``returns`` hold the investors' side of every amount, or nothing."""
    with stated_context():
        count = sum((draw.weight for draw in draws), ZERO)
        mean = sum((draw.weight * draw.triggered for draw in draws), ZERO) / count
        spread = (sum((draw.weight * (draw.triggered - mean) ** 2 for draw in draws), ZERO) / count).sqrt()
        figures: dict[str, object] = {
            "chances": tiers.chances(draws),
            "nothing": sum((draw.weight for draw in draws if draw.triggered == 0), ZERO) / count,
            "full": sum((draw.weight for draw in draws if draw.full), ZERO) / count,
            "expected": round_places(mean, 2, "half_even"),
            "sd": round_places(spread, 2, "half_even"),
        }
        if returns:
            paired = [(returns[draw.amount], draw.weight) for draw in draws]
            ordered = sorted(paired, key=lambda pair: (pair[0].waterfall.received, pair[0].multiple))
            weights = [weight for _, weight in ordered]
            figures |= {
                "multiple": _quantiles([r.multiple for r, _ in ordered], weights),
                "rate": _quantiles([r.rate for r, _ in ordered], weights),
                "loss": sum((weight for r, weight in ordered if r.gain < 0), ZERO) / count,
            }
        return named.model_copy(update=figures)


def _quantiles(ordered: Sequence[Decimal | None], weights: Sequence[Decimal]) -> Quantiles:
    """Five quantiles: the smallest value that at least this share of the draws' weight does not exceed."""
    reached = list(itertools.accumulate(weights))
    p05, p25, p50, p75, p95 = (ordered[bisect.bisect_left(reached, level * reached[-1])] for level in LEVELS)
    return Quantiles(p05=p05, p25=p25, p50=p50, p75=p75, p95=p95)
