"""``evaltool new``: every design's scaffold is in order, runs as it is, and is honest about its made-up effect."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from evaltool.cli import _examples
from evaltool.cli.main import main
from evaltool.cli.new import DesignChoice, new

BLIND = ("matching", "counterfactual")
FILES = ("plan.toml", "DATA_DICTIONARY.md", "evaluation.ipynb", "data.csv")
TRUTH: Mapping[str, tuple[float, str, str]] = {
    # the effect in the data dictionary; what the shipped plan pays on it
    "did": (5.0, "PAY_FULL", "2000000.00"),
    "matching": (18.0, "PAY_PARTIAL", "1000000.00"),
    "counterfactual": (-1.5, "PAY_FULL", "2000000.00"),
}


def made(folder: Path, design: str) -> Path:
    new(folder / design, DesignChoice(design))
    return folder / design


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter=";"))


def number_of(text: str) -> float:
    return float(text.replace(",", "."))


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON answer of a command that succeeds."""
    capsys.readouterr()
    assert main([*arguments, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scaffolds")
    return {design: made(folder, design) for design in TRUTH}


def test_there_is_an_example_for_every_choice() -> None:
    assert set(_examples.EXAMPLES) == {choice.value for choice in DesignChoice} == set(TRUTH)


@pytest.mark.parametrize("design", TRUTH)
def test_every_scaffold_is_in_order(homes: dict[str, Path], design: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Strictly: no fault and no warning; a note may remain."""
    assert {path.name for path in homes[design].iterdir()} >= set(FILES)
    found = answered(capsys, "check", str(homes[design] / "plan.toml"), "--strict")
    assert (found["ok"], found["faults"]) == (True, [])
    assert found["data_rows"] == len(rows_of((homes[design] / "data.csv").read_text(encoding="utf-8")))


@pytest.mark.parametrize("design", TRUTH)
def test_the_dictionary_lists_the_columns_of_plan_and_data(homes: dict[str, Path], design: str) -> None:
    home = homes[design]
    plan = tomllib.loads((home / "plan.toml").read_text(encoding="utf-8"))
    declared = [(column["name"], column["role"], column["type"]) for column in plan["data"]["column"]]
    told = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (\w+) \|", (home / "DATA_DICTIONARY.md").read_text("utf-8"), re.MULTILINE
    )
    assert told == declared
    head = (home / "data.csv").read_text(encoding="utf-8").splitlines()[0].split(";")
    assert head == [name for name, _, _ in declared]


@pytest.mark.parametrize("design", TRUTH)
def test_the_dictionary_says_the_effect_that_is_in_the_data(homes: dict[str, Path], design: str) -> None:
    text = " ".join((homes[design] / "DATA_DICTIONARY.md").read_text(encoding="utf-8").split())
    said = {
        "did": "a true effect of 5 percentage points",
        "matching": "a true effect of 18 thousand kroner a year",
        "counterfactual": "a true effect of 1.5 days less in Eksempelby from 2020 on",
    }
    assert said[design] in text
    effects = (_examples.DID_EFFECT, _examples.MATCHING_EFFECT, _examples.SYNTHETIC_EFFECT)
    assert effects == tuple(TRUTH[name][0] for name in ("did", "matching", "counterfactual"))


@pytest.mark.parametrize(
    ("design", "constant", "column", "treated"),
    [
        ("did", "DID_EFFECT", "in_education_or_work", lambda r: r["start_year"] and r["year"] >= r["start_year"]),
        ("matching", "MATCHING_EFFECT", "earnings_after", lambda r: r["offered"] == "1"),
        ("counterfactual", "SYNTHETIC_EFFECT", "sick_days", lambda r: r["start_year"] and r["year"] >= r["start_year"]),
    ],
)
def test_without_the_effect_the_same_data_differ_by_it(
    monkeypatch: pytest.MonkeyPatch,
    design: str,
    constant: str,
    column: str,
    treated: Callable[[dict[str, str]], object],
) -> None:
    """Every treated row by the stated effect, to the last printed digit and a rounding; no other row at all."""
    real = rows_of(_examples.EXAMPLES[design]())
    monkeypatch.setattr(_examples, constant, 0.0)
    never = rows_of(_examples.EXAMPLES[design]())
    touched = 0
    for row, other in zip(real, never, strict=True):
        gap = number_of(row[column]) - number_of(other[column])
        assert math.isclose(gap, TRUTH[design][0] if treated(row) else 0.0, abs_tol=0.0101)
        touched += bool(treated(row))
    assert touched >= 5


@pytest.mark.parametrize("design", TRUTH)
def test_example_data_are_the_same_every_time(design: str) -> None:
    assert _examples.EXAMPLES[design]() == _examples.EXAMPLES[design]()


@pytest.mark.parametrize("design", BLIND)
def test_the_scaffold_explains_the_blind_lock(
    tmp_path: Path, homes: dict[str, Path], design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the plan, the data dictionary, the notebook and the words printed at the end."""
    made(tmp_path, design)
    printed = capsys.readouterr().out
    texts = [(homes[design] / name).read_text(encoding="utf-8") for name in FILES[:3]]
    for text in (*texts, printed):
        assert re.search(r"evaltool lock \S*plan\.toml --design", text)
        assert "before outcomes are known" in text.lower().replace("**", "")
    for text in texts:
        assert "plan.design.lock" in text or "DESIGN_UNLOCKED" in text


@pytest.mark.parametrize("design", BLIND)
def test_sealed_on_the_first_delivery_and_run_on_the_second_it_pays(
    tmp_path: Path, design: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two deliveries of the data dictionary, and an effect near the true one."""
    home = made(tmp_path, design)
    second = (home / "data.csv").read_text(encoding="utf-8")
    (home / "data.csv").write_text(first_delivery(second, design), encoding="utf-8")
    sealed = answered(capsys, "lock", str(home / "plan.toml"), "--design")
    assert sealed["outcomes_hidden"] == 0, "there are none to hide"
    assert sealed["treated_units"] == {"matching": _examples.OFFERED, "counterfactual": 1}[design]
    (home / "data.csv").write_text(second, encoding="utf-8")
    answer = answered(capsys, "run", str(home / "plan.toml"), "--out", str(home / "out"), "--no-report")
    effect, state, amount = TRUTH[design]
    assert (answer["state"], answer["amount"], answer["flags"], answer["reasons"]) == (state, amount, [], [])
    if design == "matching":
        assert abs(answer["effect"] - effect) < 2 * answer["standard_error"]
    else:
        assert answer["standard_error"] is None
        assert abs(answer["effect"] - effect) < 0.1
    record = json.loads((home / "out" / "release" / "determination.json").read_text(encoding="utf-8"))
    assert {gate["verdict"] for gate in record["gates"]} == {"PASS", "NOT_APPLICABLE"}


def first_delivery(text: str, design: str) -> str:
    """The example data as they are before outcomes are known: without the column, or empty from the start on."""
    head, *rows = (line.split(";") for line in text.splitlines())
    if design == "matching":
        kept = [row[:-1] for row in (head, *rows)]
    else:
        start = str(_examples.SYNTHETIC_START)
        kept = [head, *(row if row[1] < start else [*row[:-1], ""] for row in rows)]
    return "".join(";".join(row) + "\n" for row in kept)


@pytest.mark.parametrize("design", BLIND)
def test_an_unsealed_scaffold_decides_nothing(tmp_path: Path, design: str, capsys: pytest.CaptureFixture[str]) -> None:
    home = made(tmp_path, design)
    assert main(["lock", str(home / "plan.toml")]) == 0
    answer = answered(capsys, "run", str(home / "plan.toml"), "--out", str(home / "out"), "--no-report")
    assert (answer["state"], answer["amount"], answer["reasons"]) == ("NOT_DECIDABLE", "0", ["DESIGN_UNLOCKED"])


@pytest.mark.parametrize("design", TRUTH)
def test_the_notebook_runs_as_it_is(tmp_path: Path, design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made(tmp_path, design)
    monkeypatch.setitem(os.environ, "PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(home / "evaluation.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(home)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code)
    (decided,) = [cell for cell in code if cell.id == "run"]
    assert "PLAN_UNLOCKED" in decided.outputs[0]["data"]["text/plain"]
