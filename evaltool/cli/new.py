"""``evaltool new``: a plan, data dictionary, example data and notebook that run as they are."""

from __future__ import annotations

import random
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, say
from evaltool.errors import Fault, Place, UsageError

FILES = {"plan.toml": "plan.toml", "DATA_DICTIONARY.md": "dictionary.md", "evaluation.ipynb": "notebook.ipynb"}
EXAMPLE_EFFECT = 5.0
"""Percentage points added by the made-up programme, as the data dictionary says."""
STARTS = (2022,) * 12 + (2023,) * 10 + (None,) * 20
YEARS = range(2017, 2025)


class DesignChoice(StrEnum):
    """The designs there is a scaffold for."""

    did = "did"


def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    design: Annotated[DesignChoice, typer.Option("--design", help="How the effect is to be found.")] = DesignChoice.did,
    form: FormatOption = Format.text,
) -> None:
    """Start a new evaluation: a plan ready to edit, a data dictionary, made-up data and a notebook.

    Everything runs as it is. Nothing that exists is written over.
    """
    names = (*FILES, "data.csv")
    present = [folder / name for name in names if (folder / name).exists()]
    if present:
        fix = "Name another folder, or move the file away."
        raise UsageError(
            Fault("USAGE_FILE_EXISTS", "The file exists and is not written over.", fix, Place(file=str(path)))
            for path in present
        )
    folder.mkdir(parents=True, exist_ok=True)
    home = resources.files("evaltool.cli").joinpath("scaffold")
    for name, source in FILES.items():
        text = home.joinpath(f"{design.value}.{source}").read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / "data.csv").write_text(example_data(), encoding="utf-8", newline="\n")
    if form is Format.json:
        answer({"folder": str(folder), "files": list(names)})
        return
    for name in names:
        say(f"  made  {folder / name}")
    plan = folder / "plan.toml"
    say("\nNext:")
    say(f"  evaltool check {plan}")
    say(f"  evaltool lock {plan}       once it is agreed, before outcomes are known")
    say(f"  evaltool run {plan} --out {folder / 'result'}")


def example_data() -> str:
    """Made-up municipalities over eight years as CSV text: own level, common trend, noise, effect. Seeded."""
    source = random.Random(1)  # noqa: S311 - example data, no secret
    lines = ["municipality;year;start_year;young_people;in_education_or_work"]
    for number, start in enumerate(STARTS, start=1):
        level, people = source.uniform(38.0, 56.0), source.randint(45, 320)
        for year in YEARS:
            effect = EXAMPLE_EFFECT if start is not None and year >= start else 0.0
            value = level + 0.6 * (year - YEARS[0]) + source.uniform(-1.5, 1.5) + effect
            shown = f"{value:.2f}".replace(".", ",")
            lines.append(f"Municipality {number:02d};{year};{start or ''};{people};{shown}")
    return "\n".join(lines) + "\n"
