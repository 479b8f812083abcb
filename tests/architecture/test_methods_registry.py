"""docs/METHODS.md lists every plug-in, and nothing that does not run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from evaltool import registry

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "Estimators": registry.estimator_names(),
    "Designs": registry.design_names(),
    "Mechanisms": registry.mechanism_names(),
    "Gates": registry.gate_names(),
}
STATUS = ("Agrees with", "Hand-checked", "New")
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \|(.*)\|$", re.MULTILINE)


def rows(root: Path, heading: str) -> list[tuple[str, str]]:
    """(name, rest) of the rows of the tables below ``## heading``."""
    text = (root / "docs" / "METHODS.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    found = [section for section in sections if section.startswith(f"{heading}\n")]
    assert len(found) == 1, heading
    return [(match[1], match[2]) for match in ROW.finditer(found[0])]


@pytest.mark.parametrize("heading", FAMILIES)
def test_every_plug_in_has_its_entry_and_every_entry_its_plug_in(root: Path, heading: str) -> None:
    listed = [name for name, _rest in rows(root, heading)]
    assert sorted(listed) == sorted(FAMILIES[heading])


@pytest.mark.parametrize("heading", FAMILIES)
def test_every_entry_has_an_honest_status(root: Path, heading: str) -> None:
    for name, rest in rows(root, heading):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", rest)]
        assert cells[-1].startswith(STATUS), name
        assert all(cells), name


def test_the_gate_table_says_what_the_gates_say(root: Path) -> None:
    for name, rest in rows(root, "Gates"):
        assert registry.gate(name).consequence in rest, name
