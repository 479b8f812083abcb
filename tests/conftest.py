"""What every test may use: the root of the checkout, the samples, the reference folder, the real command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def samples() -> Path:
    """The sample programmes; never written to (see ``sample``)."""
    return ROOT / "data_samples"


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies one sample programme into the test's own folder and returns the path of its plan."""

    def copy(name: str) -> Path:
        target = tmp_path / "sample" / name
        ignore = shutil.ignore_patterns("__pycache__", "generate.py")
        shutil.copytree(ROOT / "data_samples" / name, target, ignore=ignore)
        return target / "plan.toml"

    return copy


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference numbers and data, or a skip that says what is missing."""
    folder = os.environ.get("EVALTOOL_REFERENCE")
    if not folder:
        pytest.skip("EVALTOOL_REFERENCE is not set: the reference numbers and data are not part of the repository")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"EVALTOOL_REFERENCE names a folder that is not there: {path}")
    return path


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs ``evaltool`` as a user would, in a process of its own."""

    def run(*arguments: str, cwd: Path | None = None, timeout: int = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "evaltool", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
        )

    return run
