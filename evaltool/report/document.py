"""A finished document: what stands around the blocks, and the blocks as plain JSON for both renderings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from evaltool.language.numbers import date_text
from evaltool.language.words import Voice
from evaltool.records.base import Json
from evaltool.records.run import Run
from evaltool.report.blocks import Block, Figure, Prose
from evaltool.report.markdown import tree

PREFIX = 12
"""Characters of the plan's seal in the running header."""
SMALL = frozenset({"payment_notice"})
"""Documents without an annex of figure data: every number stands in their own tables."""


@dataclass(frozen=True, slots=True)
class Document:
    """Blocks with their frame. ``template`` names the kind of document; ``untrusted`` stamps it."""

    template: str
    lang: str
    title: str
    programme: str
    version: str
    seal: str
    as_of: date
    blocks: tuple[Block, ...]
    untrusted: bool = False


def document_of(run: Run, blocks: tuple[Block, ...], *, template: str, lang: str, untrusted: bool = False) -> Document:
    """The frame of a run's document around ``blocks``."""
    programme = run.plan.programme
    return Document(
        template=template,
        lang=lang,
        title=programme.title.in_language(lang) or programme.id,
        programme=programme.id,
        version=programme.version,
        seal=run.plan_seal,
        as_of=run.as_of,
        blocks=blocks,
        untrusted=untrusted,
    )


def as_json(document: Document) -> dict[str, Json]:
    """Everything a rendering needs, as JSON values; texts are data, never source."""
    voice = Voice(document.lang)
    kind = (
        voice.name_of("document", document.template)
        if voice.says(f"document.{document.template}")
        else voice.say("document.other")
    )
    blocks = blocks_as_json(document.blocks)
    figures: list[Json] = (
        [] if document.template in SMALL else [b for b in blocks if isinstance(b, dict) and b["kind"] == "figure"]
    )
    return {
        "lang": document.lang,
        "kind": kind,
        "template": document.template,
        "title": document.title,
        "programme": document.programme,
        "version": document.version,
        "seal": document.seal,
        "seal_prefix": document.seal[:PREFIX],
        "date": [document.as_of.year, document.as_of.month, document.as_of.day],
        "date_text": date_text(document.as_of, document.lang),
        "untrusted": document.untrusted,
        "words": {
            name: voice.say(key)
            for name, key in {
                "version": "document.version",
                "seal": "document.seal",
                "page": "document.page",
                "of": "document.of",
                "date": "document.date",
                "untrusted": "document.untrusted",
                "annex": "document.data_annex",
                "data": "figure.data",
                "contents": "document.contents",
                "skip": "page.skip",
                "record": "text.machine_record",
                "figure": "document.figure",
                "table": "document.table",
            }.items()
        },
        "blocks": blocks,
        "toc": contents(blocks),
        "annex": figures,
    }


def blocks_as_json(blocks: tuple[Block, ...]) -> list[Json]:
    """The blocks as plain values, Markdown as trees, heading levels without gaps."""
    found: list[Json] = []
    depth = 0
    for number, block in enumerate(blocks, start=1):
        node, depth = _block(block, depth)
        heading = node.get("heading") if isinstance(node, dict) else None
        if isinstance(heading, dict):
            heading["id"] = f"s{number}"
        found.append(node)
    return found


def contents(blocks: list[Json]) -> list[Json]:
    """The headings of the first level, with the ids by which a page links to them."""
    headings = [b["heading"] for b in blocks if isinstance(b, dict) and b["kind"] == "prose"]
    return [
        {"id": heading["id"], "text": heading["text"]}
        for heading in headings
        if isinstance(heading, dict) and heading["level"] == 1
    ]


def _block(block: Block, depth: int) -> tuple[Json, int]:
    """One block as JSON, and the heading level after it: levels never skip, as PDF/UA asks."""
    if isinstance(block, Prose):
        heading: Json = None
        if block.heading:
            depth = min(block.level - 1 or 1, depth + 1)
            heading = {"level": depth, "text": block.heading}
        body, depth = _levelled(tree(block.text), depth)
        return {"kind": "prose", "heading": heading, "body": body}, depth
    plain = block.to_json()
    if isinstance(block, Figure) and isinstance(plain, dict):
        plain["alt"] = " ".join(block.alt.split())
    return plain, depth


def _levelled(nodes: list[Json], depth: int) -> tuple[list[Json], int]:
    """Markdown headings one level below a section's own, without skipping."""
    found: list[Json] = []
    for node in nodes:
        if isinstance(node, dict) and node["t"] == "heading":
            level = node["level"]
            wanted = max(1, (level if isinstance(level, int) else 1) - 1)
            depth = min(wanted, depth + 1)
            found.append({**node, "level": depth})
        else:
            found.append(node)
    return found, depth
