"""The wheel carries templates, samples and fonts: ``evaltool demo`` runs from it, away from any checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

COPIED = (".gitignore", "evaltool", "templates", "data_samples", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what a build reads, so that nothing is written into the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in COPIED:
        path = root / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(source / "dist")],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next((source / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and, by path only, the libraries of this one; returns its bin folder."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    where = subprocess.run([str(scripts / "python"), "-c", asked], capture_output=True, text=True, check=True)
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # A path in a .pth file is searched, but the .pth files in it are not read: the checkout stays out of sight.
    (Path(where.stdout.strip()) / "libraries.pth").write_text("\n".join(sorted(paths)) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return scripts


def test_the_wheel_holds_what_is_not_code(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shared = "evaltool/_share"
    samples = {
        f"{shared}/{path.relative_to(root)}"
        for path in (root / "data_samples").rglob("*")
        if path.is_file() and path.suffix in {".toml", ".lock", ".csv"}
    }
    assert samples <= names
    assert {f"{shared}/templates/payment_notice.ipynb", f"{shared}/templates/technical_report.ipynb"} <= names
    assert any(name.startswith("evaltool/report/looks/fonts/") and name.endswith((".ttf", ".otf")) for name in names)
    assert any(name.startswith("evaltool/language/codes/") and name.endswith(".toml") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".part"))]


def test_the_installed_package_is_not_the_checkout(installed: Path, root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed / "python"), "-c", "import evaltool; print(evaltool.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert not Path(done.stdout.strip()).is_relative_to(root / "evaltool")


def test_demo_runs_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EVALTOOL_", "PYTHON", "COV"))}
    done = subprocess.run(
        [str(installed / "evaltool"), "demo", "--out", "results", "--format", "json"],
        cwd=folder,
        env={**kept, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    runs = json.loads(done.stdout)["runs"]
    assert {run["sample"] for run in runs} >= {"school_absence", "peterborough-monitoring"}
    assert all(run["expected"] for run in runs)
    for run in runs:
        release = folder / "results" / run["sample"] / "release"
        assert (release / "report.html").stat().st_size > 20_000
        assert (release / "report.pdf").read_bytes().startswith(b"%PDF")
        assert (release / "notice.pdf").exists() != ("monitoring" in run["sample"]), "monitoring gives no notice"
    assert [path.name for path in folder.iterdir()] == ["results"]
