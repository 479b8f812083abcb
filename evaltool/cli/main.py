"""``evaltool``: one command per file, one exit code per kind of ending, never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import typer
from typer.exceptions import TyperException

from evaltool.bundle.pinned import unexpected
from evaltool.cli import (
    check,
    compare,
    demo,
    explain,
    lock,
    methods,
    new,
    power,
    report,
    run,
    schema,
    sign_off,
    simulate,
    vary,
    verify,
)
from evaltool.cli.terminal import complain
from evaltool.errors import EXIT_INTERRUPTED, EXIT_OK, EvaltoolError, Fault, RunError, UsageError

HELP = """Did the intervention work, and is the payment due?

Exit codes: 0 finished, whatever the decision; 2 usage, plan, a changed seal or an existing folder; 3 data; 4 the run
failed; 5 verification found a difference; 6 disclosure would be broken; 130 interrupted.
"""

app = typer.Typer(
    name="evaltool",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command, short in (
    ("demo", demo.demo, "Evaluate the bundled sample programmes."),
    ("new", new.new, "Start a new evaluation that runs as it is."),
    ("check", check.check, "Say everything wrong with a plan and its data."),
    ("power", power.power, "How small an effect a plan's numbers can show."),
    ("simulate", simulate.simulate, "How probable each payment is before data."),
    ("lock", lock.lock, "Seal a plan before outcomes are known."),
    ("vary", vary.vary, "Record a signed change of a locked plan."),
    ("run", run.run, "Evaluate a plan: decision, reports, sealed bundle."),
    ("report", report.report, "Draw the reports of a finished run again."),
    ("sign-off", sign_off.sign_off, "Record a person's judgement on a review."),
    ("verify", verify.verify, "Check a bundle; with --rerun compute it again."),
    ("compare", compare.compare, "Two plans or two runs side by side."),
    ("methods", methods.methods, "Methods, designs, gates and payment mechanisms."),
    ("explain", explain.explain, "What a code means and how to mend it."),
    ("schema", schema.schema, "JSON Schema of the plan, for editors."),
):
    app.command(name, short_help=short)(command)


def version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from evaltool import __version__  # noqa: PLC0415 - only when asked for

        typer.echo(f"evaltool {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=version, is_eager=True)
    ] = False,
) -> None:
    """Hold the options that stand before the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_json = "--format=json" in given or any(a == "--format" and b == "json" for a, b in pairwise(given))
    try:
        code: object = app(given, prog_name="evaltool", standalone_mode=False)
        sys.stdout.flush()
    except EvaltoolError as error:
        complain(error, as_json=as_json)
        return error.exit_code
    except TyperException as error:
        return _usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("Interrupted. Earlier results are untouched.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read our answer has seen enough
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the last place where a message can be made of it
        return _unexpected(error, as_json=as_json)
    return code if isinstance(code, int) else EXIT_OK


def _usage(error: TyperException, *, as_json: bool) -> int:
    """A wrong command line, as one of our own faults."""
    fix = "`evaltool --help` and `evaltool COMMAND --help` show what is possible."
    complain(UsageError(Fault("USAGE_ARGUMENTS", error.format_message(), fix)), as_json=as_json)
    return UsageError.exit_code


def _unexpected(error: Exception, *, as_json: bool) -> int:
    """A fault of ours, or of the machine: short, with the way to the whole story."""
    if os.environ.get("EVALTOOL_DEBUG"):
        traceback.print_exc()
    complain(RunError(unexpected(error)), as_json=as_json)
    return RunError.exit_code
