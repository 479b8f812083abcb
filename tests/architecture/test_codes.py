"""Every error code in the source is explained, and every explained code is raised somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from evaltool.records.decision import FLAGS, REASONS, STATES
from evaltool.registry import gate_names

CODE = re.compile(r"^(PLAN|DATA|SEAL|USAGE|RUN|VERIFY|DISCLOSURE|LINT)_[A-Z0-9_]+$")
BUILT = {f"RUN_{reason}" for reason in REASONS}
"""The pipeline builds these from the reason code of a gate that stops the run."""
NOT_ERRORS = {*FLAGS, *REASONS, *STATES, *(f"GATE_{name.upper()}" for name in gate_names())}
"""Explained too, since reports print them: flags, reasons, states and gates."""


def texts(node: ast.AST) -> set[str]:
    """Every string constant below a node that is not a docstring's place."""
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def used(root: Path) -> set[str]:
    found: set[str] = set()
    for path in (root / "evaltool").rglob("*.py"):
        found |= {text for text in texts(ast.parse(path.read_text(encoding="utf-8"))) if CODE.match(text)}
    return found - NOT_ERRORS


def explained(root: Path) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for path in sorted((root / "evaltool" / "language" / "codes").glob("*.toml")):
        for code, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert code not in entries, f"{code} is explained twice"
            entries[code] = entry
    return entries


def test_every_code_is_explained(root: Path) -> None:
    assert not used(root) - set(explained(root))


def test_every_explained_code_is_used(root: Path) -> None:
    known = used(root) | BUILT | NOT_ERRORS
    assert not set(explained(root)) - known


def test_an_explanation_is_whole(root: Path) -> None:
    for code, entry in explained(root).items():
        assert set(entry) == {"title", "meaning", "mend"}, code
        assert all(len(text.strip()) > 10 for text in entry.values()), code
        assert all(text.strip()[-1] in ".!?`)" for key, text in entry.items() if key != "title"), code
