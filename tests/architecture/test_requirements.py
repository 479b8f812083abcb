"""The locked requirements: every file hashed, no address anywhere, and what pyproject.toml asks for is in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("run.txt", "dev.txt")


def entries(path: Path) -> dict[str, tuple[Requirement, str]]:
    """Locked name → (requirement, its block of text)."""
    found = {}
    for block in re.split(r"\n(?=\S)", path.read_text()):
        line = block.splitlines()[0].rstrip("\\ ")
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            key = f"{canonicalize_name(requirement.name)} ; {requirement.marker or ''}"
            found[key] = (requirement, block)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_and_no_option(root: Path, name: str) -> None:
    text = (root / "requirements" / name).read_text()
    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^-", text, re.MULTILINE), "no index, find-links or other option line"


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_and_hashed(root: Path, name: str) -> None:
    for requirement, block in entries(root / "requirements" / name).values():
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert "--hash=sha256:" in block, requirement


def test_development_pins_the_same_versions(root: Path) -> None:
    run = {key: str(r.specifier) for key, (r, _) in entries(root / "requirements" / "run.txt").items()}
    dev = {key: str(r.specifier) for key, (r, _) in entries(root / "requirements" / "dev.txt").items()}
    assert {key: dev.get(key) for key in run} == run


def test_everything_asked_for_is_locked(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    asked = {"run.txt": project["project"]["dependencies"] + project["build-system"]["requires"]}
    asked["dev.txt"] = asked["run.txt"] + project["dependency-groups"]["dev"]
    for name, requirements in asked.items():
        locked = {canonicalize_name(r.name): r for r, _ in entries(root / "requirements" / name).values()}
        for text in requirements:
            wanted = Requirement(text)
            version = str(locked[canonicalize_name(wanted.name)].specifier).removeprefix("==")
            assert wanted.specifier.contains(version, prereleases=True), f"{text}: {version} is locked in {name}"
