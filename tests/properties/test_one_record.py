"""One plan, one set of data, one record: whatever the order of rows and columns, the type of ids, the threads."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from evaltool import evaluate, read_panel, read_plan
from evaltool.bundle.determination import determination_bytes
from evaltool.bundle.layout import DETERMINATION
from evaltool.records.lock import LockStatus
from evaltool.records.plan.data import Kind
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Cells = list[list[str]]
SHUFFLES = 50


def table(path: Path, plan: EvaluationPlan) -> Cells:
    """The cells of a sample's data file; none of them is quoted."""
    text = path.read_text(encoding=plan.data.encoding)
    assert '"' not in text
    return [line.split(plan.data.delimiter) for line in text.splitlines()]


def written(cells: Cells, path: Path, plan: EvaluationPlan) -> Path:
    path.write_text("".join(plan.data.delimiter.join(row) + "\n" for row in cells), encoding=plan.data.encoding)
    return path


def shuffled(cells: Cells, seed: int) -> Cells:
    """Rows and columns in another order."""
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    head, *rows = cells
    order.shuffle(rows)
    columns = list(range(len(head)))
    order.shuffle(columns)
    return [[row[c] for c in columns] for row in (head, *rows)]


def with_ids(cells: Cells, plan: EvaluationPlan, kind: str) -> tuple[Cells, EvaluationPlan]:
    """Other ids for the same units, and the plan that declares their type."""
    unit = plan.column("unit")
    assert unit is not None
    at = cells[0].index(unit.name)
    ranks = {name: rank for rank, name in enumerate(sorted({row[at] for row in cells[1:]}))}
    forms = {"text": str, "integer": lambda n: str(ranks[n] - 7), "letters": lambda n: f"Ærø-{ranks[n]:05d}-ß"}
    changed = [cells[0], *([*row[:at], forms[kind](row[at]), *row[at + 1 :]] for row in cells[1:])]
    declared: Kind = "integer" if kind == "integer" else "text"
    column = tuple(c.model_copy(update={"type": declared}) if c.role == "unit" else c for c in plan.data.column)
    return changed, plan.model_copy(update={"data": plan.data.model_copy(update={"column": column})})


def record(plan: EvaluationPlan, data: Path) -> bytes:
    """The machine record, decided as if plan and design had been locked."""
    lock = LockStatus(state="locked", seal=plan.seal, design="locked", design_seal="0" * 64)
    panel = read_panel(plan, data)
    return determination_bytes(evaluate(plan.without_file(), panel, lock=lock))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "file", "kind", "times"),
    [
        ("into_work", "people.csv", "text", SHUFFLES),
        ("into_work", "people.csv", "integer", 5),
        ("into_work", "people.csv", "letters", 5),
        ("homelessness", "shelters.csv", "text", SHUFFLES),  # its plan names municipalities: no other ids
    ],
)
def test_any_order_of_rows_and_columns_gives_one_record(
    samples: Path, tmp_path: Path, sample: str, file: str, kind: str, times: int
) -> None:
    plan = read_plan(samples / sample / "plan.toml")
    cells, plan = with_ids(table(samples / sample / file, plan), plan.read_from(samples / sample / "plan.toml"), kind)
    first = record(plan, written(cells, tmp_path / file, plan))
    for seed in range(times):
        assert record(plan, written(shuffled(cells, seed), tmp_path / file, plan)) == first


def test_any_order_of_rows_and_columns_gives_one_panel(samples: Path, tmp_path: Path) -> None:
    plan = read_plan(samples / "school_absence" / "plan.toml")
    cells = table(samples / "school_absence" / "absence.csv", plan)
    first = read_panel(plan)
    assert first is not None
    for seed in range(SHUFFLES):
        again = read_panel(plan, written(shuffled(cells, seed), tmp_path / "absence.csv", plan))
        assert again is not None
        assert again.identity == first.identity
        assert again.frame.equals(first.frame)
        assert list(again.frame.columns) == list(first.frame.columns)


@pytest.mark.slow
def test_shuffled_rows_and_other_threads_give_the_same_bytes(samples: Path, tmp_path: Path) -> None:
    records = set()
    for threads in (1, 2):
        folder = tmp_path / f"threads{threads}"
        folder.mkdir()
        for name in ("plan.toml", "plan.lock"):
            (folder / name).write_bytes((samples / "school_absence" / name).read_bytes())
        plan = read_plan(folder / "plan.toml")
        cells = table(samples / "school_absence" / "absence.csv", plan)
        written(shuffled(cells, threads), folder / "absence.csv", plan)
        surroundings = {
            **os.environ,
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)),
            "PYTHONHASHSEED": str(threads),
        }
        out = tmp_path / f"out{threads}"
        arguments = ["run", str(folder / "plan.toml"), "--out", str(out), "--no-report"]
        subprocess.run(
            [sys.executable, "-m", "evaltool", *arguments], check=True, env=surroundings, capture_output=True
        )
        records.add((out / DETERMINATION).read_bytes())
    assert len(records) == 1
