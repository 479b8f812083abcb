"""``evaltool check``: everything wrong with a plan, and with its data, at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, fault_table, remark, say
from evaltool.errors import EXIT_OK, EXIT_USAGE, EvaltoolError, Fault, PlanError, SealError

if TYPE_CHECKING:
    from evaltool.planning.lint import Finding
    from evaltool.records.plan.evaluation_plan import EvaluationPlan


def check(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    data: Annotated[Path | None, typer.Option("--data", help="Data file to check instead of the declared one.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors (exit code 2).")] = False,
    form: FormatOption = Format.text,
) -> int:
    """Validate a plan, warn of what a careful lawyer would question, and check the data against it.

    All faults are shown at once, each with its place, cause and fix. Without --data the declared data file is checked
    when it is there already.
    """
    from evaltool.planning.lint import lint  # noqa: PLC0415 - keeps --help light

    found, errors = _plan_errors(plan)
    doubts: tuple[Finding, ...] = ()
    rows: int | None = None
    if found is not None:
        doubts = lint(found)
        try:
            rows = _rows(found, data)
        except EvaltoolError as error:
            errors.append(error)
    warnings = sum(doubt.severity == "warning" for doubt in doubts)
    code = errors[0].exit_code if errors else EXIT_USAGE if strict and warnings else EXIT_OK
    faults = _placed([fault for error in errors for fault in error.faults], plan)
    places = _placed(doubts, plan)
    if form is Format.json:
        shown = [fault_table(f) | {"severity": d.severity} for f, d in zip(places, doubts, strict=True)]
        body = {"plan": str(plan), "ok": code == EXIT_OK, "faults": [fault_table(f) for f in faults]}
        answer(body | {"warnings": shown, "data_rows": rows})
        return code
    for fault in faults:
        remark(f"{fault}\n")
    for fault, doubt in zip(places, doubts, strict=True):
        say(f"{doubt.severity}  {fault}\n")
    _summary(plan, (len(faults), warnings, len(doubts) - warnings), rows)
    return code


def _plan_errors(path: Path) -> tuple[EvaluationPlan | None, list[EvaltoolError]]:
    """The plan when its tables can be read, and what is wrong with it: in itself, in its methods, with its lock."""
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.lock_file import lock_status  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import plan_faults  # noqa: PLC0415 - same

    plan, faults = plan_faults(path)
    errors: list[EvaltoolError] = [PlanError(faults)] if faults else []
    if plan is None:
        return None, errors
    if refused := plan_refusals(plan):
        errors.append(PlanError(refused))
    try:
        lock_status(plan)
    except SealError as error:
        errors.append(error)
    return plan, errors


def _placed(faults: Sequence[Fault], path: Path) -> tuple[Fault, ...]:
    """The same faults with the plan's line, where they name a key of the plan and no file yet."""
    from evaltool.reading.plan_file import place_faults, plan_lines  # noqa: PLC0415 - keeps --help light

    index = plan_lines(path)
    return tuple(
        place_faults((fault,), index, path.name)[0] if fault.place.key and fault.place.file is None else fault
        for fault in faults
    )


def _rows(plan: EvaluationPlan, other: Path | None) -> int | None:
    """Rows of the data, or None when the plan reads none or its file is not there yet. Raises DataError."""
    from evaltool.bundle.data_copy import declared_files  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.panel_file import read_panel  # noqa: PLC0415 - same

    home = plan.path.parent if plan.path is not None else Path()
    if other is not None:
        declared = os.path.relpath(other, home)
        moved = plan.model_copy(update={"data": plan.data.model_copy(update={"path": declared})})
        plan = moved.read_from(plan.path) if plan.path is not None else moved
    elif not all((home / name).exists() for name in declared_files(plan)):
        return None
    panel = read_panel(plan)
    return None if panel is None else panel.identity.rows


def _summary(plan: Path, numbers: tuple[int, int, int], rows: int | None) -> None:
    """One line that says how it went; ``numbers`` of faults, warnings and notes."""
    faults, warnings, notes = numbers
    data = "no data checked" if rows is None else f"data checked: {rows} rows"
    verdict = "is in order" if not faults else "cannot be used"
    say(f"{plan} {verdict}: {faults} faults, {warnings} warnings, {notes} notes, {data}")
