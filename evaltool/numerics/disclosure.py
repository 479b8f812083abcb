"""Small-cell suppression: which counts may be shown so that no small one can be worked out.

How to use it
    ``suppress(counts, sums, minimum=5, keep=("arm:treated",))``
        ``counts``  name → count, everything that would be released, from every table at once
        ``sums``    the additions a reader can make: ``Sum("arm:treated", ("cohort:2004", "cohort:2006"))``
        ``minimum`` smallest count that may be shown; 0 shows everything; a count of exactly 0 is always shown
        ``keep``    names to hide last (headline sizes)
    gives a ``Suppression``: ``primary`` (too small themselves), ``complementary`` (hidden so that those cannot be
    worked out), ``hidden`` (both), and ``show(name, count)`` → the count, or None where it must not appear.
    ``name_of("cell", 2004, 2006, "treated")`` → ``cell:2004:2006:treated``: one spelling for every table.

    The disclosure gate applies this to everything a run releases and records the hidden names in its evidence
    (``evidence["hidden"]``); report and bundle show a row only when its name is not among them (``is_hidden``). Where
    a count is hidden, the effect and the standard error of that row are hidden too.

Primary rule: 0 < count < minimum. Complementary rule: all additions are read together as linear equations in the
hidden counts and solved in exact fractions; whenever one hidden count has a single solution, or hidden counts add up
to a known total below the minimum, one more count is hidden, until nothing can be worked out: the one that leaves the
fewest exposed, among those one that shares an equation with them, then the smallest, then by name.

Sources: Statistics Denmark's and OpenSAFELY's output rules for the minimum; Willenborg & de Waal (2001), chapter 8, for
complementary suppression. Counts that are equal by construction (a cohort in every table) are one unknown; the cost
is cubic in the number of different unknowns that are hidden.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

ADDS_UP = 1e-9
"""Relative rounding error within which parts (sums of unit weights) add up to their total."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A total and the parts that add up to it."""

    total: str
    parts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Names that must not be shown with their counts."""

    primary: frozenset[str]
    complementary: frozenset[str]

    @property
    def hidden(self) -> frozenset[str]:
        """Everything that must not be shown."""
        return self.primary | self.complementary

    def show(self, name: str, count: float) -> float | None:
        """The count, or None where it must not appear."""
        return None if name in self.hidden else count


def name_of(kind: str, *parts: str | int) -> str:
    """The one spelling of a released count: ``cell:2004:2006:treated``."""
    return ":".join((kind, *(str(part) for part in parts)))


def is_hidden(hidden: Collection[str], kind: str, *parts: str | int) -> bool:
    """Whether this count, or any count below it (``cell:2004:2006`` covers both arms), is hidden."""
    name = name_of(kind, *parts)
    return any(item == name or item.startswith(f"{name}:") for item in hidden)


def suppress(
    counts: Mapping[str, float], sums: Iterable[Sum], *, minimum: float, keep: Collection[str] = ()
) -> Suppression:
    """Primary and complementary suppression; see the head of this file.

    Raises KeyError when a sum names an unknown count, ValueError when a sum does not add up or a count is negative
    or not finite: a wrong equation would hide the wrong cells.
    """
    stated = tuple(sorted(set(sums), key=lambda s: s.names))
    _check(counts, stated)
    same = _classes(counts, stated)
    sizes = {same[name]: counts[name] for name in counts}
    last = {same[name] for name in keep if name in same}
    merged = {Sum(same[s.total], tuple(sorted(same[part] for part in s.parts))) for s in stated if len(s.parts) > 1}
    equations = tuple(sorted(merged, key=lambda s: s.names))
    small = {name for name, count in sizes.items() if 0 < count < minimum}
    hidden = set(small)
    while choices := _choices(sizes, equations, hidden, minimum):
        hidden.add(min((choice[-1] in last, *choice) for choice in choices)[-1])
    return Suppression(
        primary=frozenset(name for name in counts if same[name] in small),
        complementary=frozenset(name for name in counts if same[name] in hidden - small),
    )


Choice = tuple[int, bool, bool, float, str]


def _choices(counts: Mapping[str, float], equations: Sequence[Sum], hidden: set[str], minimum: float) -> list[Choice]:
    """What could be hidden next, best first by tuple: exposed afterwards, far away, zero, size, name.

    Empty when nothing can be worked out, or nothing is left to hide.
    """
    exposed = _exposed(counts, equations, hidden, minimum)
    if not exposed:
        return []
    near = {name for equation in equations if exposed & set(equation.names) for name in equation.names}
    left = {name for equation in equations for name in equation.names} - hidden
    return [
        (
            len(_exposed(counts, equations, hidden | {name}, minimum)),
            name not in near,
            counts[name] == 0,
            counts[name],
            name,
        )
        for name in sorted(left)
    ]


def _classes(counts: Mapping[str, float], sums: Sequence[Sum]) -> dict[str, str]:
    """Name → the first name of those that must be equal to it (a total with a single part is that part)."""
    parent = {name: name for name in counts}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for equation in sums:
        if len(equation.parts) == 1:
            first, second = sorted((root(equation.total), root(equation.parts[0])))
            parent[second] = first
    return {name: root(name) for name in counts}


def _check(counts: Mapping[str, float], equations: Sequence[Sum]) -> None:
    """Refuse counts and sums that cannot be."""
    for name, count in counts.items():
        if not 0 <= count < float("inf"):
            message = f"{name}: {count!r} is not a count"
            raise ValueError(message)
    for equation in equations:
        total = counts[equation.total]
        if abs(sum(counts[part] for part in equation.parts) - total) > ADDS_UP * max(1.0, total):
            message = f"{equation.total} is not the sum of {', '.join(equation.parts)}"
            raise ValueError(message)


def _exposed(counts: Mapping[str, float], equations: Sequence[Sum], hidden: set[str], minimum: float) -> set[str]:
    """Hidden names that a reader could work out, alone or as a group below the minimum."""
    names = sorted(hidden)
    found: set[str] = set()
    for row in _reduced([_row(equation, names) for equation in equations]):
        involved = [name for name, factor in zip(names, row, strict=True) if factor]
        same_sign = len({factor > 0 for factor in row if factor}) == 1
        known = sum(abs(factor) * Fraction(counts[name]) for name, factor in zip(names, row, strict=True))
        if len(involved) == 1 or (same_sign and 0 < known < minimum):
            found.update(involved)
    return found


def _row(equation: Sum, names: Sequence[str]) -> list[Fraction]:
    """The equation's factors for the hidden counts: +1 for parts, −1 for the total."""
    factors = dict.fromkeys(names, Fraction(0))
    for part in equation.parts:
        if part in factors:
            factors[part] += 1
    if equation.total in factors:
        factors[equation.total] -= 1
    return [factors[name] for name in names]


def _reduced(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """Reduced row echelon form without empty rows: an unknown has one solution exactly when its row holds it alone."""
    done: list[list[Fraction]] = []
    for fresh in rows:
        row = list(fresh)
        for other in done:
            lead = next(i for i, factor in enumerate(other) if factor)
            if row[lead]:
                row = [a - row[lead] * b for a, b in zip(row, other, strict=True)]
        if not any(row):
            continue
        lead = next(i for i, factor in enumerate(row) if factor)
        row = [factor / row[lead] for factor in row]
        done = [
            [a - other[lead] * b for a, b in zip(other, row, strict=True)] if other[lead] else other for other in done
        ]
        done.append(row)
    return done
