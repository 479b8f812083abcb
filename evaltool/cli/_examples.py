"""Made-up example data of ``evaltool new``, one function per design: seeded, the same every time, true effect known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping

DID_EFFECT = 5.0
"""Percentage points added to young people in education or work, from the first year with the programme on."""
STARTS = (2022,) * 12 + (2023,) * 10 + (None,) * 20
DID_YEARS = range(2017, 2025)
MATCHING_EFFECT = 18.0
"""Thousand kroner added to the earnings of those offered a place."""
OFFERED, OTHERS = 80, 720
SYNTHETIC_EFFECT = -1.5
"""Days of sickness absence per employee added in the municipality of Eksempelby, from the first year on."""
TREATED, SYNTHETIC_START = "Eksempelby", 2020
DONORS = 24
SYNTHETIC_YEARS = range(2004, 2026)


def did() -> str:
    """Municipalities over eight years: own level, common trend, noise, effect."""
    source = random.Random(1)  # noqa: S311 - example data, no secret
    rows = []
    for number, start in enumerate(STARTS, start=1):
        level, people = source.uniform(38.0, 56.0), source.randint(45, 320)
        for year in DID_YEARS:
            effect = DID_EFFECT if start is not None and year >= start else 0.0
            value = level + 0.6 * (year - DID_YEARS[0]) + source.uniform(-1.5, 1.5) + effect
            rows.append((f"Municipality {number:02d}", year, start or "", people, decimal(value)))
    return table(("municipality", "year", "start_year", "young_people", "in_education_or_work"), rows)


def matching() -> str:
    """People, one row each, some of whom were offered a place: the longer on benefits, the likelier."""
    source = random.Random(4)  # noqa: S311 - example data, no secret
    people: list[tuple[float, tuple[object, ...], float]] = []
    for _ in range(OFFERED + OTHERS):
        age, woman, months = source.randint(20, 60), source.randint(0, 1), source.randint(3, 36)
        before = max(0.0, source.uniform(-60.0, 190.0) - 1.2 * (months - 18))
        after = 70.0 + 0.55 * before - 1.1 * months - 0.3 * abs(age - 40) + source.uniform(-35.0, 35.0)
        keen = 0.02 * months - 0.002 * before + 0.2 * woman + source.uniform(0.0, 2.4)
        people.append((keen, (age, woman, months, decimal(before)), after))
    offered = set(sorted(range(len(people)), key=lambda place: -people[place][0])[:OFFERED])
    rows = []
    for place, (_, known, after) in enumerate(people):
        got = place in offered
        earned = max(0.0, after) + (MATCHING_EFFECT if got else 0.0)
        rows.append((f"P{place + 1:04d}", int(got), *known, decimal(earned)))
    return table(("person", "offered", "age", "woman", "months_on_benefits", "earnings_before", "earnings_after"), rows)


def counterfactual() -> str:
    """Municipalities over the years: two common movements, own level and noise; one of them starts the programme.

    The treated one is made of three of the others, so that a synthetic control can follow it.
    """
    source = random.Random(3)  # noqa: S311 - example data, no secret
    moves = [(math.sin(0.55 * n), 0.09 * n + 0.5 * math.cos(0.9 * n)) for n in range(len(SYNTHETIC_YEARS))]
    series: dict[str, list[float]] = {}
    for number in range(1, DONORS + 1):
        level, first, second = source.uniform(9.0, 15.0), source.uniform(0.4, 2.2), source.uniform(0.3, 1.7)
        series[f"Municipality {number:02d}"] = [
            level + first * a + second * b + source.uniform(-0.25, 0.25) for a, b in moves
        ]
    mixed = zip(*(series[f"Municipality {number:02d}"] for number in (3, 8, 17)), strict=True)
    series[TREATED] = [0.5 * a + 0.3 * b + 0.2 * c + source.uniform(-0.08, 0.08) for a, b, c in mixed]
    rows = []
    for name in sorted(series):
        for year, value in zip(SYNTHETIC_YEARS, series[name], strict=True):
            treated = name == TREATED
            effect = SYNTHETIC_EFFECT if treated and year >= SYNTHETIC_START else 0.0
            rows.append((name, year, SYNTHETIC_START if treated else "", decimal(value + effect)))
    return table(("municipality", "year", "start_year", "sick_days"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV text with semicolons; no cell needs quotes."""
    return "".join(";".join(str(cell) for cell in row) + "\n" for row in (head, *rows))


def decimal(value: float) -> str:
    """Two decimals after a comma."""
    return f"{value:.2f}".replace(".", ",")


EXAMPLES: Mapping[str, Callable[[], str]] = {"did": did, "matching": matching, "counterfactual": counterfactual}
"""The text of ``data.csv`` by the name of the design."""
