"""``evaltool check``: every fault at once, with its line; warnings that --strict turns into exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaltool.cli.main import main
from evaltool.cli.new import new


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    new(tmp_path / "e")
    capsys.readouterr()
    return tmp_path / "e" / "plan.toml"


def edit(plan: Path, *changes: tuple[str, str]) -> None:
    text = plan.read_text(encoding="utf-8")
    for old, fresh in changes:
        assert old in text, old
        text = text.replace(old, fresh, 1)
    plan.write_text(text, encoding="utf-8")


def line_of(plan: Path, text: str) -> int:
    return next(n for n, line in enumerate(plan.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    code = main(["check", *arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_scaffold_is_in_order(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = checked(capsys, str(plan), "--strict")
    assert code == 0
    assert (found["ok"], found["faults"], found["data_rows"]) == (True, [], 42 * 8)
    assert main(["check", str(plan)]) == 0
    assert "is in order" in capsys.readouterr().out


def test_every_fault_at_once_with_its_line(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(
        plan,
        ('level = "0.95"', 'level = "0.05"'),
        ('currency = "DKK"', 'currency = "kroner"'),
        ("fee_contingent = false", "fee_contingent = true"),
    )
    code, found = checked(capsys, str(plan))
    assert code == 2
    lines = {fault["place"]["line"] for fault in found["faults"]}  # type: ignore[index]
    assert lines == {line_of(plan, t) for t in ('level = "0.05"', "kroner", "fee_contingent = true")}


def test_a_methods_option_is_placed_and_suggested(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('control_group = "not', 'control_grup = "not'))
    code, found = checked(capsys, str(plan))
    assert code == 2
    fault = found["faults"][0]
    assert {f["code"] for f in found["faults"]} == {"PLAN_UNKNOWN_OPTION"}, "the sensitivity inherits the option"
    assert (fault["code"], fault["suggestion"]) == ("PLAN_UNKNOWN_OPTION", "control_group")
    assert fault["place"]["line"] == line_of(plan, "control_grup")  # type: ignore[index]


def test_run_places_the_same_fault(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('control_group = "not', 'control_grup = "not'))
    assert main(["run", str(plan), "--out", str(plan.parent / "out"), "--no-report"]) == 2
    shown = capsys.readouterr().err
    assert f"plan.toml:{line_of(plan, 'control_grup')}" in shown
    assert "Did you mean 'control_group'?" in shown


def test_warnings_are_errors_only_when_strict(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('basis = "point_estimate"\n', ""))
    loose, found = checked(capsys, str(plan))
    strict, _ = checked(capsys, str(plan), "--strict")
    severities = {w["severity"] for w in found["warnings"]}
    if found["faults"]:
        assert (loose, strict) == (2, 2)
    else:
        assert "warning" in severities
        assert (loose, strict) == (0, 2)


def test_another_data_file_is_checked_in_its_place(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "later.csv"
    rows = (plan.parent / "data.csv").read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join([*rows, rows[-1]]) + "\n", encoding="utf-8")
    code, found = checked(capsys, str(plan), "--data", str(other))
    assert code == 3
    assert "DATA_DUPLICATE_KEY" in {fault["code"] for fault in found["faults"]}
    assert checked(capsys, str(plan))[0] == 0


def test_data_that_are_not_there_yet_are_no_fault(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plan.parent / "data.csv").unlink()
    code, found = checked(capsys, str(plan))
    assert (code, found["data_rows"]) == (0, None)


def test_a_plan_changed_after_its_lock(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", str(plan), "--format", "json"]) == 0
    seal = json.loads(capsys.readouterr().out)["seal"]
    assert len(seal) == 64
    edit(plan, ('from = "4.0"', 'from = "3.5"'))
    code, found = checked(capsys, str(plan))
    assert code == 2
    assert [fault["code"] for fault in found["faults"]] == ["SEAL_PLAN_CHANGED"]
    assert main(["lock", str(plan)]) == 2


@pytest.mark.parametrize("body", ["", "schema = ", "\x00\x01", "[programme\n"])
def test_what_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str) -> None:
    (tmp_path / "plan.toml").write_text(body, encoding="utf-8")
    code, found = checked(capsys, str(tmp_path / "plan.toml"))
    assert code == 2
    assert found["faults"]
