"""The double bottom line: how many more, for how long, and what it is worth to every level of government.

Formula, for one ``[[budget_gain]]`` with n people, effect τ (absolute, in the direction of good), unit price p:

    gain of year k = n · τ · p · (1 − decay)^(t − 1) / (1 + r)^(k − 1),   k = delay + t,  t = 1 … duration

Years are counted from the end of the measurement window: year 1 is the twelve months after it and counts in full,
year 2 is divided by 1 + r, and so on; without a delay the first year is undiscounted. This is the count of
Finansministeriet, whose discount rates begin with a year 0 (note of 7 January 2021: 3.5 per cent in years 0–35); in
which year SØM (Social- og Boligstyrelsen) begins, its public pages do not say. Prices are those of ``price_year``, so
the rate is a real one. As in SØM it is the budgets of kommune, region and state that are looked at, here without the
intervention's own cost; it is no social cost–benefit analysis.

Each year's gain is rounded once, to the øre; sums are sums of what is shown. The ends of the effect's interval are
carried through. Entries on one outcome move together, so their sum is netted before its ends are sorted; different
outcomes are added end to end, which makes the interval as wide as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from evaltool.payment.arithmetic import round_places, round_quantum, stated_context
from evaltool.records.decision import PayerShare
from evaltool.records.gains import Amounts, BudgetGains, Change, Gain, PayerGain, YearGain
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plan.money import BudgetGain, Level

ZERO = Decimal(0)
OERE = Decimal("0.01")
LEVELS: tuple[Level, ...] = get_args(Level)
Ends = tuple[Decimal, Decimal | None, Decimal | None]
"""A value at the estimate, and at the two ends of its interval, in that order and not yet sorted."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The absolute effect of one outcome in the direction of good, and the people it was estimated for."""

    point: Decimal
    people: Decimal | None
    lower: Decimal | None = None
    upper: Decimal | None = None
    level: Decimal | None = None

    @property
    def ends(self) -> Ends:
        """The three figures that are carried through."""
        return self.point, self.lower, self.upper


def budget_gains(
    plan: EvaluationPlan, effects: Mapping[str, Effect], per_payer: Iterable[PayerShare]
) -> BudgetGains | None:
    """Every payer's gain; None where the plan states no ``[[budget_gain]]``.

    ``effects`` hold every outcome the entries name, with people wherever an entry states none. Raises ValueError
    otherwise.
    """
    entries = plan.budget_gain
    if not entries:
        return None
    with stated_context():
        paid = dict.fromkeys(LEVELS, ZERO)
        for share in per_payer:
            paid[_level(share.level)] += share.amount
        payers = tuple(
            _payer(payer, [entry for entry in entries if entry.payer == payer], effects, paid[payer])
            for payer in LEVELS
            if paid[payer] or any(entry.payer == payer for entry in entries)
        )
        levels = {effects[entry.outcome].level for entry in entries} - {None}
        return BudgetGains(
            currency=plan.programme.currency,
            price_year=entries[0].price_year,
            level=min((level for level in levels if level is not None), default=None),
            changes=_changes(entries, effects),
            gains=tuple(_gain(entry, effects[entry.outcome]) for entry in entries),
            payers=payers,
            total=_sum(entries, effects, None),
            paid=sum(paid.values(), ZERO),
        )


def weights(entry: BudgetGain) -> dict[int, Decimal]:
    """Year → what it counts: decayed and discounted. Years that count nothing (full decay) are kept."""
    left, grown = Decimal(1), 1 + entry.discount_rate
    found: dict[int, Decimal] = {}
    for year in range(entry.delay_years + 1, entry.delay_years + entry.duration_years + 1):
        found[year] = left / grown ** (year - 1)
        left *= 1 - entry.decay
    return found


def _level(name: str) -> Level:
    """A payer's level of government; what is none of the known ones is ``other``."""
    return next((level for level in LEVELS if level == name), "other")


def _people(entry: BudgetGain, effect: Effect) -> Decimal:
    """How many the effect is multiplied by. Raises ValueError when nobody says."""
    if entry.people is not None:
        return Decimal(entry.people)
    if effect.people is None:
        message = f"budget gain '{entry.id}' states no people, and the estimate of '{entry.outcome}' counts none"
        raise ValueError(message)
    return effect.people


def _year(entry: BudgetGain, effect: Effect, year: int) -> Ends:
    """One entry's gain in one year at the estimate and at the ends of its interval; zero outside its years."""
    factor = _people(entry, effect) * entry.unit_price * weights(entry).get(year, ZERO)
    point, lower, upper = effect.ends
    return _oere(factor * point), _each(lower, factor), _each(upper, factor)


def _each(end: Decimal | None, factor: Decimal) -> Decimal | None:
    """An end of the interval in money, where there is one."""
    return None if end is None else _oere(factor * end)


def _oere(value: Decimal) -> Decimal:
    """To the hundredth of the currency, half to even."""
    return round_quantum(value, OERE, "half_even")


def _added(parts: Iterable[Ends]) -> Ends:
    """The sums of parts that move together."""
    listed = list(parts)
    points, lows, highs = zip(*listed, strict=True) if listed else ((), (), ())
    low = None if None in lows else sum((end for end in lows if end is not None), ZERO)
    high = None if None in highs else sum((end for end in highs if end is not None), ZERO)
    return sum(points, ZERO), low, high


def _sorted(ends: Ends) -> Amounts:
    """A value with its ends in order: an entry with a negative price is worst where the effect is best."""
    value, one, other = ends
    if one is None or other is None:
        return Amounts(value=value)
    return Amounts(value=value, lower=min(one, other), upper=max(one, other))


def _sum(entries: Iterable[BudgetGain], effects: Mapping[str, Effect], year: int | None) -> Amounts:
    """The gain of several entries, in one year or (None) in all: netted within each outcome, then added end to end."""
    by_outcome: dict[str, list[Ends]] = {}
    for entry in entries:
        years = weights(entry) if year is None else (year,)
        by_outcome.setdefault(entry.outcome, []).extend(_year(entry, effects[entry.outcome], k) for k in years)
    netted = [_sorted(_added(parts)) for parts in by_outcome.values()]
    value, lower, upper = _added((part.value, part.lower, part.upper) for part in netted)
    return Amounts(value=value, lower=lower, upper=upper)


def _payer(payer: Level, entries: list[BudgetGain], effects: Mapping[str, Effect], paid: Decimal) -> PayerGain:
    """One level of government: its total and its years."""
    years = sorted({year for entry in entries for year in weights(entry)})
    return PayerGain(
        payer=payer,
        gain=_sum(entries, effects, None),
        years=tuple(YearGain(year=year, gain=_sum(entries, effects, year)) for year in years),
        paid=paid,
    )


def _gain(entry: BudgetGain, effect: Effect) -> Gain:
    """One entry."""
    return Gain(
        id=entry.id,
        outcome=entry.outcome,
        payer=entry.payer,
        people=_people(entry, effect),
        weight=round_places(sum(weights(entry).values(), ZERO), 6, "half_even"),
        gain=_sum((entry,), {entry.outcome: effect}, None),
    )


def _changes(entries: Iterable[BudgetGain], effects: Mapping[str, Effect]) -> tuple[Change, ...]:
    """The effect on people by outcome, in the order in which the plan first names them.

    Where entries on one outcome count different numbers of people, each number is a change of its own.
    """
    years: dict[tuple[str, Decimal], set[int]] = {}
    for entry in entries:
        years.setdefault((entry.outcome, _people(entry, effects[entry.outcome])), set()).update(weights(entry))
    return tuple(
        Change(
            outcome=outcome,
            people=people,
            effect=_sorted(effects[outcome].ends),
            more=_sorted(_times(people, effects[outcome].ends)),
            first_year=min(counted),
            last_year=max(counted),
        )
        for (outcome, people), counted in years.items()
    )


def _times(people: Decimal, ends: Ends) -> Ends:
    """The three figures for so many people."""
    point, lower, upper = ends
    return people * point, None if lower is None else people * lower, None if upper is None else people * upper
