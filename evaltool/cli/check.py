"""``evaltool check``: everything wrong with a plan, and with its data, at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.output import Format, FormatOption, answer, fault_table, remark, say
from evaltool.errors import EXIT_OK, EXIT_USAGE, EvaltoolError, Fault, PlanError, SealError

if TYPE_CHECKING:
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
    found, errors = _plan_errors(plan)
    warnings: tuple[Fault, ...] = ()
    rows: int | None = None
    if found is not None:
        warnings = _warnings(found)
        try:
            rows = _rows(found, data)
        except EvaltoolError as error:
            errors.append(error)
    code = errors[0].exit_code if errors else EXIT_USAGE if strict and warnings else EXIT_OK
    if form is Format.json:
        faults = [fault_table(fault) for error in errors for fault in error.faults]
        shown = [fault_table(fault) for fault in warnings]
        answer({"plan": str(plan), "ok": code == EXIT_OK, "faults": faults, "warnings": shown, "data_rows": rows})
        return code
    for found_error in errors:
        remark("\n\n".join(str(fault) for fault in found_error.faults) + "\n")
    for fault in warnings:
        say(f"warning  {fault}\n")
    _summary(plan, sum(len(e.faults) for e in errors), len(warnings), rows)
    return code


def _plan_errors(path: Path) -> tuple[EvaluationPlan | None, list[EvaltoolError]]:
    """The plan when its tables can be read, and what is wrong with it: in itself, in its methods, with its lock."""
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.lock_file import lock_status  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import read_plan  # noqa: PLC0415 - same

    try:
        plan = read_plan(path)
    except PlanError as error:
        return None, [error]
    errors: list[EvaltoolError] = []
    if faults := plan_refusals(plan):
        errors.append(PlanError(faults))
    try:
        lock_status(plan)
    except SealError as error:
        errors.append(error)
    return plan, errors


def _warnings(plan: EvaluationPlan) -> tuple[Fault, ...]:
    """What the lint finds."""
    from evaltool.planning.lint import lint  # noqa: PLC0415 - keeps --help light

    return tuple(lint(plan))


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


def _summary(plan: Path, errors: int, warnings: int, rows: int | None) -> None:
    """One line that says how it went."""
    data = "no data checked" if rows is None else f"data checked: {rows} rows"
    verdict = "is in order" if not errors else "cannot be used"
    say(f"{plan} {verdict}: {errors} faults, {warnings} warnings, {data}")
