"""Notebooks are committed without outputs, execution counts or the name of anyone's kernel."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def committed() -> list[Path]:
    """Notebooks of the repository (all under the usual folders when this is no git checkout)."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        done = subprocess.run([git, "ls-files", "*.ipynb"], cwd=ROOT, capture_output=True, text=True, check=True)
        return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).exists()]
    return sorted((ROOT / "templates").rglob("*.ipynb")) + sorted((ROOT / "notebooks").rglob("*.ipynb"))


def test_there_are_notebooks_to_look_at() -> None:
    names = {path.name for path in committed()}
    assert {"payment_notice.ipynb", "technical_report.ipynb"} <= names


def test_no_notebook_carries_outputs() -> None:
    faults = []
    for path in committed():
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for index, cell in enumerate(notebook["cells"]):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                faults.append(f"{path.relative_to(ROOT)} cell {index}")
        if "papermill" in notebook["metadata"]:
            faults.append(f"{path.relative_to(ROOT)} carries papermill metadata")
    assert not faults
