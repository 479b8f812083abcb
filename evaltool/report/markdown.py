"""Markdown as a small tree that both renderings draw. HTML is off, pictures are off, links are plain web links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from markdown_it import MarkdownIt
from markdown_it.token import Token

from evaltool.records.base import Json

SCHEMES = ("http://", "https://", "mailto:")
INLINE = {"strong_open": "strong", "em_open": "emph", "link_open": "link"}
LISTS = {"bullet_list_open": False, "ordered_list_open": True}
DEEPEST = 3


@cache
def _parser() -> MarkdownIt:
    """CommonMark with tables; neither HTML nor images are understood."""
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False})
        .enable("table")
        .disable(["image", "html_block", "html_inline"])
    )


def tree(text: str) -> list[Json]:
    """``text`` as block nodes: ``para``, ``heading``, ``list``, ``quote``, ``code``, ``rule``, ``table``."""
    return list(_blocks(_parser().parse(text)))


def _blocks(tokens: Sequence[Token]) -> Iterator[Json]:
    """The block nodes of a token list whose brackets match."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        end = _closing(tokens, at) if token.nesting == 1 else at
        inside = tokens[at + 1 : end]
        yield _block(token, inside)
        at = end + 1


def _block(token: Token, inside: Sequence[Token]) -> Json:  # noqa: PLR0911 - one return per kind of node
    """One block node. What is neither of the others is a table, since the parser knows no further blocks."""
    if token.type == "paragraph_open":
        return {"t": "para", "inline": _inline(inside)}
    if token.type == "heading_open":
        return {"t": "heading", "level": min(int(token.tag[1:]), DEEPEST), "inline": _inline(inside)}
    if token.type in LISTS:
        items: list[Json] = [list(_blocks(item)) for item in _children(inside, "list_item_open")]
        return {"t": "list", "ordered": LISTS[token.type], "items": items}
    if token.type == "blockquote_open":
        return {"t": "quote", "body": list(_blocks(inside))}
    if token.type in {"fence", "code_block"}:
        return {"t": "code", "text": token.content.rstrip("\n")}
    if token.type == "hr":
        return {"t": "rule"}
    rows: list[Json] = []
    for row in _children(inside, "tr_open", deep=True):
        cells = [*_children(row, "th_open"), *_children(row, "td_open")]
        rows.append([_inline(cell) for cell in cells])
    return {"t": "table", "rows": rows}


def _children(tokens: Sequence[Token], kind: str, *, deep: bool = False) -> Iterator[Sequence[Token]]:
    """The insides of every ``kind`` among ``tokens``; ``deep`` looks below other brackets too."""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == kind:
            end = _closing(tokens, at)
            yield tokens[at + 1 : end]
            at = end + 1
        elif token.nesting == 1 and not deep:
            at = _closing(tokens, at) + 1
        else:
            at += 1


def _closing(tokens: Sequence[Token], start: int) -> int:
    """Index of the token that closes the bracket opened at ``start``."""
    depths = accumulate(tokens[at].nesting for at in range(start, len(tokens)))
    return start + next(at for at, depth in enumerate(depths) if depth == 0)


def _inline(tokens: Sequence[Token]) -> list[Json]:
    """The inline nodes of a paragraph, heading or cell: ``tokens`` hold nothing but inline tokens."""
    return [node for token in tokens for node in _spans(token.children or [])]


def _spans(tokens: Sequence[Token]) -> list[Json]:
    """``text``, ``strong``, ``emph``, ``link``, ``code`` and ``break`` nodes."""
    nodes: list[Json] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.nesting == 1:
            end = _closing(tokens, at)
            inside = _spans(tokens[at + 1 : end])
            nodes += _bracket(token, inside)
            at = end
        elif token.type in {"text", "text_special"}:
            nodes.append({"t": "text", "text": token.content})
        elif token.type == "code_inline":
            nodes.append({"t": "code", "text": token.content})
        else:
            nodes.append({"t": "break"} if token.type == "hardbreak" else {"t": "text", "text": " "})
        at += 1
    return nodes


def _bracket(token: Token, inside: list[Json]) -> list[Json]:
    """A node around others; a link that is no web address is shown as its text."""
    kind = INLINE.get(token.type)
    if kind == "link":
        href = str(token.attrs.get("href", ""))
        return [{"t": "link", "href": href, "inline": inside}] if href.lower().startswith(SCHEMES) else inside
    return [{"t": kind, "inline": inside}] if kind else inside
