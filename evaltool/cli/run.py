"""``evaltool run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evaltool.cli.evaluation import Drawing, Wish, as_table, asked_drawing, evaluate_to, parsed_date, show_box
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


def run(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made by this command.")],
    lang: LanguageOption = Language.en,
    template: TemplatesOption = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Date that decides what is due, YYYY-MM-DD.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Put the new result in the place of an earlier one.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Records and seals only; no reports.")] = False,
    allow_untrusted: UntrustedOption = False,
    form: FormatOption = Format.text,
) -> None:
    """Evaluate a plan: estimate, gates, decision, reports and a sealed bundle.

    The result appears in one step: until then, and whenever something fails, an earlier result stands untouched.
    The exit code says whether the command finished, not what was decided.
    """
    wish = Wish(
        out=out,
        as_of=parsed_date(as_of),
        drawing=Drawing(templates=())
        if no_report
        else asked_drawing(template, lang.value, allow_untrusted=allow_untrusted),
        force=force,
    )
    with progress_on(form, plan.name) as progress:
        finished = evaluate_to(plan, wish, progress)
    if form is Format.json:
        answer(as_table(finished))
    else:
        show_box(finished)
