"""Writes the made-up shelter data of this folder: ``python generate.py [FOLDER]``.

Every number is drawn from one seeded PCG64 stream, so the file is the same byte for byte each time. Shelter nights
follow a factor model: what drives homelessness everywhere (rents, the labour market, winter) reaches each municipality
with a strength of its own. The effect is known because it is put in here: :func:`panel` returns, beside the rows, the
nights of the treated municipality with and without the programme, from which :func:`true_effect` computes what an
evaluation should find.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEAD = "kommune;kvartal;indsats_fra;indbyggere;overnatninger_pr_1000"
QUARTERS = tuple(f"01-{month:02d}-{year}" for year in range(2015, 2025) for month in (1, 4, 7, 10))
"""40 quarters, the first of 2015 to the last of 2024."""
START = 28
"""Index of the first quarter with the programme: 1 January 2022."""
TREATED = "Sundvang"
NEIGHBOURS = ("Sundklit", "Vanghede")
"""Border the treated municipality; its services also take in their citizens."""
OTHERS = (
    *("Agerhøj", "Birkestrup", "Bjerglund", "Blåmose", "Brogård", "Bøgelund", "Dalhede", "Egesund", "Elmevang"),
    *("Engholt", "Fladsø", "Fyrrebæk", "Granslet", "Grønhøj", "Havbro", "Hedelund", "Hjortebæk", "Hvidklit"),
    *("Højmark", "Kildeskov", "Klintborg", "Kornager", "Krageskov", "Langmose", "Lindevad", "Lyngkær", "Mosebjerg"),
    *("Møllehavn", "Nørhede", "Pilebro", "Ravnsund", "Rugholm", "Skovkær", "Stenager", "Strandhede", "Tranemose"),
    *("Ulvsbæk", "Vesterklit", "Ørnehøj", "Ådalsborg"),
)
WINTER = (1.0, 0.05, -0.75, -0.30)
"""Season by quarter, January first."""


@dataclass(frozen=True)
class Scenario:
    """What is put into the data."""

    seed: int
    ramp: tuple[float, ...]
    """Relative effect by quarter since the start; the last value holds from then on."""
    noise: float
    """Standard deviation of what a quarter brings to one municipality alone, nights per 1,000 inhabitants."""


SCENARIO = Scenario(seed=1, ramp=(-0.03, -0.07, -0.10, -0.13, -0.16, -0.18, -0.20, -0.20), noise=0.9)


def factors(rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(quarters, 4) what moves all municipalities: level, rents, labour market, winter."""
    count = len(QUARTERS)
    time = np.arange(count)
    rents = 18.0 / (1.0 + np.exp(-(time - 18.0) / 5.0)) + np.cumsum(rng.normal(0.0, 0.5, count))
    jobs = 6.0 * np.sin((time - 4.0) / 6.5) + np.cumsum(rng.normal(0.0, 0.5, count))
    winter = 5.0 * np.array([WINTER[t % 4] for t in range(count)]) * rng.uniform(0.8, 1.2, count)
    return np.column_stack([np.ones(count), rents, jobs, winter])


def loadings(rng: np.random.Generator, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(municipalities, 4) how strongly each is reached."""
    level = rng.uniform(30.0, 90.0, count)
    return np.column_stack([level, rng.uniform(0.4, 1.6, count), rng.uniform(0.3, 1.7, count), level / 60.0])


def panel(scenario: Scenario = SCENARIO) -> tuple[list[str], list[tuple[float, float]]]:
    """CSV lines, and for every quarter with the programme (nights with it, nights without), luck apart."""
    rng = np.random.Generator(np.random.PCG64(scenario.seed))
    moves = factors(rng)
    reach = loadings(rng, len(OTHERS))
    alike = rng.choice(len(OTHERS), 5, replace=False)
    own = np.average(reach[alike], axis=0, weights=(5.0, 4.0, 3.0, 2.0, 1.0))
    near = [own * rng.uniform(0.9, 1.1, own.shape[0]) for _ in NEIGHBOURS]
    expected = {TREATED: moves @ own} | dict(zip(NEIGHBOURS, (moves @ one for one in near), strict=True))
    expected |= dict(zip(OTHERS, reach @ moves.T, strict=True))
    truth, lines = [], [HEAD]
    for name in sorted(expected):
        people = round(float(np.clip(rng.lognormal(np.log(48_000), 0.45), 14_000, 190_000)))
        for place, quarter in enumerate(QUARTERS):
            since = place - START
            mean = float(expected[name][place])
            effect = scenario.ramp[min(since, len(scenario.ramp) - 1)] if name == TREATED and since >= 0 else 0.0
            if name == TREATED and since >= 0:
                truth.append((mean * (1.0 + effect), mean))
            seen = max(mean * (1.0 + effect) + float(rng.normal(0.0, scenario.noise)), 0.0)
            start = QUARTERS[START] if name == TREATED else ""
            lines.append(";".join((name, quarter, start, str(people), f"{seen:.2f}".replace(".", ","))))
    return lines, truth


def true_effect(truth: list[tuple[float, float]]) -> tuple[float, float]:
    """(nights per 1,000 inhabitants and quarter, share of what it would have been)."""
    change = sum(expected - without for expected, without in truth) / len(truth)
    return change, change / (sum(without for _, without in truth) / len(truth))


def main(folder: Path, scenario: Scenario = SCENARIO) -> None:
    """Write ``shelters.csv`` (utf-8, semicolon, decimal comma) and print the true effect."""
    lines, truth = panel(scenario)
    (folder / "shelters.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode())
    absolute, relative = true_effect(truth)
    print(f"{len(lines) - 1} rows; true effect {absolute:.4f} nights per 1,000 inhabitants, {relative:.4%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
