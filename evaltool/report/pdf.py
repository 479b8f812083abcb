"""A document as PDF/UA-1 and PDF/A-3a by the typst compiler, with the machine record attached."""

from __future__ import annotations

import base64
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import typst

from evaltool.errors import Fault, RunError
from evaltool.plotting._canvas import legible
from evaltool.records.base import Json
from evaltool.report.document import Document, as_json

LOOKS = Path(__file__).resolve().parent / "looks"
DENSITIES = ("1", "0.96", "0.92", "0.88", "0.84", "0.8")
"""Type is set a little smaller, step by step, until a document that has a page limit keeps it."""
PAGE_LIMITS = {"payment_notice": 2}
STANDARDS: list[typst.PDFStandard] = ["ua-1", "a-3a"]


def pdf_bytes(document: Document, determination: bytes) -> bytes:
    """The PDF. Content enters through ``json()`` only; fonts are the shipped ones.

    Raises RunError (RUN_REPORT_PDF) when the compiler refuses, which it does for anything not accessible.
    """
    content = as_json(document)
    with tempfile.TemporaryDirectory(prefix="evaltool-") as name:
        room = Path(name)
        _pictures(content, room)
        (room / "document.json").write_text(json.dumps(_drawable(content), ensure_ascii=False), encoding="utf-8")
        (room / "determination.json").write_bytes(determination)
        (room / "report.typ").write_bytes((LOOKS / "report.typ").read_bytes())
        inputs = {"density": _density(room, document.template)}
        try:
            made = typst.compile(
                room / "report.typ",
                root=room,
                font_paths=[LOOKS / "fonts"],
                ignore_system_fonts=True,
                format="pdf",
                sys_inputs=inputs,
                pdf_standards=STANDARDS,
                timestamp=datetime(document.as_of.year, document.as_of.month, document.as_of.day, tzinfo=UTC),
            )
        except typst.TypstError as error:
            raise RunError(_refused(document, error)) from None
    return bytes(made)


def _density(room: Path, template: str) -> str:
    """The largest type at which the document keeps its page limit; the smallest there is when none does."""
    limit = PAGE_LIMITS.get(template)
    if limit is None:
        return DENSITIES[0]
    for density in DENSITIES:
        found = typst.query(
            room / "report.typ",
            "<pages>",
            field="value",
            one=True,
            root=room,
            font_paths=[LOOKS / "fonts"],
            ignore_system_fonts=True,
            sys_inputs={"density": density},
        )
        if int(json.loads(found)) <= limit:
            return density
    return DENSITIES[-1]


def _refused(document: Document, error: typst.TypstError) -> Fault:
    """The compiler's refusal as a fault."""
    return Fault(
        code="RUN_REPORT_PDF",
        cause=f"The PDF of the {document.template} cannot be made: {error.message}.",
        fix="Look at cells you added to the notebook; if there are none, report this as a defect.",
        suggestion=None,
    )


def _pictures(content: dict[str, Json], room: Path) -> None:
    """Write bitmaps beside the source, and give each block the name of its file."""
    blocks = content["blocks"]
    for number, block in enumerate(blocks if isinstance(blocks, list) else []):
        if isinstance(block, dict) and block["kind"] == "picture":
            block["name"] = str(number)
            (room / f"picture-{number}.png").write_bytes(base64.b64decode(str(block.pop("png"))))


def _drawable(value: Json) -> Json:
    """Every text with only characters the font can draw; SVG is left alone, since its text is drawn already."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list):
        return [_drawable(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key in {"svg", "href"} else _drawable(item) for key, item in value.items()}
    return value
