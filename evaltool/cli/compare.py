"""``evaltool compare``: two plans, or two finished runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.linter import counted
from evaltool.cli.terminal import Format, FormatOption, answer, say
from evaltool.errors import Fault, Place, UsageError
from evaltool.records.base import Json, plain

if TYPE_CHECKING:
    from evaltool.bundle.side_by_side import Row, SideBySide
    from evaltool.planning.changes import Change

EFFECTS = {
    "money": "can move money",
    "claim": "changes what is claimed",
    "nothing": "cannot move money",
}
LONGEST = 120
"""Characters of one value that are shown beside another."""


def compare(
    old: Annotated[Path, typer.Argument(help="A plan (TOML), or a finished run (folder or zip).")],
    new: Annotated[Path, typer.Argument(help="Another of the same kind.")],
    form: FormatOption = Format.text,
) -> None:
    """Say what changed between two plans or two runs.

    Two plans: every change in words, table by table, with the lines of both, and whether it can move money, changes
    what is claimed, or neither. Two runs: plan, data, numbers and decision side by side. Nothing is judged: what may be
    changed after a lock is a variation, a signed record of its own.
    """
    first, second = _is_run(old), _is_run(new)
    if first != second:
        run, plan = (old, new) if first else (new, old)
        raise UsageError(
            Fault(
                code="USAGE_COMPARE_KINDS",
                cause=f"{run} is a finished run and {plan} is a plan: they cannot be compared.",
                fix=f"Compare two plans ({run}/plan.toml is the run's own), or two runs.",
                place=Place(file=str(new)),
            )
        )
    (_runs if first else _plans)(old, new, form)


def _is_run(path: Path) -> bool:
    """A folder or a zip is a run; everything else is read as a plan."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def _plans(old: Path, new: Path, form: Format) -> None:
    """Two plans."""
    from evaltool.planning.changes import changes  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.plan_file import plan_lines, read_plan  # noqa: PLC0415 - same

    before, after = read_plan(old), read_plan(new)
    found = changes(before, after)
    lines = (plan_lines(old), plan_lines(new))
    rows = [_change_table(change, lines) for change in found]
    if form is Format.json:
        counts = {effect: sum(change.effect == effect for change in found) for effect in EFFECTS}
        seals = {"old": {"plan": str(old), "seal": before.seal}, "new": {"plan": str(new), "seal": after.seal}}
        answer({"kind": "plans", **seals, "counts": counts, "changes": rows})
        return
    say(f"{'old':4} {old}  version {before.programme.version}  seal {before.seal}")
    say(f"{'new':4} {new}  version {after.programme.version}  seal {after.seal}")
    _show_changes(found, rows)


def _change_table(change: Change, lines: tuple[Mapping[tuple[str | int, ...], int], ...]) -> dict[str, Json]:
    """A change as a JSON object, with its line in both documents."""
    from evaltool.reading.toml_lines import line_of  # noqa: PLC0415 - keeps --help light

    placed = [line_of(index, key) for index, key in zip(lines, (change.old_key, change.new_key), strict=True)]
    return {
        "table": change.table,
        "key": change.key,
        "effect": change.effect,
        "old": change.old,
        "new": change.new,
        "old_line": None if change.old is None else placed[0],
        "new_line": None if change.new is None else placed[1],
        "words": change.words,
    }


def _show_changes(found: tuple[Change, ...], rows: list[dict[str, Json]]) -> None:
    """Changes in words, table by table, and a line that counts them."""
    table = ""
    for change, row in zip(found, rows, strict=True):
        if change.table != table:
            table = change.table
            say(f"\n[{table}]")
        lines = [f"{name} line {row[key]}" for name, key in (("old", "old_line"), ("new", "new_line")) if row.get(key)]
        say(f"  {EFFECTS[change.effect]:24} {change.words}" + (f"  ({', '.join(lines)})" if lines else ""))
    told = ", ".join(f"{sum(c.effect == effect for c in found)} {words}" for effect, words in EFFECTS.items())
    say(f"\n{counted(len(found), 'change')}: {told}" if found else "\nThe two plans state the same.")


def _runs(old: Path, new: Path, form: Format) -> None:
    """Two runs."""
    from evaltool.bundle.side_by_side import side_by_side  # noqa: PLC0415 - keeps --help light

    found, changed = side_by_side(old, new)
    rows = [_change_table(change, ({}, {})) for change in changed]
    if form is Format.json:
        whole: Json = plain(found)
        answer({"kind": "runs", "old": str(old), "new": str(new), "result": whole, "plan_changes": rows})
        return
    _show_runs(found, (old, new))
    if changed:
        say("\nWhat the plans state differently")
        _show_changes(changed, rows)


def _show_runs(found: SideBySide, names: tuple[Path, Path]) -> None:
    """The runs beside each other, group by group, then every other difference."""
    from evaltool.bundle.side_by_side import GROUPS  # noqa: PLC0415 - keeps --help light

    for name, path, manifest in zip(("old", "new"), names, (found.old_manifest, found.new_manifest), strict=True):
        say(f"{name:4} {path}  manifest {manifest}")
    shown = {row.path for row in found.beside}
    for group in GROUPS:
        say(f"\n[{group}]")
        for row in found.beside:
            if row.group == group:
                _show_row(row)
        for row in found.differences:
            if row.group == group and row.path not in shown and not row.path.startswith("versions."):
                _show_row(row)
    say(f"\n{found.verdict.replace('_', ' ')}: {counted(len(found.differences), 'value')} of the records differ")


def _show_row(row: Row) -> None:
    """One value: once where the runs agree, else both."""
    old, new = (_brief(value) for value in (row.old, row.new))
    say(f"  {'' if row.same else '≠':2}{row.path:34} {old}" + ("" if row.same else f"  →  {new}"))


def _brief(value: Json) -> str:
    """A value in one short line."""
    from evaltool.planning.changes import shown  # noqa: PLC0415 - keeps --help light

    text = "–" if value is None else shown(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
