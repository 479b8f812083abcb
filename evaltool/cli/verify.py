"""``evaltool verify``: whether a bundle is what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, progress_on, say
from evaltool.errors import Fault, Place, VerificationError
from evaltool.records.base import plain

if TYPE_CHECKING:
    from evaltool.report.redraw import Redrawn


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a finished run, or a zip of it.")],
    rerun: Annotated[bool, typer.Option("--rerun", help="Compute everything again and compare.")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Check every byte of a bundle against its manifest, and its records against each other.

    With --rerun everything is computed again from the bundle's own plan and data: IDENTICAL means the same
    determination.json byte for byte; WITHIN_TOLERANCE the same decision with every number within 1e-6 (relative);
    otherwise DIFFERENT, the first number that differs, and exit code 5. The pages are drawn again as well, so that
    none can say what the records do not.
    """
    from evaltool.bundle import verify as checking  # noqa: PLC0415 - keeps --help light

    with progress_on(form, bundle.name) as progress:
        found = checking.verify(bundle, rerun=rerun, progress=progress)
        pages = _redrawn(bundle, progress) if rerun else None
    if form is Format.json:
        whole = {name: getattr(found, name) for name in type(found).model_fields}
        answer(plain({**whole, "pages": pages}))
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
    if pages is not None:
        say(f"{'pages':12} {len(pages.same)} drawn again, the same bytes")
        for page, why in pages.not_redrawn.items():
            reason = why.replace("_", " ")
            say(f"{'':12} {page} was not drawn again ({reason}): sealed, but its words are not checked")


def _redrawn(bundle: Path, progress: Callable[[str], None]) -> Redrawn:
    """The pages drawn again. Raises VerificationError (VERIFY_PAGE) naming every page that says something else."""
    from evaltool.report.redraw import redraw  # noqa: PLC0415 - keeps --help light

    pages = redraw(bundle, progress=progress)
    if pages.different:
        raise VerificationError(
            Fault(
                code="VERIFY_PAGE",
                cause="Drawn again from the records, this page has other bytes: it may say what the records do not.",
                fix="Trust determination.json, and ask the evaluator for the pages that belong to it.",
                place=Place(file=page),
            )
            for page in pages.different
        )
    return pages
