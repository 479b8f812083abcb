"""A public study through the whole road of a contract, to a PDF: mpdta, where the reference folder has it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.pipeline import evaluate
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan

ATT, SE = -0.0417517720610814, 0.0115028381509289
"""R did 2.5.1: att_gt on lemp with xformla = ~lpop, never treated, base_period = "universal"; aggte "simple"."""


@pytest.fixture
def plan(sample: Callable[[str], Path], reference: Path) -> Path:
    """The plan with its data beside it, in the test's own folder."""
    path = sample("minimum_wage")
    shutil.copy(reference / "data" / "mpdta.csv", path.with_name("mpdta.csv"))
    return path


def test_the_plan_road_finds_the_published_effect(plan: Path) -> None:
    found = read_plan(plan)
    run = evaluate(found, read_panel(found))
    assert run.estimate.att == pytest.approx(ATT, abs=1e-9)
    assert run.estimate.se == pytest.approx(SE, abs=1e-9)
    assert run.lock.state == "locked"
    assert (run.decision.state, run.decision.amount) == ("NO_PAYMENT", 0)
    assert (run.decision.flags, run.decision.reasons) == ((), ())


def test_the_command_draws_its_reports(
    plan: Path, tmp_path: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    out = tmp_path / "out"
    done = command("run", str(plan), "--out", str(out), "--lang", "da")
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "release" / "determination.json").read_text(encoding="utf-8"))
    assert record["estimate"]["att"] == pytest.approx(ATT, abs=1e-9)
    assert record["estimate"]["se"] == pytest.approx(SE, abs=1e-9)
    for name in ("report.pdf", "notice.pdf"):
        assert (out / "release" / name).read_bytes().startswith(b"%PDF")
    assert "Mindsteløn og unges beskæftigelse" in (out / "release" / "report.html").read_text(encoding="utf-8")
