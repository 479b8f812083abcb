"""``evaltool lock``: seal a plan before outcomes are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, say


def lock(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    form: FormatOption = Format.text,
) -> None:
    """Seal a plan: writes its seal beside it. A plan changed afterwards is refused by every command.

    The seal is of the plan's content: comments and layout stay free to change.
    """
    from evaltool.errors import PlanError  # noqa: PLC0415 - keeps --help light
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - same
    from evaltool.reading.lock_file import write_lock  # noqa: PLC0415 - same
    from evaltool.reading.plan_file import read_plan  # noqa: PLC0415 - same

    found = read_plan(plan)
    if faults := plan_refusals(found):
        raise PlanError(faults)
    path = write_lock(found)
    if form is Format.json:
        answer({"plan": str(plan), "lock": str(path), "seal": found.seal})
        return
    say(f"locked  {plan}")
    say(f"seal    {found.seal}")
    say(f"in      {path}")
