"""The examples of CONTRIBUTING.md are real: in a copy of the package they load, and a programme uses all four."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = re.compile(r"```python\n# (evaltool/\S+\.py)\n(.*?)```", re.DOTALL)
USE = """
import json, sys
from decimal import Decimal
from pathlib import Path
import evaltool
from evaltool import registry
from evaltool.pipeline import evaluate
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.lock import LockStatus
from evaltool.report.section import build_section

plan = read_plan(Path(sys.argv[1]))
run = evaluate(plan, read_panel(plan), lock=LockStatus(state="locked", seal=plan.seal))
gate = next(g for g in run.gates if g.name == "history_length")
section = build_section("left_out", run, "da")
print(json.dumps({
    "file": evaltool.__file__,
    "method": run.estimate.method,
    "att": run.estimate.att,
    "gate": [gate.verdict, gate.statistic, gate.sentence.da],
    "state": run.decision.state,
    "amount": str(run.decision.amount),
    "flags": run.decision.flags,
    "section": len(section.blocks),
}))
"""


def examples(root: Path) -> dict[str, str]:
    return dict(BLOCK.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture
def extended(root: Path, tmp_path: Path) -> Path:
    """A copy of the package with the four examples in it."""
    copy = tmp_path / "checkout"
    shutil.copytree(root / "evaltool", copy / "evaltool", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in examples(root).items():
        assert not (root / name).exists(), f"{name} exists already; choose another example"
        (copy / name).write_text(text, encoding="utf-8")
    for lang, heading in (("da", "Udeladt"), ("en", "Left out")):
        target = copy / "evaltool" / "language" / "texts" / lang / "left_out.toml"
        target.write_text(f'[section]\nleft_out = "{heading}"\n', encoding="utf-8")
    return copy


@pytest.fixture
def programme(root: Path, tmp_path: Path) -> Path:
    """School absence, measured and paid with the examples instead; one school with a missing value is left out."""
    source = root / "data_samples" / "school_absence"
    text = (source / "plan.toml").read_text(encoding="utf-8")
    text = re.split(r"\[\[(?:budget_gain|sensitivity)\]\]", text)[0] + "[disclosure]" + text.split("[disclosure]", 1)[1]
    text = re.sub(r"\[estimator\.options\].*?\n\n", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"\[\[inference\.rule\]\].*?\n\n", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"(\[\[payment\.rule\.terms\.tiers\]\].*?\n\n)+", "", text, count=1, flags=re.DOTALL)
    for old, new in (
        ('"did.group_time"', '"measured.level"'),
        ('"groups.adoption"', '"groups.none"'),
        ('target = "ATT"', 'target = "NONE"'),
        ('scale = "relative"', 'scale = "absolute"'),
        ('denominator = "counterfactual"\n', ""),
        ('aggregation = "simple"', 'aggregation = "none"'),
        ('direction = "decrease"', 'direction = "increase"'),
        ('mechanism = "step_tiers"', 'mechanism = "per_point"\nterms = { price = "1000" }'),
        ("maximum = 23\n", 'maximum = 23\nmissing = "drop_unit"\n'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    folder = tmp_path / "programme"
    folder.mkdir()
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    lines = (source / "absence.csv").read_bytes().split(b"\r\n")
    lines[1] = lines[1].rsplit(b";", 1)[0] + b";"
    (folder / "absence.csv").write_bytes(b"\r\n".join(lines))
    return folder / "plan.toml"


def test_there_is_one_example_of_each_kind(root: Path) -> None:
    folders = {str(Path(name).parent) for name in examples(root)}
    assert folders == {
        "evaltool/estimators/measured",
        "evaltool/gates",
        "evaltool/payment/mechanisms",
        "evaltool/report/sections",
    }


def test_a_programme_uses_all_four(extended: Path, programme: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE, str(programme)],
        cwd=extended,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert Path(found["file"]).is_relative_to(extended)
    assert found["method"] == "measured.level"
    assert found["gate"][:2] == ["PASS", 11.0]
    assert found["gate"][2] == "Der er 11 perioder før første start; mindst 4 kræves."
    assert found["state"] == "PAY_FULL"
    assert found["amount"] == f"{round(found['att'] * 1000, 2):.2f}"
    assert "NO_COUNTERFACTUAL" in found["flags"]
    assert found["section"] == 2


def test_the_examples_are_linted_and_formatted(root: Path, tmp_path: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    for name, text in examples(root).items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "__init__.py").write_text('"""A package."""\n')
        target.write_text(text, encoding="utf-8")
    config = ["--config", str(root / "pyproject.toml"), "--no-cache"]
    for verb in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [str(ruff), *verb, *config, str(tmp_path / "evaltool")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
