"""Prints the coverage of nominal 95 % intervals in every design, as Markdown: ``make simulate``."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import DESIGNS, STAGGERED, Design, Staggered, of_design

EVERYTHING: tuple[Design | Staggered, ...] = (*DESIGNS, *STAGGERED)


def table(designs: tuple[Design | Staggered, ...], found: list[dict[str, float | None]]) -> str:
    """Methods as rows, designs as columns, in per cent."""
    letters = [chr(ord("A") + i) for i in range(len(designs))]
    lines = [f"{letter}: {design.name}" for letter, design in zip(letters, designs, strict=True)]
    lines += ["", f"| method | {' | '.join(letters)} |", f"|---|{'---|' * len(letters)}"]
    for name in found[0]:
        cells = ["–" if (share := one[name]) is None else f"{100 * share:.1f}" for one in found]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run every design and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with multiprocessing.Pool(asked.jobs) as pool:
        found = pool.starmap(of_design, [(design, asked.samples) for design in EVERYTHING], chunksize=1)
    error = 100 * (0.05 * 0.95 / asked.samples) ** 0.5
    sys.stdout.write(
        f"Coverage in per cent of nominal 95 % intervals, {asked.samples} samples (simulation error {error:.1f} points "
        f"at 95)\n\n{table(DESIGNS, found[: len(DESIGNS)])}\n\n{table(STAGGERED, found[len(DESIGNS) :])}\n"
    )


if __name__ == "__main__":
    main()
