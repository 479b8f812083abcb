"""Importing evaltool, and asking for help, loads nothing heavy; payment never does."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "scipy", "statsmodels", "linearmodels", "matplotlib", "duckdb", "papermill", "pyarrow")
MEASURE = "import sys; {statement}; print(' '.join(n for n in {heavy!r} if n in sys.modules))"


def loaded_by(statement: str) -> str:
    code = MEASURE.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_evaltool_is_light() -> None:
    assert loaded_by("import evaltool") == ""


def test_importing_the_command_line_is_light() -> None:
    assert loaded_by("import evaltool.cli.main") == ""


@pytest.mark.parametrize("module", ["evaltool.payment.decision", "evaltool.records.decision", "evaltool.errors"])
def test_deciding_needs_no_arrays(module: str) -> None:
    assert loaded_by(f"import {module}") == ""


def test_help_is_light() -> None:
    timing = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "evaltool", "--help"], capture_output=True, text=True, check=True
    )
    names = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in timing.stderr.splitlines() if "|" in line}
    assert not names & set(HEAVY)
