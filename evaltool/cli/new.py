"""``evaltool new``: a plan, data dictionary, example data and notebook that run as they are."""

from __future__ import annotations

from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli._examples import EXAMPLES
from evaltool.cli.terminal import Format, FormatOption, answer, say
from evaltool.errors import Fault, Place, UsageError

FILES = {"plan.toml": "plan.toml", "DATA_DICTIONARY.md": "dictionary.md", "evaluation.ipynb": "notebook.ipynb"}


class DesignChoice(StrEnum):
    """The designs there is a scaffold for."""

    did = "did"
    matching = "matching"
    counterfactual = "counterfactual"

    @property
    def locks_blind(self) -> bool:
        """Whether the design itself is chosen from data, and so is sealed before outcomes are known."""
        return self is not DesignChoice.did


def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    design: Annotated[
        DesignChoice,
        typer.Option(
            "--design",
            help="How the effect is found: groups that start at different times (did), people matched with others "
            "like them (matching), one unit against a mixture of others (counterfactual).",
        ),
    ] = DesignChoice.did,
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
    (folder / "data.csv").write_text(EXAMPLES[design.value](), encoding="utf-8", newline="\n")
    if form is Format.json:
        answer({"folder": str(folder), "design": design.value, "files": list(names)})
        return
    for name in names:
        say(f"  made  {folder / name}")
    _next(folder / "plan.toml", folder / "result", design)


def _next(plan: Path, result: Path, design: DesignChoice) -> None:
    """The commands that follow, one a line, with what the lock is for."""
    lock = f"evaltool lock {plan} --design" if design.locks_blind else f"evaltool lock {plan}"
    say("\nNext:")
    say(f"  evaltool check {plan}")
    if design.locks_blind:
        say(f"  {lock}")
        say("      once it is agreed, before outcomes are known: seals the plan, chooses and seals the comparison")
        say("      without seeing outcomes, and writes plan.design.lock (ids: keep it in the secure environment)")
    else:
        say(f"  {lock}       once it is agreed, before outcomes are known")
    say(f"  evaltool run {plan} --out {result}")
