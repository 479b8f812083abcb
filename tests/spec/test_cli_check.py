"""``evaltool check``: every fault at once, with its line; warnings that --strict turns into exit code 2."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evaltool.cli.linter import marked
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


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (('encoding = "utf-8"', 'encoding = "klingon"'), "PLAN_UNKNOWN_ENCODING"),
        (('encoding = "utf-8"', 'encoding = "rot13"'), "PLAN_UNKNOWN_ENCODING"),
        (('encoding = "utf-8"', 'encoding = "zlib"'), "PLAN_UNKNOWN_ENCODING"),
        (('path = "data.csv"', 'path = "SECRET"'), "PLAN_PATH_ABSOLUTE"),
        (('path = "data.csv"', 'path = "http://x/y.csv"'), "PLAN_BAD_PATH"),
        (('path = "data.csv"', 'path = "a\\u0000b"'), "PLAN_BAD_PATH"),
        (('type = "text"', 'type = "date"'), "PLAN_ROLE_TYPE"),
    ],
)
def test_data_are_not_read_when_what_the_plan_says_of_them_is_refused(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], code: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2,of,the,machine\n", encoding="utf-8")
    edit(plan, (change[0], change[1].replace("SECRET", secret.as_posix())))
    for more in ((), ("--data", str(secret))):
        exit_code, found = checked(capsys, str(plan), *more)
        assert exit_code == 2
        assert {fault["code"] for fault in found["faults"]} == {code}
        assert found["data_rows"] is None
        assert main(["check", str(plan), *more]) == 2
        shown = capsys.readouterr()
        assert "no data checked: the plan's [data] has faults" in shown.out
        assert "hunter2" not in shown.out + shown.err


def test_a_fault_elsewhere_does_not_keep_the_data_from_being_checked(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(plan, ('share = "0.60"', 'share = "0.50"'))
    code, found = checked(capsys, str(plan))
    assert code == 2
    assert [fault["code"] for fault in found["faults"]] == ["PLAN_SHARES_NOT_ONE"]
    rows: object = found["data_rows"]
    assert rows == 42 * 8


def test_the_answer_says_that_a_data_file_was_not_found(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plan.parent / "data.csv").unlink()
    assert main(["check", str(plan)]) == 0
    shown = capsys.readouterr().out
    assert "data.csv was not found" in shown.splitlines()[-1]
    code, found = checked(capsys, str(plan))
    assert code == 0
    noted = [w for w in found["warnings"] if w["code"] == "LINT_NO_DATA_FILE"]
    assert [(w["severity"], w["place"]["line"]) for w in noted] == [  # type: ignore[index]
        ("note", line_of(plan, 'path = "data.csv"'))
    ]
    missing: object = found["data_missing"]
    assert missing == ["data.csv"]
    assert main(["check", str(plan), "--data", str(plan.parent / "data.csv")]) == 3


@pytest.mark.parametrize("gate", ["disclosure", "locked", "second_opinion", "data_maturity"])
def test_no_contract_softens_the_gates_that_guard_others(
    plan: Path, capsys: pytest.CaptureFixture[str], gate: str
) -> None:
    stated = f'[[gate]]\nname = "{gate}"\nconsequence = "review"\nreason = "agreed"\nsigned_by = "all"\n'
    edit(plan, ("[disclosure]", f"{stated}\n[disclosure]"))
    code, found = checked(capsys, str(plan))
    assert code == 2
    assert [(f["code"], f["place"]["line"]) for f in found["faults"]] == [  # type: ignore[index]
        ("PLAN_GATE_NOT_NEGOTIABLE", line_of(plan, 'consequence = "review"'))
    ]
    assert main(["run", str(plan), "--out", str(plan.parent / "out"), "--no-report"]) == 2
    assert "PLAN_GATE_NOT_NEGOTIABLE" in capsys.readouterr().err
    edit(plan, (f'name = "{gate}"', 'name = "few_clusters"'))
    assert checked(capsys, str(plan))[0] == 0


def test_stating_what_holds_anyway_is_allowed(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stated = '[[gate]]\nname = "disclosure"\nconsequence = "block"\nreason = "agreed"\n'
    edit(plan, ("[disclosure]", f"{stated}\n[disclosure]"))
    assert checked(capsys, str(plan))[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('amount = "2000000.00"', 'amount = "2e999999"', "PLAN_BAD_OPTION"),
        ('from = "2.0"', 'from = "4e-400"', "PLAN_BAD_OPTION"),
        ('from = "4.0"', "from = 4e19", "PLAN_BAD_OPTION"),
        ('quantum = "0.01"', 'quantum = "2000000.01"', "PLAN_BAD_VALUE"),
    ],
)
def test_numbers_no_contract_states(
    plan: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, code: str
) -> None:
    edit(plan, (old, new))
    exit_code, found = checked(capsys, str(plan))
    assert exit_code == 2
    assert {(f["code"], f["place"]["line"]) for f in found["faults"]} == {(code, line_of(plan, new))}  # type: ignore[index]


def test_a_finding_shows_the_line_and_marks_the_value(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('level = "0.95"', 'level = "0.05"  # as agreed'))
    assert main(["check", str(plan)]) == 2
    number = line_of(plan, 'level = "0.05"')
    first, cause, line, below, fix, *_ = capsys.readouterr().err.splitlines()
    assert first == f"plan.toml:{number}: error PLAN_BAD_VALUE  inference.level"
    assert cause.startswith("  ")
    assert line == f'  {number} | level = "0.05"  # as agreed'
    assert below == f"  {' ' * len(str(number))} |         ^^^^^^"
    assert fix.startswith("  fix: ")


def test_what_is_missing_marks_the_table_it_is_missing_in(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('direction = "increase"\n', ""))
    assert main(["check", str(plan)]) == 2
    shown = capsys.readouterr().err.splitlines()
    number = line_of(plan, "[[outcome]]")
    assert f"  {number} | [[outcome]]" in shown
    assert f"  {' ' * len(str(number))} | ^^^^^^^^^^^" in shown


def test_findings_are_flat_for_other_programs(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(plan, ('share = "0.60"', 'share = "0.50"'), ('verifier = "Say who vouches for the figures."\n', ""))
    code, found = checked(capsys, str(plan))
    assert code == 2
    rows = {str(row["code"]): row for row in found["findings"]}
    assert set(rows["PLAN_SHARES_NOT_ONE"]) == {
        *("code", "severity", "file", "line", "key", "cause", "fix", "suggestion"),
    }
    assert (rows["PLAN_SHARES_NOT_ONE"]["severity"], rows["PLAN_SHARES_NOT_ONE"]["file"]) == ("error", "plan.toml")
    assert rows["PLAN_SHARES_NOT_ONE"]["line"] == line_of(plan, "[[parties.authorities]]")
    doubt = rows["LINT_NO_VERIFIER"]
    assert (doubt["severity"], doubt["key"]) == ("warning", "outcome[0].verifier")
    assert doubt["line"] == line_of(plan, "[[outcome]]")


@pytest.mark.parametrize(
    ("line", "key", "below"),
    [
        ("cap = 5", "payment.cap", "      ^"),
        ('  on = ["N_MIN"]', "fallback[0].on[0]", "       ^^^^^^^^^"),
        ("terms = { cap = 5, price = 2 }", "payment.rule[0].terms.price", "                   ^^^^^"),
        ("[[outcome]]", "outcome[0].verifier", "^^^^^^^^^^^"),
        ("recap = 5", "payment.cap", "^^^^^^^^^"),
        ("x = 1", None, "^^^^^"),
        ("cap = " + "9" * 200, "payment.cap", " " * 6 + "^" * 104),
        ("cap = ", "payment.cap", "     ^"),
    ],
)
def test_what_is_marked(line: str, key: str | None, below: str) -> None:
    shown, under = marked(line, key)
    assert under == below
    assert len(shown) <= 110


def test_colours_are_for_terminals_only(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(plan, ('verifier = "Say who vouches for the figures."\n', ""))
    main(["check", str(plan)])
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("evaltool.cli.linter.on_terminal", lambda _beside: True)
    main(["check", str(plan)])
    coloured = capsys.readouterr().out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
