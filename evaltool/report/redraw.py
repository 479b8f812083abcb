"""Pages of a bundle drawn again from its records, so that a page cannot say what the records do not."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from pydantic import Field

from evaltool import __version__
from evaltool.bundle import layout
from evaltool.bundle.members import Members, open_members
from evaltool.bundle.store import open_run
from evaltool.records.base import Record
from evaltool.report.render import Progress, render_reports

PAGES = {layout.NOTICE_HTML: "payment_notice", layout.REPORT_HTML: "technical_report"}
LANGUAGE = re.compile(r'<html lang="(da|en)"')
STAMP = '<p class="et-untrusted">'
"""What a page made from a template that did not ship carries on top."""
LIMIT = 64 * 2**20


class Redrawn(Record):
    """What drawing again showed. ``different`` lists pages that are not what the records say."""

    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    not_redrawn: dict[str, str] = Field(default_factory=dict)
    """Page → why it could not be drawn again: ``own_template``, ``other_version``."""


def redraw(bundle: Path, *, progress: Progress | None = None) -> Redrawn:
    """Draw every page in ``release/`` again from the bundle's records and compare the bytes.

    Pages of an evaluator's own template carry the stamp UNTRUSTED and are not drawn: a template may run code. PDF
    pages are compared too; they are the same bytes on one platform with one version of the compiler.

    Raises RunError when a page cannot be drawn.
    """
    with open_members(bundle) as members, tempfile.TemporaryDirectory(prefix="evaltool-redraw-") as room:
        found = {page: members.read(page, LIMIT).decode() for page in PAGES if page in members.names()}
        version = open_run(bundle).versions.get("evaltool")
        if version != __version__:
            return Redrawn(not_redrawn=dict.fromkeys(found, "other_version"))
        own = {page for page, text in found.items() if STAMP in text}
        wanted = {page: text for page, text in found.items() if page not in own}
        folder = Path(room) / "bundle"
        _copy(members, folder)
        for lang in sorted({_language(text) for text in wanted.values()}):
            names = tuple(PAGES[page] for page, text in wanted.items() if _language(text) == lang)
            render_reports(folder, lang=lang, templates=names, progress=progress)
        compared = {page: _same(members, folder, page) for page in _with_pdf(members, tuple(wanted))}
    return Redrawn(
        same=tuple(sorted(page for page, same in compared.items() if same)),
        different=tuple(sorted(page for page, same in compared.items() if not same)),
        not_redrawn=dict.fromkeys(sorted(own), "own_template"),
    )


def _language(text: str) -> str:
    """The language a page says it is in; Danish when it does not say."""
    found = LANGUAGE.search(text)
    return found.group(1) if found else "da"


def _copy(members: Members, folder: Path) -> None:
    """The records of the bundle, without its pages and notebook."""
    drawn = {layout.NOTEBOOK, *PAGES, *(page.replace(".html", ".pdf") for page in PAGES)}
    for name in members.names():
        if name not in drawn:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            members.copy_to(name, target)


def _with_pdf(members: Members, pages: tuple[str, ...]) -> tuple[str, ...]:
    """The pages and their PDF twins that the bundle has."""
    both = (name for page in pages for name in (page, page.replace(".html", ".pdf")))
    return tuple(name for name in both if name in members.names())


def _same(members: Members, folder: Path, page: str) -> bool:
    """Whether the page drawn again has the same bytes as the bundle's."""
    again = folder / page
    return again.is_file() and again.read_bytes() == members.read(page, LIMIT)
