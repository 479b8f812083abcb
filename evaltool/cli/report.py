"""``evaltool report``: draw a report again from a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.evaluation import Finished, as_table, asked_drawing, draw_and_seal, show_box
from evaltool.cli.terminal import (
    Format,
    FormatOption,
    Language,
    LanguageOption,
    TemplatesOption,
    UntrustedOption,
    answer,
    progress_on,
)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    template: TemplatesOption = None,
    lang: LanguageOption = Language.en,
    allow_untrusted: UntrustedOption = False,
    form: FormatOption = Format.text,
) -> None:
    """Draw the reports of a finished run again, in another language or from another template.

    The run is verified first; nothing is estimated again and the decision stays the same. The bundle is sealed anew,
    so its manifest hash changes.
    """
    from evaltool.bundle.exchange import written_beside  # noqa: PLC0415 - keeps --help light
    from evaltool.bundle.verify import verify  # noqa: PLC0415 - same

    drawing = asked_drawing(template, lang.value, allow_untrusted=allow_untrusted)
    with progress_on(form, folder.name) as progress:
        verify(folder)
        with written_beside(folder, force=True) as work:
            shutil.copytree(folder, work, dirs_exist_ok=True)
            run, manifest = draw_and_seal(work, drawing, progress, out=folder)
    finished = Finished(run, manifest, folder)
    if form is Format.json:
        answer(as_table(finished))
    else:
        show_box(finished)
