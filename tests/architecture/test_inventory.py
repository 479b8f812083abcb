"""ARCHITECTURE.md lists every module, and nothing that is not there.

``EVALTOOL_WRITE_INVENTORY=1 pytest tests/architecture/test_inventory.py`` writes the table again from the first
lines of the docstrings.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$")


def listed(root: Path) -> dict[str, str]:
    """Path → what, from the table under ``## Inventory``."""
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("\n## Inventory\n", 1)[1].split("\n## ", 1)[0]
    rows = [ROW.match(line) for line in section.splitlines()]
    return {row.group(1): row.group(2) for row in rows if row}


def modules(root: Path) -> set[str]:
    """Every module of the package; a folder stands for its own ``__init__.py``."""
    package = root / "evaltool"
    return {
        str(path.relative_to(package)) if path.name != "__init__.py" else f"{path.parent.relative_to(package)}/"
        for path in package.rglob("*.py")
    } - {"./"} | {"__init__.py"}


def normal(path: str) -> str:
    """A listed path relative to the package."""
    return path.removeprefix("evaltool/")


def written_again(root: Path) -> str:
    """The table, from the first line of each module's docstring, in the order of the paths."""
    rows = ["| path | what |", "|---|---|"]
    for module in sorted(modules(root)):
        path = root / "evaltool" / (f"{module}__init__.py" if module.endswith("/") else module)
        first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]
        rows.append(f"| `evaltool/{module}` | {first.replace('|', '/')} |")
    return "\n".join(rows) + "\n"


def test_every_module_is_listed(root: Path) -> None:
    if os.environ.get("EVALTOOL_WRITE_INVENTORY"):
        path = root / "ARCHITECTURE.md"
        head = path.read_text(encoding="utf-8").split("\n## Inventory\n", 1)[0]
        path.write_text(f"{head}\n## Inventory\n\n{written_again(root)}", encoding="utf-8")
    missing = modules(root) - {normal(path) for path in listed(root)}
    assert not {m for m in missing if not m.endswith("/")}


def test_everything_listed_exists(root: Path) -> None:
    gone = [path for path in listed(root) if not (root / "evaltool" / normal(path)).exists()]
    assert not gone


def test_every_row_says_something(root: Path) -> None:
    assert all(len(what.split()) >= 2 for what in listed(root).values())


def test_it_opens_with_the_one_sentence(root: Path) -> None:
    text = " ".join((root / "ARCHITECTURE.md").read_text(encoding="utf-8").split("\n\n")[1].split())
    assert "straight line of frozen records" in text
    assert "plan, panel, design, estimate, gates, decision, run" in text
