"""Writes the made-up sick leave data of this folder: ``python generate.py [FOLDER]``.

Every number is drawn from one seeded PCG64 stream, so the file is the same byte for byte each time. Sick leave at two
bakeries follows one winter, one slow rise and, month by month, luck of its own that lingers a little. The effect is
known because it is put in here: :func:`panel` returns, beside the rows, the days at the treated bakery with and without
the programme, from which :func:`true_effect` computes what an evaluation should find.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEAD = "arbejdsplads;maaned;indsats_fra;ansatte;sygedage_pr_100"
MONTHS = tuple(f"01-{month:02d}-{year}" for year in range(2019, 2025) for month in range(1, 13))
"""72 months, January 2019 to December 2024."""
START = 48
"""Index of the first month with the programme: January 2023."""
TREATED, CONTROL = "Lynghøj Bageri", "Kildebæk Bageri"


@dataclass(frozen=True)
class Scenario:
    """What is put into the data."""

    seed: int
    at_once: float
    """Relative effect in the first month."""
    by_month: float
    """Relative effect that each later month adds."""
    noise: float
    """Standard deviation of what a month brings to one workplace alone, days per 100 employees."""
    lingers: float
    """Share of a month's luck that is left in the next."""


SCENARIO = Scenario(seed=1, at_once=-0.10, by_month=-0.005, noise=1.6, lingers=0.25)


def panel(scenario: Scenario = SCENARIO) -> tuple[list[str], list[tuple[float, float]]]:
    """CSV lines, and for every month with the programme (days with it, days without), luck apart."""
    rng = np.random.Generator(np.random.PCG64(scenario.seed))
    time = np.arange(len(MONTHS))
    winter = 9.0 * np.cos(2.0 * np.pi * (time - 0.6) / 12.0)
    common = winter + 0.05 * time + rng.normal(0.0, 0.8, time.shape[0])
    truth, lines = [], [HEAD]
    for name, level, staff in ((CONTROL, 58.0, 212), (TREATED, 63.0, 164)):
        luck = 0.0
        for place, month in enumerate(MONTHS):
            since = place - START
            mean = level + float(common[place])
            effect = scenario.at_once + scenario.by_month * since if name == TREATED and since >= 0 else 0.0
            if name == TREATED and since >= 0:
                truth.append((mean * (1.0 + effect), mean))
            luck = scenario.lingers * luck + float(rng.normal(0.0, scenario.noise))
            seen = mean * (1.0 + effect) + luck
            start = MONTHS[START] if name == TREATED else ""
            lines.append(";".join((name, month, start, str(staff), f"{seen:.1f}".replace(".", ","))))
    return lines, truth


def true_effect(truth: list[tuple[float, float]]) -> tuple[float, float]:
    """(days per 100 employees and month, share of what it would have been)."""
    change = sum(expected - without for expected, without in truth) / len(truth)
    return change, change / (sum(without for _, without in truth) / len(truth))


def main(folder: Path, scenario: Scenario = SCENARIO) -> None:
    """Write ``sick_leave.csv`` (utf-8, semicolon, decimal comma) and print the true effect."""
    lines, truth = panel(scenario)
    (folder / "sick_leave.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode())
    absolute, relative = true_effect(truth)
    print(f"{len(lines) - 1} rows; true effect {absolute:.4f} days per 100 employees and month, {relative:.4%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
