"""Every convention an estimator prints has a name in both languages, and so has every choice written in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaltool.language.words import Voice

LANGUAGES = ("da", "en")


def written_conventions(root: Path) -> Iterator[tuple[str, ast.expr, str]]:
    """Key, value and place of every entry of a dictionary of conventions in the estimators' source."""
    for path in sorted((root / "evaltool" / "estimators").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for table in tables(tree):
            for key, value in zip(table.keys, table.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value, f"{path.relative_to(root)}:{key.lineno}"


def tables(tree: ast.Module) -> Iterator[ast.Dict]:
    """Dictionaries given as ``conventions=`` or made in a function that is named after conventions."""
    for node in ast.walk(tree):
        inside: ast.AST | None = None
        if isinstance(node, ast.keyword) and node.arg == "conventions":
            inside = node.value
        elif isinstance(node, ast.FunctionDef) and "convention" in node.name:
            inside = node
        if inside is not None:
            yield from (found for found in ast.walk(inside) if isinstance(found, ast.Dict))


def test_every_convention_has_a_name_in_both_languages(root: Path) -> None:
    found = list(written_conventions(root))
    assert len({key for key, _, _ in found}) > 60, "the estimators' conventions were not found"
    for lang in LANGUAGES:
        voice = Voice(lang)
        nameless = {(key, place) for key, _, place in found if not voice.says(f"convention.{key}")}
        assert not nameless, lang


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_choice_in_words_is_said(root: Path, lang: str) -> None:
    """Texts of more than one word are sentences of English, and need a Danish one."""
    voice = Voice(lang)
    texts = {
        (part.value, place)
        for _, value, place in written_conventions(root)
        for part in constants(value)
        if isinstance(part.value, str) and " " in part.value.strip()
    }
    assert len(texts) > 10
    assert not {found for found in texts if not voice.says(f"convention_value.{found[0]}")}


def constants(value: ast.expr) -> Iterator[ast.Constant]:
    """The texts a value can be: itself, or either branch of a choice."""
    if isinstance(value, ast.Constant):
        yield value
    elif isinstance(value, ast.IfExp):
        yield from (*constants(value.body), *constants(value.orelse))
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from constants(part)
