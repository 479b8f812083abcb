"""The notebooks run as they stand, use only the face, and say what they promise."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
ALLOWED = {"evaltool", "pandas", "os", "pathlib", "shutil", "subprocess", "sys", "tempfile"}


def executed(name: str, folder: Path) -> nbformat.NotebookNode:
    """The notebook after a run in a copy of its folder, beside the samples."""
    shutil.copytree(FOLDER, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(FOLDER.parent / "data_samples", folder / "data_samples")
    notebook = nbformat.read(folder / "notebooks" / name, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder / "notebooks")}})
    client.execute()
    return notebook


def printed(notebook: nbformat.NotebookNode, cell: str) -> str:
    """Everything a cell printed or showed as text."""
    (found,) = [c for c in notebook.cells if c.get("id") == cell]
    parts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in found.outputs]
    return "\n".join(parts)


def shown(notebook: nbformat.NotebookNode, cell: str) -> set[str]:
    """The kinds of output of a cell."""
    (found,) = [c for c in notebook.cells if c.get("id") == cell]
    return {kind for output in found.outputs for kind in output.get("data", {})}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_uses_only_the_face(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    faults = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                faults += [n.name for n in node.names if n.name not in ALLOWED]
            if isinstance(node, ast.ImportFrom) and node.module not in ALLOWED - {"evaltool"}:
                faults.append(str(node.module))
    assert not faults


def test_the_tour_runs_and_the_two_roads_meet(tmp_path: Path) -> None:
    tour = executed("01_tour.ipynb", tmp_path)
    assert printed(tour, "frame").endswith("True, True)")
    assert printed(tour, "bundle").split() == ["True", "True"]
    assert printed(tour, "pay").split()[-1] == "True"
    assert "nothing below 0.5 is taken" in printed(tour, "level")
    assert "USAGE_BAD_ARGUMENT" in printed(tour, "faults")
    assert "Did you mean 'fraværsdage'" in printed(tour, "faults")
    assert "image/svg+xml" in shown(tour, "plot")
    assert "text/html" in shown(tour, "summary")


def test_published_studies_by_both_roads(tmp_path: Path, reference: Path) -> None:
    assert Path(os.environ["EVALTOOL_REFERENCE"]) == reference
    studies = executed("02_lalonde_prop99.ipynb", tmp_path)
    effect, same, pdf = printed(studies, "same").strip().split("\n")
    assert effect.startswith("1968.79971")
    assert (same, pdf) == ("True", "b'%PDF-'")
    effect, same, pdf = printed(studies, "smoking_same").strip().split("\n")
    assert effect.startswith("-19.5136297684")
    assert (same, pdf) == ("True", "b'%PDF-'")
    assert "PROVISIONAL" in printed(studies, "run")
    assert "Utah             0.3939" in printed(studies, "smoking")
    assert "image/svg+xml" in shown(studies, "picture")
    assert "1543.498853  2080.705596" in printed(studies, "ties")


def test_three_published_differences_in_differences(tmp_path: Path, reference: Path) -> None:
    """Published figures: R did's vignette, Cunningham (2021, chapter 9), Rambachan & Roth's Medicaid intervals."""
    assert Path(os.environ["EVALTOOL_REFERENCE"]) == reference
    study = executed("03_did.ipynb", tmp_path)
    assert [line.split()[1] for line in printed(study, "wages").strip().split("\n")] == [
        "-0.0400",
        "-0.0310",
        "-0.0772",
    ]
    coefficient, *parts = printed(study, "castle").strip().split("\n")
    assert coefficient == "0.0694"
    assert [line.split()[-2:] for line in parts[1:]] == [
        ["0.0771", "-0.0286"],
        ["0.0241", "0.0456"],
        ["0.8988", "0.0784"],
    ]
    bounds = [[float(part) for part in line.split()] for line in printed(study, "medicaid").strip().split("\n")[1:5]]
    wanted = [(0.5, 0.0241, 0.0673), (1.0, 0.0171, 0.0720), (1.5, 0.00859, 0.0796), (2.0, -0.00107, 0.0883)]
    for found, row in zip(bounds, wanted, strict=True):
        assert found == pytest.approx(row, abs=1e-3)


def test_the_castle_data_are_the_ones_that_were_published() -> None:
    path = Path(pd.__file__).parents[1] / "causaldata" / "castle" / "castle.dta"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == "d7c14baa64a7015a5d2d969cc55563922ffd9dccb784084be473230ba0f6a006"


def test_lalonde_from_the_raw_difference_to_the_trial(tmp_path: Path, reference: Path) -> None:
    assert Path(os.environ["EVALTOOL_REFERENCE"]) == reference
    study = executed("04_lalonde.ipynb", tmp_path)
    assert printed(study, "data").strip() == "-635.03"
    assert printed(study, "full").split() == ["2.141616", "101", "90"]
    count, amounts, lower, trial = printed(study, "summary").strip().split("\n")
    assert count == "34 estimates, from 814 to 2067"
    assert amounts == "{0.0: 5, 500000.0: 18, 1000000.0: 11}"
    assert (lower, trial) == ("0 would pay on the lower end", "1000000.00")
    assert "nearest, with replacement" in printed(study, "payment")


def test_baselines_side_by_side(tmp_path: Path, reference: Path) -> None:
    assert Path(os.environ["EVALTOOL_REFERENCE"]) == reference
    baselines = executed("05_baselines.ipynb", tmp_path)
    assert "same sign: 4 of 4" in printed(baselines, "beside")
    assert "-19.513630  p 0.0769" in printed(baselines, "control")
    assert printed(baselines, "did").startswith("-15.605397916 (9.371180), 38 placebos")
    assert "p " in printed(baselines, "basque")
    assert "interrupted, beside the other" in printed(baselines, "series")
