"""``evaltool explain``: what a code means and how to mend it."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, say, table
from evaltool.errors import Fault, Place, UsageError, did_you_mean

Entry = dict[str, str]


def explain(
    code: Annotated[str | None, typer.Argument(help="A code such as PLAN_UNKNOWN_KEY; all when left out.")] = None,
    form: FormatOption = Format.text,
) -> None:
    """Explain the code of an error, a warning, a decision's state, flag or reason."""
    found = entries()
    if code is None:
        if form is Format.json:
            answer(found)
        else:
            say(table(("code", "what it says"), [(name, entry["title"]) for name, entry in found.items()]))
        return
    name = code.strip().upper()
    if name not in found:
        cause = f"There is no code '{code}'."
        fix = "`evaltool explain` lists all of them."
        raise UsageError(Fault("USAGE_UNKNOWN_CODE", cause, fix, Place(key="CODE"), did_you_mean(name, list(found))))
    entry = found[name]
    if form is Format.json:
        answer({"code": name, **entry})
        return
    say(f"{name}: {entry['title']}\n")
    say(entry["meaning"])
    say(f"\nHow to mend it: {entry['mend']}")


def entries() -> dict[str, Entry]:
    """Every code with title, meaning and mending, from the files of ``language/codes``, sorted by code."""
    found: dict[str, Entry] = {}
    for file in resources.files("evaltool.language").joinpath("codes").iterdir():
        if file.name.endswith(".toml"):
            for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
                found[name] = {key: str(entry.get(key, "")) for key in ("title", "meaning", "mend")}
    return dict(sorted(found.items()))
