"""Collects the faults of a data file: the first twenty of each kind, and how many more there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from evaltool.errors import DataError, Fault, Place

SHOWN = 20
"""Faults of one code that are told one by one."""
PERSON = re.compile(r"(?<![\d.])(?:(?P<whole>\d{9,10})|(?P<left>\d{6})[- ](?P<right>\d{4}))(?!\d)")
"""Digits in the form of a CPR number."""
BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def without_people(text: str) -> str:
    """``text`` without whatever may be a CPR number: ten digits that start with a date, nine without their zero."""
    return PERSON.sub(lambda found: "(id not shown)" if _is_dated(found) else found.group(), text)


def _is_dated(found: re.Match[str]) -> bool:
    """Whether the digits start with day, month and year; replacement numbers (day plus 60) count too."""
    digits = (found["whole"] or found["left"] + found["right"]).zfill(len("DDMMYYXXXX"))
    day, month, year = int(digits[:2]) % 60 or 60, int(digits[2:4]), int(digits[4:6])
    try:
        date(2000 + year, month, day)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class DataFaults:
    """A growing list. ``line`` turns a row number (from 0) into the line or row of the file."""

    file: str
    line: Callable[[int], int] = lambda row: row + 2
    hide_units: bool = False
    """True when unit ids identify people: messages then leave them out."""
    _shown: dict[str, list[Fault]] = field(default_factory=dict)
    _more: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Note one fault."""
        shown = self._shown.setdefault(fault.code, [])
        if len(shown) < SHOWN:
            shown.append(fault)
        else:
            self._more.setdefault(fault.code, Counter())[fault.place.column or ""] += 1

    def whole(self, code: str, cause: str, fix: str) -> None:
        """Note a fault of the file as a whole."""
        self.add(Fault(code=code, cause=cause, fix=fix, place=Place(file=self.file)))

    def at(self, code: str, wrong: BoolArray, column: str, tell: Callable[[int], tuple[str, str]]) -> None:
        """Note a fault at every row where ``wrong``; ``tell`` gives cause and fix for a row number.

        Only as many rows are told as will be shown, so that a column of a million faults costs nothing.
        """
        rows = np.flatnonzero(wrong)
        room = max(SHOWN - len(self._shown.get(code, [])), 0)
        for row in rows[:room]:
            cause, fix = tell(int(row))
            place = Place(file=self.file, line=self.line(int(row)), column=column)
            self.add(Fault(code=code, cause=cause, fix=fix, place=place))
        if len(rows) > room:
            self._more.setdefault(code, Counter())[column] += len(rows) - room

    def unit(self, name: object) -> str:
        """A unit as a message may name it."""
        return "a unit (id not shown)" if self.hide_units else f"unit {name}"

    def found(self) -> tuple[Fault, ...]:
        """Every fault: by code in the order first met, within a code by line. No message names a person's id."""
        faults: list[Fault] = []
        for code, shown in self._shown.items():
            faults += sorted(shown, key=lambda fault: fault.place.line or 0)
            more = self._more.get(code)
            if more:
                where = ", ".join(f"{count} in '{column}'" for column, count in more.items() if column)
                cause = f"and {more.total()} more of {code}" + (f" ({where})." if where else ".")
                fix = "Mend the cause above; the rest is most likely the same."
                faults.append(Fault(code=code, cause=cause, fix=fix, place=Place(file=self.file)))
        return tuple(replace(f, cause=without_people(f.cause), fix=without_people(f.fix)) for f in faults)

    def stop(self) -> None:
        """Raise DataError when anything was found."""
        faults = self.found()
        if faults:
            raise DataError(faults)
