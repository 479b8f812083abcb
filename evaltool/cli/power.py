"""``evaltool power``: how small an effect a plan's numbers can show, and what it takes to be paid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, say, table
from evaltool.errors import Fault, Place, PlanError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from evaltool.planning.power import Power
    from evaltool.records.plan.evaluation_plan import EvaluationPlan

    T = TypeVar("T")

LOWEST, HIGHEST = 0.5, 0.999
"""Bounds of the power that can be asked for."""


def power(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    wanted: Annotated[float, typer.Option("--power", help="Probability of finding an effect that is there.")] = 0.8,
    form: FormatOption = Format.text,
) -> None:
    """Say how small an effect on each outcome can be found, and how large it must be to be paid.

    Reads no data. The standard error of each outcome that is paid on is the plan's [[expectation]]; without one, that
    of a binary outcome in two groups of target_n people.
    """
    from evaltool.planning.power import power_of  # noqa: PLC0415 - keeps --help light

    if not LOWEST <= wanted <= HIGHEST:
        cause = f"--power is {wanted}; a power lies between {LOWEST} and {HIGHEST}."
        raise UsageError(Fault("USAGE_ARGUMENTS", cause, "Give 0.8 for 80 percent.", Place(key="--power")))
    found = before_data(plan, lambda read: power_of(read, wanted))
    if form is Format.json:
        answer(found.to_json())
    else:
        _show(found)


def before_data(path: Path, compute: Callable[[EvaluationPlan], T]) -> T:
    """What ``compute`` says of a plan that is in order. Raises PlanError, with the plan's lines, when it is not."""
    from evaltool.pipeline.prepare import plan_refusals  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.plan_file import place_faults, plan_lines, read_plan  # noqa: PLC0415 - same

    plan = read_plan(path)
    if faults := plan_refusals(plan):
        raise PlanError(place_faults(faults, plan_lines(path), path.name))
    try:
        return compute(plan)
    except PlanError as error:
        raise PlanError(place_faults(error.faults, plan_lines(path), path.name)) from None


def _show(found: Power) -> None:
    """Two tables: what can be found, what is needed."""
    say(
        f"Power {found.power}, level {found.level}, {found.sides}-sided. "
        "Effects are in the direction of good, on the plan's scale.\n"
    )
    rows = [(o.outcome, str(o.standard_error), str(o.minimum), o.source) for o in found.outcomes]
    say(table(("outcome", "standard error", "detectable", "standard error from"), rows))
    if not found.thresholds:
        return
    needed = [
        (
            t.rule,
            t.outcome,
            t.basis,
            str(t.threshold),
            "-" if t.needed is None else str(t.needed),
            "below what can be found" if t.below_minimum else "",
        )
        for t in found.thresholds
    ]
    say("\n" + table(("rule", "outcome", "basis", "threshold", "effect needed", ""), needed))
    say(f"\nEffect needed: the true effect with which the threshold is reached with probability {found.power}.")
