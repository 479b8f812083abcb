"""``evaltool check``: everything wrong with a plan, and with its data, at once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.linter import Source, counted, finding_table, show, written
from evaltool.cli.terminal import Format, FormatOption, answer, fault_table, say
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

    All faults are shown at once, each with its place, cause, fix and the plan's own line. Without --data the declared
    data file is checked when it is there already.
    """
    from evaltool.planning.lint import lint  # noqa: PLC0415 - keeps --help light

    found, errors = _plan_errors(plan)
    doubts: tuple[Finding, ...] = ()
    looked = _Looked("the plan cannot be read")
    if found is not None:
        doubts = lint(found)
        try:
            looked = _look(found, data, errors)
        except EvaltoolError as error:
            looked = _Looked("it has faults")
            errors.append(error)
    if looked.missing:
        doubts = (*doubts, _not_there(looked.missing))
    warnings = sum(doubt.severity == "warning" for doubt in doubts)
    code = errors[0].exit_code if errors else EXIT_USAGE if strict and warnings else EXIT_OK
    faults = _placed([fault for error in errors for fault in error.faults], plan)
    places = _placed(doubts, plan)
    findings = [(fault, "error") for fault in faults]
    findings += [(fault, doubt.severity) for fault, doubt in zip(places, doubts, strict=True)]
    if form is Format.json:
        shown = [fault_table(f) | {"severity": severity} for f, severity in findings[len(faults) :]]
        body = {"plan": str(plan), "ok": code == EXIT_OK, "faults": [fault_table(f) for f in faults]}
        flat = [finding_table(fault, severity) for fault, severity in findings]
        body |= {"warnings": shown, "findings": flat}
        answer(body | {"data_rows": looked.rows, "data_missing": list(looked.missing)})
        return code
    source = Source.of(plan)
    for fault, severity in findings:
        show(written(fault, severity, source), beside=severity == "error")
    _summary(plan, (len(faults), warnings, len(doubts) - warnings), looked)
    return code


def _plan_errors(path: Path) -> tuple[EvaluationPlan | None, list[EvaltoolError]]:
    """The plan when its tables can be read, and what is wrong with it: in itself, in its methods, with its lock."""
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.lock_file import lock_status  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import plan_faults  # noqa: PLC0415 - same
    from evaltool.reading.previous_runs import previous_faults  # noqa: PLC0415 - same

    plan, faults = plan_faults(path)
    errors: list[EvaltoolError] = [PlanError(faults)] if faults else []
    if plan is None:
        return None, errors
    if refused := (*plan_refusals(plan), *previous_faults(plan)):
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


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen of the data: why they were not read, or how many rows they have; which files are not there."""

    why: str = ""
    rows: int | None = None
    missing: tuple[str, ...] = ()


def _look(plan: EvaluationPlan, other: Path | None, errors: Sequence[EvaltoolError]) -> _Looked:
    """The data, read only when nothing is wrong with what the plan says of them; donors are settled, blind to outcomes.

    Raises DataError, and RunError for a pool of donors that cannot be used.
    """
    from evaltool.bundle.data_copy import declared_files  # noqa: PLC0415 - keeps --help light
    from evaltool.pipeline.estimates import build_design  # noqa: PLC0415 - same
    from evaltool.pipeline.prepare import primary_method  # noqa: PLC0415 - same
    from evaltool.pipeline.reach import DESIGN  # noqa: PLC0415 - same
    from evaltool.reading.panel_file import read_panel  # noqa: PLC0415 - same

    keys = [fault.place.key or "" for error in errors for fault in error.faults]
    if any(re.match(r"data\b", key) for key in keys):
        return _Looked("the plan's [data] has faults")
    home = plan.path.parent if plan.path is not None else Path()
    if other is not None:
        declared = os.path.relpath(other, home)
        moved = plan.model_copy(update={"data": plan.data.model_copy(update={"path": declared})})
        plan = moved.read_from(plan.path) if plan.path is not None else moved
    elif missing := tuple(name for name in declared_files(plan) if not (home / name).exists()):
        return _Looked(f"{', '.join(missing)} was not found in the plan's folder", missing=missing)
    panel = read_panel(plan)
    if panel is None:
        return _Looked("the plan reads none")
    if not errors and plan.design.method == DESIGN:
        build_design(plan, panel, primary_method(plan))
    return _Looked(rows=panel.identity.rows)


def _not_there(missing: tuple[str, ...]) -> Finding:
    """The note of data that are not there yet."""
    from evaltool.planning.lint.finding import note  # noqa: PLC0415 - keeps --help light

    sentence = f"The data file was not found: {', '.join(missing)}. Nothing was checked in it."
    fix = "Nothing, when the data are yet to come; else correct the path, which is relative to the plan's folder."
    return note("LINT_NO_DATA_FILE", "data.path", sentence, fix)


def _summary(plan: Path, numbers: tuple[int, int, int], looked: _Looked) -> None:
    """One line that says how it went; ``numbers`` of faults, warnings and notes."""
    faults, warnings, notes = numbers
    data = f"no data checked: {looked.why}" if looked.rows is None else f"data checked: {looked.rows} rows"
    verdict = "is in order" if not faults else "cannot be used"
    told = (counted(faults, "fault"), counted(warnings, "warning"), counted(notes, "note"))
    say(f"{plan} {verdict}: {', '.join(told)}, {data}")
