"""Two plans side by side: every change, table by table, and whether it could move money."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from evaltool.records.base import Json, plain
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Effect = Literal["money", "claim", "nothing"]
"""Whether a change can move money, changes what is claimed, or neither."""

NOTHING = (
    r"programme\.(id|version|title|description|area|source|start|end)",
    r"parties\.(investors|provider|evaluator|validator)",
    r"population\.target_n",
    r"data\.(vintage$|column\[[^]]*\]\.(label|unit)\b)",
    r"gate\[[^]]*\]\.(reason|signed_by)",
    r"payment\.previous\[[^]]*\]\.(path|note)",
    r"payment\.shock\[[^]]*\]\.(title|source)",
    r"sensitivity\[[^]]*\]\.title",
    r"budget_gain\[[^]]*\]\.(title|source)",
    r"prior\[[^]]*\]\.source",
    r"expectation",
    r"investment\.drawdown\[[^]]*\]\.investor",
    r"governance\.(dispute_days|expert|side_by_side)",
)
"""Keys that no computation of a decision reads and that define nothing: identity, names, reasons, remarks."""
CLAIM = (
    r"programme\.made_up",
    r"population\.(eligibility|unit|principle|once_per_person)",
    r"outcome\[[^]]*\]\.(title|definition|unit|verifier)",
    r"estimand\.target",
    r"sensitivity",
    r"budget_gain",
)
"""Keys that say what the figures are figures of. Everything that stands in neither list can move money."""
NAMES: Mapping[str, str] = {
    "outcome": "id",
    "gate": "name",
    "payment.rule": "id",
    "payment.previous": "manifest",
    "payment.shock": "id",
    "sensitivity": "id",
    "budget_gain": "id",
    "prior": "outcome",
    "expectation": "outcome",
    "governance.clause": "id",
    "population.cohort": "id",
    "parties.authorities": "name",
    "parties.investors": "name",
    "data.column": "name",
    "investment.tranche": "name",
    "fallback": "on",
}
"""Tables that repeat, and the key by which an entry of one plan is found in the other."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that two plans state differently. ``old`` or ``new`` is None where one of them does not state it.

    ``key`` names entries by their id (``payment.rule[tiers].cap``); ``old_key`` and ``new_key`` are the places in the
    two documents (``payment.rule[0].cap``).
    """

    table: str
    key: str
    old_key: str
    new_key: str
    old: Json
    new: Json
    effect: Effect

    @property
    def words(self) -> str:
        """The change in one sentence."""
        subject = self.key.removeprefix(f"{self.table}.")
        if self.old is None:
            return f"{subject} is new: {shown(self.new)}"
        if self.new is None:
            return f"{subject} is gone; it was {shown(self.old)}"
        same = isinstance(self.old, str) and isinstance(self.new, str) and _same_number(self.old, self.new)
        respelled = " (the same number, written otherwise)" if same else ""
        return f"{subject} was {shown(self.old)} and is {shown(self.new)}{respelled}"


def shown(value: Json) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        stated = [f"{name} {shown(item)}" for name, item in value.items() if _says_something(item)]
        return ", ".join(stated) if stated else "nothing"
    if isinstance(value, list):
        return f"[{'; '.join(shown(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _says_something(value: Json) -> bool:
    """Whether a value, or anything within it, is there."""
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return value is not None and value != []


def changes(old: EvaluationPlan, new: EvaluationPlan) -> tuple[Change, ...]:
    """Every difference of what two plans state, in the order of the tables; empty when they say the same."""
    found: list[Change] = []
    named = _specifications(old) | _specifications(new)
    for name, info in EvaluationPlan.model_fields.items():
        table = info.alias or name
        for change in _walk(_Spot(table, table, table), plain(getattr(old, name)), plain(getattr(new, name))):
            effect = effect_of(change.key, old=change.old, new=change.new, named=named)
            found.append(Change(table, change.key, change.old_key, change.new_key, change.old, change.new, effect))
    return tuple(found)


def effect_of(key: str, *, old: Json, new: Json, named: frozenset[str] = frozenset()) -> Effect:
    """What a change of this key can do. ``named`` are the specifications that a rule or fallback decides on."""
    if isinstance(old, str) and isinstance(new, str) and _same_number(old, new):
        return "nothing"
    if any(re.match(pattern, key) for pattern in NOTHING):
        return "nothing"
    specification = re.match(r"sensitivity\[([^]]*)\]", key)
    if specification is not None and specification.group(1) in named:
        return "money"
    return "claim" if any(re.match(pattern, key) for pattern in CLAIM) else "money"


@dataclass(frozen=True, slots=True)
class _Spot:
    """One place in two documents: by id, and by position in each."""

    key: str
    old: str
    new: str

    def down(self, name: str) -> _Spot:
        """A key below."""
        return _Spot(f"{self.key}.{name}", f"{self.old}.{name}", f"{self.new}.{name}")

    def entry(self, name: str, old: int | None, new: int | None) -> _Spot:
        """An entry below; where one document lacks it, its place there is the table."""
        before = self.old if old is None else f"{self.old}[{old}]"
        after = self.new if new is None else f"{self.new}[{new}]"
        return _Spot(f"{self.key}[{name}]", before, after)


@dataclass(frozen=True, slots=True)
class _Difference:
    """A change before it is judged."""

    key: str
    old_key: str
    new_key: str
    old: Json
    new: Json


def _walk(spot: _Spot, old: Json, new: Json) -> Iterator[_Difference]:
    """Every difference below a place."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _walk(spot.down(name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and _tables(old) and _tables(new):
        before, after = _entries(spot.key, old), _entries(spot.key, new)
        for name in dict.fromkeys((*before, *after)):
            one, other = before.get(name), after.get(name)
            below = spot.entry(name, None if one is None else one[0], None if other is None else other[0])
            yield from _walk(below, None if one is None else one[1], None if other is None else other[1])
        if [name for name in before if name in after] != [name for name in after if name in before]:
            yield _Difference(f"{spot.key}, their order", spot.old, spot.new, list(before), list(after))
    else:
        yield _Difference(spot.key, spot.old, spot.new, old, new)


def _tables(values: Sequence[Json]) -> bool:
    """Whether a list holds tables only (an empty one may)."""
    return all(isinstance(item, dict) for item in values)


def _entries(key: str, values: Sequence[Json]) -> dict[str, tuple[int, Json]]:
    """Entries by their name, or by their place where they have none or share one."""
    by = NAMES.get(key)
    named = [item.get(by) if by is not None and isinstance(item, dict) else None for item in values]
    names = [str(n) if name is None else shown(name).strip("[]") for n, name in enumerate(named)]
    unique = len(set(names)) == len(names)
    return {name if unique else str(n): (n, item) for n, (name, item) in enumerate(zip(names, values, strict=True))}


def _same_number(old: str, new: str) -> bool:
    """Whether two different texts are one number."""
    try:
        return old != new and Decimal(old) == Decimal(new)
    except ArithmeticError:
        return False


def _specifications(plan: EvaluationPlan) -> frozenset[str]:
    """Sensitivities that a rule or a fallback may decide on."""
    named = {name for rule in plan.payment.rule for name in rule.specifications}
    for fallback in plan.fallback:
        named |= {part.specification for part in fallback.blend}
        named |= set() if fallback.specification is None else {fallback.specification}
    return frozenset(named)
