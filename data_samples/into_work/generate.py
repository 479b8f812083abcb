"""Writes the made-up employment data of this folder: ``python generate.py [FOLDER]``.

Every number is drawn from one seeded PCG64 stream, so the file is the same byte for byte each time. The effect is
known because it is put in here: :func:`panel` returns, beside the rows, for everybody who was offered a place the
weeks in work with and without the offer, from which :func:`true_effect` computes what an evaluation should find.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HEAD = (
    "borger;kommune;tilbudt;alder;kvinde;faglært;videregående;mdr_ydelse;løn_før;uger_før;helbred;børn;storby;"
    "uger_i_arbejde"
)
TOWNS = (("Ådalsborg", 0.30, True), ("Birkestrup", 0.22, True), ("Klintborg", 0.20, False), ("Lyngkær", 0.16, False))
"""Municipality, share of the people in it, whether it is a large town; the rest live in Ravnsund."""
LAST_TOWN = ("Ravnsund", 0.12, False)
YEAR = 52
WOMEN = 0.47
SKILLED, HIGHER = 0.34, 0.10
"""Shares with vocational training and with higher education as the highest."""
ILL = -0.8
"""Attachment to the labour market below which people see the hospital more often."""


@dataclass(frozen=True)
class Scenario:
    """What is put into the data."""

    seed: int
    offered: int
    others: int
    pull: float
    """Weeks that taking part adds for a person who is far from both ends of the year."""
    takes_part: float
    """Share of those offered a place who take it up; the others keep the weeks they would have had."""
    unlinked: tuple[int, int]
    """People whom the income register does not know, among the offered and among the others."""


@dataclass(frozen=True)
class Person:
    """What the registers know of a person before the offer."""

    town: str
    city: bool
    age: int
    woman: bool
    skilled: bool
    higher: bool
    months: int
    """On benefits, of the last 36."""
    pay: float
    """Earnings in the year before, 1,000 kroner."""
    weeks: int
    """In work, in the year before."""
    health: int
    """Contacts with the hospital in the year before."""
    children: int


SCENARIO = Scenario(seed=4, offered=126, others=4060, pull=9.5, takes_part=0.85, unlinked=(6, 52))


def person(rng: np.random.Generator) -> Person:
    """One person on benefits, drawn from the register population."""
    place = float(rng.random())
    town, city = LAST_TOWN[0], LAST_TOWN[2]
    for name, share, large in TOWNS:
        if place < share:
            town, city = name, large
            break
        place -= share
    age = int(np.clip(round(rng.normal(38.5, 10.5)), 19, 61))
    woman = bool(rng.random() < WOMEN)
    school = float(rng.random())
    skilled, higher = school < SKILLED, school >= 1.0 - HIGHER
    tie = float(rng.normal(0.0, 1.0))
    """Attachment to the labour market, which the registers show through months, pay and weeks."""
    months = int(np.clip(round(19.0 - 6.0 * tie + 0.10 * (age - 38) + rng.normal(0, 5.0)), 3, 36))
    weeks = int(np.clip(round(7.0 + 9.0 * tie + 2.5 * skilled + rng.normal(0, 6.0)), 0, YEAR - 6))
    pay = 0.0 if weeks == 0 else round(weeks * float(np.clip(rng.normal(4.6 + 0.5 * skilled, 0.9), 2.0, 9.0)), 1)
    return Person(
        town=town,
        city=city,
        age=age,
        woman=woman,
        skilled=skilled,
        higher=higher,
        months=months,
        pay=pay,
        weeks=weeks,
        health=int(rng.poisson(1.1 + 0.4 * (tie < ILL))),
        children=int(min(4, rng.poisson(0.8))),
    )


def pressing(one: Person) -> float:
    """How likely caseworkers are to offer a place: long on benefits, some work behind them, not too ill."""
    return (
        0.055 * (one.months - 19)
        - 0.030 * (one.age - 38)
        + 0.35 * one.skilled
        + 0.020 * one.weeks
        - 0.16 * one.health
        + 0.30 * one.city
        - 0.10 * one.children
    )


def expected_weeks(one: Person) -> float:
    """Weeks in work in the year after, on average and before both ends of the year are taken into account."""
    return (
        10.5
        - 0.28 * (one.months - 19)
        - 0.14 * (one.age - 38)
        + 0.42 * (one.weeks - 9)
        + 3.0 * one.skilled
        + 2.0 * one.higher
        - 1.1 * one.health
        + 0.8 * one.city
        - 0.5 * one.children
        - 0.8 * one.woman
    )


def panel(scenario: Scenario = SCENARIO) -> tuple[list[str], list[tuple[int, int]]]:
    """CSV lines, and for everybody offered a place (weeks with the offer, weeks without)."""
    rng = np.random.Generator(np.random.PCG64(scenario.seed))
    total = scenario.offered + scenario.others
    everybody = [person(rng) for _ in range(total)]
    draw = np.array([pressing(one) for one in everybody]) + rng.gumbel(0.0, 1.0, total)
    offered = np.zeros(total, dtype=bool)
    offered[np.argsort(-draw, kind="stable")[: scenario.offered]] = True
    unlinked = np.zeros(total, dtype=bool)
    for arm, count in zip((offered, ~offered), scenario.unlinked, strict=True):
        unlinked[rng.choice(np.flatnonzero(arm), count, replace=False)] = True
    lines, truth = [HEAD], []
    for number, one in enumerate(everybody):
        chance, luck = float(rng.random()), expected_weeks(one) + float(rng.normal(0.0, 12.5))
        without = int(np.clip(round(luck), 0, YEAR))
        joins = bool(offered[number]) and chance < scenario.takes_part
        seen = int(np.clip(round(luck + scenario.pull), 0, YEAR)) if joins else without
        if offered[number]:
            truth.append((seen, without))
        lines.append(line(number, one, offered=bool(offered[number]), linked=not unlinked[number], weeks=seen))
    return lines, truth


def line(number: int, one: Person, *, offered: bool, linked: bool, weeks: int) -> str:
    """One row of the file; the income register leaves its two columns empty for those it does not know."""
    pay = f"{one.pay:.1f}".replace(".", ",") if linked else ""
    before = str(one.weeks) if linked else ""
    flags = ("1" if flag else "0" for flag in (one.woman, one.skilled, one.higher))
    cells = (f"B{number + 1:05d}", one.town, "1" if offered else "0", str(one.age), *flags, str(one.months), pay)
    rest = (before, str(one.health), str(one.children), "1" if one.city else "0", str(weeks))
    return ";".join((*cells, *rest))


def true_effect(truth: list[tuple[int, int]]) -> tuple[float, float]:
    """(weeks in work added by the offer, share of what it would have been), over everybody offered a place."""
    change = sum(seen - without for seen, without in truth) / len(truth)
    return change, change / (sum(without for _, without in truth) / len(truth))


def main(folder: Path, scenario: Scenario = SCENARIO) -> None:
    """Write ``people.csv`` (windows-1252, semicolon, decimal comma) and print the true effect."""
    lines, truth = panel(scenario)
    (folder / "people.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    absolute, relative = true_effect(truth)
    print(f"{len(lines) - 1} rows; true effect {absolute:.4f} weeks in work, {relative:.4%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
