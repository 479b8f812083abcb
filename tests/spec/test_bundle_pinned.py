"""The pinned child: fixed numeric surroundings, nothing of the caller's, and errors that survive the border."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from evaltool.bundle import pinned
from evaltool.bundle.pinned import FIXED, Order, pinned_environment, run_pinned, unexpected
from evaltool.cli.new import new
from evaltool.errors import DataError, RunError

SEEN = """
import json
from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f
print(json.dumps([n for n in d if f[n] and (n.startswith("AVX512") or n == "X86_V4")]))
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    new(tmp_path / "e")
    return tmp_path / "e" / "plan.toml"


def ordered(plan: Path) -> Order:
    folder = plan.parent.parent / "work"
    folder.mkdir()
    return Order(plan=plan, folder=folder)


def test_the_fixed_settings_win_over_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")
    monkeypatch.setenv("PYTHONHASHSEED", "17")
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    monkeypatch.setenv("PYTHONSTARTUP", "/somewhere/else.py")
    monkeypatch.setenv("MUNICIPAL_PASSWORD", "secret")
    found = pinned_environment()
    assert FIXED.items() <= found.items()
    assert "secret" not in found.values()
    assert "PYTHONSTARTUP" not in found
    assert "/somewhere/else" not in found.values()


def test_numpy_obeys_without_complaint() -> None:
    """No wide SIMD, and no warning about features this processor lacks."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SEEN],
        env=pinned_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_other_processors_get_only_what_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    pinned._machine_settings.cache_clear()
    try:
        assert not {"OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"} & set(pinned_environment())
    finally:
        pinned._machine_settings.cache_clear()


def test_stages_are_told_in_order_and_the_profile_is_recorded(plan: Path) -> None:
    order = ordered(plan)
    stages: list[str] = []
    run_pinned(order, stages.append)
    assert stages == ["plan", "data", "design", "estimates", "gates", "decision", "bundle"]
    profile = json.loads((order.folder / "evidence" / "environment.json").read_bytes())["profile"]
    assert profile["pinned"] is True
    assert profile["settings"]["OPENBLAS_NUM_THREADS"] == "1"


def test_faults_come_back_whole(plan: Path) -> None:
    data = plan.parent / "data.csv"
    rows = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join([*rows, rows[-1], rows[5].replace(";2021;", ";soon;")]) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        run_pinned(ordered(plan))
    assert len(caught.value.faults) >= 2
    assert all(fault.place.file == "data.csv" for fault in caught.value.faults)
    assert all(fault.fix for fault in caught.value.faults)
    assert list((plan.parent.parent / "work").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(
    ("end", "said"),
    [("os.kill(os.getpid(), 9)", "signal 9"), ("print('out of paper', file=sys.stderr); os._exit(7)", "paper")],
)
def test_a_child_that_dies_without_a_word(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, said: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\n{end}\n")
    environment = pinned_environment() | {"PYTHONPATH": str(tmp_path)}
    monkeypatch.setattr(pinned, "pinned_environment", lambda: environment)
    with pytest.raises(RunError) as caught:
        run_pinned(ordered(plan))
    assert caught.value.codes == ("RUN_CHILD_DIED",)
    assert said in caught.value.faults[0].cause


def test_a_file_named_numpy_in_the_working_folder_is_not_run(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')\n")
    monkeypatch.chdir(tmp_path)
    order = ordered(plan)
    run_pinned(order)
    assert (order.folder / "release" / "determination.json").is_file()


def test_what_nobody_foresaw_is_said_in_one_sentence() -> None:
    assert unexpected(ValueError("odd")).code == "RUN_UNEXPECTED"
    found = unexpected(PermissionError(13, "Permission denied", "data.csv"))
    assert (found.code, found.place.file) == ("RUN_SYSTEM", "data.csv")


def test_no_pipe_or_process_is_left_open(plan: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_pinned(ordered(plan))
