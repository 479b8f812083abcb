"""docs/TUTORIAL.md: every command, in order, answers what the document says it answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
HASH = re.compile(r"\b[0-9a-f]{64}\b")
BASH = shutil.which("bash")
SECONDS = 300


def typed_and_answered(text: str) -> list[tuple[str, list[str]]]:
    """(command, lines answered) for each line of the document that begins with ``$``; ``>`` continues a command."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *rest = part.splitlines()
            more = [line[2:] for line in takewhile(lambda line: line.startswith(">"), rest)]
            answered = list(dropwhile(lambda line: line.startswith(">"), rest))
            found.append(("\n".join([first, *more]), answered))
    return found


def said(lines: list[str]) -> list[str]:
    """Lines without blanks at their ends and with every hash alike: hashes cover versions and libraries."""
    return [HASH.sub("<hash>", line.rstrip()) for line in lines if line.strip()]


def test_a_document_is_taken_apart_as_a_shell_shows_it() -> None:
    text = "```console\n$ cat > a <<'E'\n>\n> b = 1\n> E\n$ cat a\n\nb = 1\n```\n\n```text\n$ no\n```\n"
    assert typed_and_answered(text) == [("cat > a <<'E'\n\nb = 1\nE", []), ("cat a", ["", "b = 1"])]


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="the tutorial is typed into a POSIX shell")
def test_the_tutorial_prints_what_it_says(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "data_samples" / "into_work", tmp_path / "data_samples" / "into_work")
    here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    steps = typed_and_answered((root / "docs" / "TUTORIAL.md").read_text(encoding="utf-8"))
    assert {line.split()[1] for line, _ in steps if line.startswith("evaltool ")} == {
        *("check", "explain", "lock", "run", "sign-off", "verify"),
    }
    code = 0
    for typed, answered in steps:
        done = subprocess.run(
            [str(BASH), "-c", f"(exit {code})\n{typed}"],
            cwd=tmp_path,
            env=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        code = done.returncode
        assert said(done.stdout.splitlines()) == said(answered), typed
    assert not (tmp_path / "never").exists()
