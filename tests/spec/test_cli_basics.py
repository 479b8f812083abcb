"""Commands as a user types them: help, exit codes, messages, JSON answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.cli.main import main

Command = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = ("demo", "new", "check", "lock", "run", "report", "sign-off", "verify", "methods", "explain", "schema")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_both_formats(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"evaltool {name}" in shown
    assert "--format" in shown


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert all(f" {code} " in shown for code in (0, 2, 3, 4, 5, 6, 130))
    assert main([]) == 0
    assert capsys.readouterr().out == shown


def test_later_commands_are_not_pretended() -> None:
    assert all(main([name]) == 2 for name in ("compare", "power", "simulate"))


def test_version(command: Command) -> None:
    done = command("--version")
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "evaltool", "")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rn"], "run"),
        (["run", "plan.toml"], "--out"),
        (["run", "plan.toml", "--ou", "x"], "--out"),
        (["explain", "USAGE_FOLDER_EXIST"], "USAGE_FOLDER_EXISTS"),
        (["methods", "did.group_tme"], "did.group_time"),
        (["run", "p.toml", "--out", "x", "--template", "technical_reprot"], "technical_report"),
        (["run", "p.toml", "--out", "x", "--as-of", "31-12-2024"], "YYYY-MM-DD"),
        (["run", "p.toml", "--out", "x", "--as-of", "9999-12-31"], "2199-12-31"),
        (["verify", "x", "--format", "yaml"], "json"),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_a_hint(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert hint in shown.err
    assert "Traceback" not in shown.err
    assert "USAGE_" in shown.err


def test_a_wrong_command_line_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "NO_SUCH", "--format", "json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["exit_code"], error["family"], error["faults"][0]["code"]) == (2, "usage", "USAGE_UNKNOWN_CODE")


def test_a_missing_plan_is_exit_2_and_makes_nothing(tmp_path: Path, command: Command) -> None:
    done = command("run", str(tmp_path / "none.toml"), "--out", str(tmp_path / "out"), "--no-report")
    assert done.returncode == 2
    assert "PLAN_UNREADABLE" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_traceback_for_what_nobody_foresaw(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        message = "the roof is gone"
        raise RuntimeError(message)

    monkeypatch.setattr("evaltool.cli.explain.entries", fail)
    assert main(["explain"]) == 4
    shown = capsys.readouterr().err
    assert "RUN_UNEXPECTED" in shown
    assert "the roof is gone" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("EVALTOOL_DEBUG", "1")
    assert main(["explain"]) == 4
    assert "Traceback" in capsys.readouterr().err


def test_the_system_refusing_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device", "out/run.json")

    monkeypatch.setattr("evaltool.cli.explain.entries", fail)
    assert main(["explain"]) == 4
    shown = capsys.readouterr().err
    assert "RUN_SYSTEM" in shown
    assert "No space left on device" in shown


def test_interruption_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evaltool.cli.explain.entries", stop)
    assert main(["explain"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    line = f"{sys.executable} -m evaltool schema | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)  # noqa: S607 - a shell makes the pipe
    assert done.stdout.endswith("\n0\n") or done.stdout.endswith("0\n")
    assert "Traceback" not in done.stderr


def test_explain_knows_every_code_by_heart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--format", "json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert {"USAGE_FOLDER_EXISTS", "VERIFY_CHANGED", "RUN_CHILD_DIED", "SEAL_PLAN_CHANGED"} <= set(known)
    assert all(entry["title"] and entry["meaning"] and entry["mend"] for entry in known.values())
    assert main(["explain", "verify_changed"]) == 0
    assert "How to mend it" in capsys.readouterr().out


def test_methods_shows_every_plugin_and_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--format", "json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {"did.group_time", "groups.adoption", "pre_trend", "step_tiers"} <= set(found)
    options = {o["name"]: o for o in found["did.group_time"]["options"]}
    assert options["control_group"]["default"] == "not_yet_treated"
    for name in found:
        assert main(["methods", name]) == 0
        assert name in capsys.readouterr().out


def test_schema_is_the_schema_of_plans(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert {"schema", "programme", "payment", "governance"} <= set(schema["required"])
    named = set(schema["properties"])
    import tomllib  # noqa: PLC0415 - only here

    for plan in samples.rglob("plan.toml"):
        assert set(tomllib.loads(plan.read_text(encoding="utf-8"))) <= named, plan
