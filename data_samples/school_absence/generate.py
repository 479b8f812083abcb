"""Writes the made-up school absence data of this folder: ``python generate.py [FOLDER]``.

Every number is drawn from one seeded PCG64 stream, so the file is the same byte for byte each time. The effect is
known because it is put in here: :func:`panel` returns, beside the rows, each school-month's expected absence with
and without the programme, from which :func:`true_effect` computes what an evaluation should find.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MONTHS = tuple(
    f"01-{month:02d}-{year}"
    for first in (2021, 2022, 2023)
    for year, months in ((first, range(8, 13)), (first + 1, range(1, 7)))
    for month in months
)
"""33 school months, August 2021 to June 2024; there is no school in July."""
SEASON = (0.86, 0.97, 1.02, 1.10, 1.14, 1.16, 1.10, 1.04, 0.98, 0.92, 0.84)
"""Absence by month of the school year, August first, as a multiple of the average."""
MUNICIPALITIES = ("Kærslev", "Nordhøj", "Søndersø", "Østmarken", "Ågerup")
AVERAGE = 1.2
"""Absence days per pupil and month, on average."""
PUPIL_SD = 1.2
"""Standard deviation of one pupil's absence days in a month; a school's mean varies by this over √pupils."""


@dataclass(frozen=True)
class Scenario:
    """What is put into the data."""

    seed: int
    starts: tuple[tuple[int, int], ...]
    """(number of schools, index into MONTHS of their first month with the programme); −1 for never."""
    ramp: tuple[float, ...]
    """Relative effect by month since the start; the last value holds from then on."""
    drift: float = 0.0
    """Monthly change of the programme schools that has nothing to do with the programme, relative to the average."""
    drift_months: tuple[int, int] = (0, 0)
    """From when to when that change goes on, as indices into MONTHS."""

    def elsewhere(self, month: int) -> float:
        """What the drift has come to in ``month``, relative to the average."""
        first, last = self.drift_months
        return self.drift * (min(max(month, first), last) - first)


@dataclass(frozen=True)
class School:
    """One school and what it was given by the draw."""

    number: str
    municipality: str
    pupils: int
    low_income: float
    start: int
    level: float


SCENARIO = Scenario(
    seed=11, starts=((14, 11), (14, 16), (14, 22), (38, -1)), ramp=(-0.02, -0.04, -0.06, -0.08, -0.09, -0.10)
)


def schools(scenario: Scenario, rng: np.random.Generator) -> list[School]:
    """The schools in the order of their numbers, which says nothing about when they start."""
    starts = np.repeat([s for _, s in scenario.starts], [n for n, _ in scenario.starts])
    rng.shuffle(starts)
    found = []
    for index, start in enumerate(starts):
        pupils = round(float(np.clip(rng.lognormal(np.log(380), 0.38), 110, 920)))
        low_income = round(float(np.clip(rng.normal(15.0 + 2.0 * (start >= 0), 6.0), 3.0, 38.0)), 1)
        found.append(
            School(
                number=f"S{index + 1:03d}",
                municipality=MUNICIPALITIES[index % len(MUNICIPALITIES)],
                pupils=pupils,
                low_income=low_income,
                start=int(start),
                level=1.02 + 0.012 * low_income + float(rng.normal(0, 0.10)),
            )
        )
    return found


def panel(scenario: Scenario = SCENARIO) -> tuple[list[str], list[tuple[int, float, float]]]:
    """CSV lines, and for every school-month with the programme (pupils, expected with, expected without)."""
    rng = np.random.Generator(np.random.PCG64(scenario.seed))
    lines = ["skole;kommune;måned;programstart;elever;lavindkomst_pct;fraværsdage"]
    truth = []
    for school in schools(scenario, rng):
        for month, label in enumerate(MONTHS):
            joins, since = school.start >= 0, month - school.start
            change = scenario.elsewhere(month) if joins else 0.0
            without = school.level + AVERAGE * (SEASON[month % len(SEASON)] - 1.0 + change) - 0.002 * month
            effect = scenario.ramp[min(since, len(scenario.ramp) - 1)] if joins and since >= 0 else 0.0
            expected = without * (1.0 + effect)
            seen = expected + rng.normal(0, PUPIL_SD / np.sqrt(school.pupils))
            if joins and since >= 0:
                truth.append((school.pupils, expected, without))
            start = MONTHS[school.start] if school.start >= 0 else ""
            share = f"{school.low_income:.1f}".replace(".", ",")
            days = f"{max(seen, 0.0):.3f}".replace(".", ",")
            row = (school.number, school.municipality, label, start, str(school.pupils), share, days)
            lines.append(";".join(row))
    return lines, truth


def true_effect(truth: list[tuple[int, float, float]]) -> tuple[float, float]:
    """(absence days per pupil and month, share of what it would have been), pupils as weights."""
    weight = sum(pupils for pupils, _, _ in truth)
    change = sum(pupils * (expected - without) for pupils, expected, without in truth) / weight
    return change, change / (sum(pupils * without for pupils, _, without in truth) / weight)


def main(folder: Path, scenario: Scenario = SCENARIO) -> None:
    """Write ``absence.csv`` (windows-1252, semicolon, decimal comma) and print the true effect."""
    lines, truth = panel(scenario)
    (folder / "absence.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    absolute, relative = true_effect(truth)
    print(f"{len(lines) - 1} rows; true effect {absolute:.4f} days per pupil and month, {relative:.4%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
