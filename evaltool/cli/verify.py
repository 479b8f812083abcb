"""``evaltool verify``: whether a bundle is what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, progress_on, say


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a finished run, or a zip of it.")],
    rerun: Annotated[bool, typer.Option("--rerun", help="Compute everything again and compare.")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Check every byte of a bundle against its manifest, and its records against each other.

    With --rerun everything is computed again from the bundle's own plan and data: IDENTICAL means the same
    determination.json byte for byte; WITHIN_TOLERANCE the same decision with every number within 1e-6 (relative);
    otherwise DIFFERENT, the first number that differs, and exit code 5.
    """
    from evaltool.bundle import verify as checking  # noqa: PLC0415 - keeps --help light

    with progress_on(form, bundle.name) as progress:
        found = checking.verify(bundle, rerun=rerun, progress=progress)
    if form is Format.json:
        answer(found.to_json())
        return
    say(f"{'VERIFIED':12} {found.files} files are as they were sealed, and their records agree")
    say(f"{'decision':12} {found.state}, {found.amount} {found.currency}")
    say(f"{'manifest':12} {found.manifest}")
    if found.rerun is None:
        return
    say(f"{'rerun':12} {found.rerun.verdict.replace('_', ' ')}")
    if found.rerun.first is not None:
        first = found.rerun.first
        say(f"{'':12} {found.rerun.differences} values differ; first {first.path}: was {first.old!r}, is {first.new!r}")
