"""Seeded generator of ``people.csv``: 25 people in a programme and 12 much like them; the effect is 4 weeks.

Run ``python generate.py`` in this folder; the same bytes each time.
"""

from __future__ import annotations

import random
from pathlib import Path

SEED = 20250615
TREATED, COMPARISON = 25, 12
EFFECT = 4


def rows() -> list[tuple[str, int, int, int, int]]:
    """(serial number, took part, age, weeks in work the year before, weeks in work the year after)."""
    draw = random.Random(SEED)
    profiles = [(draw.randint(26, 54), draw.randint(0, 30)) for _ in range(COMPARISON)]
    found = []
    for number in range(TREATED + COMPARISON):
        took_part = int(number < TREATED)
        age, before = profiles[(number if took_part else number - TREATED) % COMPARISON]
        age += draw.choice((-1, 0, 1)) * took_part
        after = min(52, max(0, round(12 + 0.6 * before - 0.1 * age + EFFECT * took_part + draw.gauss(0, 6))))
        found.append((f"p{number:02}", took_part, age, before, after))
    return found


def main(folder: Path) -> None:
    """Write the file."""
    lines = ["person;took_part;age;weeks_before;weeks_after", *(";".join(map(str, row)) for row in rows())]
    (folder / "people.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
