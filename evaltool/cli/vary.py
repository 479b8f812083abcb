"""``evaltool vary``: a signed change of a locked plan, as a record of its own beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.compare import EFFECTS
from evaltool.cli.evaluation import parsed_date
from evaltool.cli.terminal import Format, FormatOption, answer, say
from evaltool.errors import Fault, Place, UsageError


def vary(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    plan: Annotated[Path, typer.Argument(help="The locked plan, a TOML file.")],
    by: Annotated[list[str], typer.Option("--by", metavar="NAME", help="Who agreed; repeat it for each party.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; printed in the report.")],
    on: Annotated[str, typer.Option("--on", help="Day of the agreement, YYYY-MM-DD; no clock is read.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What changes: payment.rule[tiers].cap=5000000."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="A key that the plan no longer states.")
    ] = None,
    clause: Annotated[str | None, typer.Option("--clause", help="Id of the clause it was agreed under.")] = None,
    form: FormatOption = Format.text,
) -> None:
    """Record a variation that the parties agreed on; the plan and its lock stay as they are.

    Writes plan.variation-1.toml (-2, …) beside the plan: what changes, from what to what, who agreed, why, when, and
    the seals of the plan before and after, so that the records are a chain. Every command then reads the plan as
    varied, and a decision carries VARIATION_APPLIED. A record is never edited or replaced: what is agreed later is
    another record.
    """
    from evaltool.planning.variation import Agreement, propose  # noqa: PLC0415 - keeps --help light
    from evaltool.reading.variation_files import write_variation  # noqa: PLC0415 - same

    day = parsed_date(on, "--on")
    if day is None:  # pragma: no cover - the option is required
        raise UsageError(Fault("USAGE_BAD_DATE", "No day was given.", "Add --on YYYY-MM-DD.", Place(key="--on")))
    agreed = Agreement(tuple(set_ or ()), tuple(by), reason, day, clause, tuple(unset or ()))
    proposed = propose(plan, agreed)
    path = write_variation(plan, proposed.record)
    record = proposed.record
    told = [{"key": change.key, "effect": change.effect, "words": change.words} for change in proposed.changes]
    if form is Format.json:
        seals = {"seal": record.seal, "varies": record.varies, "result": record.result}
        unlocks = {"unlocks_design": proposed.unlocks_design}
        answer(
            {"plan": str(plan), "variation": str(path), "number": record.number, **seals, **unlocks, "changes": told}
        )
        return
    say(f"varied  {plan}, variation {record.number}, agreed by {', '.join(record.by)} on {record.on.isoformat()}")
    for change in proposed.changes:
        say(f"        {EFFECTS[change.effect]:24} {change.words}")
    say(f"seal    {record.seal}")
    say(f"plan    {record.result}  (was {record.varies})")
    say(f"in      {path}")
    if proposed.unlocks_design:
        say("design  one that is locked already no longer stands: move its lock away, lock it anew without outcomes")
