"""A finished run's folder gets its reports: one executed notebook, then HTML and PDF from the blocks it published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from evaltool.bundle.layout import DETERMINATION, NOTEBOOK, RELEASE
from evaltool.bundle.store import open_run
from evaltool.errors import Fault, UsageError
from evaltool.records.run import Run
from evaltool.report.blocks import Block
from evaltool.report.document import document_of
from evaltool.report.gather import blocks_of, check_decision
from evaltool.report.html import html_bytes
from evaltool.report.nodes import node
from evaltool.report.papermill_runner import execute
from evaltool.report.pdf import pdf_bytes
from evaltool.report.templates import Template, read_template

Progress = Callable[[str], None]
HERE = "."


@dataclass(frozen=True, slots=True)
class RenderedReports:
    """What was written, relative to the run's folder."""

    notebook: Path
    pages: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Language, templates (names or paths of notebooks), and whether templates that did not ship may run."""

    lang: str
    templates: tuple[str, ...]
    allow_untrusted: bool = False


def render_reports(
    run_folder: Path,
    *,
    lang: str,
    templates: tuple[str, ...],
    progress: Progress | None = None,
    allow_untrusted: bool = False,
    failed: Path | None = None,
) -> RenderedReports:
    """Write ``report.ipynb`` and ``release/<report|notice>.html|.pdf`` into the folder of a finished run.

    A notebook that fails is kept as far as it came, in ``failed``, else in its own place.
    All templates run in one kernel, one after the other. A programme that is only monitored gets the monitoring
    template in place of notice and report: its numbers are never shown as a decision.

    Raises UsageError for templates that cannot be used, RunError when a cell failed, was skipped, or shows another
    decision than the stored one. Nothing in ``release/`` changes unless every document could be made.
    """
    tell = progress or (lambda _stage: None)
    run = open_run(run_folder)
    options = RenderOptions(lang, _for_purpose(run, templates), allow_untrusted)
    wanted = tuple(read_template(name, allow_untrusted=options.allow_untrusted) for name in options.templates)
    _refuse_same_output(wanted)
    tell("notebook")
    done = execute(
        _merged(wanted),
        {"evaluation": HERE, "lang": lang},
        folder=run_folder.resolve(),
        saved=run_folder / NOTEBOOK,
        failed=failed,
    )
    pages: dict[Path, bytes] = {}
    record = (run_folder / DETERMINATION).read_bytes()
    for template, cells in zip(wanted, _split(done, wanted), strict=True):
        tell(template.name)
        blocks = blocks_of(cells, lang)
        pages |= _pages(run, template, blocks, (lang, record))
    for path, content in pages.items():
        (run_folder / path).parent.mkdir(exist_ok=True)
        (run_folder / path).write_bytes(content)
    return RenderedReports(Path(NOTEBOOK), tuple(pages))


def _pages(run: Run, template: Template, blocks: tuple[Block, ...], made_with: tuple[str, bytes]) -> dict[Path, bytes]:
    """Both renderings of one document, after its decision was checked."""
    lang, record = made_with
    check_decision(blocks, run, lang)
    document = document_of(run, blocks, template=template.name, lang=lang, untrusted=not template.trusted)
    base = Path(RELEASE) / template.output
    return {base.with_suffix(".html"): html_bytes(document), base.with_suffix(".pdf"): pdf_bytes(document, record)}


def _for_purpose(run: Run, templates: tuple[str, ...]) -> tuple[str, ...]:
    """For a programme that is only monitored: the monitoring report where notice or report were asked for."""
    if run.plan.governance.purpose != "monitoring":
        return templates
    swapped = ("monitoring" if name in {"payment_notice", "technical_report"} else name for name in templates)
    return tuple(dict.fromkeys(swapped))


def _refuse_same_output(templates: tuple[Template, ...]) -> None:
    """Two templates may not write the same file. Raises UsageError (USAGE_TEMPLATES_COLLIDE)."""
    outputs = [template.output for template in templates]
    if len(set(outputs)) < len(outputs):
        names = ", ".join(template.name for template in templates)
        raise UsageError(
            Fault(
                code="USAGE_TEMPLATES_COLLIDE",
                cause=f"Two of these templates write the same file: {names}.",
                fix="Draw them one at a time.",
            )
        )


def _merged(templates: tuple[Template, ...]) -> NotebookNode:
    """The templates as one notebook: the second and later ones give up their parameter cell."""
    first = templates[0].notebook
    cells = [node(cell) for cell in first.cells]
    for template in templates[1:]:
        cells += [node(c) for c in template.notebook.cells if "parameters" not in c.metadata.get("tags", [])]
    for number, cell in enumerate(cells):
        cell["id"] = f"c{number}"
    return node({**first, "cells": cells})


def _split(done: NotebookNode, templates: tuple[Template, ...]) -> list[NotebookNode]:
    """The executed cells of each template, in order."""
    cells = [c for c in done.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    parts, at = [], 0
    for place, template in enumerate(templates):
        own = template.notebook.cells
        size = len(own) if place == 0 else sum("parameters" not in c.metadata.get("tags", []) for c in own)
        parts.append(node({**done, "cells": cells[at : at + size]}))
        at += size
    return parts
