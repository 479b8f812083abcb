"""Reports through the real command line, and the demo's judgement of its samples."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evaltool.cli import demo
from evaltool.cli.evaluation import Drawing, Finished, Wish, evaluate_to
from evaltool.cli.main import main
from evaltool.cli.new import new
from evaltool.cli.terminal import Progress

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    home = tmp_path_factory.mktemp("drawn")
    new(home / "e")
    plan = str(home / "e" / "plan.toml")
    assert command("lock", plan).returncode == 0
    done = command("run", plan, "--out", str(home / "out"), "--lang", "da")
    assert done.returncode == 0, done.stderr
    for name in ("report.html", "report.pdf", "notice.pdf", "determination.json"):
        assert f"release/{name}" in done.stdout
    assert "PAY_FULL" in done.stdout
    return home / "out"


def release(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "release").iterdir())}


def test_reports_are_drawn_and_sealed(drawn: Path, command: Command) -> None:
    found = release(drawn)
    assert found["report.pdf"].startswith(b"%PDF-")
    assert found["notice.pdf"].startswith(b"%PDF-")
    assert b"<script" not in found["report.html"]
    assert 'lang="da"' in found["report.html"].decode()
    assert (drawn / "report.ipynb").is_file()
    done = command("verify", str(drawn), "--rerun")
    assert done.returncode == 0, done.stderr
    assert "IDENTICAL" in done.stdout
    assert [p.name for p in drawn.parent.iterdir() if p.name.startswith(".")] == []


def test_a_report_drawn_again_keeps_the_decision(drawn: Path, command: Command) -> None:
    before, sealed = release(drawn), (drawn / "manifest.json").read_bytes()
    done = command("report", str(drawn), "--lang", "en", "--template", "payment_notice", "--format", "json")
    assert done.returncode == 0, done.stderr
    after = release(drawn)
    assert after["determination.json"] == before["determination.json"]
    assert after["report.pdf"] == before["report.pdf"]
    assert after["notice.html"] != before["notice.html"]
    assert (drawn / "manifest.json").read_bytes() != sealed
    assert command("verify", str(drawn)).returncode == 0


def test_a_changed_bundle_is_not_sealed_anew(drawn: Path, command: Command) -> None:
    path = drawn / "release" / "report.html"
    body = path.read_bytes()
    try:
        path.write_bytes(body.replace(b"2", b"3", 1))
        done = command("report", str(drawn), "--template", "payment_notice")
    finally:
        path.write_bytes(body)
    assert done.returncode == 5
    assert "VERIFY_CHANGED" in done.stderr


def test_a_strange_template_is_refused_before_any_work(
    drawn: Path, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.ipynb"
    text = (root / "templates" / "payment_notice.ipynb").read_text(encoding="utf-8")
    own.write_text(text.replace("open_evaluation(evaluation)", "open_evaluation(evaluation )"), encoding="utf-8")
    sealed = (drawn / "manifest.json").read_bytes()
    assert main(["report", str(drawn), "--template", str(own)]) == 2
    assert "USAGE_TEMPLATE_UNTRUSTED" in capsys.readouterr().err
    assert main(["report", str(drawn), "--template", "payment_notise"]) == 2
    assert "Did you mean 'payment_notice'?" in capsys.readouterr().err
    assert (drawn / "manifest.json").read_bytes() == sealed


def test_an_allowed_template_of_ones_own_is_stamped(drawn: Path, tmp_path: Path, root: Path, command: Command) -> None:
    own, copy = tmp_path / "own.ipynb", tmp_path / "copy"
    text = (root / "templates" / "payment_notice.ipynb").read_text(encoding="utf-8")
    own.write_text(text.replace("open_evaluation(evaluation)", "open_evaluation(evaluation )"), encoding="utf-8")
    shutil.copytree(drawn, copy)
    done = command("report", str(copy), "--template", str(own), "--allow-untrusted")
    assert done.returncode == 0, done.stderr
    assert "UNTRUSTED" in (copy / "release" / "report.html").read_text(encoding="utf-8")
    assert command("verify", str(copy)).returncode == 0


def test_a_failed_reports_notebook_stays_where_the_message_says(
    drawn: Path, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The work folder is cleared; the notebook as far as it came stands beside the result until all goes well."""
    own, copy = tmp_path / "own.ipynb", tmp_path / "copy"
    text = (root / "templates" / "payment_notice.ipynb").read_text(encoding="utf-8")
    own.write_text(text.replace("run = open_evaluation(evaluation)", "run = 1 / 0"), encoding="utf-8")
    shutil.copytree(drawn, copy)
    sealed, kept = (copy / "manifest.json").read_bytes(), tmp_path / "copy.failed-report.ipynb"
    assert main(["report", str(copy), "--template", str(own), "--allow-untrusted"]) == 4
    told = capsys.readouterr().err
    assert "RUN_REPORT_CELL" in told
    assert f"as far as it came: {kept}" in told
    assert "evaltool-work" not in told
    assert "run = 1 / 0" in kept.read_text(encoding="utf-8")
    assert {p.name for p in tmp_path.iterdir()} == {"own.ipynb", "copy", kept.name}
    assert (copy / "manifest.json").read_bytes() == sealed
    assert main(["report", str(copy), "--template", "payment_notice"]) == 0
    assert not kept.exists()


def without_reports(plan: Path, wish: Wish, progress: Progress) -> Finished:
    return evaluate_to(plan, replace(wish, drawing=Drawing(templates=())), progress)


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        ({"state": "NOT_DECIDABLE", "reasons": ["PLAN_UNLOCKED"], "flags": [], "amount": "0"}, 0),
        ({"state": "NOT_DECIDABLE"}, 0),
        ({"state": "PAY_FULL"}, 4),
        ({"state": "NOT_DECIDABLE", "amount": "1"}, 4),
        ({"state": "NOT_DECIDABLE", "reasons": []}, 4),
    ],
)
def test_the_demo_says_when_a_decision_is_not_the_expected_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    expected: dict[str, object],
    code: int,
) -> None:
    new(tmp_path / "e")
    good = demo.Sample("good", tmp_path / "e" / "plan.toml", expected)
    monkeypatch.setattr(demo, "samples", lambda: (good,))
    monkeypatch.setattr(demo, "evaluate_to", without_reports)
    capsys.readouterr()
    assert main(["demo", "--out", str(tmp_path / "demo"), "--format", "json"]) == code
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert found["expected"] is (code == 0)
    assert found["state"] == "NOT_DECIDABLE"


def test_a_failing_sample_does_not_stop_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new(tmp_path / "e")
    plan = tmp_path / "e" / "plan.toml"
    two = (
        demo.Sample("broken", tmp_path / "none.toml", {"state": "PAY_FULL"}),
        demo.Sample("good", plan, {"state": "NOT_DECIDABLE"}),
    )
    monkeypatch.setattr(demo, "samples", lambda: two)
    monkeypatch.setattr(demo, "evaluate_to", without_reports)
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 4
    shown = capsys.readouterr()
    assert "PLAN_UNREADABLE" in shown.out
    assert "as expected" in shown.out
    assert "broken failed" in shown.err


def test_every_bundled_sample_with_data_is_in_the_demo(samples: Path) -> None:
    names = {sample.name for sample in demo.samples()}
    assert {"school_absence", "school_absence_undecidable", "peterborough-monitoring"} <= names
    assert all((samples / "school_absence" / file).is_file() for file in ("plan.toml", "plan.lock", "expected.toml"))
