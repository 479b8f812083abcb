"""What the units were when a design was locked: one mark per unit and column, and what has changed since.

A mark is half a sha256 over a unit's values in the periods the data held at the lock; outcomes count only in the
periods the design was allowed to see. A mark tells that a value changed. It hides nothing: whoever holds the lock and
guesses a value can check the guess, so the lock stays in the secure environment with the data.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place
from evaltool.records.design_lock import LockedUnits
from evaltool.records.panel import Panel

NEVER, TREATED, BEFORE, AFTER = "never", "treated", "before", "after"
NOTHING, EVERYTHING = "nothing", "everything"
CONSTANT = ("weight", "cluster", "cohort")
MARK = 32
FIX = (
    "Restore the data the design was locked on. If a correction was agreed, give the plan a new version, move the old "
    "plan and its locks to a folder of their own, and lock plan and design again."
)


@dataclass(frozen=True, slots=True)
class Since:
    """What happened to the units since the lock: ids gone, by arm at the lock, and faults."""

    gone_treated: tuple[int | str, ...]
    gone_comparison: tuple[int | str, ...]
    faults: tuple[Fault, ...]


def locked_units(panel: Panel, anticipation: int) -> LockedUnits | None:
    """The marks of a panel whose later outcomes are hidden; None without units."""
    if "unit" not in panel.frame:
        return None
    periods = tuple(panel.label(period) for period in panel.periods)
    frame = panel.frame
    first = frame.loc[~frame["unit"].duplicated()]
    limits = _limits(panel, first, anticipation)
    units = first["unit"].tolist()
    return LockedUnits(
        units=tuple(int(u) for u in units) if pd.api.types.is_integer_dtype(frame["unit"]) else tuple(map(str, units)),
        starts=tuple(_starts(panel, first, len(periods))),
        hidden_from=tuple(_hidden_from(limit, periods) for limit in limits),
        periods=periods,
        marks=_marks(panel, dict(zip(units, limits, strict=True)), len(periods)),
    )


def since_lock(locked: LockedUnits, panel: Panel, *, rule: bool) -> Since:
    """Compare a later panel with the lock.

    ``rule``: the design is a rule, and the lock holds the roster so far. Then units may be new, and a unit that had
    not started may start after the last period of the lock. Otherwise neither may be.
    """
    labels = tuple(panel.label(period) for period in panel.periods)
    if labels[: len(locked.periods)] != locked.periods:
        cause = "The data no longer begin with the periods they held when the design was locked."
        return Since((), (), (_fault(cause, None),))
    frame = panel.frame
    first = frame.loc[~frame["unit"].duplicated()].reset_index(drop=True)
    now = {unit: place for place, unit in enumerate(first["unit"].tolist())}
    ids: list[int | str] = [*locked.units]
    then = {unit: place for place, unit in enumerate(ids)}
    starts = _starts(panel, first, len(locked.periods))
    gone = [unit for unit in ids if unit not in now]
    faults = [*_added(now, then, rule=rule), *_restarted(locked, now, starts, panel, rule=rule)]
    ends = zip(ids, locked.hidden_from, strict=True)
    limits = {unit: _limit(text, locked.periods) for unit, text in ends}
    faults += _changed(locked, _marks(panel, limits, len(locked.periods)), now, then)
    comparison = {u for u, start in zip(locked.units, locked.starts, strict=True) if start == NEVER}
    return Since(
        tuple(unit for unit in gone if unit not in comparison),
        tuple(unit for unit in gone if unit in comparison),
        tuple(faults),
    )


def _added(now: Iterable[int | str], then: Iterable[int | str], *, rule: bool) -> list[Fault]:
    """Units that a chosen design has never seen."""
    new = 0 if rule else len(set(now) - set(then))
    if not new:
        return []
    return [_fault(f"{new} units are in the data now that were not there when the design was locked.", None)]


def _restarted(
    locked: LockedUnits, now: dict[int | str, int], starts: list[str], panel: Panel, *, rule: bool
) -> list[Fault]:
    """Units whose start is another than at the lock."""
    later = {panel.label(period) for period in panel.periods[len(locked.periods) :]} | {AFTER}
    wrong = 0
    for unit, start in zip(locked.units, locked.starts, strict=True):
        if unit not in now or starts[now[unit]] == start:
            continue
        wrong += not (rule and start == NEVER and starts[now[unit]] in later)
    if not wrong:
        return []
    return [_fault(f"The start of treatment has changed for {wrong} units since the design was locked.", None)]


def _changed(
    locked: LockedUnits, marks: dict[str, tuple[str, ...]], now: dict[int | str, int], then: dict[int | str, int]
) -> list[Fault]:
    """One fault for every column whose values are not those of the lock."""
    faults = []
    both = [(then[unit], now[unit]) for unit in locked.units if unit in now]
    for name, sealed in sorted(locked.marks.items()):
        if name not in marks:
            faults.append(_fault(f"{_in_words(name)} is no longer in the data.", name))
            continue
        changed = sum(sealed[old] != marks[name][new] for old, new in both)
        if changed:
            cause = f"{_in_words(name)} has changed for {changed} of {len(both)} units since the design was locked."
            faults.append(_fault(cause, name))
    return faults


def _in_words(name: str) -> str:
    """A column of the panel as a message names it."""
    if name.startswith("y."):
        return f"The earlier outcome '{name[2:]}'"
    return f"The covariate '{name[2:]}'" if name.startswith("x.") else f"The {name} column"


def _fault(cause: str, name: str | None) -> Fault:
    """Something sealed has changed."""
    column = None if name is None else name.removeprefix("y.").removeprefix("x.")
    return Fault(code="SEAL_DESIGN_CHANGED", cause=cause, fix=FIX, place=Place(key="data", column=column))


def _starts(panel: Panel, first: pd.DataFrame, known: int) -> list[str]:
    """(units,) when each unit starts, in words that later data do not change; ``known`` periods were there."""
    if "first_treated" not in first:
        if "treated" in first and "period" not in first:
            return [TREATED if treated else NEVER for treated in first["treated"].tolist()]
        return [NEVER] * len(first)
    periods = panel.periods
    dated = any(panel.label(period) != str(period) for period in periods)
    last = periods[known - 1] if known else -math.inf
    words = []
    for start in first["first_treated"].tolist():
        if math.isinf(start):
            words.append(NEVER)
        elif not dated:
            words.append(str(int(start)))
        elif start < periods[0]:
            words.append(BEFORE)
        else:
            words.append(AFTER if start > last else panel.label(int(start)))
    return words


def _limits(panel: Panel, first: pd.DataFrame, anticipation: int) -> list[int]:
    """(units,) how many of the first periods a design may see the outcomes of."""
    if "first_treated" not in first or "period" not in panel.frame:
        return [0] * len(first)
    starts = first["first_treated"].to_numpy(dtype=np.float64)
    own = np.where(np.isfinite(starts), starts, np.min(starts)) - anticipation
    return [int(n) for n in np.searchsorted(np.array(panel.periods, dtype=np.float64), own)]


def _hidden_from(limit: int, periods: tuple[str, ...]) -> str:
    """The limit as a label."""
    return EVERYTHING if limit == 0 else NOTHING if limit >= len(periods) else periods[limit]


def _limit(text: str, periods: tuple[str, ...]) -> int:
    """The label as a limit."""
    return 0 if text == EVERYTHING else len(periods) if text == NOTHING else periods.index(text)


def _marks(panel: Panel, limits: dict[int | str, int], known: int) -> dict[str, tuple[str, ...]]:
    """Column → one mark per unit of the panel, over the first ``known`` periods."""
    frame = panel.frame
    units = frame["unit"].tolist()
    place = [0] * len(units)
    if "period" in frame:
        places = {period: index for index, period in enumerate(panel.periods)}
        place = [places[int(period)] for period in frame["period"]]
    inside = [index < known or not known for index in place]
    names = [name for name in frame.columns if name in CONSTANT or str(name)[:2] in {"x.", "y."}]
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(str(n) for n in names):
        texts: dict[int | str, list[str]] = {unit: [] for unit in units}
        outcome = name.startswith("y.")
        for unit, at, here, value in zip(units, place, inside, frame[name].tolist(), strict=True):
            seen = here and (not outcome or (at < limits.get(unit, 0) and not math.isnan(value)))
            if seen:
                texts[unit].append(f"{at}={value + 0.0!r}" if isinstance(value, float) else f"{at}={value!r}")
        found[name] = tuple(_mark(name, unit, parts) for unit, parts in texts.items())
    return found


def _mark(name: str, unit: int | str, parts: list[str]) -> str:
    """Half a sha256 over a column's name, a unit's id and its values."""
    text = f"{name}\t{unit!r}\t{';'.join(parts)}"
    return hashlib.sha256(text.encode()).hexdigest()[:MARK]
