"""Markdown from plans and people: what is drawn, and that nothing in it can be anything but text and web links."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from evaltool.records.base import Json
from evaltool.report.markdown import tree

KNOWN = {"para", "heading", "list", "quote", "code", "rule", "table", "text", "strong", "emph", "link", "break"}


def text(said: str) -> dict[str, Json]:
    return {"t": "text", "text": said}


def para(*inline: Json) -> dict[str, Json]:
    return {"t": "para", "inline": list(inline)}


def nodes(value: Json) -> Iterator[dict[str, Json]]:
    """Every node of a tree."""
    if isinstance(value, dict):
        if "t" in value:
            yield value
        for item in value.values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def words(value: Json) -> str:
    return "".join(str(node.get("text", "")) for node in nodes(value))


def test_blocks() -> None:
    found = tree(
        "# A\n\n#### B\n\none\ntwo  \nthree\n\n> said\n> \n> again\n\n---\n\n    raw <b>\n\n```r\nx <- 1\n```\n"
    )
    assert found == [
        {"t": "heading", "level": 1, "inline": [text("A")]},
        {"t": "heading", "level": 3, "inline": [text("B")]},
        para(text("one"), text(" "), text("two"), {"t": "break"}, text("three")),
        {"t": "quote", "body": [para(text("said")), para(text("again"))]},
        {"t": "rule"},
        {"t": "code", "text": "raw <b>"},
        {"t": "code", "text": "x <- 1"},
    ]


def test_spans() -> None:
    assert tree("a **b *c*** `d*` \\*e\\*") == [
        para(
            text("a "),
            {"t": "strong", "inline": [text("b "), {"t": "emph", "inline": [text("c")]}]},
            text(" "),
            {"t": "code", "text": "d*"},
            text(" *e*"),
        )
    ]


def test_lists_within_lists() -> None:
    assert tree("- a\n  1. b\n  2. c\n- d") == [
        {
            "t": "list",
            "ordered": False,
            "items": [
                [
                    para(text("a")),
                    {"t": "list", "ordered": True, "items": [[para(text("b"))], [para(text("c"))]]},
                ],
                [para(text("d"))],
            ],
        }
    ]


def test_tables_keep_head_and_rows_and_empty_cells() -> None:
    (found,) = tree("| a | *b* |\n|---|---:|\n| 1 |  |\n| [x](https://a.dk) | 2 \\| 3 |\n")
    assert found == {
        "t": "table",
        "rows": [
            [[text("a")], [{"t": "emph", "inline": [text("b")]}]],
            [[text("1")], []],
            [[{"t": "link", "href": "https://a.dk", "inline": [text("x")]}], [text("2 | 3")]],
        ],
    }


def test_a_table_after_a_list_in_a_quote() -> None:
    (found,) = tree("> - a\n>\n> | h |\n> |---|\n> | 1 |\n")
    assert [node["t"] for node in found["body"]] == ["list", "table"]  # type: ignore[index,call-overload,union-attr]


@pytest.mark.parametrize(
    ("href", "linked"),
    [
        ("https://kommune.dk/a?b=1", True),
        ("HTTP://kommune.dk", True),
        ("mailto:a@b.dk", True),
        ("ftp://a.dk", False),
        ("/etc/passwd", False),
        ("#top", False),
        ("//evil.example/x", False),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("file:///etc/passwd", False),
        ("vbscript:x", False),
        ("httpsx://a.dk", False),
    ],
)
def test_only_web_links_are_links_and_the_words_stay(href: str, linked: bool) -> None:
    found = tree(f"see [the **text**]({href})")
    links = [node for node in nodes(found) if node["t"] == "link"]
    assert bool(links) == linked
    assert "text" in words(found)
    assert all(str(node["href"]).lower().startswith(("http://", "https://", "mailto:")) for node in links)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onmouseover=x>b</b> &lt;i&gt;",
        "![pixel](https://tracker.example/x.png)",
        "[![pixel](https://tracker.example/x.png)](javascript:x)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<javascript:alert(1)>",
        "<https://kommune.dk>",
        "**never closed [nor (this",
        "> " * 200 + "deep",
        "- " * 200 + "deep",
        "*" * 5000,
        "[" * 5000,
        "|a|\n|-|\n" + "|`|`|\n" * 50,
        "\0\x1b[31m\u202e",
        "",
    ],
)
def test_hostile_text_is_text(hostile: str) -> None:
    """Only known nodes come out; nothing carries markup, a picture or an address but a web link."""
    found = tree(hostile)
    for node in nodes(found):
        assert node["t"] in KNOWN
        assert set(node) <= {"t", "text", "inline", "href", "level", "ordered", "items", "body", "rows"}
        assert node["t"] != "link" or str(node["href"]).startswith("https://")
    json.dumps(found)
    if "script>" in hostile:
        assert words(found) == hostile


def test_a_picture_is_its_words_and_an_address_for_a_click_at_most() -> None:
    found = tree("![pixel](https://tracker.example/x.png)")
    assert [node["t"] for node in nodes(found)] == ["para", "text", "link", "text"]
    assert words(found) == "!pixel"
