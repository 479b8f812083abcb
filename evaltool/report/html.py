"""A document as one self-contained HTML file: no script, no external host, a policy that forbids both."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaltool.language.words import Voice
from evaltool.records.base import Json
from evaltool.report.blocks import Blocks
from evaltool.report.document import Document, as_json, blocks_as_json

LOOKS = Path(__file__).resolve().parent / "looks"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"


@cache
def _environment() -> Environment:
    """Jinja with everything escaped and nothing undefined."""
    environment = Environment(
        loader=FileSystemLoader(LOOKS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data_uri"] = _svg_uri
    return environment


def _svg_uri(svg: str) -> str:
    """An SVG as an image address: drawn, never run."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


@cache
def _font(name: str) -> str:
    """A shipped web font as base64."""
    return base64.b64encode((LOOKS / "fonts" / name).read_bytes()).decode("ascii")


@cache
def _style() -> str:
    """The style sheet."""
    return (LOOKS / "report.css").read_text(encoding="utf-8")


def html_bytes(document: Document) -> bytes:
    """The page as UTF-8."""
    content: dict[str, Json] = as_json(document)
    page = _environment().get_template("page.html.jinja")
    fonts = {"regular": _font("Inter-Regular.woff"), "semibold": _font("Inter-SemiBold.woff")}
    return page.render(doc=content, policy=POLICY, style=_style(), fonts=fonts).encode()


def section_html(blocks: Blocks, lang: str) -> str:
    """One section for a notebook cell: the same look, without a page around it."""
    part = _environment().get_template("section.html.jinja")
    return part.render(blocks=blocks_as_json(blocks.blocks), lang=lang, style=_style(), words=_words(lang))


def _words(lang: str) -> dict[str, str]:
    """The words a section needs beyond its blocks."""
    return {"data": Voice(lang).say("figure.data")}
