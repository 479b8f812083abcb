"""``evaltool power`` and ``evaltool simulate``: what they print, as text and JSON, and how they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaltool.cli.main import main

PLAN = """\
schema = 1
[programme]
id = "trial"
version = "1"
title = { en = "Trial" }
start = 2024-01-01
end = 2025-12-31
[parties]
authorities = [{ name = "A", level = "kommune", share = 1 }]
evaluator = { name = "E" }
[population]
eligibility = { en = "all" }
unit = "person"
entry_from = 2024-01-01
entry_to = 2024-12-31
target_n = 66
[data]
source = "none"
[[outcome]]
id = "work"
title = { en = "Work" }
direction = "increase"
kind = "binary"
unit = { en = "share" }
window_from = 2024-01-01
window_to = 2025-01-01
[estimand]
outcome = "work"
[design]
method = "groups.published"
[estimator]
method = "published.estimate"
[[estimator.options.published]]
value = "0.2"
source = "made up"
[payment]
[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "work"
basis = "point_estimate"
inclusive = true
terms = { threshold = "0.10", amount = "1000" }
[[prior]]
outcome = "work"
kind = "normal"
mean = "0.12"
sd = "0.06"
source = "an earlier programme"
[investment]
paid_on = 2025-06-30
[[investment.drawdown]]
on = 2024-01-15
amount = "700"
[governance]
decide_from = 2025-06-01
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "plan.toml"
    found.write_text(PLAN, encoding="utf-8")
    return found


def test_power_as_text_and_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """66 in each group: standard error √(0.5/66) = 0.0870, detectable 2.801585 of it, 24 points."""
    assert main(["power", str(path)]) == 0
    text = capsys.readouterr().out
    assert "0.0870388" in text
    assert "0.243847" in text
    assert "below what can be found" in text
    assert main(["power", str(path), "--format", "json", "--power", "0.9"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["power"] == "0.9"
    assert found["outcomes"][0]["source"] == "target_n"
    assert found["thresholds"][0]["below_minimum"] is True


def test_simulate_as_text_and_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Threshold 0.10, se 0.0870: without effect P(Z ≥ 1.149) = 12.5 %; over the prior P(Z ≥ −0.189) = 57.5 %."""
    assert main(["simulate", str(path)]) == 0
    text = capsys.readouterr().out
    assert "Without any effect something is paid with probability 12.5%." in text
    assert "what was believed" in text
    assert "Investors" in text
    assert main(["simulate", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["draws"] == 1000
    assert float(found["prior"]["nothing"]) == pytest.approx(0.425, abs=0.001)
    assert [s["name"] for s in found["scenarios"]] == ["zero", "half_threshold", "threshold", "effect"]


def test_nothing_is_written(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", str(path)])
    main(["power", str(path)])
    capsys.readouterr()
    assert sorted(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("command", ["power", "simulate"])
def test_a_missing_expectation_is_told_with_its_line(
    path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path.write_text(PLAN.replace("target_n = 66\n", ""), encoding="utf-8")
    assert main([command, str(path)]) == 2
    told = capsys.readouterr().err
    line = PLAN.replace("target_n = 66\n", "").splitlines().index("[payment]") + 1
    assert f"PLAN_NO_EXPECTATION  plan.toml:{line} payment" in told
    assert "[[expectation]]" in told


@pytest.mark.parametrize("command", ["power", "simulate"])
def test_a_plan_with_faults_is_refused(path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    path.write_text(PLAN.replace('id = "main"', 'id = "main"\nmargin = 1'), encoding="utf-8")
    assert main([command, str(path), "--format", "json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert [fault["code"] for fault in error["faults"]] == ["PLAN_BASIS_NEEDLESS"]


@pytest.mark.parametrize("command", ["power", "simulate"])
def test_a_method_that_does_not_exist_is_refused_with_its_line(
    path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path.write_text(PLAN.replace("published.estimate", "published.estimat"), encoding="utf-8")
    assert main([command, str(path)]) == 2
    told = capsys.readouterr().err
    assert "plan.toml:" in told
    assert "published.estimate" in told


@pytest.mark.parametrize("wanted", ["0.3", "1"])
def test_a_power_is_a_probability(path: Path, capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    assert main(["power", str(path), "--power", wanted]) == 2
    assert "USAGE_ARGUMENTS" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["power", "simulate"])
def test_help_says_what_it_reads(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert "Reads no data" in capsys.readouterr().out
