"""``evaltool sign-off``: a person's judgement on a check that asked for one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from evaltool.bundle import layout
from evaltool.cli.evaluation import Drawing, Finished, as_table, draw_and_seal, parsed_date, show_box
from evaltool.cli.terminal import Format, FormatOption, Language, answer, progress_on, say
from evaltool.errors import Fault, Place, UsageError

PAGES = {layout.NOTICE_HTML: "payment_notice", layout.REPORT_HTML: "technical_report"}
LANG = re.compile(rb'<html[^>]*\slang="(da|en)"')


def sign_off(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    gate: Annotated[str, typer.Option("--gate", help="Name of the check that asks for a judgement.")],
    by: Annotated[str, typer.Option("--by", help="Who judged: name and role.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the decision may stand; printed in the notice.")],
    on: Annotated[str, typer.Option("--on", help="Day of the judgement, YYYY-MM-DD; no clock is read.")],
    lang: Annotated[
        Language | None, typer.Option("--lang", help="Language of the reports; that of the present ones if absent.")
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Record a person's judgement on a REVIEW, bound to this run's hash, and decide again.

    The run is verified first. Nothing is estimated again: once every review is signed off the decision is no longer
    PROVISIONAL. The act is a file of its own in sign_offs/, beside the manifest and the record that were judged; the
    reports are drawn again and name who signed what, and why. The bundle is sealed anew.
    """
    from evaltool.bundle.exchange import written_beside  # noqa: PLC0415 - keeps --help light
    from evaltool.bundle.sign_off import Act, refuse_zip, sign  # noqa: PLC0415 - same
    from evaltool.bundle.verify import verify  # noqa: PLC0415 - same

    day = parsed_date(on, "--on")
    if day is None:  # pragma: no cover - the option is required
        raise UsageError(Fault("USAGE_BAD_DATE", "No day was given.", "Add --on YYYY-MM-DD.", Place(key="--on")))
    with progress_on(form, folder.name) as progress:
        refuse_zip(folder)
        verify(folder)
        with written_beside(folder, force=True) as work:
            shutil.copytree(folder, work, dirs_exist_ok=True)
            signed = sign(work, Act(gate=gate, by=by, reason=reason, on=day))
            run, manifest = draw_and_seal(work, _drawing(work, lang), progress, out=folder)
    finished = Finished(run, manifest, folder)
    if form is Format.json:
        table = as_table(finished)
        answer({**table, "sign_offs": [act.to_json() for act in run.sign_offs]})
        return
    show_box(finished)
    act = signed.sign_offs[-1]
    say(f"  {'signed off':12} {act.gate}, by {act.by}, {act.on.isoformat()}")
    say(f"  {'judged run':12} {act.run}")


def _drawing(work: Path, lang: Language | None) -> Drawing:
    """The documents that are there, to be drawn again; every page is cleared, since it would show the old decision."""
    pages = sorted(p for p in (work / layout.RELEASE).iterdir() if p.suffix in {".html", ".pdf"})
    found = next((LANG.search(p.read_bytes()) for p in pages if p.suffix == ".html"), None)
    spoken = lang.value if lang is not None else found.group(1).decode() if found else "en"
    templates = tuple(name for page, name in PAGES.items() if (work / page).is_file())
    for page in pages:
        page.unlink()
    return Drawing(lang=spoken, templates=templates or (tuple(PAGES.values()) if pages else ()))
