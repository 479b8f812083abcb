"""``evaltool lock``: seal a plan, and its design, before outcomes are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, progress_on, say

if TYPE_CHECKING:
    from evaltool.records.plan.evaluation_plan import EvaluationPlan


def lock(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    design: Annotated[
        bool, typer.Option("--design", help="Also build the design without seeing outcomes, and seal it.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="With --design: data file in place of the plan's own.")
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Seal a plan: writes its seal beside it. A plan changed afterwards is refused by every command.

    The seal is of the plan's content: comments and layout stay free to change.

    With --design the data are read, outcomes from each unit's own start on are hidden (they may also be absent), the
    design is built and sealed in a second file beside the plan. `run` uses that design, refuses when roster,
    covariates or earlier outcomes have changed since, and counts the units that are gone. The file holds unit ids:
    it stays in the secure environment.
    """
    from evaltool.errors import Fault, PlanError, UsageError  # noqa: PLC0415 - keeps --help light
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - same
    from evaltool.reading.lock_file import lock_status, write_lock  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import read_plan  # noqa: PLC0415 - same

    if data is not None and not design:
        cause = "--data was given without --design: sealing the plan alone reads no data."
        raise UsageError(Fault("USAGE_ARGUMENTS", cause, "Add --design, or leave --data out."))
    found = read_plan(plan)
    if faults := plan_refusals(found):
        raise PlanError(faults)
    lock_status(found)
    shown = _sealed_design(found, data, form) if design else {}
    path = write_lock(found)
    if form is Format.json:
        answer({"plan": str(plan), "lock": str(path), "seal": found.seal, **shown})
        return
    say(f"locked  {plan}")
    say(f"seal    {found.seal}")
    say(f"in      {path}")
    if shown:
        units = f"{shown['treated_units']} treated, {shown['comparison_units']} comparison units"
        say(f"design  {shown['design']}: {units}")
        say(f"        built without outcomes; {shown['outcomes_hidden']} values in the file were hidden")
        say(f"seal    {shown['design_seal']}")
        say(f"in      {shown['design_lock']}  (holds unit ids: keep it in the secure environment)")


def _sealed_design(plan: EvaluationPlan, data: Path | None, form: Format) -> dict[str, object]:
    """Build and seal the design in the pinned child; what to say of it."""
    from evaltool.bundle.pinned import DesignOrder, lock_design_pinned  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.design_lock import design_lock_path, read_design_lock  # noqa: PLC0415 - same

    path = design_lock_path(plan)
    source = plan.path or path
    with progress_on(form, source.name) as progress:
        lock_design_pinned(DesignOrder(source.resolve(), None if data is None else data.resolve()), progress)
    sealed = read_design_lock(plan)
    if sealed is None:
        return {}
    summary = sealed.design.summary
    return {
        "design": summary.method,
        "design_lock": str(path),
        "design_seal": sealed.seal,
        "treated_units": summary.treated_units,
        "comparison_units": summary.comparison_units,
        "outcomes_hidden": sealed.outcomes_hidden,
    }
