"""kill -9 at every step: the old or the new result stands whole, and the next start leaves nothing else behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.bundle.exchange import recover
from evaltool.bundle.verify import verify
from evaltool.cli.new import new

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
Command = Callable[..., subprocess.CompletedProcess[str]]
WATCHED = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.dlopen", "os.listdir")
WRITER = """
import os, shutil, signal, sys
from pathlib import Path
from evaltool.bundle import exchange
out, new, fatal, swapping = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "swap"
watched, seen = {watched!r}, 0
if not swapping:
    exchange.swap = lambda one, other: False
def hook(event, arguments):
    global seen
    if event in watched and str(out.parent) in str(arguments) or event == "ctypes.dlopen":
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
with exchange.written_beside(out, force=True) as work:
    for file in sorted(new.rglob("*")):
        if file.is_dir():
            (work / file.relative_to(new)).mkdir()
        else:
            shutil.copyfile(file, work / file.relative_to(new))
"""


def made(folder: Path, word: str) -> Path:
    (folder / "release").mkdir(parents=True)
    names = ("release/determination.json", f"only_in_{word}")
    manifest = {"kind": "evaltool.bundle", "files": dict.fromkeys(names, word)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "release" / "determination.json").write_text(word * 100)
    (folder / f"only_in_{word}").write_text(word)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("way", ["swap", "rename"])
def test_killed_at_every_step_of_the_file_system(tmp_path: Path, way: str) -> None:
    """The writer kills itself before its n-th file operation, for every n until it gets through."""
    old, new_one = made(tmp_path / "old", "old"), made(tmp_path / "new", "new")
    before, after = tree(old), tree(new_one)
    script = WRITER.format(watched=WATCHED)
    ends: list[str] = []
    for fatal in range(1, 400):
        room = tmp_path / f"room{fatal}"
        room.mkdir()
        out = Path(shutil.copytree(old, room / "out"))
        arguments = [sys.executable, "-c", script, str(out), str(new_one), str(fatal), way]
        done = subprocess.run(arguments, capture_output=True, check=False)
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
        recover(out)
        assert [p.name for p in room.iterdir()] == ["out"], f"step {fatal} left something behind"
        assert tree(out) in (before, after), f"step {fatal} left a mixture"
        ends.append("new" if tree(out) == after else "old")
        shutil.rmtree(room)
        if done.returncode == 0:
            break
    else:
        pytest.fail("the writer never got through")
    turn = ends.index("new")
    assert turn > 10, "there are steps before the exchange"
    assert len(ends) - turn > 3, "and steps after it"
    assert ends == ["old"] * turn + ["new"] * (len(ends) - turn)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """A plan with one finished result in ``out``."""
    home = tmp_path_factory.mktemp("kill")
    new(home / "plan")
    done = command("run", str(home / "plan" / "plan.toml"), "--out", str(home / "out"), "--no-report")
    assert done.returncode == 0, done.stderr
    return home


def killed_run(home: Path, day: str, delay: float, kind: signal.Signals) -> int:
    """Start ``run --force`` with another date and kill it after ``delay`` seconds; its return code."""
    arguments = ["run", str(home / "plan" / "plan.toml"), "--out", str(home / "out"), "--force", "--no-report"]
    child = subprocess.Popen(
        [sys.executable, "-m", "evaltool", *arguments, "--as-of", day],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return child.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        child.send_signal(kind)
        return child.wait(timeout=60)


@pytest.mark.parametrize("delay", [0.15, 0.5, 1.0, 1.6, 2.2, 2.8, 3.4, 5.0])
def test_a_real_run_killed(evaluation: Path, delay: float) -> None:
    out = evaluation / "out"
    before = (out / "manifest.json").read_bytes()
    day = f"2025-06-{10 + round(delay * 4):02d}"
    killed_run(evaluation, day, delay, signal.SIGKILL)
    found = verify(out)
    assert found.state == "NOT_DECIDABLE"
    changed = (out / "manifest.json").read_bytes() != before
    assert changed == (day in (out / "release" / "determination.json").read_text())
    time.sleep(1.0)  # the orphaned child notices the end of its parent
    recover(out)
    assert sorted(p.name for p in evaluation.iterdir()) == ["out", "plan"]


def test_an_interrupted_run_says_so_and_clears_up(evaluation: Path) -> None:
    code = killed_run(evaluation, "2025-07-01", 2.0, signal.SIGINT)
    assert code == 130
    assert sorted(p.name for p in evaluation.iterdir()) == ["out", "plan"]
    verify(evaluation / "out")
