"""How the amount varies with the estimates' own uncertainty, and what the nearest threshold is worth.

The errors of all estimates are moved together through K equally probable quantiles; for each the rules are applied
anew, in exact decimals. Bounds and posterior values move with the point. Moving together makes the spread of a sum as
wide as it can be. Source: the confidence distribution of an estimate (Xie & Singh 2013), carried through the payment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from evaltool.payment.alternatives import absent_in
from evaltool.payment.arithmetic import round_places
from evaltool.payment.combination import Settlement, combine, settle
from evaltool.payment.haircut import Cut, haircut_of
from evaltool.payment.request import DecisionRequest
from evaltool.payment.rules import Nearest, Selection, apply_rules
from evaltool.records.decision import AmountUncertainty, PossibleAmount
from evaltool.records.evidence import PRIMARY, Evidence

ZERO = Decimal(0)
LISTED = 12
"""More distinct amounts than these are shown in groups."""
GROUPS = 10
BEYOND = Decimal("1e-12")
"""How far beyond a threshold its other side is looked at, in max(1, |threshold|)."""


def amount_uncertainty(request: DecisionRequest, selection: Selection, decided: Settlement) -> AmountUncertainty | None:
    """The distribution of the amount triggered; None where no estimate that is used has a spread."""
    used = {PRIMARY, selection.specification, *(s for rule in request.plan.payment.rule for s in rule.specifications)}
    concerned = [item for item in request.evidence if item.key.specification in used]
    draws = min((len(item.spread) for item in concerned if item.spread), default=0)
    if not draws:
        return None
    smaller, cut = replace(request, evidence=tuple(concerned)), haircut_of(request, selection.specification)
    amounts: list[Decimal] = []
    for k in range(draws):
        moved = tuple(item.shifted(item.spread[k]) if item.spread else item for item in concerned)
        settled = _settled(replace(smaller, evidence=moved), selection, cut)
        if settled is None:
            return None
        amounts.append(settled.triggered)
    return _summarised(sorted(amounts), request.plan.inference.level, decided.maximum)


def _settled(request: DecisionRequest, selection: Selection, cut: Cut | None) -> Settlement | None:
    """The settlement had the estimates come out so, less the same cut; None where a rule cannot be computed."""
    outcomes = apply_rules(request, selection)
    if absent_in(outcomes) is not None:
        return None
    return settle(request.plan, combine(outcomes, request.plan.payment.combine), cut)


def _summarised(amounts: Sequence[Decimal], level: Decimal, top: Decimal | None) -> AmountUncertainty:
    """Mean, spread, central interval and distinct amounts of equally probable ascending amounts."""
    draws = Decimal(len(amounts))
    mean = sum(amounts, ZERO) / draws
    variance = sum(((one - mean) ** 2 for one in amounts), ZERO) / draws
    outside = int((1 - level) / 2 * draws)
    return AmountUncertainty(
        draws=len(amounts),
        expected=round_places(mean, 2, "half_even"),
        sd=round_places(variance.sqrt(), 2, "half_even"),
        level=level,
        lower=amounts[outside],
        upper=amounts[len(amounts) - 1 - outside],
        nothing=_share(sum(1 for one in amounts if one == 0), draws),
        full=_share(sum(1 for one in amounts if top is not None and one >= top), draws),
        amounts=_listed(amounts, draws),
    )


def _listed(amounts: Sequence[Decimal], draws: Decimal) -> tuple[PossibleAmount, ...]:
    """Distinct amounts with their probability, or equal groups by their mean where there are many."""
    counted = Counter(amounts)
    if len(counted) <= LISTED:
        return tuple(PossibleAmount(amount=one, probability=_share(n, draws)) for one, n in sorted(counted.items()))
    ends = [len(amounts) * group // GROUPS for group in range(GROUPS + 1)]
    found = []
    for first, last in pairwise(ends):
        mean = sum(amounts[first:last], ZERO) / (last - first)
        found.append(PossibleAmount(amount=round_places(mean, 2, "half_even"), probability=_share(last - first, draws)))
    return tuple(found)


def _share(count: int, draws: Decimal) -> Decimal:
    """A probability with four decimals."""
    return round_places(Decimal(count) / draws, 4, "half_even")


def money_beyond(
    request: DecisionRequest, selection: Selection, near: Nearest | None, decided: Settlement
) -> Decimal | None:
    """What would be triggered just beyond the nearest threshold, minus what is triggered; None without one.

    Just beyond is just below it when the figure has reached it, else just above.
    """
    if near is None:
        return None
    rounding = near.rule.estimate_rounding
    least = ZERO if rounding is None else Decimal(1).scaleb(-rounding.places)
    room = max(BEYOND * max(Decimal(1), abs(near.threshold)), least)
    target = near.threshold - room if near.reached else near.threshold + room
    moved = tuple(_moved(item, near, target - near.value) for item in request.evidence)
    cut = haircut_of(request, selection.specification)
    settled = _settled(replace(request, evidence=moved), selection, cut)
    return None if settled is None else settled.triggered - decided.triggered


def _moved(item: Evidence, near: Nearest, by: Decimal) -> Evidence:
    """An estimate of the outcome that met the threshold, moved; every other one as it is."""
    return item.shifted(by) if item.key.outcome == near.rule.subject else item
