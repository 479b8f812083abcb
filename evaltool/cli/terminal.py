"""What commands say and where: results on standard output, errors and progress on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from evaltool.errors import EvaltoolError, Fault

Progress = Callable[[str], None]
RULE = "-" * 72


class Format(StrEnum):
    """How a command answers."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to answer: text, or json for other programs.")]


class Language(StrEnum):
    """The language of reports."""

    da = "da"
    en = "en"


TemplatesOption = Annotated[
    list[str] | None,
    typer.Option("--template", metavar="NAME", help="Report template, by name or path of a notebook; may be repeated."),
]
UntrustedOption = Annotated[
    bool,
    typer.Option("--allow-untrusted", help="Run templates that did not ship; the report is stamped UNTRUSTED."),
]
LanguageOption = Annotated[Language, typer.Option("--lang", help="Language of the reports.")]

WORDS = {
    "plan": "reading the plan",
    "data": "reading the data",
    "design": "settling who is compared with whom",
    "estimates": "estimating",
    "gates": "asking the gates",
    "decision": "deciding",
    "bundle": "writing the records",
    "reports": "drawing the reports",
    "notebook": "running the report's notebook",
    "technical_report": "setting the technical report",
    "payment_notice": "setting the payment notice",
    "monitoring": "setting the monitoring report",
    "seal": "sealing the bundle",
}


def say(text: str = "") -> None:
    """One piece of the answer, on standard output."""
    typer.echo(text)


def answer(value: object) -> None:
    """The answer as JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def remark(text: str) -> None:
    """A remark beside the answer, on standard error."""
    typer.echo(text, err=True)


def complain(error: EvaltoolError, *, as_json: bool) -> None:
    """Every fault of an error, on standard error."""
    if as_json:
        body = {"family": error.family, "exit_code": error.exit_code, "faults": [fault_table(f) for f in error.faults]}
        remark(json.dumps({"error": body}, ensure_ascii=False))
        return
    remark("\n\n".join(str(fault) for fault in error.faults))
    remark(f"\n`evaltool explain {error.faults[0].code}` says more.")


def fault_table(fault: Fault) -> dict[str, object]:
    """A fault as JSON values."""
    place = {name: getattr(fault.place, name) for name in ("file", "line", "key", "column", "unit")}
    known = {name: value for name, value in place.items() if value is not None}
    return {
        "code": fault.code,
        "cause": fault.cause,
        "fix": fault.fix,
        "place": known,
        "suggestion": fault.suggestion,
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table with aligned columns."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    top = "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip()
    return "\n".join([top, "  ".join("-" * width for width in widths), *lines])


@contextlib.contextmanager
def progress_on(form: Format, what: str = "") -> Iterator[Progress]:
    """A line on standard error that says what is being done; silent when it is no terminal or the answer is JSON."""
    if form is Format.json or not sys.stderr.isatty():
        yield lambda _stage: None
        return
    from rich.console import Console  # noqa: PLC0415 - loaded only for terminals
    from rich.progress import Progress as Bar  # noqa: PLC0415 - same
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - same

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        lead = f"{what}: " if what else ""
        yield lambda stage: bar.update(task, description=f"{lead}{WORDS.get(stage, stage)}")
