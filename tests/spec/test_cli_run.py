"""The main job, end to end, by the real command line: check, lock, run, verify --rerun."""

from __future__ import annotations

import json
import random
import subprocess
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.bundle.store import zip_bundle
from evaltool.cli.new import new

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scaffolded evaluation, as ``evaltool new`` makes it."""
    folder = tmp_path_factory.mktemp("evaluation")
    new(folder / "e")
    return folder / "e"


@pytest.fixture(scope="module")
def finished(home: Path, command: Command) -> tuple[Path, dict[str, object]]:
    """Locked and run; the JSON answer of the run."""
    assert command("lock", str(home / "plan.toml")).returncode == 0
    done = command("run", str(home / "plan.toml"), "--out", str(home / "out"), "--no-report", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return home / "out", json.loads(done.stdout)


def test_new_makes_what_runs_and_writes_over_nothing(home: Path, command: Command) -> None:
    assert {p.name for p in home.iterdir()} >= {"plan.toml", "DATA_DICTIONARY.md", "evaluation.ipynb", "data.csv"}
    again = command("new", str(home))
    assert again.returncode == 2
    assert again.stderr.count("USAGE_FILE_EXISTS") == 5  # four files and the pointer to `explain`


def test_the_run_of_the_scaffold_pays(finished: tuple[Path, dict[str, object]]) -> None:
    """The made-up effect is 5 percentage points and the top tier starts at 4: the full 2,000,000 is due."""
    folder, answer = finished
    assert (answer["state"], answer["amount"], answer["flags"]) == ("PAY_FULL", "2000000.00", [])
    assert abs(float(str(answer["effect"])) - 5.0) < 3 * float(str(answer["standard_error"]))
    assert {p.name for p in folder.iterdir()} == {
        "plan.toml",
        "plan.lock",
        "release",
        "evidence",
        "README.md",
        "ro-crate-metadata.json",
        "manifest.json",
    }


def test_the_bundle_is_computed_again_from_itself(
    finished: tuple[Path, dict[str, object]], command: Command, tmp_path: Path
) -> None:
    folder, answer = finished
    done = command("verify", str(folder), "--rerun", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rerun"]["verdict"] == "IDENTICAL"
    assert found["manifest"] == answer["manifest"]
    packed = tmp_path / "bundle.zip"
    zip_bundle(folder, packed)
    again = command("verify", str(packed), "--rerun")
    assert again.returncode == 0, again.stderr
    assert "IDENTICAL" in again.stdout
    assert zipfile.ZipFile(packed).testzip() is None


def test_shuffled_rows_give_the_same_bytes(
    finished: tuple[Path, dict[str, object]], home: Path, command: Command, tmp_path: Path
) -> None:
    folder, _ = finished
    for name in ("plan.toml", "plan.lock"):
        (tmp_path / name).write_bytes((home / name).read_bytes())
    head, *rows = (home / "data.csv").read_text(encoding="utf-8").splitlines()
    random.Random(7).shuffle(rows)  # noqa: S311 - an order, no secret
    (tmp_path / "data.csv").write_text("\r\n".join([head, *rows]) + "\r\n", encoding="utf-8", newline="")
    done = command("run", str(tmp_path / "plan.toml"), "--out", str(tmp_path / "out"), "--no-report")
    assert done.returncode == 0, done.stderr
    name = "release/determination.json"
    assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


def test_the_determination_says_no_clock_no_path_no_unit(finished: tuple[Path, dict[str, object]], home: Path) -> None:
    text = (finished[0] / "release" / "determination.json").read_text(encoding="utf-8")
    assert str(home) not in text
    assert "data.csv" not in text
    assert "Municipality 01" not in text
    found = json.loads(text)
    assert found["decision"]["trace"]
    assert {b["name"] for b in found["decision"]["other_bases"]} >= {"lower_bound"}
    assert found["estimate"]["n_treated"] == 22
    assert "evidence" not in found["gates"][0]
    assert json.dumps(found, ensure_ascii=False, sort_keys=True, indent=2) + "\n" == text


def test_an_existing_folder_is_refused_before_any_work(
    finished: tuple[Path, dict[str, object]], home: Path, command: Command
) -> None:
    folder, _ = finished
    before = (folder / "manifest.json").read_bytes()
    done = command("run", str(home / "nowhere.toml"), "--out", str(folder), "--no-report")
    assert done.returncode == 2
    assert "USAGE_FOLDER_EXISTS" in done.stderr, "the folder is judged before the plan is even read"
    assert (folder / "manifest.json").read_bytes() == before


def test_bad_data_is_exit_3_and_leaves_the_earlier_result(
    finished: tuple[Path, dict[str, object]], home: Path, command: Command
) -> None:
    folder, _ = finished
    good = (home / "data.csv").read_bytes()
    before = (folder / "manifest.json").read_bytes()
    try:
        (home / "data.csv").write_bytes(good.replace(b";2017;", b";long ago;", 1))
        done = command("run", str(home / "plan.toml"), "--out", str(folder), "--force", "--no-report")
    finally:
        (home / "data.csv").write_bytes(good)
    assert done.returncode == 3, done.stderr
    assert "DATA_" in done.stderr
    assert "data.csv" in done.stderr
    assert (folder / "manifest.json").read_bytes() == before
    assert not [p for p in home.iterdir() if p.name.startswith(".")]


def test_a_plan_changed_after_its_lock_is_exit_2(
    finished: tuple[Path, dict[str, object]], home: Path, command: Command, tmp_path: Path
) -> None:
    del finished
    text = (home / "plan.toml").read_text(encoding="utf-8")
    (tmp_path / "plan.toml").write_text(text.replace('from = "4.0"', 'from = "3.0"'), encoding="utf-8")
    (tmp_path / "plan.lock").write_bytes((home / "plan.lock").read_bytes())
    (tmp_path / "data.csv").write_bytes((home / "data.csv").read_bytes())
    done = command("run", str(tmp_path / "plan.toml"), "--out", str(tmp_path / "out"), "--no-report")
    assert done.returncode == 2
    assert "SEAL_PLAN_CHANGED" in done.stderr
    assert not (tmp_path / "out").exists()


def test_as_of_decides_what_is_due(home: Path, command: Command, tmp_path: Path) -> None:
    arguments = ("--out", str(tmp_path / "out"), "--no-report", "--as-of", "2025-02-01", "--format", "json")
    done = command("run", str(home / "plan.toml"), *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "NOT_YET_DUE"


def test_another_date_than_the_plans_is_told_everywhere_and_repeated(
    finished: tuple[Path, dict[str, object]], home: Path, command: Command, tmp_path: Path
) -> None:
    """The money is the same; that the plan stated another day stands in the answer and in the record."""
    _, before = finished
    agreed = tomllib.loads((home / "plan.toml").read_text(encoding="utf-8"))["governance"]["as_of"]
    out = tmp_path / "out"
    done = command(
        "run", str(home / "plan.toml"), "--out", str(out), "--as-of", "2031-01-01", "--no-report", "--format", "json"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["amount"]) == (before["state"], before["amount"])
    assert answer["reasons"] == ["UNREGISTERED_DEVIATION"]
    record = json.loads((out / "release" / "determination.json").read_text(encoding="utf-8"))
    assert record["deviations"] == [{"key": "governance.as_of", "agreed": str(agreed), "used": "2031-01-01"}]
    again = command("verify", str(out), "--rerun")
    assert again.returncode == 0, again.stderr
    assert "IDENTICAL" in again.stdout


def test_the_root_of_the_file_system_is_no_place_for_a_result(home: Path, command: Command) -> None:
    done = command("run", str(home / "plan.toml"), "--out", home.anchor, "--force", timeout=60)
    assert done.returncode == 2
    assert "USAGE_FOLDER_PROTECTED" in done.stderr
